//! ReadBackup: a part of the file that CreateBackup made.

use api_gantry::errors::{invalid_parameter_exception, server_exception};
use api_gantry::operations::ReadBackup;
use api_gantry::types::{ReadBackupRequest, ReadBackupResponse};
use wire::{Access, Caller, Error, Handle};

use crate::Control;

const CHUNK_BYTES: usize = 1024 * 1024;

impl Handle<ReadBackup> for Control {
    fn access(&self, caller: &Caller, _input: &ReadBackupRequest) -> Access {
        super::backup_access("gantry:ReadBackup", caller)
    }

    async fn handle(
        &self,
        _caller: &Caller,
        input: ReadBackupRequest,
    ) -> Result<ReadBackupResponse, Error> {
        let id = input.backup_id.unwrap_or_default();
        let offset = input.offset.and_then(|offset| u64::try_from(offset).ok());
        let offset = offset
            .ok_or_else(|| invalid_parameter_exception("offset must be a number from 0 on"))?;
        let read = self.backups.read(&id, offset, CHUNK_BYTES);
        let data = read
            .map_err(|error| server_exception(format!("The backup could not be read: {error}")))?;
        let data = data.ok_or_else(|| {
            invalid_parameter_exception(
                "There is no such backup: it was read to its end, or a newer one was made",
            )
        })?;
        Ok(ReadBackupResponse {
            data: Some(data.into()),
        })
    }
}
