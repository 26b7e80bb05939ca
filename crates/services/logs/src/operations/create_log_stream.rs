//! CreateLogStream.

use api_logs::operations::CreateLogStream;
use api_logs::types::CreateLogStreamRequest;
use wire::{Access, Caller, Error, Handle, Unit};

use crate::Logs;
use crate::answer::store_error;
use crate::group::{Group, on_group, stream_name};

impl Handle<CreateLogStream> for Logs {
    fn access(&self, caller: &Caller, input: &CreateLogStreamRequest) -> Access {
        on_group(
            "logs:CreateLogStream",
            caller,
            input.log_group_name.as_deref(),
        )
    }

    async fn handle(&self, caller: &Caller, input: CreateLogStreamRequest) -> Result<Unit, Error> {
        let group = Group::named(caller, input.log_group_name)?;
        let stream = stream_name(input.log_stream_name)?;
        let created = self.store.create_stream(&group.key, &stream).await;
        created.map_err(store_error)?;
        Ok(Unit {})
    }
}
