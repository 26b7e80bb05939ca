//! DescribeParameters.

use api_ssm::operations::DescribeParameters;
use api_ssm::types::{DescribeParametersRequest, DescribeParametersResult};
use kit::answer::look;
use kit::paginate;
use limits::PARAMETER_DESCRIBE_ITEMS;
use wire::{Access, Caller, Error, Handle};

use super::page_of;
use crate::filter::Filters;
use crate::records::{ParameterRecord, parameter_key};
use crate::refusals::{unsupported, validation};
use crate::{Ssm, render};

// coverage: DescribeParameters refuses Shared: true: parameters are not shared between accounts
impl Handle<DescribeParameters> for Ssm {
    fn access(&self, caller: &Caller, _input: &DescribeParametersRequest) -> Access {
        Access::action("ssm:DescribeParameters").resource(format!(
            "arn:aws:ssm:{}:{}:*",
            caller.region, caller.account
        ))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeParametersRequest,
    ) -> Result<DescribeParametersResult, Error> {
        if input.shared == Some(true) {
            return Err(unsupported("parameters shared between accounts (Shared)"));
        }
        let old = input.filters.unwrap_or_default();
        let new = input.parameter_filters.unwrap_or_default();
        if !old.is_empty() && !new.is_empty() {
            return Err(validation(
                "You can use either Filters or ParameterFilters in a single request.",
            ));
        }
        let filters = match old.is_empty() {
            true => Filters::describing(&new)?,
            false => Filters::old(&old),
        };
        let page = page_of(
            input.max_results,
            input.next_token.as_deref(),
            PARAMETER_DESCRIBE_ITEMS,
        )?;
        let prefix = parameter_key(&caller.account, &caller.region, "");
        let (parameters, next_token) = look(&self.store, |head| {
            let rows = head.scan::<ParameterRecord>(&prefix);
            let rows = rows.filter(|record| filters.pass(record));
            let (rows, token) = paginate(&page, rows, |record| record.name.clone());
            Ok((
                rows.into_iter()
                    .map(|record| render::metadata(record))
                    .collect(),
                token,
            ))
        })
        .await?;
        Ok(DescribeParametersResult {
            next_token,
            parameters: Some(parameters),
        })
    }
}
