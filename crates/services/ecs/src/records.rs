//! The tables of ECS. Every key begins with `{account}/{region}/`, so that one store can hold many of both.
//!
//! One writer per field: where a record has fields of several writers, its module says which.

mod account_setting;
mod attachment;
mod capacity_provider;
mod cluster;
mod container_instance;
mod service;
mod service_deployment;
mod task;
mod task_definition;
mod task_set;
mod token;

pub use account_setting::AccountSettingRecord;
pub use attachment::ElasticNetworkInterface;
pub use capacity_provider::CapacityProviderRecord;
pub use cluster::{ClusterRecord, ClusterStatus, StrategyItem};
pub use container_instance::{
    AgentConnection, Attribute, AwaitedDaemon, CAPACITY_PROVIDER_ATTRIBUTE, Capacity,
    ContainerInstanceRecord, ContainerInstanceStatus,
};
pub use service::{
    DAEMON, DAEMON_PREFIX, DaemonSpec, DeploymentRecord, DeploymentRole, EXTERNAL, REPLICA,
    RollbackCandidate, RolloutState, ServiceEventRecord, ServiceRecord, ServiceStatus, TaskSpec,
    ZoneMoveRecord,
};
pub use service_deployment::{
    AlarmMonitor, BreakerState, HookAction, HookRecord, HookStatus, MonitorStatus, RevisionImage,
    RevisionShare, RollbackState, RolloutStatus, ServiceDeploymentRecord, ServiceRevisionRecord,
    ShareCounts, Stage, StageState, Wait,
};
pub use task::{
    ContainerRecord, DesiredStatus, HealthStatus, NetworkBinding, PlacingRecord, TaskRecord,
    TaskStatus,
};
pub(crate) use task_definition::task_definition_arn;
pub use task_definition::{FamilyRecord, TaskDefinitionRecord, TaskDefinitionStatus};
pub use task_set::{Stability, TaskSetRecord, TaskSetStatus};
pub use token::ClientTokenRecord;
// As CloudWatch publishes it.
pub use kit::facts::AlarmState as AlarmStateRecord;
// Shared with EC2, which shows them.
pub use vpc::{AddressRecord, SubnetRecord};

/// Tags in AWS's order of writing; keys are unique.
pub type Tags = Vec<(String, String)>;
