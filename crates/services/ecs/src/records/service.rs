use api_ecs::types::{
    DaemonDeploymentConfiguration, DeploymentConfiguration, NetworkConfiguration,
    PlacementConstraint, PlacementStrategy,
};
use clock::UnixMillis;
use ecs_rules::{deployment_configuration::MAXIMUM_PERCENT, service::Movable};
use serde::{Deserialize, Serialize};
use state::{Index, Record};
use wire::Stored;

use super::{
    ClusterRecord, StrategyItem, Tags, TaskDefinitionRecord, TaskSetRecord, TaskSetStatus,
};
use crate::launch::Plan;

/// The scheduling strategies: as many tasks as desired, or one on each node that matches.
pub const REPLICA: &str = "REPLICA";
pub const DAEMON: &str = "DAEMON";
/// The deployment controller that makes task sets.
pub const EXTERNAL: &str = "EXTERNAL";

/// Before the names of daemons and of their task definitions' families in the tables: no service and no family can be
/// called so, and `daemon:NAME` is the group of a daemon's tasks.
pub const DAEMON_PREFIX: &str = "daemon:";

/// A service; or a daemon (CreateDaemon), which to the scheduler is a service of the strategy DAEMON, of the name
/// `daemon:NAME`.
///
/// Writers: Create-, Update- and DeleteService write what the user asked for; the service scheduler writes the
/// progress of deployments, drops old ones, goes back to one and writes `status` INACTIVE; whoever writes a task counts
/// `failed_tasks`, `short_runs` and `breaker_failures`.
/// Counts of tasks are derived from the tasks when read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceRecord {
    pub account: String,
    pub region: String,
    pub cluster: String,
    pub name: String,
    pub status: ServiceStatus,
    pub desired_count: i32,
    /// What the newest deployment runs, or the PRIMARY task set; each of them keeps its own copy. Without one
    /// [`TaskSpec::is_nothing`].
    pub task_spec: TaskSpec,
    pub deployment_configuration: Stored<DeploymentConfiguration>,
    /// Of a daemon (CreateDaemon): what was asked for; `deployment_configuration` is what it means to the scheduler.
    #[serde(default)]
    pub daemon_configuration: Option<Stored<DaemonDeploymentConfiguration>>,
    pub scheduling_strategy: String,
    pub deployment_controller: String,
    pub availability_zone_rebalancing: String,
    pub health_check_grace_period_seconds: Option<i32>,
    pub enable_ecs_managed_tags: bool,
    pub enable_execute_command: bool,
    pub propagate_tags: String,
    pub role_arn: Option<String>,
    /// The PRIMARY first, then ACTIVE ones until their tasks are gone.
    pub deployments: Vec<DeploymentRecord>,
    /// Of a service with the EXTERNAL deployment controller, which has no deployments of its own; in the order in which
    /// they were made.
    #[serde(default)]
    pub task_sets: Vec<TaskSetRecord>,
    /// The service deployment that is under way, or the last one.
    #[serde(default)]
    pub service_deployment: Option<String>,
    /// What a deployment that fails goes back to: the last one that was completed.
    #[serde(default)]
    pub rollback_candidate: Option<RollbackCandidate>,
    /// The move between Availability Zones that is under way, or was given up a short time ago.
    #[serde(default)]
    pub zone_move: Option<ZoneMoveRecord>,
    pub steady_state_reported_at: Option<UnixMillis>,
    /// Number of its first event; those before belong to a deleted service of the same name.
    pub first_event: i64,
    /// Of the CreateService request that made it: the same one again is answered, another is refused.
    pub creation_fingerprint: String,
    pub tags: Tags,
    pub created_by: String,
    pub created_at: UnixMillis,
    pub updated_at: UnixMillis,
    pub version: i64,
}

/// Of a service whose tasks are being balanced over Availability Zones; the service scheduler's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneMoveRecord {
    /// Key of the task that was started in the zone that had too few, until another was stopped for it.
    pub task_key: Option<String>,
    /// After a move that failed: the next one not before then.
    pub not_before: Option<UnixMillis>,
}

/// What a deployment's tasks are made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskSpec {
    pub family: String,
    pub revision: i32,
    pub launch_type: Option<String>,
    pub capacity_provider_strategy: Vec<StrategyItem>,
    pub platform_version: Option<String>,
    pub network_configuration: Option<Stored<NetworkConfiguration>>,
    pub placement_constraints: Vec<Stored<PlacementConstraint>>,
    pub placement_strategy: Vec<Stored<PlacementStrategy>>,
    /// Of a daemon's revision only.
    #[serde(default)]
    pub daemon: Option<Box<DaemonSpec>>,
}

/// What a daemon's revision has beside its definition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonSpec {
    /// Names of the providers whose nodes it runs on.
    pub capacity_providers: Vec<String>,
    /// Nodes where it does not run get no other tasks.
    pub critical: bool,
    pub propagate_tags: bool,
    pub enable_ecs_managed_tags: bool,
    #[serde(default)]
    pub enable_execute_command: bool,
}

/// A completed deployment, as it was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RollbackCandidate {
    pub deployment_id: String,
    pub revision: String,
    /// With the platform as the user named it.
    pub task_spec: TaskSpec,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentRecord {
    /// `ecs-svc/` and 19 digits.
    pub id: String,
    /// The service revision that it deploys; none of one that an older binary made, until the scheduler has seen it.
    #[serde(default)]
    pub revision: Option<String>,
    pub role: DeploymentRole,
    pub task_spec: TaskSpec,
    pub desired_count: i32,
    pub rollout_state: RolloutState,
    pub rollout_state_reason: String,
    /// Tasks of this deployment that stopped without ever RUNNING, in a row; drives the delay before the next try.
    pub failed_tasks: i32,
    pub last_failure_at: Option<UnixMillis>,
    /// Tasks of this deployment that ran and ended by themselves within seconds, in a row; paces further starts.
    #[serde(default)]
    pub short_runs: i32,
    #[serde(default)]
    pub last_short_run_at: Option<UnixMillis>,
    /// What the circuit breaker counts: tasks that failed since the deployment began, or since one became healthy.
    #[serde(default)]
    pub breaker_failures: i32,
    #[serde(default)]
    pub last_breaker_failure_at: Option<UnixMillis>,
    /// No node took its last task; the next one that is placed clears it.
    pub without_room: bool,
    /// The event "unable to consistently start tasks" was written for these failures.
    pub impaired_reported: bool,
    pub created_at: UnixMillis,
    pub updated_at: UnixMillis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeploymentRole {
    Primary,
    Active,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RolloutState {
    InProgress,
    Completed,
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceStatus {
    Active,
    Draining,
    Inactive,
}

/// One service event; the newest 100 are kept. The key's number grows, so order is the key's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceEventRecord {
    pub account: String,
    pub region: String,
    pub cluster: String,
    pub service: String,
    pub sequence: i64,
    pub id: String,
    pub message: String,
    pub created_at: UnixMillis,
}

impl ServiceRecord {
    pub fn key_of(account: &str, region: &str, cluster: &str, name: &str) -> String {
        [account, region, cluster, name].join("/")
    }

    pub fn arn(&self) -> String {
        let scope = names::Scope::new(&self.account, &self.region);
        match self.daemon_name() {
            Some(daemon) => scope.daemon(&self.cluster, daemon),
            None => scope.service(&self.cluster, &self.name),
        }
    }

    /// Of a daemon, its name.
    pub fn daemon_name(&self) -> Option<&str> {
        self.name.strip_prefix(DAEMON_PREFIX)
    }

    /// Of its tasks.
    pub fn group(&self) -> String {
        match self.daemon_name() {
            Some(_) => self.name.clone(),
            None => format!("service:{}", self.name),
        }
    }

    /// The table's key of the service deployment that is under way, or was the last.
    pub fn service_deployment_key(&self) -> Option<String> {
        let id = self.service_deployment.as_ref()?;
        Some(super::ServiceDeploymentRecord::key_of(&self.key(), id))
    }

    pub fn primary(&self) -> Option<&DeploymentRecord> {
        self.deployments
            .iter()
            .find(|deployment| deployment.role == DeploymentRole::Primary)
    }

    /// Somebody else carries its deployments out, by task sets.
    pub fn is_external(&self) -> bool {
        self.deployment_controller == EXTERNAL
    }

    /// Everything that tasks are made by: deployments, or task sets.
    pub(crate) fn all_deployments(&self) -> impl Iterator<Item = &DeploymentRecord> {
        let of_sets = self.task_sets.iter().map(|set| &set.deployment);
        self.deployments.iter().chain(of_sets)
    }

    /// A deployment, or what a task set's tasks are made of.
    pub(crate) fn deployment(&self, id: &str) -> Option<&DeploymentRecord> {
        self.all_deployments()
            .find(|deployment| deployment.id == id)
    }

    pub(crate) fn deployment_mut(&mut self, id: &str) -> Option<&mut DeploymentRecord> {
        let of_sets = self.task_sets.iter_mut().map(|set| &mut set.deployment);
        let mut all = self.deployments.iter_mut().chain(of_sets);
        all.find(|deployment| deployment.id == id)
    }

    pub(crate) fn task_set(&self, id: &str) -> Option<&TaskSetRecord> {
        self.task_sets.iter().find(|set| set.id() == id)
    }

    pub(crate) fn task_set_mut(&mut self, id: &str) -> Option<&mut TaskSetRecord> {
        self.task_sets.iter_mut().find(|set| set.id() == id)
    }

    /// What decides whether its tasks can be moved between zones, with this spec.
    pub(crate) fn with_movable<T>(
        &self,
        spec: &TaskSpec,
        answer: impl FnOnce(&Movable<'_>) -> T,
    ) -> T {
        let strategy: Vec<_> = spec
            .placement_strategy
            .iter()
            .map(|own| own.0.clone())
            .collect();
        let constraints: Vec<_> = spec
            .placement_constraints
            .iter()
            .map(|own| own.0.clone())
            .collect();
        let maximum = self.deployment_configuration.maximum_percent;
        answer(&Movable {
            is_daemon: self.scheduling_strategy == DAEMON,
            is_external: self.is_external(),
            maximum_percent: maximum.unwrap_or(MAXIMUM_PERCENT),
            placement_strategy: &strategy,
            placement_constraints: &constraints,
        })
    }

    /// Shows what the PRIMARY task set says; without one, nothing but how tasks are placed.
    pub(crate) fn follow_primary_task_set(&mut self) {
        let mut sets = self.task_sets.iter();
        let primary = sets.find(|set| set.status == TaskSetStatus::Primary);
        self.task_spec = match primary {
            Some(primary) => primary.deployment.task_spec.clone(),
            None => TaskSpec::nothing(&self.task_spec),
        };
    }

    pub(crate) fn primary_mut(&mut self) -> Option<&mut DeploymentRecord> {
        self.deployments
            .iter_mut()
            .find(|deployment| deployment.role == DeploymentRole::Primary)
    }
}

impl DeploymentRecord {
    /// A PRIMARY deployment of which nothing has happened yet.
    pub(crate) fn new(
        id: String,
        revision: String,
        task_spec: TaskSpec,
        desired_count: i32,
        rollout_state_reason: String,
        now: UnixMillis,
    ) -> Self {
        Self {
            id,
            revision: Some(revision),
            role: DeploymentRole::Primary,
            task_spec,
            desired_count,
            rollout_state: RolloutState::InProgress,
            rollout_state_reason,
            failed_tasks: 0,
            last_failure_at: None,
            short_runs: 0,
            last_short_run_at: None,
            breaker_failures: 0,
            last_breaker_failure_at: None,
            without_room: false,
            impaired_reported: false,
            created_at: now,
            updated_at: now,
        }
    }

    /// Lets it try again at once.
    pub(crate) fn forget_failures(&mut self, now: UnixMillis) {
        self.failed_tasks = 0;
        self.last_failure_at = None;
        self.short_runs = 0;
        self.last_short_run_at = None;
        self.impaired_reported = false;
        self.updated_at = now;
    }

    /// What a later deployment that fails goes back to.
    pub(crate) fn as_candidate(&self) -> Option<RollbackCandidate> {
        Some(RollbackCandidate {
            deployment_id: self.id.clone(),
            revision: self.revision.clone()?,
            task_spec: self.task_spec.clone(),
        })
    }
}

impl TaskSpec {
    /// Of a service without a PRIMARY task set: its placement, and no more.
    pub(crate) fn nothing(placement: &Self) -> Self {
        Self {
            family: String::new(),
            revision: 0,
            launch_type: None,
            capacity_provider_strategy: vec![],
            platform_version: None,
            network_configuration: None,
            placement_constraints: placement.placement_constraints.clone(),
            placement_strategy: placement.placement_strategy.clone(),
            daemon: None,
        }
    }

    pub fn is_nothing(&self) -> bool {
        self.family.is_empty()
    }

    /// Of its task definition; a spec is in the account and region of its service.
    pub fn definition_key(&self, service: &ServiceRecord) -> String {
        let (account, region) = (&service.account, &service.region);
        TaskDefinitionRecord::key_of(account, region, &self.family, self.revision)
    }

    pub(crate) fn plan(&self) -> Plan {
        match &self.launch_type {
            Some(launch_type) => Plan::LaunchType(launch_type.clone()),
            None => Plan::Strategy(self.capacity_provider_strategy.clone()),
        }
    }

    /// What UpdateService changes by a new deployment; the rest holds for new tasks of the present one
    /// ("This parameter triggers a new service deployment" in the model).
    pub(crate) fn differs_for_deployment(&self, other: &Self) -> bool {
        (&self.family, self.revision) != (&other.family, other.revision)
            || self.platform_version != other.platform_version
            || self.network_configuration != other.network_configuration
    }
}

impl Record for ServiceRecord {
    const TABLE: &'static str = "ecs_services";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.cluster, &self.name)
    }

    fn indexes() -> &'static [Index<Self>] {
        // Those that a change of a node concerns.
        &[Index {
            name: "by_daemon_cluster",
            keys: |service| match service.scheduling_strategy.as_str() {
                DAEMON => vec![ClusterRecord::key_of(
                    &service.account,
                    &service.region,
                    &service.cluster,
                )],
                _ => vec![],
            },
        }]
    }
}

impl Record for ServiceEventRecord {
    const TABLE: &'static str = "ecs_service_events";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        format!(
            "{}/{}/{}/{}/{:016}",
            self.account, self.region, self.cluster, self.service, self.sequence
        )
    }

    fn indexes() -> &'static [Index<Self>] {
        &[]
    }
}

impl ServiceStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Draining => "DRAINING",
            Self::Inactive => "INACTIVE",
        }
    }
}

impl RolloutState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }
}

impl DeploymentRole {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "PRIMARY",
            Self::Active => "ACTIVE",
        }
    }
}
