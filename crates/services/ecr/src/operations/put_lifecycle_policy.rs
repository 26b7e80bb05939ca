//! PutLifecyclePolicy.

use api_ecr::operations::PutLifecyclePolicy;
use api_ecr::types::{PutLifecyclePolicyRequest, PutLifecyclePolicyResponse};
use wire::{Access, Caller, Error, Handle};

use super::{registry_of, required};
use crate::access::on_repository;
use crate::records::{LifecyclePolicyRecord, repository_key};
use crate::{Ecr, lifecycle};

// coverage: PutLifecyclePolicy refuses lifecyclePolicyText: countType sinceImagePulled and sinceImageTransitioned, storageClass archive and transitions are not built
impl Handle<PutLifecyclePolicy> for Ecr {
    fn access(&self, caller: &Caller, input: &PutLifecyclePolicyRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:PutLifecyclePolicy", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: PutLifecyclePolicyRequest,
    ) -> Result<PutLifecyclePolicyResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let text = input.lifecycle_policy_text.unwrap_or_default();
        lifecycle::parse(&text)?;
        let now = self.clock.now();
        self.change_repository(&scope, &name, |tx, record| {
            let key = repository_key(&scope, &record.name);
            let known = tx.get::<LifecyclePolicyRecord>(&key);
            tx.put(LifecyclePolicyRecord {
                repository: key,
                text: text.clone(),
                updated_at: now,
                evaluated_at: known.and_then(|known| known.evaluated_at),
            });
            Ok(PutLifecyclePolicyResponse {
                registry_id: Some(record.account.clone()),
                repository_name: Some(record.name.clone()),
                lifecycle_policy_text: Some(text),
            })
        })
        .await
    }
}
