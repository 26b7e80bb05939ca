//! GetParameterHistory.

use api_ssm::operations::GetParameterHistory;
use api_ssm::types::{GetParameterHistoryRequest, GetParameterHistoryResult};
use kit::answer::look;
use kit::paginate;
use limits::PARAMETER_DESCRIBE_ITEMS;
use wire::{Access, Caller, Error, Handle};

use super::{find, page_of};
use crate::name::arn_of;
use crate::{Ssm, render, versions};

impl Handle<GetParameterHistory> for Ssm {
    fn access(&self, caller: &Caller, input: &GetParameterHistoryRequest) -> Access {
        Access::action("ssm:GetParameterHistory").resource(arn_of(caller, input.name.as_deref()))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: GetParameterHistoryRequest,
    ) -> Result<GetParameterHistoryResult, Error> {
        let name = input.name.unwrap_or_default();
        let page = page_of(
            input.max_results,
            input.next_token.as_deref(),
            PARAMETER_DESCRIBE_ITEMS,
        )?;
        let (found, versions, next_token) = look(&self.store, |head| {
            let found = find(head, caller, &name)?;
            let all = versions::all(head, &found.key, &found.record).into_iter();
            let (versions, token) =
                paginate(&page, all, |version| format!("{:019}", version.number));
            Ok((found, versions, token))
        })
        .await?;
        let decrypt = input.with_decryption.unwrap_or(false);
        let shown = versions.iter().map(|version| {
            let value = render::value(&self.vault, &found.key, version, decrypt)?;
            Ok(render::history(&found.record.name, version, value))
        });
        Ok(GetParameterHistoryResult {
            next_token,
            parameters: Some(shown.collect::<Result<_, Error>>()?),
        })
    }
}
