//! ListLogGroups.

use api_logs::errors::invalid_parameter_exception;
use api_logs::operations::ListLogGroups;
use api_logs::types::{ListLogGroupsRequest, ListLogGroupsResponse, LogGroupSummary};
use kit::{Page, paginate};
use limits::LOG_LIST_GROUPS_ITEMS;
use wire::{Access, Caller, Error, Handle};

use crate::Logs;
use crate::answer::unsupported;
use crate::group::{Group, key_prefix, on_group};
use crate::records::GroupRecord;

impl Handle<ListLogGroups> for Logs {
    fn access(&self, caller: &Caller, _: &ListLogGroupsRequest) -> Access {
        on_group("logs:ListLogGroups", caller, None)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListLogGroupsRequest,
    ) -> Result<ListLogGroupsResponse, Error> {
        refuse_unsupported(&input)?;
        let most = input.limit.unwrap_or(LOG_LIST_GROUPS_ITEMS as i32);
        let page = Page::new(Some(most), input.next_token.as_deref(), 1000);
        let page =
            page.map_err(|_| invalid_parameter_exception("The specified nextToken is invalid."))?;
        let pattern = input.log_group_name_pattern.unwrap_or_default();
        let own = key_prefix(caller);
        let mut found = Vec::new();
        for info in self.store.groups(&own, None, usize::MAX) {
            let name = info.name.strip_prefix(&own).unwrap_or(&info.name);
            let class = GroupRecord::of(&info.settings)?.class();
            let is_class = input.log_group_class.as_ref().is_none_or(|it| *it == class);
            if is_class && fits(&pattern, name) {
                let group = Group::new(caller, name.to_owned());
                let arn = group.scope.log_group(&group.name);
                found.push(LogGroupSummary {
                    log_group_arn: arn.strip_suffix(":*").map(str::to_owned),
                    log_group_name: Some(group.name),
                    log_group_class: Some(class),
                });
            }
        }
        let name = |it: &LogGroupSummary| it.log_group_name.clone().unwrap_or_default();
        let (groups, next_token) = paginate(&page, found.into_iter(), name);
        Ok(ListLogGroupsResponse {
            log_groups: Some(groups),
            next_token,
        })
    }
}

/// Up to five parts with `|` between them, one of which the name holds; `^` asks for its beginning.
fn fits(pattern: &str, name: &str) -> bool {
    pattern.split('|').any(|part| match part.strip_prefix('^') {
        Some(beginning) => name.starts_with(beginning),
        None => name.contains(part),
    })
}

// coverage: ListLogGroups refuses accountIdentifiers: there is no cross-account observability yet
// coverage: ListLogGroups refuses includeLinkedAccounts: there is no cross-account observability yet
// coverage: ListLogGroups refuses dataSources: logs have no data sources
// coverage: ListLogGroups refuses fieldIndexNames: there are no field indexes
// coverage: ListLogGroups refuses logGroupTags: groups are listed by name and class
fn refuse_unsupported(input: &ListLogGroupsRequest) -> Result<(), Error> {
    if input
        .account_identifiers
        .as_ref()
        .is_some_and(|it| !it.is_empty())
        || input.include_linked_accounts == Some(true)
    {
        return Err(unsupported(
            "log groups of other accounts (accountIdentifiers, includeLinkedAccounts)",
        ));
    }
    if input.data_sources.as_ref().is_some_and(|it| !it.is_empty())
        || input
            .field_index_names
            .as_ref()
            .is_some_and(|it| !it.is_empty())
        || input
            .log_group_tags
            .as_ref()
            .is_some_and(|it| !it.is_empty())
    {
        return Err(unsupported(
            "listing log groups by data source, field index or tag (dataSources, fieldIndexNames, logGroupTags)",
        ));
    }
    Ok(())
}
