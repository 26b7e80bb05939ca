use api_ecs::{
    errors,
    operations::ListTaskDefinitionFamilies,
    types::{ListTaskDefinitionFamiliesRequest, ListTaskDefinitionFamiliesResponse},
};
use kit::paginate;
use limits::LIST_PAGE_ITEMS;
use state::Record;
use wire::{Access, Caller, Error, Handle};

use crate::{
    Ecs,
    access::scope_of,
    lookup,
    records::{DAEMON_PREFIX, FamilyRecord, TaskDefinitionRecord},
};

impl Handle<ListTaskDefinitionFamilies> for Ecs {
    fn access(&self, _caller: &Caller, _input: &ListTaskDefinitionFamiliesRequest) -> Access {
        Access::action("ecs:ListTaskDefinitionFamilies").resource("*")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListTaskDefinitionFamiliesRequest,
    ) -> Result<ListTaskDefinitionFamiliesResponse, Error> {
        let page = lookup::page(
            input.max_results,
            input.next_token.as_deref(),
            LIST_PAGE_ITEMS,
        )?;
        let wanted_active = match input.status.as_ref().map(|status| status.as_str()) {
            None | Some("ALL") => None,
            Some("ACTIVE") => Some(true),
            Some("INACTIVE") => Some(false),
            Some(other) => {
                return Err(errors::invalid_parameter_exception(format!(
                    "Invalid task definition family status: '{other}'."
                )));
            }
        };
        let prefix = format!(
            "{}{}",
            scope_of(caller).key_prefix(),
            input.family_prefix.unwrap_or_default()
        );
        let (families, next_token) = self
            .look(|head| {
                let families = head
                    .scan::<FamilyRecord>(&prefix)
                    .filter(|record| !record.family.starts_with(DAEMON_PREFIX))
                    // A family whose revisions were all deleted is not shown, although its numbers go on.
                    .filter(|record| {
                        let prefix = format!("{}/", record.key());
                        head.scan::<TaskDefinitionRecord>(&prefix).next().is_some()
                    })
                    .filter(|record| {
                        wanted_active.is_none_or(|active| {
                            lookup::latest_active(head, caller, &record.family).is_some() == active
                        })
                    })
                    .map(|record| record.family.clone());
                Ok(paginate(&page, families, |family| family.clone()))
            })
            .await?;
        Ok(ListTaskDefinitionFamiliesResponse {
            families: Some(families),
            next_token,
        })
    }
}
