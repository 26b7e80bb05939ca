//! What of a task's payload the rules need: who depends on whom, who is essential, which times apply.

use std::collections::BTreeMap;
use std::time::Duration;

use link::acs;

/// Wait for a clean end before SIGKILL, when the container says nothing (agent protocol §1.5).
pub const STOP_TIMEOUT_DEFAULT_SECONDS: u32 = 30;
/// How long a container must have run before its restart policy counts an attempt (AWS's default).
const RESTART_ATTEMPT_PERIOD_DEFAULT_SECONDS: u64 = 300;

/// The fixed facts of a task.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskPlan {
    pub containers: Vec<ContainerPlan>,
}

/// The fixed facts of one container.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContainerPlan {
    pub name: String,
    pub essential: bool,
    /// Index of the container that is depended on, and what must be true of it.
    pub depends_on: Vec<(usize, Condition)>,
    /// How long those who wait for this container to end or to become healthy wait, from its start.
    pub start_timeout: Option<Duration>,
    pub stop_timeout_seconds: u32,
    pub restart: Option<RestartRule>,
}

/// `dependsOn.condition`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    Start,
    Complete,
    Success,
    Healthy,
}

/// `restartPolicy`, when it is enabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartRule {
    pub ignored_exit_codes: Vec<i32>,
    pub attempt_period: Duration,
}

/// Why a payload's task makes no sense; the task is reported STOPPED with this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("UnrecogniedTaskError: the payload's task has no {0}")]
    Missing(&'static str),
    #[error("UnrecogniedTaskError: unknown dependsOn condition {0:?}")]
    UnknownCondition(String),
    #[error("TaskDependencyError: container {from} depends on {to}, which is not in the task")]
    UnknownDependency { from: String, to: String },
    #[error("TaskDependencyError: the containers' dependencies form a circle")]
    Circle,
}

impl TaskPlan {
    pub fn of(task: &acs::Task) -> Result<Self, PlanError> {
        let mut index_of = BTreeMap::new();
        for (index, container) in task.containers.iter().enumerate() {
            let name = container
                .name
                .as_deref()
                .ok_or(PlanError::Missing("container name"))?;
            index_of.insert(name, index);
        }
        let containers = task
            .containers
            .iter()
            .map(|container| container_plan(container, &index_of))
            .collect::<Result<Vec<_>, _>>()?;
        let plan = Self { containers };
        if plan.has_circle() {
            Err(PlanError::Circle)
        } else {
            Ok(plan)
        }
    }

    /// Indexes of the containers that depend on `index`.
    pub fn dependents(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        let depends =
            move |plan: &ContainerPlan| plan.depends_on.iter().any(|(on, _)| *on == index);
        self.containers
            .iter()
            .enumerate()
            .filter(move |(_, plan)| depends(plan))
            .map(|(dependent, _)| dependent)
    }

    /// Takes away, again and again, who depends on nobody that is left; a circle never empties.
    fn has_circle(&self) -> bool {
        let mut left: Vec<usize> = (0..self.containers.len()).collect();
        loop {
            let before = left.len();
            let still = left.clone();
            left.retain(|index| {
                self.containers[*index]
                    .depends_on
                    .iter()
                    .any(|(on, _)| still.contains(on))
            });
            if left.len() == before {
                return !left.is_empty();
            }
        }
    }
}

fn container_plan(
    container: &acs::Container,
    index_of: &BTreeMap<&str, usize>,
) -> Result<ContainerPlan, PlanError> {
    let name = container.name.clone().unwrap_or_default();
    let index = |to: &str| {
        index_of
            .get(to)
            .copied()
            .ok_or_else(|| PlanError::UnknownDependency {
                from: name.clone(),
                to: to.to_owned(),
            })
    };
    let mut depends_on = Vec::new();
    for dependency in &container.depends_on {
        let to = dependency
            .container_name
            .as_deref()
            .ok_or(PlanError::Missing("dependsOn.containerName"))?;
        depends_on.push((index(to)?, condition(dependency.condition.as_deref())?));
    }
    // A link needs its target to be there; so does a volume that is taken over.
    for to in container
        .links
        .iter()
        .map(|link| link.split(':').next().unwrap_or(link))
    {
        depends_on.push((index(to)?, Condition::Start));
    }
    for from in container
        .volumes_from
        .iter()
        .filter_map(|from| from.source_container.as_deref())
    {
        depends_on.push((index(from)?, Condition::Start));
    }
    Ok(ContainerPlan {
        // Absence means essential, as in task definitions.
        essential: container.essential.unwrap_or(true),
        depends_on,
        start_timeout: seconds(container.start_timeout),
        stop_timeout_seconds: container
            .stop_timeout
            .and_then(|seconds| u32::try_from(seconds).ok())
            .unwrap_or(STOP_TIMEOUT_DEFAULT_SECONDS),
        restart: container
            .restart_policy
            .as_ref()
            .filter(|policy| policy.enabled == Some(true))
            .map(restart_rule),
        name,
    })
}

fn condition(text: Option<&str>) -> Result<Condition, PlanError> {
    Ok(match text {
        Some("START") => Condition::Start,
        Some("COMPLETE") => Condition::Complete,
        Some("SUCCESS") => Condition::Success,
        Some("HEALTHY") => Condition::Healthy,
        other => {
            return Err(PlanError::UnknownCondition(
                other.unwrap_or_default().to_owned(),
            ));
        }
    })
}

fn restart_rule(policy: &acs::RestartPolicy) -> RestartRule {
    let default = Duration::from_secs(RESTART_ATTEMPT_PERIOD_DEFAULT_SECONDS);
    RestartRule {
        ignored_exit_codes: policy.ignored_exit_codes.clone(),
        attempt_period: seconds(policy.restart_attempt_period).unwrap_or(default),
    }
}

fn seconds(value: Option<i32>) -> Option<Duration> {
    value
        .and_then(|seconds| u64::try_from(seconds).ok())
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs)
}

impl RestartRule {
    /// Whether a container that ended by itself is started again.
    pub fn applies(&self, exit_code: i32, ran_for: Duration) -> bool {
        !self.ignored_exit_codes.contains(&exit_code) && ran_for >= self.attempt_period
    }
}

impl Condition {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "START",
            Self::Complete => "COMPLETE",
            Self::Success => "SUCCESS",
            Self::Healthy => "HEALTHY",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(name: &str, depends_on: &[(&str, &str)]) -> acs::Container {
        acs::Container {
            name: Some(name.into()),
            depends_on: depends_on
                .iter()
                .map(|(on, condition)| acs::ContainerDependency {
                    container_name: Some((*on).into()),
                    condition: Some((*condition).into()),
                })
                .collect(),
            ..Default::default()
        }
    }

    fn plan(containers: Vec<acs::Container>) -> Result<TaskPlan, PlanError> {
        TaskPlan::of(&acs::Task {
            containers,
            ..Default::default()
        })
    }

    #[test]
    fn dependencies_become_indexes() {
        let plan = plan(vec![
            container("web", &[("db", "HEALTHY")]),
            container("db", &[]),
        ])
        .unwrap();
        assert_eq!(plan.containers[0].depends_on, [(1, Condition::Healthy)]);
        assert_eq!(plan.dependents(1).collect::<Vec<_>>(), [0]);
        assert!(plan.containers[1].essential);
        assert_eq!(plan.containers[1].stop_timeout_seconds, 30);
    }

    #[test]
    fn circles_and_strangers_are_told_by_name() {
        let circle = plan(vec![
            container("a", &[("b", "START")]),
            container("b", &[("a", "START")]),
        ]);
        assert_eq!(circle, Err(PlanError::Circle));
        assert_eq!(
            plan(vec![container("a", &[("a", "START")])]),
            Err(PlanError::Circle)
        );
        let stranger = plan(vec![container("a", &[("ghost", "START")])])
            .unwrap_err()
            .to_string();
        assert!(
            stranger.starts_with("TaskDependencyError") && stranger.contains("ghost"),
            "{stranger}"
        );
        let unknown = plan(vec![container("a", &[("a", "SOON")])])
            .unwrap_err()
            .to_string();
        assert!(unknown.contains("SOON"), "{unknown}");
    }

    #[test]
    fn a_restart_needs_a_long_enough_run_and_no_ignored_code() {
        let rule = RestartRule {
            ignored_exit_codes: vec![0],
            attempt_period: Duration::from_secs(60),
        };
        assert!(rule.applies(1, Duration::from_secs(60)));
        assert!(!rule.applies(1, Duration::from_secs(59)));
        assert!(!rule.applies(0, Duration::from_secs(600)));
    }
}
