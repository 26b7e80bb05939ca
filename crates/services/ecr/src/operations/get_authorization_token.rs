//! GetAuthorizationToken: what `docker login` needs.

use api_ecr::operations::GetAuthorizationToken;
use api_ecr::types::{
    AuthorizationData, GetAuthorizationTokenRequest, GetAuthorizationTokenResponse,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wire::{Access, Caller, Error, Handle};

use crate::access::identity_of;
use crate::refusals::invalid_parameter;
use crate::{Ecr, render};

impl Handle<GetAuthorizationToken> for Ecr {
    fn access(&self, _: &Caller, _: &GetAuthorizationTokenRequest) -> Access {
        Access::action("ecr:GetAuthorizationToken")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: GetAuthorizationTokenRequest,
    ) -> Result<GetAuthorizationTokenResponse, Error> {
        let registries = input.registry_ids.unwrap_or_default();
        if registries.iter().any(|id| *id != caller.account) {
            let constraint = "must be the registry of the caller";
            return Err(invalid_parameter("registryIds", constraint));
        }
        let identity = identity_of(caller);
        let (token, expires_at) = self.token_key.issue(&identity, self.clock.now());
        Ok(GetAuthorizationTokenResponse {
            authorization_data: Some(vec![AuthorizationData {
                authorization_token: Some(STANDARD.encode(format!("AWS:{token}"))),
                expires_at: render::timestamp(expires_at),
                proxy_endpoint: Some(self.config.endpoint.clone()),
            }]),
        })
    }
}
