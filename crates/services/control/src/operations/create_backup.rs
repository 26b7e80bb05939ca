//! CreateBackup: writes the whole state, at one revision, into a file that [`super::read_backup`] hands out.

use api_gantry::errors::server_exception;
use api_gantry::operations::CreateBackup;
use api_gantry::types::{CreateBackupRequest, CreateBackupResponse};
use wire::{Access, Caller, Error, Handle};

use crate::Control;

impl Handle<CreateBackup> for Control {
    fn access(&self, caller: &Caller, _input: &CreateBackupRequest) -> Access {
        super::backup_access("gantry:CreateBackup", caller)
    }

    async fn handle(
        &self,
        _caller: &Caller,
        _input: CreateBackupRequest,
    ) -> Result<CreateBackupResponse, Error> {
        let made = self.backups.make(&self.store, &self.clock).await;
        let made = made.map_err(|error| {
            tracing::error!(%error, "no backup was made");
            server_exception(format!("The backup could not be written: {error}"))
        })?;
        tracing::info!(
            revision = made.revision,
            rows = made.rows,
            "a backup was made"
        );
        Ok(CreateBackupResponse {
            backup_id: Some(made.id),
            bytes: Some(made.bytes as i64),
            rows: Some(made.rows as i64),
            revision: Some(made.revision as i64),
        })
    }
}
