//! DescribeSecret.

use api_secretsmanager::operations::DescribeSecret;
use api_secretsmanager::types::{DescribeSecretRequest, DescribeSecretResponse};
use kit::answer::look;
use wire::{Access, Caller, Error, Handle};

use crate::SecretsManager;
use crate::describe::describe;
use crate::reference::find;

impl Handle<DescribeSecret> for SecretsManager {
    fn access(&self, caller: &Caller, input: &DescribeSecretRequest) -> Access {
        self.on_secret(
            "secretsmanager:DescribeSecret",
            caller,
            input.secret_id.as_deref(),
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeSecretRequest,
    ) -> Result<DescribeSecretResponse, Error> {
        let id = input.secret_id.unwrap_or_default();
        look(&self.store, |head| Ok(describe(&*find(head, caller, &id)?))).await
    }
}
