//! The scheduler neither stops healthy tasks below minimumHealthyPercent nor starts tasks above maximumPercent; while
//! traffic shifts, each revision is counted as if it were alone.

use std::collections::BTreeMap;
use std::time::Duration;

use service_ecs::records::{
    DesiredStatus, RolloutStatus, ServiceDeploymentRecord, ServiceRecord, ServiceStatus,
    TaskRecord, TaskStatus,
};
use state::ChangeSet;

use super::{
    rollouts::Sides,
    tables::{Check, SCHEDULER, service_key},
    task_sets,
};

const MINIMUM_HEALTHY_PERCENT: i64 = 100;
const MAXIMUM_PERCENT: i64 = 200;
/// While the circuit breaker watches, a task without a health check is not healthy sooner.
const PROVEN_AFTER: Duration = Duration::from_secs(10);

/// What one set does to the tasks of one service.
#[derive(Default)]
struct Done<'a> {
    /// Healthy tasks that the scheduler tells to stop.
    stopped: Vec<&'a TaskRecord>,
    /// Tasks that anybody tells to stop.
    gone: Vec<&'a TaskRecord>,
    started: Vec<&'a TaskRecord>,
}

/// Some of a service's tasks, and how many of them are wanted.
struct Share {
    desired: i64,
    /// Of this deployment only, or of all others.
    of: Option<(String, bool)>,
}

impl Share {
    fn has(&self, task: &TaskRecord) -> bool {
        let id = task.deployment_id.as_deref();
        let of = self.of.as_ref();
        of.is_none_or(|(source, is_source)| (id == Some(source.as_str())) == *is_source)
    }

    fn count(&self, tasks: &[&TaskRecord]) -> i64 {
        tasks.iter().filter(|task| self.has(task)).count() as i64
    }
}

impl Check {
    /// `self` is still as it was before the set.
    pub(super) fn check_percentages(&self, set: &ChangeSet) {
        let mut done: BTreeMap<String, Done<'_>> = BTreeMap::new();
        for change in &set.changes {
            let Some((before, Some(after))) = change.of::<TaskRecord>() else {
                continue;
            };
            let Some(service) = service_key(after) else {
                continue;
            };
            let done = done.entry(service).or_default();
            let Some(before) = before else {
                done.started.push(after);
                continue;
            };
            let asked_now = after.desired_status == DesiredStatus::Stopped
                && before.desired_status == DesiredStatus::Running;
            if asked_now {
                done.gone.push(after);
                let by_scheduler = after.stop_code.as_deref() == Some(SCHEDULER);
                if by_scheduler && self.is_healthy(set, before, after) {
                    done.stopped.push(after);
                }
            }
        }
        for (key, done) in &done {
            let Some(service) = self.service_after(set, key) else {
                continue;
            };
            if service.scheduling_strategy == "DAEMON" {
                if let Some(wrong) = self.wrong_with_drained(set, service, &done.stopped) {
                    self.trace.violated(format_args!("{key}: {wrong}"));
                }
                continue;
            }
            if service.is_external() {
                let shares = task_sets::shares(service);
                let mut wrongs = shares.iter().filter_map(|(id, desired)| {
                    let share = Share {
                        desired: *desired,
                        of: Some((id.clone(), true)),
                    };
                    self.wrong_with_share(set, service, &share, done)
                });
                if let Some(wrong) = wrongs.next() {
                    self.trace.violated(format_args!("service {key}: {wrong}"));
                }
                continue;
            }
            // The stage may change with the tasks: what one of both allows is allowed.
            let shares = [
                self.shares(service, self.rollout_before(service)),
                self.shares(service, self.rollout_after(set, service)),
            ];
            let wrongs = shares.map(|shares| {
                let mut shares = shares.iter();
                shares.find_map(|share| self.wrong_with_share(set, service, share, done))
            });
            if let [Some(_), Some(wrong)] = wrongs {
                self.trace.violated(format_args!("service {key}: {wrong}"));
            }
        }
    }

    /// An update of a daemon takes it from so many instances at once.
    fn wrong_with_drained(
        &self,
        set: &ChangeSet,
        service: &ServiceRecord,
        stopped: &[&TaskRecord],
    ) -> Option<String> {
        let least = Self::least_of_daemon(service)?;
        let replaced = self.replaced(service, stopped);
        let stop = replaced
            .first()
            .filter(|_| service.status == ServiceStatus::Active)?;
        let tasks = self.tasks_of(service).into_iter();
        let healthy = tasks.filter(|task| self.is_healthy(set, task, stop));
        let healthy = healthy.count() as i64;
        let count = replaced.len() as i64;
        (healthy - count < least)
            .then(|| format!("{count} of {healthy} healthy tasks were replaced, {least} must stay"))
    }

    fn rollout_before(&self, service: &ServiceRecord) -> Option<&ServiceDeploymentRecord> {
        self.rollouts.get(&service.service_deployment_key()?)
    }

    fn rollout_after<'a>(
        &'a self,
        set: &'a ChangeSet,
        service: &ServiceRecord,
    ) -> Option<&'a ServiceDeploymentRecord> {
        let key = service.service_deployment_key()?;
        let changed = set.changes.iter().filter(|change| *change.key == *key);
        let mut after = changed.filter_map(|change| change.after::<ServiceDeploymentRecord>());
        after.next().or_else(|| self.rollouts.get(&key))
    }

    fn shares(
        &self,
        service: &ServiceRecord,
        rollout: Option<&ServiceDeploymentRecord>,
    ) -> Vec<Share> {
        let desired = i64::from(service.desired_count);
        let Some(sides) = Sides::of(service, rollout) else {
            return vec![Share { desired, of: None }];
        };
        let of_target = if sides.runs_target { desired } else { 0 };
        let Some(source) = sides.source else {
            return vec![Share {
                desired: of_target,
                of: None,
            }];
        };
        vec![
            Share {
                desired,
                of: Some((source.clone(), true)),
            },
            Share {
                desired: of_target,
                of: Some((source, false)),
            },
        ]
    }

    fn wrong_with_share(
        &self,
        set: &ChangeSet,
        service: &ServiceRecord,
        share: &Share,
        done: &Done<'_>,
    ) -> Option<String> {
        let configuration = &service.deployment_configuration;
        let percent = |given: Option<i32>, default| given.map_or(default, i64::from);
        let minimum = percent(
            configuration.minimum_healthy_percent,
            MINIMUM_HEALTHY_PERCENT,
        );
        let maximum = percent(configuration.maximum_percent, MAXIMUM_PERCENT);
        let least = (share.desired * minimum + 99) / 100;
        let most = share.desired * maximum / 100;
        let key = state::Record::key(service);
        let tasks = self.tasks_of_service.get(&key).into_iter().flatten();
        let tasks: Vec<&TaskRecord> = tasks.map(|key| &self.tasks[key]).collect();
        let stopped = share.count(&done.stopped);
        if stopped > 0 && service.status == ServiceStatus::Active {
            let stop = done.stopped[0];
            let healthy = tasks.iter().filter(|task| self.is_healthy(set, task, stop));
            let healthy = share.count(&healthy.copied().collect::<Vec<_>>());
            if healthy - stopped < least {
                return Some(format!(
                    "the scheduler stopped {stopped} of {healthy} healthy tasks, {least} must stay"
                ));
            }
        }
        let more = share.count(&done.started) - share.count(&done.gone);
        let active = tasks
            .iter()
            .filter(|task| task.desired_status == DesiredStatus::Running);
        let active = share.count(&active.copied().collect::<Vec<_>>());
        (share.count(&done.started) > 0 && active + more > most).then(|| {
            format!("the scheduler started {more} tasks beside {active}, {most} are allowed")
        })
    }

    /// Counts for the minimum: RUNNING, HEALTHY where there is a health check, and proven where a circuit breaker watches.
    /// `stop` is a task that is told to stop now.
    fn is_healthy(&self, set: &ChangeSet, task: &TaskRecord, stop: &TaskRecord) -> bool {
        let mut containers = task.containers.iter();
        let is_checked =
            containers.any(|container| container.essential && container.has_health_check);
        let is_well = !is_checked || task.health.as_str() == "HEALTHY";
        let runs = task.last_status == TaskStatus::Running
            && task.desired_status == DesiredStatus::Running;
        runs && is_well && (is_checked || self.is_proven(set, task, stop).unwrap_or(true))
    }

    fn is_proven(&self, set: &ChangeSet, task: &TaskRecord, stop: &TaskRecord) -> Option<bool> {
        let service = self.service_after(set, &service_key(task)?)?;
        let breaker = service
            .deployment_configuration
            .deployment_circuit_breaker
            .as_ref()?;
        let rollout = self.rollout_before(service)?;
        let is_watched = breaker.enable == Some(true)
            && rollout.status == RolloutStatus::InProgress
            && service.primary()?.id.as_str() == task.deployment_id.as_deref()?;
        let ran = stop.stopping_at?.since(task.started_at?);
        Some(!is_watched || ran >= PROVEN_AFTER)
    }
}
