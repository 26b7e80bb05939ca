//! The operations, one file each.

mod create_log_group;
mod create_log_stream;
mod delete_log_group;
mod delete_log_stream;
mod delete_metric_filter;
mod delete_query_definition;
mod delete_retention_policy;
mod describe_log_groups;
mod describe_log_streams;
mod describe_metric_filters;
mod describe_queries;
mod describe_query_definitions;
mod filter_log_events;
mod get_log_events;
mod get_log_group_fields;
mod get_log_record;
mod get_query_results;
mod list_log_groups;
mod list_tags_for_resource;
mod list_tags_log_group;
mod put_log_events;
mod put_log_group_deletion_protection;
mod put_metric_filter;
mod put_query_definition;
mod put_retention_policy;
mod start_live_tail;
mod start_query;
mod stop_query;
mod tag_log_group;
mod tag_resource;
mod test_metric_filter;
mod untag_log_group;
mod untag_resource;

use api_logs::errors::invalid_parameter_exception;
use wire::Error;

/// A limit that was asked for, within `1..=most`; `most` when none was.
fn limit(asked: Option<i32>, most: usize) -> Result<usize, Error> {
    let Some(asked) = asked else {
        return Ok(most);
    };
    usize::try_from(asked)
        .ok()
        .filter(|limit| (1..=most).contains(limit))
        .ok_or_else(|| {
            invalid_parameter_exception(format!(
                "1 validation error detected: Value '{asked}' at 'limit' failed to satisfy constraint: Member must \
                 have value between 1 and {most}"
            ))
        })
}
