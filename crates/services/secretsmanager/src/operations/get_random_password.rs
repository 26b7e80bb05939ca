//! GetRandomPassword.

use api_secretsmanager::operations::GetRandomPassword;
use api_secretsmanager::types::{GetRandomPasswordRequest, GetRandomPasswordResponse};
use wire::{Access, Caller, Error, Handle};

use crate::{SecretsManager, password};

impl Handle<GetRandomPassword> for SecretsManager {
    fn access(&self, _caller: &Caller, _input: &GetRandomPasswordRequest) -> Access {
        Access::action("secretsmanager:GetRandomPassword")
    }

    async fn handle(
        &self,
        _caller: &Caller,
        input: GetRandomPasswordRequest,
    ) -> Result<GetRandomPasswordResponse, Error> {
        Ok(GetRandomPasswordResponse {
            random_password: Some(password::generate(&input, &self.clock)?),
        })
    }
}
