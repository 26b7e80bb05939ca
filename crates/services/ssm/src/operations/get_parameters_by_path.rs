//! GetParametersByPath.

use std::sync::Arc;

use api_ssm::operations::GetParametersByPath;
use api_ssm::types::{GetParametersByPathRequest, GetParametersByPathResult};
use kit::answer::look;
use kit::paginate;
use limits::PARAMETER_PATH_ITEMS;
use wire::{Access, Caller, Error, Handle};

use super::{Found, page_of};
use crate::filter::{Filters, is_under};
use crate::name::{arn_of, check_path};
use crate::records::{ParameterRecord, parameter_key};
use crate::selector::Selector;
use crate::{Ssm, versions};

impl Handle<GetParametersByPath> for Ssm {
    fn access(&self, caller: &Caller, input: &GetParametersByPathRequest) -> Access {
        let recursive = input.recursive.unwrap_or(false).to_string();
        Access::action("ssm:GetParametersByPath")
            .resource(arn_of(caller, input.path.as_deref()))
            .condition("ssm:Recursive", recursive)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: GetParametersByPathRequest,
    ) -> Result<GetParametersByPathResult, Error> {
        let path = input.path.unwrap_or_default();
        let path = check_path(&path)?;
        let filters = Filters::by_path(input.parameter_filters.as_deref().unwrap_or_default())?;
        let page = page_of(
            input.max_results,
            input.next_token.as_deref(),
            PARAMETER_PATH_ITEMS,
        )?;
        let recursive = input.recursive.unwrap_or(false);
        // Plain names are on the root's own level.
        let below = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let prefix = parameter_key(&caller.account, &caller.region, &below);
        let (selected, next_token) = look(&self.store, |head| {
            let rows = head.scan::<ParameterRecord>(&prefix);
            let rows = rows
                .filter(|record| is_under(&record.name, path, recursive) && filters.pass(record));
            let rows = rows.filter_map(|record| {
                let key = parameter_key(&record.account, &record.region, &record.name);
                let version = match filters.label() {
                    None => Some(record.latest.clone()),
                    Some(labels) => versions::all(head, &key, record)
                        .into_iter()
                        .find(|version| labels.iter().any(|label| version.labels.contains(label))),
                }?;
                let found = Found {
                    key,
                    record: Arc::clone(record),
                };
                Some((found, version, Selector::Latest))
            });
            Ok(paginate(&page, rows, |(found, _, _)| {
                found.record.name.clone()
            }))
        })
        .await?;
        let shown = selected
            .iter()
            .map(|selected| self.shown(selected, input.with_decryption));
        Ok(GetParametersByPathResult {
            next_token,
            parameters: Some(shown.collect::<Result<_, _>>()?),
        })
    }
}
