//! ValidateResourcePolicy.

use api_secretsmanager::operations::ValidateResourcePolicy;
use api_secretsmanager::types::{
    ValidateResourcePolicyRequest, ValidateResourcePolicyResponse, ValidationErrorsEntry,
};
use kit::answer::look;
use wire::{Access, Caller, Error, Handle};

use super::{check_policy, is_public};
use crate::SecretsManager;
use crate::reference::find_active;

impl Handle<ValidateResourcePolicy> for SecretsManager {
    fn access(&self, caller: &Caller, input: &ValidateResourcePolicyRequest) -> Access {
        self.on_secret(
            "secretsmanager:ValidateResourcePolicy",
            caller,
            input.secret_id.as_deref(),
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ValidateResourcePolicyRequest,
    ) -> Result<ValidateResourcePolicyResponse, Error> {
        if let Some(id) = &input.secret_id {
            look(&self.store, |head| find_active(head, caller, id)).await?;
        }
        let policy = input.resource_policy.unwrap_or_default();
        let failed = |check: &str, message: String| ValidationErrorsEntry {
            check_name: Some(check.to_owned()),
            error_message: Some(message),
        };
        let mut errors = Vec::new();
        match check_policy(&policy) {
            Err(message) => errors.push(failed("MalformedPolicyDocument", message)),
            Ok(()) if is_public(&policy) => {
                let message = "The policy allows everybody: name principals, or add a condition.";
                errors.push(failed("PublicPolicy", message.to_owned()));
            }
            Ok(()) => {}
        }
        Ok(ValidateResourcePolicyResponse {
            policy_validation_passed: Some(errors.is_empty()),
            validation_errors: Some(errors),
        })
    }
}
