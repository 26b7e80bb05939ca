//! RotateRootKey: a new root key wraps the keys of the vault, and a new data key seals what is written from now on.

use api_gantry::{
    errors::server_exception,
    operations::RotateRootKey,
    types::{RotateRootKeyRequest, RotateRootKeyResponse},
};
use wire::{Access, Caller, Error, Handle};

use crate::Control;

impl Handle<RotateRootKey> for Control {
    fn access(&self, caller: &Caller, _input: &RotateRootKeyRequest) -> Access {
        super::access("gantry:RotateRootKey", caller, "root-key")
    }

    async fn handle(
        &self,
        _caller: &Caller,
        _input: RotateRootKeyRequest,
    ) -> Result<RotateRootKeyResponse, Error> {
        let rotated = self.vault.rotate().await.map_err(|error| {
            tracing::error!(%error, "the root key was not rotated");
            server_exception(error.to_string())
        })?;
        tracing::info!(
            root_key_id = rotated.root_key_id,
            "the root key was rotated"
        );
        Ok(RotateRootKeyResponse {
            root_key_id: Some(rotated.root_key_id),
            data_keys: i32::try_from(rotated.data_keys).ok(),
        })
    }
}
