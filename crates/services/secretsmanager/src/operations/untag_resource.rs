//! UntagResource.

use api_secretsmanager::operations::UntagResource;
use api_secretsmanager::types::UntagResourceRequest;
use kit::answer::transact;
use kit::tags;
use state::Record;
use wire::{Access, Caller, Error, Handle, Unit};

use crate::reference::find_active;
use crate::{SecretRecord, SecretsManager};

impl Handle<UntagResource> for SecretsManager {
    fn access(&self, caller: &Caller, input: &UntagResourceRequest) -> Access {
        let access = self.on_secret(
            "secretsmanager:UntagResource",
            caller,
            input.secret_id.as_deref(),
        );
        let keys = input.tag_keys.iter().flatten();
        keys.fold(access, |access, key| {
            access.condition("aws:TagKeys", key.clone())
        })
    }

    async fn handle(&self, caller: &Caller, input: UntagResourceRequest) -> Result<Unit, Error> {
        let id = input.secret_id.unwrap_or_default();
        let keys = input.tag_keys.unwrap_or_default();
        transact(&self.store, |tx| {
            let secret = find_active(tx, caller, &id)?;
            tx.update::<SecretRecord>(&secret.key(), |secret| {
                tags::remove(&mut secret.tags, &keys)
            });
            Ok(Unit::default())
        })
        .await
    }
}
