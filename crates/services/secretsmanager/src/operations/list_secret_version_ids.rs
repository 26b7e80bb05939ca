//! ListSecretVersionIds.

use api_secretsmanager::operations::ListSecretVersionIds;
use api_secretsmanager::types::{
    ListSecretVersionIdsRequest, ListSecretVersionIdsResponse, SecretVersionsListEntry,
};
use kit::answer::look;
use kit::paginate;
use limits::SECRETS_PAGE_ITEMS;
use wire::{Access, Caller, Error, Handle};

use super::page_of;
use crate::describe::timestamp;
use crate::reference::find;
use crate::{SecretsManager, values};

impl Handle<ListSecretVersionIds> for SecretsManager {
    fn access(&self, caller: &Caller, input: &ListSecretVersionIdsRequest) -> Access {
        self.on_secret(
            "secretsmanager:ListSecretVersionIds",
            caller,
            input.secret_id.as_deref(),
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListSecretVersionIdsRequest,
    ) -> Result<ListSecretVersionIdsResponse, Error> {
        let id = input.secret_id.unwrap_or_default();
        let page = page_of(
            input.max_results,
            input.next_token.as_deref(),
            SECRETS_PAGE_ITEMS,
        )?;
        let with_deprecated = input.include_deprecated.unwrap_or(false);
        look(&self.store, |head| {
            let secret = find(head, caller, &id)?;
            let shown = values::all(head, &secret).into_iter();
            let shown =
                shown.filter(|it| with_deprecated || !secret.stages_of(&it.version_id).is_empty());
            let key = |it: &std::sync::Arc<crate::SecretVersionRecord>| {
                format!("{:020} {}", it.created_at.as_millis(), it.version_id)
            };
            let (shown, next_token) = paginate(&page, shown, key);
            let entries = shown.into_iter().map(|version| SecretVersionsListEntry {
                created_date: Some(timestamp(version.created_at)),
                version_id: Some(version.version_id.clone()),
                version_stages: Some(secret.stages_of(&version.version_id))
                    .filter(|stages| !stages.is_empty()),
                ..Default::default()
            });
            Ok(ListSecretVersionIdsResponse {
                arn: Some(secret.arn()),
                name: Some(secret.name.clone()),
                next_token,
                versions: Some(entries.collect()),
            })
        })
        .await
    }
}
