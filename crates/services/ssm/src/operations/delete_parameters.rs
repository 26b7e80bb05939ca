//! DeleteParameters.

use api_ssm::operations::DeleteParameters;
use api_ssm::types::{DeleteParametersRequest, DeleteParametersResult};
use kit::answer::transact;
use wire::{Access, Caller, Error, Handle};

use super::find;
use crate::name::arn_of;
use crate::{Ssm, versions};

impl Handle<DeleteParameters> for Ssm {
    fn access(&self, caller: &Caller, input: &DeleteParametersRequest) -> Access {
        let names = input.names.iter().flatten();
        Access::action("ssm:DeleteParameters")
            .resources(names.map(|name| arn_of(caller, Some(name))))
    }

    /// One transaction for each: all versions of ten parameters are more rows than one takes.
    async fn handle(
        &self,
        caller: &Caller,
        input: DeleteParametersRequest,
    ) -> Result<DeleteParametersResult, Error> {
        let (mut deleted, mut invalid) = (Vec::new(), Vec::new());
        for name in input.names.unwrap_or_default() {
            let is_gone = transact(&self.store, |tx| {
                let found = find(tx, caller, &name).ok();
                Ok(found.is_some_and(|found| versions::delete(tx, &found.key)))
            });
            match is_gone.await? {
                true => deleted.push(name),
                false => invalid.push(name),
            }
        }
        Ok(DeleteParametersResult {
            deleted_parameters: Some(deleted),
            invalid_parameters: Some(invalid),
        })
    }
}
