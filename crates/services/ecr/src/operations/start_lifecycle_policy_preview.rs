//! StartLifecyclePolicyPreview: notes the policy and the time. What it would expire is worked out when it is looked at.

use api_ecr::operations::StartLifecyclePolicyPreview;
use api_ecr::types::{
    LifecyclePolicyPreviewStatus, StartLifecyclePolicyPreviewRequest,
    StartLifecyclePolicyPreviewResponse,
};
use wire::{Access, Caller, Error, Handle};

use super::{registry_of, required};
use crate::access::on_repository;
use crate::records::{LifecyclePolicyRecord, LifecyclePreviewRecord, repository_key};
use crate::refusals::lifecycle_policy_not_found;
use crate::{Ecr, lifecycle};

impl Handle<StartLifecyclePolicyPreview> for Ecr {
    fn access(&self, caller: &Caller, input: &StartLifecyclePolicyPreviewRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:StartLifecyclePolicyPreview", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: StartLifecyclePolicyPreviewRequest,
    ) -> Result<StartLifecyclePolicyPreviewResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let given = input.lifecycle_policy_text;
        given.as_deref().map(lifecycle::parse).transpose()?;
        let started_at = self.clock.now();
        self.change_repository(&scope, &name, |tx, record| {
            let repository = repository_key(&scope, &record.name);
            let text = match given {
                Some(text) => text,
                None => match tx.get::<LifecyclePolicyRecord>(&repository) {
                    Some(own) => own.text.clone(),
                    None => return Err(lifecycle_policy_not_found(&scope, &record.name).into()),
                },
            };
            tx.put(LifecyclePreviewRecord {
                repository,
                text: text.clone(),
                started_at,
            });
            Ok(StartLifecyclePolicyPreviewResponse {
                registry_id: Some(record.account.clone()),
                repository_name: Some(record.name.clone()),
                lifecycle_policy_text: Some(text),
                status: Some(LifecyclePolicyPreviewStatus::COMPLETE),
            })
        })
        .await
    }
}
