//! The operations, one file each.

mod create_log_group;
mod create_log_stream;
mod delete_log_group;
mod delete_log_stream;
mod delete_metric_filter;
mod delete_retention_policy;
mod describe_log_groups;
mod describe_log_streams;
mod describe_metric_filters;
mod filter_log_events;
mod get_log_events;
mod list_log_groups;
mod list_tags_for_resource;
mod list_tags_log_group;
mod put_log_events;
mod put_log_group_deletion_protection;
mod put_metric_filter;
mod put_retention_policy;
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
