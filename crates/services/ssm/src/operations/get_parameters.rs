//! GetParameters.

use std::collections::BTreeSet;

use api_ssm::operations::GetParameters;
use api_ssm::types::{GetParametersRequest, GetParametersResult};
use kit::answer::look;
use wire::{Access, Caller, Error, Handle};

use super::find_selected;
use crate::Ssm;
use crate::name::arn_of;
use crate::refusals::validation;

impl Handle<GetParameters> for Ssm {
    fn access(&self, caller: &Caller, input: &GetParametersRequest) -> Access {
        let names = input.names.iter().flatten();
        Access::action("ssm:GetParameters").resources(names.map(|name| arn_of(caller, Some(name))))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: GetParametersRequest,
    ) -> Result<GetParametersResult, Error> {
        let names = input.names.unwrap_or_default();
        if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
            return Err(validation(
                "Duplicate parameter names are not allowed in one request.",
            ));
        }
        let looked = look(&self.store, |head| {
            Ok(names
                .iter()
                .map(|name| find_selected(head, caller, name))
                .collect::<Vec<_>>())
        })
        .await?;
        let (mut parameters, mut invalid) = (Vec::new(), Vec::new());
        for (name, found) in names.into_iter().zip(looked) {
            match found {
                Ok(selected) => parameters.push(self.shown(&selected, input.with_decryption)?),
                Err(_) => invalid.push(name),
            }
        }
        Ok(GetParametersResult {
            invalid_parameters: Some(invalid),
            parameters: Some(parameters),
        })
    }
}
