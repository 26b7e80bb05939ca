use api_ecs::{
    errors,
    operations::ListTaskDefinitions,
    types::{ListTaskDefinitionsRequest, ListTaskDefinitionsResponse, SortOrder},
};
use kit::page;
use limits::LIST_PAGE_ITEMS;
use state::Head;
use wire::{Access, Caller, Error, Handle};

use crate::{
    Ecs,
    access::scope_of,
    lookup,
    records::{TaskDefinitionRecord, TaskDefinitionStatus},
};

impl Handle<ListTaskDefinitions> for Ecs {
    fn access(&self, _caller: &Caller, _input: &ListTaskDefinitionsRequest) -> Access {
        Access::action("ecs:ListTaskDefinitions").resource("*")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListTaskDefinitionsRequest,
    ) -> Result<ListTaskDefinitionsResponse, Error> {
        let page = lookup::page(
            input.max_results,
            input.next_token.as_deref(),
            LIST_PAGE_ITEMS,
        )?;
        let status = status(&input)?;
        let is_descending = is_descending(&input)?;
        let family = input.family_prefix.filter(|family| !family.is_empty());
        let (items, next_token) = self
            .look(|head| {
                let items = matching(head, caller, family.as_deref(), status);
                let key = |item: &(String, String)| item.0.clone();
                Ok(if is_descending {
                    page::paginate_descending(&page, items.into_iter().rev(), key)
                } else {
                    page::paginate(&page, items.into_iter(), key)
                })
            })
            .await?;
        Ok(ListTaskDefinitionsResponse {
            task_definition_arns: Some(items.into_iter().map(|(_, arn)| arn).collect()),
            next_token,
        })
    }
}

/// Sort keys with ARNs, by family and revision.
fn matching(
    head: &Head,
    caller: &Caller,
    family: Option<&str>,
    status: TaskDefinitionStatus,
) -> Vec<(String, String)> {
    let mut prefix = scope_of(caller).key_prefix();
    if let Some(family) = family {
        prefix = format!("{prefix}{family}/");
    }
    let mut items: Vec<(String, String)> = head
        .scan::<TaskDefinitionRecord>(&prefix)
        .filter(|record| record.status == status && !record.is_of_daemon())
        // Families sort as wholes: `web` before `web-api`, which the table's keys would turn around.
        .map(|record| {
            (
                format!("{}\0{:010}", record.family, record.revision),
                record.arn(),
            )
        })
        .collect();
    items.sort_unstable();
    items
}

fn status(input: &ListTaskDefinitionsRequest) -> Result<TaskDefinitionStatus, Error> {
    match input.status.as_ref().map(|status| status.as_str()) {
        None | Some("ACTIVE") => Ok(TaskDefinitionStatus::Active),
        Some("INACTIVE") => Ok(TaskDefinitionStatus::Inactive),
        Some("DELETE_IN_PROGRESS") => Ok(TaskDefinitionStatus::DeleteInProgress),
        Some(other) => Err(errors::invalid_parameter_exception(format!(
            "Invalid task definition status: '{other}'."
        ))),
    }
}

fn is_descending(input: &ListTaskDefinitionsRequest) -> Result<bool, Error> {
    match &input.sort {
        None => Ok(false),
        Some(order) if *order == SortOrder::ASC => Ok(false),
        Some(order) if *order == SortOrder::DESC => Ok(true),
        Some(other) => Err(errors::invalid_parameter_exception(format!(
            "Invalid sort order: '{other}'."
        ))),
    }
}
