//! SubmitAttachmentStateChanges: network interfaces that a node attached or let go.

use api_ecs::{
    errors, operations,
    types::{SubmitAttachmentStateChangesRequest, SubmitAttachmentStateChangesResponse},
};
use limits::DESCRIBE_ITEMS;
use wire::{Access, Caller, Error, Handle};

use super::submit_task_state_change::{ACKNOWLEDGMENT, attachments, task_of_attachment};
use crate::{
    Ecs, access,
    answer::Refusal,
    report::{self, NodeReport},
};

impl Handle<operations::SubmitAttachmentStateChanges> for Ecs {
    fn access(&self, caller: &Caller, input: &SubmitAttachmentStateChangesRequest) -> Access {
        let scope = access::scope_of(caller);
        let cluster = access::cluster_of(input.cluster.as_deref());
        Access::action("ecs:SubmitAttachmentStateChanges").resource(scope.cluster(&cluster))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: SubmitAttachmentStateChangesRequest,
    ) -> Result<SubmitAttachmentStateChangesResponse, Error> {
        let attachments = attachments(input.attachments);
        if attachments.len() > DESCRIBE_ITEMS {
            return Err(errors::invalid_parameter_exception(format!(
                "attachments can have at most {DESCRIBE_ITEMS} items."
            )));
        }
        let now = self.clock.now();
        self.transact(|tx| {
            for (arn, status) in attachments {
                // One that went with its task needs no news.
                if let Some(key) = task_of_attachment(tx, caller, &arn) {
                    let report = NodeReport {
                        attachments: vec![(arn, status)],
                        ..NodeReport::default()
                    };
                    report::apply(tx, &key, &report, now);
                }
            }
            Ok::<_, Refusal>(())
        })
        .await?;
        Ok(SubmitAttachmentStateChangesResponse {
            acknowledgment: Some(ACKNOWLEDGMENT.into()),
        })
    }
}
