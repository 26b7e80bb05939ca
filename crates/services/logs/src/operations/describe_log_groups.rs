//! DescribeLogGroups.

use std::collections::BTreeSet;

use api_logs::errors::invalid_parameter_exception;
use api_logs::operations::DescribeLogGroups;
use api_logs::types::{DescribeLogGroupsRequest, DescribeLogGroupsResponse, LogGroup};
use limits::LOG_DESCRIBE_ITEMS;
use log_store::GroupInfo;
use wire::{Access, Caller, Error, Handle};

use super::limit;
use crate::Logs;
use crate::answer::unsupported;
use crate::group::{Group, key_prefix, on_group};
use crate::records::GroupRecord;

impl Handle<DescribeLogGroups> for Logs {
    fn access(&self, caller: &Caller, _: &DescribeLogGroupsRequest) -> Access {
        on_group("logs:DescribeLogGroups", caller, None)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeLogGroupsRequest,
    ) -> Result<DescribeLogGroupsResponse, Error> {
        refuse_unsupported(&input)?;
        let name_prefix = input.log_group_name_prefix.unwrap_or_default();
        let part = input.log_group_name_pattern.unwrap_or_default();
        if !name_prefix.is_empty() && !part.is_empty() {
            return Err(invalid_parameter_exception(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
            ));
        }
        let limit = limit(input.limit, LOG_DESCRIBE_ITEMS)?;
        let own = key_prefix(caller);
        let prefix = format!("{own}{name_prefix}");
        // The token is the last name given.
        let after = input.next_token.map(|last| format!("{own}{last}"));
        let named = names_of(caller, input.log_group_identifiers)?;
        let mut groups = Vec::new();
        for info in self.store.groups(&prefix, after.as_deref(), usize::MAX) {
            let group = render(caller, &own, &info)?;
            let name = group.log_group_name.as_deref().unwrap_or_default();
            let is_class = |class| group.log_group_class.as_ref() == Some(class);
            if name.contains(&part)
                && input.log_group_class.as_ref().is_none_or(is_class)
                && named.as_ref().is_none_or(|named| named.contains(name))
            {
                groups.push(group);
            }
            if groups.len() > limit {
                break;
            }
        }
        let is_more = groups.len() > limit;
        groups.truncate(limit);
        let last = groups.last().filter(|_| is_more);
        Ok(DescribeLogGroupsResponse {
            next_token: last.and_then(|group| group.log_group_name.clone()),
            log_groups: Some(groups),
        })
    }
}

// coverage: DescribeLogGroups refuses accountIdentifiers: there is no cross-account observability yet
// coverage: DescribeLogGroups refuses includeLinkedAccounts: there is no cross-account observability yet
fn refuse_unsupported(input: &DescribeLogGroupsRequest) -> Result<(), Error> {
    let is_asked = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    if is_asked(&input.account_identifiers) || input.include_linked_accounts == Some(true) {
        return Err(unsupported(
            "log groups of other accounts (accountIdentifiers, includeLinkedAccounts)",
        ));
    }
    let is_named = is_asked(&input.log_group_identifiers);
    if is_named && (input.log_group_name_prefix.is_some() || input.log_group_name_pattern.is_some())
    {
        return Err(invalid_parameter_exception(
            "LogGroup identifiers are mutually exclusive with LogGroup name prefix and LogGroup name pattern.",
        ));
    }
    Ok(())
}

fn names_of(
    caller: &Caller,
    identifiers: Option<Vec<String>>,
) -> Result<Option<BTreeSet<String>>, Error> {
    let identifiers = identifiers.filter(|identifiers| !identifiers.is_empty());
    let name = |it| Group::identified(caller, None, Some(it)).map(|group| group.name);
    identifiers
        .map(|identifiers| identifiers.into_iter().map(name).collect())
        .transpose()
}

fn render(caller: &Caller, own: &str, info: &GroupInfo) -> Result<LogGroup, Error> {
    let record = GroupRecord::of(&info.settings)?;
    let name = info.name.strip_prefix(own).unwrap_or(&info.name);
    let group = Group::new(caller, name.to_owned());
    let arn = group.scope.log_group(&group.name);
    Ok(LogGroup {
        log_group_arn: arn.strip_suffix(":*").map(str::to_owned),
        arn: Some(arn),
        log_group_name: Some(group.name),
        creation_time: Some(info.created_at),
        metric_filter_count: i32::try_from(record.metric_filters.len()).ok(),
        retention_in_days: info
            .settings
            .retention_days
            .and_then(|days| i32::try_from(days).ok()),
        deletion_protection_enabled: Some(record.is_deletion_protected),
        stored_bytes: i64::try_from(info.stored_bytes).ok(),
        log_group_class: Some(record.class()),
        ..LogGroup::default()
    })
}
