//! ListSecrets.

use api_secretsmanager::operations::ListSecrets;
use api_secretsmanager::types::{
    ListSecretsRequest, ListSecretsResponse, SortByType, SortOrderType,
};
use kit::answer::look;
use kit::page::paginate_descending;
use kit::paginate;
use limits::SECRETS_PAGE_ITEMS;
use wire::{Access, Caller, Error, Handle};

use super::page_of;
use crate::SecretsManager;
use crate::describe::list_entry;
use crate::filter::Filters;
use crate::records::{SecretRecord, secret_key};

impl Handle<ListSecrets> for SecretsManager {
    fn access(&self, _caller: &Caller, _input: &ListSecretsRequest) -> Access {
        Access::action("secretsmanager:ListSecrets")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListSecretsRequest,
    ) -> Result<ListSecretsResponse, Error> {
        let filters = Filters::read(input.filters)?;
        let page = page_of(
            input.max_results,
            input.next_token.as_deref(),
            SECRETS_PAGE_ITEMS,
        )?;
        let with_deleted = input.include_planned_deletion.unwrap_or(false);
        let sort_by = input.sort_by.unwrap_or(SortByType::CREATED_DATE);
        let descending = input.sort_order == Some(SortOrderType::DESC);
        let prefix = secret_key(&caller.account, &caller.region, "");
        let (list, next_token) = look(&self.store, |head| {
            let secrets = head.scan::<SecretRecord>(&prefix);
            let secrets = secrets.filter(|secret| with_deleted || secret.deletion.is_none());
            let mut secrets: Vec<_> = secrets.filter(|secret| filters.pass(secret)).collect();
            let key = |secret: &&std::sync::Arc<SecretRecord>| sort_key(secret, &sort_by);
            secrets.sort_by_cached_key(key);
            let (secrets, token) = match descending {
                false => paginate(&page, secrets.into_iter(), key),
                true => paginate_descending(&page, secrets.into_iter().rev(), key),
            };
            Ok((
                secrets
                    .into_iter()
                    .map(|secret| list_entry(secret))
                    .collect(),
                token,
            ))
        })
        .await?;
        Ok(ListSecretsResponse {
            next_token,
            secret_list: Some(list),
        })
    }
}

/// Unique, so that pages add up.
fn sort_key(secret: &SecretRecord, by: &SortByType) -> String {
    let at = match by {
        by if *by == SortByType::NAME => return secret.name.clone(),
        by if *by == SortByType::LAST_ACCESSED_DATE => secret.accessed_at.unwrap_or_default(),
        by if *by == SortByType::LAST_CHANGED_DATE => secret.changed_at,
        _ => secret.created_at,
    };
    format!("{:020} {}", at.as_millis(), secret.name)
}
