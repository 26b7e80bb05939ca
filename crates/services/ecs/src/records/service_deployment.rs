use api_ecs::types::{DaemonDeploymentConfiguration, DeploymentConfiguration};
use clock::UnixMillis;
use kit::facts::AlarmState;
use serde::{Deserialize, Serialize};
use state::{Index, Record};
use wire::Stored;

use super::{DAEMON_PREFIX, TaskSpec};

// The rules own the states; the tables keep them.
pub use ecs_rules::deployment::{
    Wait,
    rollout::RolloutStatus,
    stages::{HookAction, HookStatus, Stage},
};

/// What one deployment of a service deploys; never changes, but for the digests of its images.
///
/// Writers: Create- and UpdateService make it (the service scheduler, for a service of an older binary); whoever
/// takes a node's report writes `images[].digest`, once, from the first task that says. It goes with the last service deployment
/// that names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceRevisionRecord {
    pub account: String,
    pub region: String,
    pub cluster: String,
    pub service: String,
    /// 19 digits.
    pub id: String,
    /// `ecs-svc/…` of the deployment that it is deployed by.
    pub deployment_id: String,
    pub task_spec: TaskSpec,
    pub images: Vec<RevisionImage>,
    pub created_at: UnixMillis,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionImage {
    pub container: String,
    pub image: String,
    /// What the tasks really ran.
    pub digest: Option<String>,
}

/// One roll-out of a service revision, from its beginning to its end.
///
/// Writers: Create- and UpdateService make it, UpdateService and DeleteService end the one before it,
/// StopServiceDeployment writes the `…_REQUESTED` statuses, ContinueServiceDeployment answers hooks; everything else is
/// the service scheduler's. Of a service the newest [`limits::SERVICE_DEPLOYMENTS_KEPT`] are kept, for
/// [`limits::SERVICE_DEPLOYMENT_DAYS`] days; older ones are dropped. They go with their service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceDeploymentRecord {
    pub account: String,
    pub region: String,
    pub cluster: String,
    pub service: String,
    /// 21 characters.
    pub id: String,
    pub status: RolloutStatus,
    pub status_reason: Option<String>,
    /// As it was when the deployment began.
    pub configuration: Stored<DeploymentConfiguration>,
    /// Of a daemon's deployment, as it was asked for.
    #[serde(default)]
    pub daemon_configuration: Option<Stored<DaemonDeploymentConfiguration>>,
    pub sources: Vec<RevisionShare>,
    pub target: RevisionShare,
    pub breaker: BreakerState,
    pub alarms: AlarmMonitor,
    pub rollback: Option<RollbackState>,
    /// Since when it has reached its goal and is only watched.
    pub baking_since: Option<UnixMillis>,
    /// None of a rolling deployment.
    pub stages: Option<StageState>,
    /// What it waited for when the record was written last; [`crate::Ecs::explain_service`] says what it waits for now.
    pub waits_for: Vec<Wait>,
    pub created_at: UnixMillis,
    pub started_at: Option<UnixMillis>,
    pub finished_at: Option<UnixMillis>,
    pub stopped_at: Option<UnixMillis>,
    pub updated_at: UnixMillis,
}

/// A revision's part in a service deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionShare {
    pub revision: String,
    pub deployment_id: String,
    /// As they were at the end; until then they are derived from the tasks.
    pub counts: Option<ShareCounts>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareCounts {
    pub requested: i32,
    pub running: i32,
    pub pending: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerState {
    pub status: MonitorStatus,
    /// As they were at the end; until then the deployment's own counter is the truth.
    pub failures: i32,
    pub threshold: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmMonitor {
    pub status: MonitorStatus,
    pub names: Vec<String>,
    pub triggered: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MonitorStatus {
    Disabled,
    Monitoring,
    MonitoringComplete,
    Triggered,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackState {
    pub reason: String,
    pub revision: Option<String>,
    pub started_at: UnixMillis,
}

/// Where a deployment that shifts traffic stands. The weights are for whoever balances load to follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageState {
    pub stage: Stage,
    pub entered_at: UnixMillis,
    /// The target revision's share of production traffic; the source has the rest.
    pub production_permille: i32,
    pub shifted_at: Option<UnixMillis>,
    pub test_permille: i32,
    /// Of every stage so far.
    pub hooks: Vec<HookRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRecord {
    /// `ecs-pause-` and 43 characters.
    pub id: String,
    pub stage: Stage,
    /// The share of production traffic that the target had when it began: every step of it has its own hooks.
    #[serde(default)]
    pub production_permille: i32,
    pub status: HookStatus,
    pub expires_at: UnixMillis,
    pub timeout_action: HookAction,
    /// A function answers it; otherwise ContinueServiceDeployment does.
    #[serde(default)]
    pub function_arn: Option<String>,
}

impl StageState {
    pub fn set_hook(&mut self, id: &str, status: HookStatus) {
        if let Some(hook) = self.hooks.iter_mut().find(|hook| hook.id == id) {
            hook.status = status;
        }
    }
}

impl ServiceRevisionRecord {
    pub fn key_of(service_key: &str, id: &str) -> String {
        format!("{service_key}/{id}")
    }

    pub fn service_key(&self) -> String {
        super::ServiceRecord::key_of(&self.account, &self.region, &self.cluster, &self.service)
    }

    pub fn arn(&self) -> String {
        let scope = names::Scope::new(&self.account, &self.region);
        revision_arn(&scope, &self.cluster, &self.service, &self.id)
    }
}

impl ServiceDeploymentRecord {
    pub fn key_of(service_key: &str, id: &str) -> String {
        format!("{service_key}/{id}")
    }

    pub fn service_key(&self) -> String {
        super::ServiceRecord::key_of(&self.account, &self.region, &self.cluster, &self.service)
    }

    pub fn arn(&self) -> String {
        let scope = names::Scope::new(&self.account, &self.region);
        match self.service.strip_prefix(DAEMON_PREFIX) {
            Some(daemon) => scope.daemon_deployment(&self.cluster, daemon, &self.id),
            None => scope.service_deployment(&self.cluster, &self.service, &self.id),
        }
    }

    pub fn revision_arn(&self, revision: &str) -> String {
        let scope = names::Scope::new(&self.account, &self.region);
        revision_arn(&scope, &self.cluster, &self.service, revision)
    }
}

fn revision_arn(scope: &names::Scope, cluster: &str, service: &str, id: &str) -> String {
    match service.strip_prefix(DAEMON_PREFIX) {
        Some(daemon) => scope.daemon_revision(cluster, daemon, id),
        None => scope.service_revision(cluster, service, id),
    }
}

impl RevisionShare {
    pub fn new(revision: String, deployment_id: String) -> Self {
        Self {
            revision,
            deployment_id,
            counts: None,
        }
    }
}

impl MonitorStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "DISABLED",
            Self::Monitoring => "MONITORING",
            Self::MonitoringComplete => "MONITORING_COMPLETE",
            Self::Triggered => "TRIGGERED",
        }
    }

    /// The deployment is over.
    pub fn over(self) -> Self {
        match self {
            Self::Monitoring => Self::MonitoringComplete,
            other => other,
        }
    }
}

impl Record for ServiceRevisionRecord {
    const TABLE: &'static str = "ecs_service_revisions";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        Self::key_of(&self.service_key(), &self.id)
    }

    fn indexes() -> &'static [Index<Self>] {
        &[]
    }
}

impl Record for ServiceDeploymentRecord {
    const TABLE: &'static str = "ecs_service_deployments";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        Self::key_of(&self.service_key(), &self.id)
    }

    fn indexes() -> &'static [Index<Self>] {
        &[Index {
            name: "by_alarm",
            keys: |deployment| {
                if deployment.status.is_over() {
                    return vec![];
                }
                let names = deployment.alarms.names.iter();
                names
                    .map(|name| AlarmState::key_of(&deployment.account, &deployment.region, name))
                    .collect()
            },
        }]
    }
}
