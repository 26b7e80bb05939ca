//! TagResource.

use api_secretsmanager::operations::TagResource;
use api_secretsmanager::types::TagResourceRequest;
use kit::answer::transact;
use kit::tags::merge;
use wire::{Access, Caller, Error, Handle, Unit};

use super::{tags_of, with_tags};
use crate::reference::find_active;
use crate::refusals::bad_tags;
use crate::{SecretRecord, SecretsManager};

impl Handle<TagResource> for SecretsManager {
    fn access(&self, caller: &Caller, input: &TagResourceRequest) -> Access {
        let access = self.on_secret(
            "secretsmanager:TagResource",
            caller,
            input.secret_id.as_deref(),
        );
        with_tags(access, input.tags.as_deref())
    }

    async fn handle(&self, caller: &Caller, input: TagResourceRequest) -> Result<Unit, Error> {
        let id = input.secret_id.unwrap_or_default();
        let tags = tags_of(input.tags)?;
        transact(&self.store, |tx| {
            let mut secret = SecretRecord::clone(&*find_active(tx, caller, &id)?);
            merge(&mut secret.tags, &tags).map_err(|error| bad_tags(&error))?;
            tx.put(secret);
            Ok(Unit::default())
        })
        .await
    }
}
