//! PutMetricFilter: kept and shown; see TestMetricFilter for what it matches.

use api_logs::errors::{
    invalid_operation_exception, invalid_parameter_exception, limit_exceeded_exception,
};
use api_logs::operations::PutMetricFilter;
use api_logs::types::{LogGroupClass, MetricFilter, MetricTransformation, PutMetricFilterRequest};
use limits::{LOG_METRIC_DIMENSIONS, LOG_METRIC_FILTERS};
use wire::{Access, Caller, Error, Handle, Unit};

use crate::Logs;
use crate::answer::{pattern_error, unsupported};
use crate::group::{Group, on_group};

impl Handle<PutMetricFilter> for Logs {
    fn access(&self, caller: &Caller, input: &PutMetricFilterRequest) -> Access {
        let name = input.log_group_name.as_deref();
        on_group("logs:PutMetricFilter", caller, name)
    }

    async fn handle(&self, caller: &Caller, input: PutMetricFilterRequest) -> Result<Unit, Error> {
        refuse_unsupported(&input)?;
        let group = Group::named(caller, input.log_group_name)?;
        let name = input.filter_name.unwrap_or_default();
        let pattern = input.filter_pattern.unwrap_or_default();
        log_filter::FilterPattern::parse(&pattern).map_err(pattern_error)?;
        let transformations = input.metric_transformations.unwrap_or_default();
        transformations.iter().try_for_each(check)?;
        let filter = MetricFilter {
            filter_name: Some(name.clone()),
            filter_pattern: Some(pattern),
            metric_transformations: Some(transformations),
            creation_time: Some(self.clock.now().as_millis()),
            log_group_name: Some(group.name.clone()),
            apply_on_transformed_logs: Some(false),
            ..MetricFilter::default()
        };
        self.update_group(&group, |record| {
            if record.class() != LogGroupClass::STANDARD {
                return Err(invalid_operation_exception(
                    "Metric filters are not supported for log groups of this log group class.",
                ));
            }
            let filters = &mut record.metric_filters;
            let name_of = |filter: &wire::Stored<MetricFilter>| {
                filter.filter_name.clone().unwrap_or_default()
            };
            match filters.binary_search_by_key(&name, name_of) {
                Ok(index) => filters[index] = filter.into(),
                Err(_) if filters.len() >= LOG_METRIC_FILTERS => {
                    return Err(limit_exceeded_exception("Resource limit exceeded."));
                }
                Err(index) => filters.insert(index, filter.into()),
            }
            Ok(())
        })
        .await?;
        Ok(Unit {})
    }
}

fn check(transformation: &MetricTransformation) -> Result<(), Error> {
    let value = transformation.metric_value.as_deref().unwrap_or_default();
    if !value.starts_with('$') && value.parse::<f64>().is_err() {
        return Err(invalid_parameter_exception(format!(
            "Invalid metric transformation: '{value}' is neither a number nor a field that begins with '$'."
        )));
    }
    let dimensions = transformation.dimensions.as_ref().map_or(0, |it| it.len());
    if dimensions > LOG_METRIC_DIMENSIONS {
        return Err(invalid_parameter_exception(format!(
            "Invalid metric transformation: a metric can have at most {LOG_METRIC_DIMENSIONS} dimensions."
        )));
    }
    if dimensions > 0 && transformation.default_value.is_some() {
        return Err(invalid_parameter_exception(
            "Invalid metric transformation: dimensions and default value are mutually exclusive properties.",
        ));
    }
    Ok(())
}

// coverage: PutMetricFilter refuses applyOnTransformedLogs: logs are not transformed
// coverage: PutMetricFilter refuses fieldSelectionCriteria: log groups are of one account and region
// coverage: PutMetricFilter refuses emitSystemFieldDimensions: log groups are of one account and region
fn refuse_unsupported(input: &PutMetricFilterRequest) -> Result<(), Error> {
    if input.apply_on_transformed_logs == Some(true) {
        return Err(unsupported("transformed logs (applyOnTransformedLogs)"));
    }
    let criteria = input.field_selection_criteria.as_deref();
    let fields = input.emit_system_field_dimensions.as_deref();
    if !criteria.unwrap_or_default().is_empty() || !fields.unwrap_or_default().is_empty() {
        return Err(unsupported(
            "system fields in metric filters (fieldSelectionCriteria, emitSystemFieldDimensions)",
        ));
    }
    Ok(())
}
