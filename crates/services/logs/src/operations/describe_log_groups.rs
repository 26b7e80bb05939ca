//! DescribeLogGroups.

use api_logs::errors::invalid_parameter_exception;
use api_logs::operations::DescribeLogGroups;
use api_logs::types::{
    DescribeLogGroupsRequest, DescribeLogGroupsResponse, LogGroup, LogGroupClass,
};
use limits::LOG_DESCRIBE_ITEMS;
use log_store::GroupInfo;
use wire::{Access, Caller, Error, Handle};

use super::limit;
use crate::Logs;
use crate::answer::unsupported;
use crate::group::{Group, key_prefix, on_group};

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
        let is_other_class = input
            .log_group_class
            .is_some_and(|class| class != LogGroupClass::STANDARD);
        let mut groups: Vec<LogGroup> = match is_other_class {
            true => Vec::new(),
            false => self
                .store
                .groups(&prefix, after.as_deref(), usize::MAX)
                .into_iter()
                .map(|group| render(caller, &own, &group))
                .filter(|group| {
                    let name = group.log_group_name.as_deref().unwrap_or_default();
                    name.contains(&part)
                })
                .take(limit + 1)
                .collect(),
        };
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
// coverage: DescribeLogGroups refuses logGroupIdentifiers: log groups are found by prefix and pattern only
fn refuse_unsupported(input: &DescribeLogGroupsRequest) -> Result<(), Error> {
    let is_asked = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    if is_asked(&input.account_identifiers) || input.include_linked_accounts == Some(true) {
        return Err(unsupported(
            "log groups of other accounts (accountIdentifiers, includeLinkedAccounts)",
        ));
    }
    if is_asked(&input.log_group_identifiers) {
        return Err(unsupported(
            "describing log groups by identifier (logGroupIdentifiers)",
        ));
    }
    Ok(())
}

fn render(caller: &Caller, own: &str, info: &GroupInfo) -> LogGroup {
    let name = info.name.strip_prefix(own).unwrap_or(&info.name);
    let group = Group::new(caller, name.to_owned());
    let arn = group.scope.log_group(&group.name);
    LogGroup {
        log_group_arn: arn.strip_suffix(":*").map(str::to_owned),
        arn: Some(arn),
        log_group_name: Some(group.name),
        creation_time: Some(info.created_at),
        metric_filter_count: Some(0),
        stored_bytes: i64::try_from(info.stored_bytes).ok(),
        log_group_class: Some(LogGroupClass::STANDARD),
        ..LogGroup::default()
    }
}
