//! CreateLogGroup.

use api_logs::operations::CreateLogGroup;
use api_logs::types::{CreateLogGroupRequest, LogGroupClass};
use wire::{Access, Caller, Error, Handle, Unit};

use crate::Logs;
use crate::answer::{store_error, unsupported};
use crate::group::{Group, on_group};
use crate::records::GroupRecord;
use crate::tags::{self, with_tags};

impl Handle<CreateLogGroup> for Logs {
    fn access(&self, caller: &Caller, input: &CreateLogGroupRequest) -> Access {
        let name = input.log_group_name.as_deref();
        let access = on_group("logs:CreateLogGroup", caller, name);
        with_tags(access, input.tags.as_ref())
    }

    async fn handle(&self, caller: &Caller, input: CreateLogGroupRequest) -> Result<Unit, Error> {
        refuse_unsupported(&input)?;
        let group = Group::named(caller, input.log_group_name)?;
        let class = input.log_group_class.unwrap_or(LogGroupClass::STANDARD);
        let record = GroupRecord {
            tags: tags::from_map(input.tags)?,
            class: Some(class.as_str().to_owned()),
            is_deletion_protected: input.deletion_protection_enabled == Some(true),
            ..GroupRecord::default()
        };
        let settings = record.settings()?;
        let created = self.store.create_group_with(&group.key, settings).await;
        created.map_err(store_error)?;
        Ok(Unit {})
    }
}

// coverage: CreateLogGroup refuses kmsKeyId: log groups are not encrypted with keys of their own yet
// coverage: CreateLogGroup refuses logGroupClass: STANDARD and INFREQUENT_ACCESS are taken
fn refuse_unsupported(input: &CreateLogGroupRequest) -> Result<(), Error> {
    if input.kms_key_id.is_some() {
        return Err(unsupported(
            "encryption of log groups with a key (kmsKeyId)",
        ));
    }
    let taken = [LogGroupClass::STANDARD, LogGroupClass::INFREQUENT_ACCESS];
    match &input.log_group_class {
        Some(class) if !taken.contains(class) => Err(unsupported(
            "log group classes other than STANDARD and INFREQUENT_ACCESS (logGroupClass)",
        )),
        _ => Ok(()),
    }
}
