//! DeleteLogStream.

use api_logs::operations::DeleteLogStream;
use api_logs::types::DeleteLogStreamRequest;
use wire::{Access, Caller, Error, Handle, Unit};

use crate::Logs;
use crate::answer::store_error;
use crate::group::{Group, on_stream, stream_name};

impl Handle<DeleteLogStream> for Logs {
    fn access(&self, caller: &Caller, input: &DeleteLogStreamRequest) -> Access {
        let group = input.log_group_name.as_deref();
        let stream = input.log_stream_name.as_deref();
        on_stream("logs:DeleteLogStream", caller, group, stream)
    }

    async fn handle(&self, caller: &Caller, input: DeleteLogStreamRequest) -> Result<Unit, Error> {
        let group = Group::named(caller, input.log_group_name)?;
        let stream = stream_name(input.log_stream_name)?;
        let deleted = self.store.delete_stream(&group.key, &stream).await;
        deleted.map_err(store_error)?;
        Ok(Unit {})
    }
}
