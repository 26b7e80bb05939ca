//! Watches every change of the tables: states move forward only, nothing is held twice, percentages are kept, and what
//! a new incarnation of the server loads is exactly what was durable.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use service_ecs::records::{
    ContainerInstanceRecord, ContainerInstanceStatus, DesiredStatus, ServiceRecord, ServiceStatus,
    TaskRecord, TaskStatus,
};
use state::{Change, ChangeSet, Feed, FeedEvent, Head, Record, Store};

use tokio::sync::oneshot;

use super::told::status_rank;
use crate::{trace::Trace, world::lock};

const SCHEDULER: &str = "ServiceSchedulerInitiated";
const MINIMUM_HEALTHY_PERCENT: i64 = 100;
const MAXIMUM_PERCENT: i64 = 200;

/// The tables as the feed tells them, and their last changes as long as those may be lost.
pub struct Check {
    trace: Trace,
    tasks: BTreeMap<String, TaskRecord>,
    nodes: BTreeMap<String, ContainerInstanceRecord>,
    services: BTreeMap<String, ServiceRecord>,
    tasks_of_node: BTreeMap<String, BTreeSet<String>>,
    tasks_of_service: BTreeMap<String, BTreeSet<String>>,
    task_of_address: BTreeMap<String, String>,
    /// Tasks ever made, by `startedBy`: a repeated request must make no more.
    made_for: BTreeMap<String, u64>,
    not_durable: VecDeque<Arc<ChangeSet>>,
    was_taken_back: bool,
    was_opened: bool,
}

/// Follows the feed until it is told to stop, and has seen all then.
pub async fn watch(
    check: Arc<Mutex<Check>>,
    store: Store,
    mut feed: Feed,
    mut stop: oneshot::Receiver<()>,
) {
    loop {
        let event = tokio::select! {
            biased;
            event = feed.next() => event,
            _ = &mut stop => break,
        };
        lock(&check).saw(event, store.durable_revision());
    }
    while let Some(event) = feed.try_next() {
        lock(&check).saw(event, store.durable_revision());
    }
}

impl Check {
    pub fn new(trace: Trace) -> Self {
        Self {
            trace,
            tasks: BTreeMap::new(),
            nodes: BTreeMap::new(),
            services: BTreeMap::new(),
            tasks_of_node: BTreeMap::new(),
            tasks_of_service: BTreeMap::new(),
            task_of_address: BTreeMap::new(),
            made_for: BTreeMap::new(),
            not_durable: VecDeque::new(),
            was_taken_back: false,
            was_opened: false,
        }
    }

    /// A new incarnation has loaded what is durable: nothing else than what the last one had at that revision.
    pub fn opened(&mut self, head: &Head) {
        if self.was_opened {
            self.rewind(head.revision());
        }
        self.was_opened = true;
        self.not_durable.clear();
        self.was_taken_back = false;
        let same = same_rows(head, &self.tasks)
            .and_then(|()| same_rows(head, &self.nodes))
            .and_then(|()| same_rows(head, &self.services));
        if let Err(difference) = same {
            self.trace.violated(format_args!(
                "what was loaded at revision {} is not what was durable: {difference}",
                head.revision()
            ));
        }
    }

    pub fn tasks(&self) -> impl Iterator<Item = &TaskRecord> {
        self.tasks.values()
    }

    pub fn node(&self, key: &str) -> Option<&ContainerInstanceRecord> {
        self.nodes.get(key)
    }

    pub fn made_for(&self, started_by: &str) -> u64 {
        self.made_for.get(started_by).copied().unwrap_or(0)
    }

    fn saw(&mut self, event: FeedEvent, durable: u64) {
        let set = match event {
            FeedEvent::Changes(set) => set,
            FeedEvent::Lagged => {
                self.was_taken_back = true;
                return;
            }
        };
        if std::mem::take(&mut self.was_taken_back) {
            self.trace.note(format_args!(
                "tables: taken back to before {}",
                set.revision
            ));
            self.rewind(set.revision - 1);
        }
        self.check_percentages(&set);
        for change in &set.changes {
            self.note(change, set.revision);
            self.check_change(change);
            self.set(change, true);
        }
        self.check_held(&set);
        self.not_durable.push_back(set);
        while self
            .not_durable
            .pop_front_if(|set| set.revision <= durable)
            .is_some()
        {}
    }

    /// Takes back what came after the revision.
    fn rewind(&mut self, revision: u64) {
        while let Some(set) = self.not_durable.pop_back_if(|set| set.revision > revision) {
            for change in set.changes.iter().rev() {
                self.set(&change.inverse(), false);
            }
        }
    }

    fn note(&self, change: &Change, revision: u64) {
        let trace = &self.trace;
        if !trace.is_read() {
            return trace.note(format_args!(""));
        }
        if let Some(task) = change.after::<TaskRecord>() {
            trace.note(format_args!(
                "tables: {revision} task {} {} (desired {}){}",
                task.id,
                task.last_status.as_str(),
                task.desired_status.as_str(),
                task.stopped_reason
                    .as_deref()
                    .map(|reason| format!(": {reason}"))
                    .unwrap_or_default(),
            ));
        } else if let Some(service) = change.after::<ServiceRecord>() {
            let states = service.deployments.iter().map(|deployment| {
                format!(" {} {}", deployment.id, deployment.rollout_state.as_str())
            });
            trace.note(format_args!(
                "tables: {revision} service {} {} desired {}{}",
                service.name,
                service.status.as_str(),
                service.desired_count,
                states.collect::<String>(),
            ));
        } else {
            trace.note(format_args!("tables: {revision} {change:?}"));
        }
    }

    fn set(&mut self, change: &Change, forward: bool) {
        if let Some((before, after)) = change.of::<TaskRecord>() {
            if let Some(before) = before {
                self.index(before, false);
            }
            if let Some(after) = after {
                self.index(after, true);
            }
            let started_by = after.or(before).and_then(|task| task.started_by.clone());
            if let Some(started_by) = started_by {
                let count = self.made_for.entry(started_by).or_default();
                match (before.is_none(), after.is_none()) {
                    (true, false) if forward => *count += 1,
                    (false, true) if !forward => *count -= 1,
                    _ => {}
                }
            }
            put(&mut self.tasks, &change.key, after);
        } else if let Some((_, after)) = change.of::<ContainerInstanceRecord>() {
            put(&mut self.nodes, &change.key, after);
        } else if let Some((_, after)) = change.of::<ServiceRecord>() {
            put(&mut self.services, &change.key, after);
        }
    }

    fn index(&mut self, task: &TaskRecord, is_there: bool) {
        let key = task.key();
        let lives = task.last_status != TaskStatus::Stopped;
        if let Some(node) = &task.container_instance_key {
            let tasks = self.tasks_of_node.entry(node.clone()).or_default();
            mark(tasks, &key, is_there && lives);
        }
        if let Some(service) = service_key(task) {
            let tasks = self.tasks_of_service.entry(service).or_default();
            mark(tasks, &key, is_there && lives);
        }
        if let Some(interface) = &task.network_interface {
            let address = &interface.private_ipv4;
            if is_there && lives {
                let holder = self.task_of_address.insert(address.clone(), key.clone());
                if let Some(holder) = holder.filter(|holder| *holder != key) {
                    self.trace
                        .violated(format_args!("{address} is held by {holder} and {key}"));
                }
            } else if self.task_of_address.get(address) == Some(&key) {
                self.task_of_address.remove(address);
            }
        }
    }

    fn check_change(&self, change: &Change) {
        let Some((before, after)) = change.of::<TaskRecord>() else {
            return;
        };
        if let Some(wrong) = wrong_with_task(before, after) {
            self.trace
                .violated(format_args!("task {}: {wrong}", change.key));
        }
        if let Some(before) = before
            && self.tasks.get(&*change.key) != Some(before)
        {
            self.trace.violated(format_args!(
                "task {}: the feed skipped a change",
                change.key
            ));
        }
    }

    /// What the tasks of the nodes hold that this set touched.
    fn check_held(&self, set: &ChangeSet) {
        let mut touched = BTreeSet::new();
        for change in &set.changes {
            let Some((before, Some(after))) = change.of::<TaskRecord>() else {
                continue;
            };
            let was_placed = before.is_some_and(|task| task.container_instance_key.is_some());
            if let Some(node) = after.container_instance_key.as_ref()
                && !was_placed
            {
                touched.insert(node);
            }
        }
        for key in touched {
            if let Some(wrong) = self.wrong_with_node(key) {
                self.trace.violated(format_args!("node {key}: {wrong}"));
            }
        }
    }

    /// Asked when a task was just placed there.
    fn wrong_with_node(&self, key: &str) -> Option<String> {
        let Some(node) = self.nodes.get(key) else {
            return Some("a task was placed on it, and it does not exist".into());
        };
        if node.status != ContainerInstanceStatus::Active || !node.connection.connected {
            return Some(format!(
                "a task was placed on it, and it is {} and {}",
                node.status.as_str(),
                if node.connection.connected {
                    "connected"
                } else {
                    "away"
                }
            ));
        }
        let (mut cpu_units, mut memory_mib, mut ports) = (0, 0, BTreeSet::new());
        for task in self.tasks_of_node.get(key)? {
            let task = &self.tasks[task];
            cpu_units += task.cpu_units;
            memory_mib += task.memory_mib;
            for port in &task.host_ports {
                if !ports.insert(port.clone()) {
                    return Some(format!("host port {port:?} is held twice"));
                }
            }
        }
        (cpu_units > node.cpu_units || memory_mib > node.memory_mib).then(|| {
            format!(
                "{cpu_units} CPU units of {} and {memory_mib} MiB of {} are held",
                node.cpu_units, node.memory_mib
            )
        })
    }

    /// A transaction of the scheduler neither stops below the minimum nor starts above the maximum. `self` is still as
    /// it was before the set.
    fn check_percentages(&self, set: &ChangeSet) {
        let mut stopped: BTreeMap<String, i64> = BTreeMap::new();
        let mut started: BTreeMap<String, i64> = BTreeMap::new();
        let mut gone: BTreeMap<String, i64> = BTreeMap::new();
        for change in &set.changes {
            let Some((before, Some(after))) = change.of::<TaskRecord>() else {
                continue;
            };
            let Some(service) = service_key(after) else {
                continue;
            };
            let asked_now = after.desired_status == DesiredStatus::Stopped
                && before.is_some_and(|task| task.desired_status == DesiredStatus::Running);
            if asked_now {
                *gone.entry(service.clone()).or_default() += 1;
            }
            let by_scheduler = after.stop_code.as_deref() == Some(SCHEDULER);
            if asked_now && by_scheduler && before.is_some_and(is_healthy) {
                *stopped.entry(service.clone()).or_default() += 1;
            }
            if before.is_none() {
                *started.entry(service).or_default() += 1;
            }
        }
        for (key, count) in &stopped {
            self.check_minimum(set, key, *count);
        }
        for (key, count) in &started {
            let left = gone.get(key).copied().unwrap_or(0);
            self.check_maximum(set, key, count - left);
        }
    }

    fn check_minimum(&self, set: &ChangeSet, key: &str, stopped: i64) {
        let Some((service, bounds)) = self.bounds(set, key) else {
            return;
        };
        let healthy = self.count(key, is_healthy);
        if service.status == ServiceStatus::Active && healthy - stopped < bounds.0 {
            self.trace.violated(format_args!(
                "service {key}: the scheduler stopped {stopped} of {healthy} healthy tasks, {} must stay",
                bounds.0
            ));
        }
    }

    fn check_maximum(&self, set: &ChangeSet, key: &str, more: i64) {
        let Some((_, bounds)) = self.bounds(set, key) else {
            return;
        };
        let active = self.count(key, |task| task.desired_status == DesiredStatus::Running);
        if active + more > bounds.1 {
            self.trace.violated(format_args!(
                "service {key}: the scheduler started {more} tasks beside {active}, {} are allowed",
                bounds.1
            ));
        }
    }

    /// The service as the set leaves it, and the least of healthy and the most of active tasks.
    fn bounds(&self, set: &ChangeSet, key: &str) -> Option<(ServiceRecord, (i64, i64))> {
        let changed = set.changes.iter().filter(|change| *change.key == *key);
        let after = changed
            .filter_map(|change| change.after::<ServiceRecord>())
            .next();
        let service = after.or_else(|| self.services.get(key))?.clone();
        let configuration = &service.deployment_configuration;
        let percent = |given: Option<i32>, default| given.map_or(default, i64::from);
        let minimum = percent(
            configuration.minimum_healthy_percent,
            MINIMUM_HEALTHY_PERCENT,
        );
        let maximum = percent(configuration.maximum_percent, MAXIMUM_PERCENT);
        let desired = i64::from(service.desired_count);
        let bounds = ((desired * minimum + 99) / 100, desired * maximum / 100);
        Some((service, bounds))
    }

    fn count(&self, service_key: &str, test: impl Fn(&TaskRecord) -> bool) -> i64 {
        let tasks = self.tasks_of_service.get(service_key).into_iter().flatten();
        tasks.filter(|key| test(&self.tasks[*key])).count() as i64
    }
}

/// Counts for the minimum: RUNNING, and HEALTHY where there is a health check.
fn is_healthy(task: &TaskRecord) -> bool {
    let mut containers = task.containers.iter();
    let is_checked = containers.any(|container| container.essential && container.has_health_check);
    let is_well = !is_checked || task.health.as_str() == "HEALTHY";
    task.last_status == TaskStatus::Running
        && task.desired_status == DesiredStatus::Running
        && is_well
}

fn wrong_with_task(before: Option<&TaskRecord>, after: Option<&TaskRecord>) -> Option<String> {
    let Some(after) = after else {
        let before = before?;
        let is_over = before.last_status == TaskStatus::Stopped;
        return (!is_over).then(|| format!("gone while {}", before.last_status.as_str()));
    };
    if after.last_status == TaskStatus::Stopped {
        let is_complete = after.stop_code.is_some()
            && after.stopped_reason.is_some()
            && after.stopped_at.is_some()
            && after.desired_status == DesiredStatus::Stopped;
        if !is_complete {
            return Some("STOPPED without code, reason or time".into());
        }
    }
    let before = before?;
    let rank = |task: &TaskRecord| status_rank(task.last_status.as_str());
    if rank(after) < rank(before) || after.desired_status < before.desired_status {
        return Some(format!(
            "from {} back to {}",
            before.last_status.as_str(),
            after.last_status.as_str()
        ));
    }
    if before.last_status == TaskStatus::Stopped && *after != *before {
        return Some("changed after it was STOPPED".into());
    }
    let kept = [
        (
            "container instance",
            is_kept(
                &before.container_instance_key,
                &after.container_instance_key,
            ),
        ),
        ("stop code", is_kept(&before.stop_code, &after.stop_code)),
        (
            "stopped reason",
            is_kept(&before.stopped_reason, &after.stopped_reason),
        ),
        ("start", is_kept(&before.started_at, &after.started_at)),
        ("stopping", is_kept(&before.stopping_at, &after.stopping_at)),
        (
            "deployment",
            is_kept(&before.deployment_id, &after.deployment_id),
        ),
        ("address", {
            let address = |task: &TaskRecord| {
                task.network_interface
                    .as_ref()
                    .map(|interface| interface.private_ipv4.clone())
            };
            is_kept(&address(before), &address(after))
        }),
    ];
    let changed = kept.into_iter().find(|(_, is_kept)| !is_kept);
    changed.map(|(name, _)| format!("its {name} was written a second time"))
}

fn is_kept<T: PartialEq>(before: &Option<T>, after: &Option<T>) -> bool {
    before.is_none() || before == after
}

fn service_key(task: &TaskRecord) -> Option<String> {
    let service = task.service.as_ref()?;
    Some(ServiceRecord::key_of(
        &task.account,
        &task.region,
        &task.cluster,
        service,
    ))
}

fn put<R: Record>(rows: &mut BTreeMap<String, R>, key: &str, after: Option<&R>) {
    match after {
        Some(after) => rows.insert(key.to_owned(), after.clone()),
        None => rows.remove(key),
    };
}

fn mark(keys: &mut BTreeSet<String>, key: &str, is_in: bool) {
    if is_in {
        keys.insert(key.to_owned());
    } else {
        keys.remove(key);
    }
}

fn same_rows<R: Record>(head: &Head, known: &BTreeMap<String, R>) -> Result<(), String> {
    let mut loaded = 0;
    for row in head.scan::<R>("") {
        loaded += 1;
        let key = row.key();
        match known.get(&key) {
            None => return Err(format!("{key} of {} came from nowhere", R::TABLE)),
            Some(known) if *known != **row => {
                return Err(format!(
                    "{key} of {} was {known:?} and is {row:?}",
                    R::TABLE
                ));
            }
            Some(_) => {}
        }
    }
    if loaded < known.len() {
        let mut lost = known.keys().filter(|key| !head.contains::<R>(key));
        return Err(format!(
            "{} of {} is lost",
            lost.next().map_or("", String::as_str),
            R::TABLE
        ));
    }
    Ok(())
}
