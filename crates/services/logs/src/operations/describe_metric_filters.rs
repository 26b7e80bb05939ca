//! DescribeMetricFilters: of one group or of all, in order of name.

use api_logs::errors::invalid_parameter_exception;
use api_logs::operations::DescribeMetricFilters;
use api_logs::types::{DescribeMetricFiltersRequest, DescribeMetricFiltersResponse, MetricFilter};
use kit::{Page, paginate};
use limits::LOG_DESCRIBE_ITEMS;
use wire::{Access, Caller, Error, Handle};

use super::limit;
use crate::Logs;
use crate::group::{Group, key_prefix, on_group};
use crate::records::GroupRecord;

impl Handle<DescribeMetricFilters> for Logs {
    fn access(&self, caller: &Caller, input: &DescribeMetricFiltersRequest) -> Access {
        let name = input.log_group_name.as_deref();
        on_group("logs:DescribeMetricFilters", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeMetricFiltersRequest,
    ) -> Result<DescribeMetricFiltersResponse, Error> {
        if input.metric_name.is_some() != input.metric_namespace.is_some() {
            return Err(invalid_parameter_exception(
                "metricName and metricNamespace must be given together.",
            ));
        }
        limit(input.limit, LOG_DESCRIBE_ITEMS)?;
        let records = match input.log_group_name {
            Some(name) => vec![self.group_record(&Group::named(caller, Some(name))?)?],
            None => {
                let groups = self.store.groups(&key_prefix(caller), None, usize::MAX);
                let records = groups.iter().map(|group| GroupRecord::of(&group.settings));
                records.collect::<Result<Vec<_>, Error>>()?
            }
        };
        let prefix = input.filter_name_prefix.unwrap_or_default();
        let is_of_metric = |filter: &MetricFilter| {
            let mut transformations = filter.metric_transformations.iter().flatten();
            input.metric_name.is_none()
                || transformations.any(|it| {
                    it.metric_name == input.metric_name
                        && it.metric_namespace == input.metric_namespace
                })
        };
        let filters = records.into_iter().flat_map(|record| record.metric_filters);
        let mut filters: Vec<MetricFilter> = filters
            .map(|filter| filter.0)
            .filter(|filter| key(filter).starts_with(&prefix) && is_of_metric(filter))
            .collect();
        filters.sort_by_key(key);
        let page = Page::new(input.limit, input.next_token.as_deref(), LOG_DESCRIBE_ITEMS);
        let page =
            page.map_err(|_| invalid_parameter_exception("The specified nextToken is invalid."))?;
        let (filters, next_token) = paginate(&page, filters.into_iter(), key);
        Ok(DescribeMetricFiltersResponse {
            metric_filters: Some(filters),
            next_token,
        })
    }
}

fn key(filter: &MetricFilter) -> String {
    let name = filter.filter_name.as_deref().unwrap_or_default();
    let group = filter.log_group_name.as_deref().unwrap_or_default();
    format!("{name}:{group}")
}
