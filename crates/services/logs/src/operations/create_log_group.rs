//! CreateLogGroup.

use api_logs::operations::CreateLogGroup;
use api_logs::types::{CreateLogGroupRequest, LogGroupClass};
use wire::{Access, Caller, Error, Handle, Unit};

use crate::Logs;
use crate::answer::{store_error, unsupported};
use crate::group::{Group, on_group};

impl Handle<CreateLogGroup> for Logs {
    fn access(&self, caller: &Caller, input: &CreateLogGroupRequest) -> Access {
        let access = on_group(
            "logs:CreateLogGroup",
            caller,
            input.log_group_name.as_deref(),
        );
        let keys = input.tags.iter().flat_map(|tags| tags.keys());
        keys.fold(access, |access, key| access.condition("aws:TagKeys", key))
    }

    async fn handle(&self, caller: &Caller, input: CreateLogGroupRequest) -> Result<Unit, Error> {
        refuse_unsupported(&input)?;
        let group = Group::named(caller, input.log_group_name)?;
        let created = self.store.create_group(&group.key).await;
        created.map_err(store_error)?;
        Ok(Unit {})
    }
}

// coverage: CreateLogGroup refuses kmsKeyId: log groups are not encrypted with keys of their own yet
// coverage: CreateLogGroup refuses tags: tags of log groups are not kept yet
// coverage: CreateLogGroup refuses deletionProtectionEnabled: only false is taken
// coverage: CreateLogGroup refuses logGroupClass: only STANDARD is taken
fn refuse_unsupported(input: &CreateLogGroupRequest) -> Result<(), Error> {
    if input.kms_key_id.is_some() {
        return Err(unsupported(
            "encryption of log groups with a key (kmsKeyId)",
        ));
    }
    if input.tags.as_ref().is_some_and(|tags| !tags.is_empty()) {
        return Err(unsupported("tags of log groups (tags)"));
    }
    if input.deletion_protection_enabled == Some(true) {
        return Err(unsupported(
            "deletion protection of log groups (deletionProtectionEnabled)",
        ));
    }
    match &input.log_group_class {
        Some(class) if *class != LogGroupClass::STANDARD => Err(unsupported(
            "log group classes other than STANDARD (logGroupClass)",
        )),
        _ => Ok(()),
    }
}
