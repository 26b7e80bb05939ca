//! Facts that one service publishes for others: rows of tables that it alone writes, and that the others read and are
//! woken by through the change feed. So services meet without knowing each other.

use clock::UnixMillis;
use serde::{Deserialize, Serialize};
use state::{Index, Record, Schema};

/// The tables of all facts, for every service that writes or reads one.
pub fn schema(schema: Schema) -> Schema {
    schema
        .table::<AlarmState>()
        .table::<InstanceTermination>()
        .table::<InstanceProtection>()
        .table::<Function>()
        .table::<HookCall>()
        .table::<HookAnswer>()
}

/// The state of a CloudWatch alarm that a deployment may watch. Written by whoever owns alarms, one row for each alarm that
/// exists, in ALARM or not; read by ECS, which ends or rolls back deployments that watch it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmState {
    pub account: String,
    pub region: String,
    pub name: String,
    /// Its state is ALARM.
    pub in_alarm: bool,
    pub updated_at: UnixMillis,
}

/// A container instance that is about to be terminated. Written by whoever ends machines (an Auto Scaling group whose
/// termination waits for its lifecycle hook, an operator), and deleted when the machine is gone or stays; read by ECS,
/// which drains the instance if its provider's managed draining says so, and answers with [`InstanceProtection`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceTermination {
    /// Key of the container instance: `{account}/{region}/{cluster}/{id}`.
    pub container_instance_key: String,
    pub requested_at: UnixMillis,
}

/// What ECS says of each instance of an Auto Scaling group's capacity provider, for whoever scales the group. Written by ECS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceProtection {
    /// Key of the container instance: `{account}/{region}/{cluster}/{id}`.
    pub container_instance_key: String,
    pub capacity_provider: String,
    /// It must not be taken by scaling in: managed termination protection is on, and tasks run there that are no daemon's.
    pub is_protected_from_scale_in: bool,
    /// It runs no task any more but daemons': nothing is lost when it ends.
    pub is_empty: bool,
    /// Since when its termination waits for its tasks; `None`: it waits for nothing.
    pub draining_since: Option<UnixMillis>,
}

/// A function that can be called. Written by whoever runs functions, one row for each; read by ECS, which refuses lifecycle
/// hooks that name another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    pub arn: String,
}

/// A function is to be called for a lifecycle hook of a service deployment. Written by ECS when the hook's stage begins, and
/// deleted when nobody waits for the answer any more; read by whoever runs functions, which answers with a
/// [`HookAnswer`] of the same key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookCall {
    /// Key of the service deployment: `{account}/{region}/{cluster}/{service}/{id}`.
    pub service_deployment_key: String,
    pub hook_id: String,
    pub function_arn: String,
    /// What the function is told beside the hook: where the deployment stands.
    pub lifecycle_stage: String,
    pub service_deployment_arn: String,
    pub target_service_revision_arn: String,
    /// The hook as it was asked for, in the API's JSON: `roleArn`, `hookDetails`.
    pub hook: String,
    pub called_at: UnixMillis,
}

/// What a function said of a [`HookCall`]. One that says IN_PROGRESS is called again by whoever runs functions: it has no row
/// until it said more. Written by whoever runs functions, and deleted by it when the call is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookAnswer {
    pub service_deployment_key: String,
    pub hook_id: String,
    /// SUCCEEDED, or else FAILED.
    pub is_success: bool,
}

impl Record for Function {
    const TABLE: &'static str = "functions";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        self.arn.clone()
    }
}

impl HookCall {
    pub fn key_of(service_deployment_key: &str, hook_id: &str) -> String {
        [service_deployment_key, hook_id].join("/")
    }
}

impl Record for HookCall {
    const TABLE: &'static str = "ecs_hook_calls";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        Self::key_of(&self.service_deployment_key, &self.hook_id)
    }
}

impl Record for HookAnswer {
    const TABLE: &'static str = "hook_answers";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        HookCall::key_of(&self.service_deployment_key, &self.hook_id)
    }
}

impl AlarmState {
    pub fn key_of(account: &str, region: &str, name: &str) -> String {
        [account, region, name].join("/")
    }
}

impl Record for AlarmState {
    const TABLE: &'static str = "ecs_alarm_states";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.name)
    }
}

impl Record for InstanceTermination {
    const TABLE: &'static str = "instance_terminations";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        self.container_instance_key.clone()
    }
}

impl Record for InstanceProtection {
    const TABLE: &'static str = "ecs_instance_protections";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        self.container_instance_key.clone()
    }

    fn indexes() -> &'static [Index<Self>] {
        // Of one group: `{account}/{region}/{provider}`.
        &[Index {
            name: "by_provider",
            keys: |fact| {
                let mut parts = fact.container_instance_key.splitn(3, '/');
                let (account, region) = (parts.next(), parts.next());
                let scope = account.zip(region).into_iter();
                let provider = &fact.capacity_provider;
                scope
                    .map(|(account, region)| format!("{account}/{region}/{provider}"))
                    .collect()
            },
        }]
    }
}
