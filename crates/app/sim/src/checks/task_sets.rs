//! Task sets: as many tasks as the service's count and their scale make, one PRIMARY, and none that goes before its tasks.

use service_ecs::records::{
    DesiredStatus, HealthStatus, ServiceRecord, ServiceStatus, Stability, TaskRecord,
    TaskSetRecord, TaskSetStatus, TaskStatus,
};
use state::{ChangeSet, Record};

use super::tables::Check;
use crate::workload::task_sets::{computed_desired_count, scale_of};

/// AWS's quota.
const SETS_MOST: usize = 5;

/// How many tasks each set of the service is to have.
pub(super) fn shares(service: &ServiceRecord) -> Vec<(String, i64)> {
    let sets = service.task_sets.iter();
    sets.map(|set| (set.id().to_owned(), computed(service, set)))
        .collect()
}

fn computed(service: &ServiceRecord, set: &TaskSetRecord) -> i64 {
    if set.status == TaskSetStatus::Draining {
        return 0;
    }
    let desired = u64::try_from(service.desired_count).unwrap_or(0);
    let count = computed_desired_count(desired, scale_of(set.scale_percent));
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Whether this is a set that is being deleted.
pub(super) fn is_deleted(service: &ServiceRecord, id: Option<&str>) -> bool {
    let mut sets = service.task_sets.iter();
    sets.any(|set| Some(set.id()) == id && set.status == TaskSetStatus::Draining)
}

/// A task belongs to a set that is there and not being deleted.
pub(super) fn wrong_with_start(service: &ServiceRecord, task: &TaskRecord) -> Option<String> {
    if !service.is_external() {
        return None;
    }
    let id = task.deployment_id.as_deref();
    let mut sets = service.task_sets.iter();
    let has_set = service.status == ServiceStatus::Active
        && sets.any(|set| Some(set.id()) == id && set.status != TaskSetStatus::Draining);
    (!has_set).then(|| format!("started for {id:?}, which is no task set that starts any"))
}

impl Check {
    /// Once the whole set is known here.
    pub(super) fn check_task_sets(&self, set: &ChangeSet) {
        for change in &set.changes {
            let Some((before, Some(after))) = change.of::<ServiceRecord>() else {
                continue;
            };
            if let Some(wrong) = self.wrong_with_task_sets(before, after) {
                self.trace
                    .violated(format_args!("service {}: {wrong}", change.key));
            }
        }
    }

    fn wrong_with_task_sets(
        &self,
        before: Option<&ServiceRecord>,
        after: &ServiceRecord,
    ) -> Option<String> {
        let sets = &after.task_sets;
        if !after.is_external() {
            return (!sets.is_empty()).then(|| "it has task sets".into());
        }
        if !after.deployments.is_empty() || after.service_deployment.is_some() {
            return Some("it has deployments of its own".into());
        }
        if sets.len() > SETS_MOST {
            return Some(format!("it has {} task sets", sets.len()));
        }
        let mut primaries = sets
            .iter()
            .filter(|set| set.status == TaskSetStatus::Primary);
        let primary = primaries.next();
        if primaries.next().is_some() {
            return Some("two task sets are PRIMARY".into());
        }
        let shown = primary.map(|set| &set.deployment.task_spec);
        // While it is being deleted it shows what it was.
        let is_shown = after.status != ServiceStatus::Active
            || shown.map_or(after.task_spec.is_nothing(), |spec| {
                *spec == after.task_spec
            });
        if !is_shown {
            return Some("it does not show what its PRIMARY task set says".into());
        }
        let wrong = sets
            .iter()
            .find_map(|set| self.wrong_with_set(before, after, set));
        wrong.or_else(|| self.wrong_with_missing(before, after))
    }

    fn wrong_with_set(
        &self,
        before: Option<&ServiceRecord>,
        service: &ServiceRecord,
        set: &TaskSetRecord,
    ) -> Option<String> {
        let id = set.id();
        let desired = i64::from(set.deployment.desired_count);
        let right = computed(service, set);
        if desired != right {
            return Some(format!("task set {id} desires {desired} and not {right}"));
        }
        let earlier = before.and_then(|before| set_of(before, id));
        if let Some(earlier) = earlier
            && earlier.status == TaskSetStatus::Draining
            && set.status != TaskSetStatus::Draining
        {
            return Some(format!("task set {id} went back from DRAINING"));
        }
        let is_new = earlier.is_none_or(|earlier| earlier.stability != Stability::SteadyState);
        let is_settled = is_new && set.stability == Stability::SteadyState;
        let (wanted, healthy) = self.tasks_of_set(service, id);
        (is_settled && (wanted, healthy) != (right, right)).then(|| {
            format!("task set {id} of {right} is STEADY_STATE with {healthy} healthy of {wanted}")
        })
    }

    /// Tasks that nobody told to stop, and those of them that serve.
    fn tasks_of_set(&self, service: &ServiceRecord, id: &str) -> (i64, i64) {
        let (mut wanted, mut healthy) = (0, 0);
        let tasks = self.tasks_of_service.get(&service.key());
        for task in tasks.into_iter().flatten().map(|key| &self.tasks[key]) {
            let is_own = task.deployment_id.as_deref() == Some(id);
            if !is_own || task.desired_status == DesiredStatus::Stopped {
                continue;
            }
            let mut containers = task.containers.iter();
            let is_checked = containers.any(|one| one.essential && one.has_health_check);
            wanted += 1;
            healthy += i64::from(
                task.last_status == TaskStatus::Running
                    && (!is_checked || task.health == HealthStatus::Healthy),
            );
        }
        (wanted, healthy)
    }

    fn wrong_with_missing(
        &self,
        before: Option<&ServiceRecord>,
        after: &ServiceRecord,
    ) -> Option<String> {
        let before = before.filter(|before| before.created_at == after.created_at)?;
        let mut gone = before
            .task_sets
            .iter()
            .filter(|set| set_of(after, set.id()).is_none());
        gone.find_map(|set| {
            let tasks = self.tasks_of_service.get(&after.key());
            let mut tasks = tasks.into_iter().flatten().map(|key| &self.tasks[key]);
            let left = tasks.find(|task| task.deployment_id.as_deref() == Some(set.id()));
            if set.status != TaskSetStatus::Draining {
                return Some(format!(
                    "task set {} is gone, which nobody deleted",
                    set.id()
                ));
            }
            left.map(|task| format!("task set {} is gone before task {}", set.id(), task.id))
        })
    }
}

fn set_of<'a>(service: &'a ServiceRecord, id: &str) -> Option<&'a TaskSetRecord> {
    service.task_sets.iter().find(|set| set.id() == id)
}
