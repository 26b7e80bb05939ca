//! What `/metrics` says of the state and of this process.

use std::collections::BTreeMap;

use gateway::{Collect, Kind, MetricsPage};
use service_ecs::records::{ContainerInstanceRecord, TaskRecord};
use state::{Change, Store, View};

const PAGE_KIB: f64 = 4.0;

/// Tasks and nodes counted as they change, so that a look at them costs the same however many there are.
#[derive(Debug, Default, PartialEq)]
pub struct LiveTasks {
    tasks: BTreeMap<&'static str, i64>,
    nodes: i64,
    connected_nodes: i64,
}

impl View for LiveTasks {
    fn apply(&mut self, change: &Change) {
        if let Some((before, after)) = change.of::<TaskRecord>() {
            before.inspect(|task| self.task(task, -1));
            after.inspect(|task| self.task(task, 1));
        } else if let Some((before, after)) = change.of::<ContainerInstanceRecord>() {
            before.inspect(|node| self.node(node, -1));
            after.inspect(|node| self.node(node, 1));
        }
    }
}

impl LiveTasks {
    fn task(&mut self, task: &TaskRecord, sign: i64) {
        *self.tasks.entry(task.last_status.as_str()).or_default() += sign;
    }

    fn node(&mut self, node: &ContainerInstanceRecord, sign: i64) {
        self.nodes += sign;
        if node.connection.connected {
            self.connected_nodes += sign;
        }
    }
}

/// Collects from the store and from `/proc`.
pub struct StateMetrics {
    store: Store,
}

impl StateMetrics {
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

impl Collect for StateMetrics {
    fn collect(&self, page: &mut MetricsPage) {
        // Numbers promise nothing, so the head will do.
        let reservations = self.store.read(service_ecs::reservations).head();
        let (revision, tasks, nodes, connected) = self
            .store
            .read(|head| {
                let live = head.view::<LiveTasks>();
                let revision = head.revision();
                (
                    revision,
                    live.tasks.clone(),
                    live.nodes,
                    live.connected_nodes,
                )
            })
            .head();
        let durable = self.store.durable_revision();
        page.gauge(
            "gantry_state_revision",
            "Revision of the state in memory.",
            revision as f64,
        );
        page.gauge(
            "gantry_state_not_durable",
            "Revisions that wait for the disk.",
            revision.saturating_sub(durable) as f64,
        );
        page.counter(
            "gantry_state_commits_total",
            "Commits of the state since the start; each is one sync of the disk.",
            self.store.commit_count() as f64,
        );
        let name = "gantry_tasks";
        page.family(name, Kind::Gauge, "Tasks in the tables by last status.");
        for (status, count) in &tasks {
            page.sample(name, &[("status", status)], *count as f64);
        }
        let name = "gantry_capacity_provider_reservation";
        let help = "CapacityProviderReservation of providers with managed scaling, in percent.";
        page.family(name, Kind::Gauge, help);
        for figure in &reservations {
            let labels = [
                ("cluster", figure.cluster.as_str()),
                ("capacity_provider", figure.capacity_provider.as_str()),
            ];
            page.sample(name, &labels, figure.percent);
        }
        let name = "gantry_nodes";
        page.family(name, Kind::Gauge, "Registered nodes by connection.");
        page.sample(name, &[("connected", "true")], connected as f64);
        page.sample(name, &[("connected", "false")], (nodes - connected) as f64);
        if let Some(bytes) = resident_bytes() {
            let name = "process_resident_memory_bytes";
            page.gauge(name, "Resident memory of the server's process.", bytes);
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            let name = "process_open_fds";
            page.gauge(name, "Open file descriptors.", files.count() as f64);
        }
    }
}

fn resident_bytes() -> Option<f64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let resident: f64 = pages.split_whitespace().nth(1)?.parse().ok()?;
    Some(resident * page_kib() * 1024.0)
}

fn page_kib() -> f64 {
    let bytes = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE);
    bytes
        .ok()
        .flatten()
        .map_or(PAGE_KIB, |bytes| bytes as f64 / 1024.0)
}
