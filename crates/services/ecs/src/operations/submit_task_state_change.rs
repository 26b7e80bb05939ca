//! SubmitTaskStateChange: an agent tells how a task goes. At least once, so it must be idempotent.

use api_ecs::{
    errors, operations,
    types::{SubmitTaskStateChangeRequest, SubmitTaskStateChangeResponse},
};
use clock::UnixMillis;
use limits::CONTAINER_REASON_CHARACTERS;
use state::{Head, Record};
use wire::{Access, Caller, Error, Handle, Timestamp};

use crate::{
    Ecs, access,
    answer::Refusal,
    lookup,
    records::TaskRecord,
    report::{self, NodeReport},
};

/// What AWS answers; agents look at the status code only.
pub(super) const ACKNOWLEDGMENT: &str = "ACK";

// coverage: SubmitTaskStateChange ignores managedAgents: ECS Exec is not built
impl Handle<operations::SubmitTaskStateChange> for Ecs {
    fn access(&self, caller: &Caller, input: &SubmitTaskStateChangeRequest) -> Access {
        let scope = access::scope_of(caller);
        let cluster = access::cluster_of(input.cluster.as_deref());
        Access::action("ecs:SubmitTaskStateChange").resource(scope.cluster(&cluster))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: SubmitTaskStateChangeRequest,
    ) -> Result<SubmitTaskStateChangeResponse, Error> {
        let mut node_report = NodeReport {
            pull_started_at: input.pull_started_at.map(time),
            pull_stopped_at: input.pull_stopped_at.map(time),
            execution_stopped_at: input.execution_stopped_at.map(time),
            attachments: attachments(input.attachments),
            ..NodeReport::default()
        };
        node_report.state.status = report::parse_status(input.status.as_deref())?;
        node_report.state.reason = input
            .reason
            .map(|reason| reason.chars().take(CONTAINER_REASON_CHARACTERS).collect());
        for change in input.containers.into_iter().flatten() {
            node_report.add_container(change)?;
        }
        let task = input.task.unwrap_or_default();
        self.submit(caller, input.cluster.as_deref(), &task, &node_report)
            .await?;
        Ok(SubmitTaskStateChangeResponse {
            acknowledgment: Some(ACKNOWLEDGMENT.into()),
        })
    }
}

impl Ecs {
    /// Applies a report to the task that it names, and returns once that is durable.
    pub(super) async fn submit(
        &self,
        caller: &Caller,
        cluster: Option<&str>,
        task: &str,
        report: &NodeReport,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let unknown = self
            .transact(|tx| {
                let key = reported_key(caller, cluster, task)?;
                let Some(task) = tx.get::<TaskRecord>(&key) else {
                    return Ok(Some(key));
                };
                report::check_owner(tx, caller, &task)?;
                report::apply(tx, &task.key(), report, now);
                Ok::<_, Refusal>(None)
            })
            .await?;
        // A task that stopped long ago is acknowledged, so that the agent may forget it.
        match unknown {
            Some(key) if self.task_anywhere(&key).await?.is_none() => Err(not_found()),
            _ => Ok(()),
        }
    }
}

/// The key of the task; agents name it by ARN, whose cluster counts: a serverless node serves every cluster.
fn reported_key(caller: &Caller, cluster: Option<&str>, task: &str) -> Result<String, Error> {
    let named = names::TaskReference::parse(task)
        .ok()
        .and_then(|reference| reference.cluster);
    let cluster = match named {
        Some(named) => named,
        None => lookup::cluster_name(caller, cluster)?,
    };
    lookup::task_key(caller, &cluster, task)?.ok_or_else(not_found)
}

/// The task of an attachment, among those of the caller's nodes.
pub(super) fn task_of_attachment(
    head: &Head,
    caller: &Caller,
    attachment_arn: &str,
) -> Option<String> {
    let id = attachment_arn.rsplit('/').next()?;
    let prefix = format!("{}/{}/", caller.account, caller.region);
    let has_it = |task: &TaskRecord| {
        let interface = task.network_interface.as_ref();
        interface.is_some_and(|interface| interface.attachment_id == id)
    };
    match &caller.principal {
        wire::Principal::Node { node_id } => head
            .index::<crate::records::ContainerInstanceRecord>("by_node", node_id)
            .iter()
            .flat_map(|node| head.index::<TaskRecord>("by_container_instance", &node.key()))
            .find(|task| has_it(task))
            .map(|task| task.key()),
        _ => head
            .scan::<TaskRecord>(&prefix)
            .find(|task| has_it(task))
            .map(|task| task.key()),
    }
}

pub(super) fn attachments(
    changes: Option<Vec<api_ecs::types::AttachmentStateChange>>,
) -> Vec<(String, String)> {
    let changes = changes.into_iter().flatten();
    changes
        .filter_map(|change| Some((change.attachment_arn?, change.status?)))
        .collect()
}

fn time(time: Timestamp) -> UnixMillis {
    UnixMillis(time.as_millis())
}

fn not_found() -> Error {
    errors::invalid_parameter_exception("The referenced task was not found.")
}
