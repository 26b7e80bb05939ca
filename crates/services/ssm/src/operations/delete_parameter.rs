//! DeleteParameter.

use api_ssm::operations::DeleteParameter;
use api_ssm::types::{DeleteParameterRequest, DeleteParameterResult};
use kit::answer::transact;
use wire::{Access, Caller, Error, Handle};

use super::find;
use crate::name::arn_of;
use crate::{Ssm, versions};

impl Handle<DeleteParameter> for Ssm {
    fn access(&self, caller: &Caller, input: &DeleteParameterRequest) -> Access {
        Access::action("ssm:DeleteParameter").resource(arn_of(caller, input.name.as_deref()))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DeleteParameterRequest,
    ) -> Result<DeleteParameterResult, Error> {
        let name = input.name.unwrap_or_default();
        transact(&self.store, |tx| {
            let found = find(tx, caller, &name)?;
            versions::delete(tx, &found.key);
            Ok(DeleteParameterResult::default())
        })
        .await
    }
}
