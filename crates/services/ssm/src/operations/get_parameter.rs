//! GetParameter.

use api_ssm::operations::GetParameter;
use api_ssm::types::{GetParameterRequest, GetParameterResult};
use kit::answer::look;
use wire::{Access, Caller, Error, Handle};

use super::find_selected;
use crate::Ssm;
use crate::name::arn_of;

impl Handle<GetParameter> for Ssm {
    fn access(&self, caller: &Caller, input: &GetParameterRequest) -> Access {
        Access::action("ssm:GetParameter").resource(arn_of(caller, input.name.as_deref()))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: GetParameterRequest,
    ) -> Result<GetParameterResult, Error> {
        let name = input.name.unwrap_or_default();
        let selected = look(&self.store, |head| find_selected(head, caller, &name)).await?;
        Ok(GetParameterResult {
            parameter: Some(self.shown(&selected, input.with_decryption)?),
        })
    }
}
