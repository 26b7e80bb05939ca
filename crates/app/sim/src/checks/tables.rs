//! Watches every change of the tables: states move forward only, nothing is held twice, percentages are kept, and what
//! a new incarnation of the server loads is exactly what was durable.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use service_ecs::records::{
    Capacity, ContainerInstanceRecord, ContainerInstanceStatus, DesiredStatus,
    ServiceDeploymentRecord, ServiceRecord, ServiceStatus, TaskDefinitionRecord,
    TaskDefinitionStatus, TaskRecord, TaskStatus,
};
use state::{Change, ChangeSet, Feed, FeedEvent, Head, Record, Store};

use tokio::sync::{Notify, oneshot};

use super::{
    daemons,
    placing::{self, Held},
    rollouts::{self, Rollouts},
    task_sets,
    told::status_rank,
};
use crate::{trace::Trace, workload::placing::GROUP, world::lock};

pub(super) const SCHEDULER: &str = "ServiceSchedulerInitiated";
const SPOT: &str = "SpotInterruption";

/// The tables as the feed tells them, and their last changes as long as those may be lost.
pub struct Check {
    pub(super) trace: Trace,
    pub(super) tasks: BTreeMap<String, TaskRecord>,
    nodes: BTreeMap<String, ContainerInstanceRecord>,
    pub(super) services: BTreeMap<String, ServiceRecord>,
    pub(super) rollouts: Rollouts,
    definitions: BTreeMap<String, TaskDefinitionRecord>,
    tasks_of_node: BTreeMap<String, BTreeSet<String>>,
    pub(super) tasks_of_service: BTreeMap<String, BTreeSet<String>>,
    task_of_address: BTreeMap<String, String>,
    /// Tasks ever made, by `startedBy`: a repeated request must make no more.
    made_for: BTreeMap<String, u64>,
    not_durable: VecDeque<Arc<ChangeSet>>,
    was_taken_back: bool,
    was_opened: bool,
    steps: Arc<Notify>,
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
            rollouts: BTreeMap::new(),
            definitions: BTreeMap::new(),
            tasks_of_node: BTreeMap::new(),
            tasks_of_service: BTreeMap::new(),
            task_of_address: BTreeMap::new(),
            made_for: BTreeMap::new(),
            not_durable: VecDeque::new(),
            was_taken_back: false,
            was_opened: false,
            steps: Arc::default(),
        }
    }

    /// Told of every step of a service or its deployment.
    pub fn steps(&self) -> Arc<Notify> {
        Arc::clone(&self.steps)
    }

    /// Whether a task waits for an instance of the Auto Scaling group.
    pub fn waits_for_group(&self) -> bool {
        self.tasks.values().any(|task| {
            task.last_status == TaskStatus::Provisioning
                && task.container_instance_key.is_none()
                && task.capacity_provider.as_deref() == Some(GROUP)
        })
    }

    /// Tasks that were told that their Spot capacity is taken back.
    pub fn check_interrupted(&self, told: &[String]) {
        for task in self
            .tasks
            .values()
            .filter(|task| told.contains(&task.arn()))
        {
            let is_told = task.desired_status == DesiredStatus::Stopped
                && task.stop_code.as_deref() == Some(SPOT);
            if !is_told {
                self.trace.violated(format_args!(
                    "task {} was interrupted and has {:?}",
                    task.id, task.stop_code
                ));
            }
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
            .and_then(|()| same_rows(head, &self.services))
            .and_then(|()| same_rows(head, &self.rollouts))
            .and_then(|()| same_rows(head, &self.definitions));
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

    pub(super) fn nodes(&self) -> impl Iterator<Item = (&String, &ContainerInstanceRecord)> {
        self.nodes.iter()
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
        self.check_choices(&set);
        self.check_daemons(&set);
        for change in &set.changes {
            self.note(change, set.revision);
            self.check_change(change);
            self.check_service_change(&set, change);
            if is_step(change) {
                self.steps.notify_one();
            }
            self.set(change, true);
        }
        self.check_held(&set);
        self.check_task_sets(&set);
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
        } else if let Some((_, after)) = change.of::<ServiceDeploymentRecord>() {
            put(&mut self.rollouts, &change.key, after);
        } else if let Some((_, after)) = change.of::<TaskDefinitionRecord>() {
            put(&mut self.definitions, &change.key, after);
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

    /// Service deployments, definitions, and tasks as they belong to them.
    fn check_service_change(&self, set: &ChangeSet, change: &Change) {
        let wrong = if let Some((before, Some(after))) = change.of::<ServiceDeploymentRecord>() {
            let service = self.service_after(set, &after.service_key());
            rollouts::wrong_with_rollout(before, after, &self.rollouts, service)
        } else if let Some((before, Some(after))) = change.of::<TaskRecord>() {
            self.wrong_with_protection(set, before, after)
                .or_else(|| self.wrong_with_start(set, before, after))
        } else if let Some((Some(gone), None)) = change.of::<TaskDefinitionRecord>() {
            let user = self.user_of(set, gone);
            user.map(|user| format!("deleted, and {user} uses it"))
        } else {
            None
        };
        if let Some(wrong) = wrong {
            self.trace.violated(format_args!("{}: {wrong}", change.key));
        }
    }

    /// A protected task is given up neither by scaling in nor by a deployment.
    fn wrong_with_protection(
        &self,
        set: &ChangeSet,
        before: Option<&TaskRecord>,
        after: &TaskRecord,
    ) -> Option<String> {
        let before = before?;
        let reason = after.stopped_reason.as_deref().unwrap_or_default();
        let is_scaling = before.desired_status == DesiredStatus::Running
            && after.stop_code.as_deref() == Some(SCHEDULER)
            && reason.starts_with("Scaling activity");
        // Deleting a service or a task set ends its tasks all the same.
        let service = self.service_after(set, &service_key(after)?)?;
        let is_scaling = is_scaling
            && !task_sets::is_deleted(service, after.deployment_id.as_deref())
            && service.status == ServiceStatus::Active
            && service.scheduling_strategy != "DAEMON";
        let at = after.stopping_at?;
        let until = before.protection_ends_at?;
        (is_scaling && until > at).then(|| format!("stopped at {at:?}, protected until {until:?}"))
    }

    /// Two tasks of a daemon that nobody told to stop, on one node.
    fn wrong_with_second(&self, task: &TaskRecord, service: &ServiceRecord) -> Option<String> {
        let node = task.container_instance_key.as_ref()?;
        let others = self.tasks_of_node.get(node).into_iter().flatten();
        let mut others = others.map(|key| &self.tasks[key]);
        let twin = others.find(|other| {
            other.id != task.id
                && other.service == task.service
                && other.desired_status == DesiredStatus::Running
        })?;
        let is_daemon = service.scheduling_strategy == "DAEMON";
        is_daemon.then(|| format!("a daemon's second one on {node} beside {}", twin.id))
    }

    fn wrong_with_start(
        &self,
        set: &ChangeSet,
        before: Option<&TaskRecord>,
        after: &TaskRecord,
    ) -> Option<String> {
        if before.is_some() {
            return None;
        }
        let definition = TaskDefinitionRecord::key_of(
            &after.account,
            &after.region,
            &after.family,
            after.revision,
        );
        if !self.definitions.contains_key(&definition) {
            return Some(format!("started from {definition}, which is not there"));
        }
        let service = self.service_after(set, &service_key(after)?)?;
        if let Some(wrong) = self.wrong_with_second(after, service) {
            return Some(wrong);
        }
        if let Some(wrong) = task_sets::wrong_with_start(service, after) {
            return Some(wrong);
        }
        let is_failed = rollouts::has_failed(service, after.deployment_id.as_deref());
        is_failed.then(|| "started by a deployment that failed".into())
    }

    /// Who still needs a definition.
    fn user_of(&self, set: &ChangeSet, definition: &TaskDefinitionRecord) -> Option<String> {
        let is_it = |family: &str, revision: i32| {
            family == definition.family && revision == definition.revision
        };
        let is_user = |task: &&TaskRecord| {
            task.last_status != TaskStatus::Stopped && is_it(&task.family, task.revision)
        };
        if let Some(task) = self.tasks.values().find(is_user) {
            return Some(format!("task {}", task.id));
        }
        let services = self.services.keys();
        let mut services = services.filter_map(|key| self.service_after(set, key));
        let user = services.find(|service| {
            let candidate = service
                .rollback_candidate
                .iter()
                .map(|known| &known.task_spec);
            let sets = service.task_sets.iter().map(|set| &set.deployment);
            let deployments = service.deployments.iter().chain(sets);
            let deployments = deployments.map(|known| &known.task_spec);
            let mut specs = deployments.chain(candidate).chain([&service.task_spec]);
            service.status != ServiceStatus::Inactive
                && specs.any(|spec| is_it(&spec.family, spec.revision))
        });
        user.map(|service| format!("service {}", service.name))
    }

    /// As the set leaves it.
    pub(super) fn service_after<'a>(
        &'a self,
        set: &'a ChangeSet,
        key: &str,
    ) -> Option<&'a ServiceRecord> {
        let changed = set.changes.iter().filter(|change| *change.key == *key);
        let after = changed
            .filter_map(|change| change.after::<ServiceRecord>())
            .next();
        after.or_else(|| self.services.get(key))
    }

    /// What is under way or waits to be deleted, though nothing keeps it.
    pub fn left_over(&self) -> Vec<String> {
        let rollouts = self.rollouts.values().filter(|row| !row.status.is_over());
        let rollouts = rollouts.map(|row| format!("{} is {}", row.arn(), row.status.as_str()));
        let doomed = self.definitions.values().filter(|definition| {
            definition.status == TaskDefinitionStatus::DeleteInProgress
                && self
                    .user_of(
                        &ChangeSet {
                            revision: 0,
                            changes: vec![],
                        },
                        definition,
                    )
                    .is_none()
        });
        let doomed = doomed.map(|definition| format!("{} is not deleted", definition.arn()));
        let daemons = self.services.values().filter_map(|service| {
            let is_daemon =
                service.scheduling_strategy == "DAEMON" && service.status == ServiceStatus::Active;
            is_daemon.then(|| self.wrong_with_daemon(service)).flatten()
        });
        let awaiting = self.awaiting();
        let left = rollouts.chain(doomed).chain(daemons);
        left.chain(awaiting).collect()
    }

    /// At rest a daemon has one task on each node that its constraints select.
    fn wrong_with_daemon(&self, service: &ServiceRecord) -> Option<String> {
        let tasks = self.tasks_of_service.get(&service.key());
        let tasks = tasks.into_iter().flatten().map(|key| &self.tasks[key]);
        let mut on_nodes: Vec<&String> = tasks
            .filter_map(|task| task.container_instance_key.as_ref())
            .collect();
        on_nodes.sort();
        let expressions: Vec<&str> = service
            .task_spec
            .placement_constraints
            .iter()
            .filter_map(|constraint| constraint.expression.as_deref())
            .collect();
        let nodes = self.nodes.iter().filter(|(_, node)| {
            node.capacity == Capacity::ContainerInstance
                && daemons::is_for(service, node)
                && node.status == ContainerInstanceStatus::Active
                && expressions
                    .iter()
                    .all(|expression| placing::is_member(expression, node) != Some(false))
        });
        let selected: Vec<&String> = nodes.map(|(key, _)| key).collect();
        (selected != on_nodes).then(|| {
            format!(
                "daemon {} is on {on_nodes:?}, and shall be on {selected:?}",
                service.name
            )
        })
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

    /// A second opinion on placements on container instances, before the set is known here.
    fn check_choices(&self, set: &ChangeSet) {
        let placed: Vec<&TaskRecord> = set
            .changes
            .iter()
            .filter_map(|change| change.of::<TaskRecord>())
            .filter_map(|(before, after)| {
                let was_placed = before.is_some_and(|task| task.container_instance_key.is_some());
                after.filter(|task| !was_placed && task.container_instance_key.is_some())
            })
            .collect();
        let touched = set.changes.iter().filter(|change| {
            change.of::<TaskRecord>().is_some() || change.of::<ContainerInstanceRecord>().is_some()
        });
        let is_alone = placed.len() == 1 && touched.count() == 1;
        let leaving = |task: &TaskRecord| {
            let key = task.key();
            let mut changes = set.changes.iter().filter(|change| *change.key == *key);
            changes.any(|change| {
                change
                    .after::<TaskRecord>()
                    .is_none_or(|task| task.desired_status == DesiredStatus::Stopped)
            })
        };
        for task in &placed {
            if let Some(wrong) = self.wrong_with_place(task, &placed, &leaving, is_alone) {
                self.trace
                    .violated(format_args!("task {} was placed: {wrong}", task.id));
            }
        }
    }

    fn wrong_with_place(
        &self,
        task: &TaskRecord,
        placed: &[&TaskRecord],
        leaving: &dyn Fn(&TaskRecord) -> bool,
        is_alone: bool,
    ) -> Option<String> {
        let key = task.container_instance_key.as_ref()?;
        let mut chosen = self.held(key)?;
        chosen.tasks.retain(|task| !leaving(task));
        let beside = placed.iter().filter(|other| {
            other.id != task.id
                && other.container_instance_key.as_ref() == Some(key)
                && other.group == task.group
        });
        let beside = beside.count();
        if let Some(wrong) = placing::wrong_with_constraints(task, &chosen, beside) {
            return Some(format!("on {key}: {wrong}"));
        }
        if !is_alone {
            return None;
        }
        let nodes = self.nodes.keys();
        let nodes: BTreeMap<String, Held<'_>> = nodes
            .filter_map(|key| Some((key.clone(), self.held(key)?)))
            .filter(|(_, held)| held.node.capacity == Capacity::ContainerInstance)
            .collect();
        placing::wrong_with_choice(task, key, &nodes)
    }

    pub(super) fn held(&self, node: &str) -> Option<Held<'_>> {
        let tasks = self.tasks_of_node.get(node).into_iter().flatten();
        Some(Held {
            node: self.nodes.get(node)?,
            tasks: tasks.map(|key| &self.tasks[key]).collect(),
        })
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
}

/// A service or its deployment goes on.
fn is_step(change: &Change) -> bool {
    if let Some((before, Some(after))) = change.of::<ServiceDeploymentRecord>() {
        let seen = |row: &ServiceDeploymentRecord| {
            (row.status, row.stages.as_ref().map(|stages| stages.stage))
        };
        return before.map(seen) != Some(seen(after));
    }
    if let Some((before, Some(after))) = change.of::<ServiceRecord>() {
        let seen = |row: &ServiceRecord| {
            let roles = row.deployments.iter().map(|one| (one.id.clone(), one.role));
            (row.status, roles.collect::<Vec<_>>(), row.zone_move.clone())
        };
        return before.map(seen) != Some(seen(after));
    }
    false
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
    let is_interrupted = after.stop_code.as_deref() == Some(SPOT);
    if is_interrupted && after.capacity_provider.as_deref() != Some("FARGATE_SPOT") {
        return Some(format!(
            "a Spot interruption on {:?}",
            after.capacity_provider
        ));
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

pub(super) fn service_key(task: &TaskRecord) -> Option<String> {
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
