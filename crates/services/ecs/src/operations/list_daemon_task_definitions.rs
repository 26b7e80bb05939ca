use std::sync::Arc;

use api_ecs::{
    errors,
    operations::ListDaemonTaskDefinitions,
    types::{
        DaemonTaskDefinitionRevisionFilter, DaemonTaskDefinitionStatusFilter,
        ListDaemonTaskDefinitionsRequest, ListDaemonTaskDefinitionsResponse, SortOrder,
    },
};
use kit::page;
use limits::LIST_PAGE_ITEMS;
use wire::{Access, Caller, Error, Handle};

use super::daemon_task_definitions::family_of;
use crate::{
    Ecs,
    access::scope_of,
    lookup,
    records::{FamilyRecord, TaskDefinitionRecord, TaskDefinitionStatus},
    render,
};

impl Handle<ListDaemonTaskDefinitions> for Ecs {
    fn access(&self, _caller: &Caller, _input: &ListDaemonTaskDefinitionsRequest) -> Access {
        Access::action("ecs:ListDaemonTaskDefinitions").resource("*")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListDaemonTaskDefinitionsRequest,
    ) -> Result<ListDaemonTaskDefinitionsResponse, Error> {
        let page = lookup::page(
            input.max_results,
            input.next_token.as_deref(),
            LIST_PAGE_ITEMS,
        )?;
        let filter = Filter::of_request(&input)?;
        let (found, next_token) = self
            .look(|head| {
                let prefix = format!("{}{}", scope_of(caller).key_prefix(), filter.prefix);
                let mut found: Vec<Arc<TaskDefinitionRecord>> = head
                    .scan::<TaskDefinitionRecord>(&prefix)
                    .filter(|record| filter.matches(record))
                    .filter(|record| {
                        let key =
                            FamilyRecord::key_of(&record.account, &record.region, &record.family);
                        let last = head
                            .get::<FamilyRecord>(&key)
                            .map(|family| family.latest_revision);
                        !filter.last_only || last == Some(record.revision)
                    })
                    .cloned()
                    .collect();
                found.sort_by_key(position);
                Ok(if filter.is_descending {
                    page::paginate_descending(&page, found.into_iter().rev(), position)
                } else {
                    page::paginate(&page, found.into_iter(), position)
                })
            })
            .await?;
        let summaries = found
            .iter()
            .map(|record| render::daemon::task_definition_summary(record));
        Ok(ListDaemonTaskDefinitionsResponse {
            daemon_task_definitions: Some(summaries.collect()),
            next_token,
        })
    }
}

struct Filter {
    /// Of the keys after account and region.
    prefix: String,
    /// None: whatever it is.
    status: Option<TaskDefinitionStatus>,
    last_only: bool,
    is_descending: bool,
}

impl Filter {
    fn of_request(input: &ListDaemonTaskDefinitionsRequest) -> Result<Self, Error> {
        let family = input.family.as_deref().filter(|family| !family.is_empty());
        let prefix = input.family_prefix.as_deref().unwrap_or_default();
        let invalid = |what: &str, value: &str| {
            Err(errors::invalid_parameter_exception(format!(
                "Invalid {what}: '{value}'."
            )))
        };
        let status = input
            .status
            .as_ref()
            .map(DaemonTaskDefinitionStatusFilter::as_str);
        let revision = input
            .revision
            .as_ref()
            .map(DaemonTaskDefinitionRevisionFilter::as_str);
        Ok(Self {
            prefix: match family {
                Some(family) if !prefix.is_empty() => {
                    return Err(errors::invalid_parameter_exception(format!(
                        "cannot specify multiple filters: family '{family}' and familyPrefix."
                    )));
                }
                Some(family) => format!("{}/", family_of(family)),
                None => family_of(prefix),
            },
            status: match status {
                None | Some("" | "ACTIVE") => Some(TaskDefinitionStatus::Active),
                Some("DELETE_IN_PROGRESS") => Some(TaskDefinitionStatus::DeleteInProgress),
                Some("ALL") => None,
                Some(other) => return invalid("daemon task definition status", other),
            },
            last_only: match revision {
                None | Some("") => false,
                Some("LAST_REGISTERED") => true,
                Some(other) => return invalid("revision filter", other),
            },
            is_descending: match input.sort.as_ref().map(SortOrder::as_str) {
                None | Some("" | "ASC") => false,
                Some("DESC") => true,
                Some(other) => return invalid("sort order", other),
            },
        })
    }

    fn matches(&self, record: &TaskDefinitionRecord) -> bool {
        self.status.is_none_or(|status| record.status == status)
    }
}

/// Families sort as wholes: `web` before `web-api`.
#[allow(clippy::ptr_arg, reason = "what pages are asked for")]
fn position(record: &Arc<TaskDefinitionRecord>) -> String {
    format!("{}\0{:010}", record.family, record.revision)
}
