//! CreateAccessKey, ListAccessKeys, UpdateAccessKey, DeleteAccessKey.

use std::sync::Arc;

use api_iam::errors;
use api_iam::operations::{CreateAccessKey, DeleteAccessKey, ListAccessKeys, UpdateAccessKey};
use api_iam::types::{
    AccessKey, AccessKeyMetadata, CreateAccessKeyResponse, ListAccessKeysResponse, StatusType,
};
use identity::AccessKeyRecord;
use kit::answer::{look, transact};
use state::Head;
use wire::{Error, Unit};

use super::users::owner;
use crate::answer::{list, operation, timestamp, user_name};
use crate::entities::require;
use crate::records::UserRecord;

operation!(CreateAccessKey, |iam, caller, input| {
    let name = user_name(caller, &input.user_name).unwrap_or_default();
    iam.on::<UserRecord>("iam:CreateAccessKey", caller, &name)
} {
    let name = user_name(caller, &input.user_name)?;
    transact(&iam.store, |tx| {
        let user = require::<UserRecord>(tx, caller, &name)?;
        let count = tx.index_len::<AccessKeyRecord>(AccessKeyRecord::BY_USER, &user.id);
        if count >= limits::IAM_ACCESS_KEYS_PER_USER {
            let message = format!(
                "Cannot exceed quota for AccessKeysPerUser: {}",
                limits::IAM_ACCESS_KEYS_PER_USER
            );
            return Err(errors::limit_exceeded_exception(message).into());
        }
        let key = AccessKeyRecord::mint(owner(&user), &user.account, &iam.clock);
        let shown = AccessKey {
            access_key_id: Some(key.access_key_id.clone()),
            create_date: timestamp(key.created_at),
            secret_access_key: Some(key.secret_access_key.clone()),
            status: Some(StatusType::ACTIVE),
            user_name: Some(user.name.clone()),
        };
        tx.insert(key)?;
        Ok(CreateAccessKeyResponse { access_key: Some(shown) })
    })
    .await
});

fn status(key: &AccessKeyRecord) -> StatusType {
    match key.is_inactive {
        true => StatusType::INACTIVE,
        false => StatusType::ACTIVE,
    }
}

operation!(ListAccessKeys, |iam, caller, input| {
    let name = user_name(caller, &input.user_name).unwrap_or_default();
    iam.on::<UserRecord>("iam:ListAccessKeys", caller, &name)
} {
    let name = user_name(caller, &input.user_name)?;
    look(&iam.store, |head| {
        let user = require::<UserRecord>(head, caller, &name)?;
        let mut keys = head.index::<AccessKeyRecord>(AccessKeyRecord::BY_USER, &user.id);
        keys.sort_by(|one, other| one.access_key_id.cmp(&other.access_key_id));
        let shown = |key: Arc<AccessKeyRecord>| AccessKeyMetadata {
            access_key_id: Some(key.access_key_id.clone()),
            create_date: timestamp(key.created_at),
            status: Some(status(&key)),
            user_name: Some(user.name.clone()),
        };
        let id = |key: &Arc<AccessKeyRecord>| key.access_key_id.clone();
        let listed = list(input.max_items, &input.marker, keys.into_iter(), id, shown)?;
        Ok(ListAccessKeysResponse {
            access_key_metadata: listed.items,
            is_truncated: listed.is_truncated,
            marker: listed.marker,
        })
    })
    .await
});

fn require_key(
    head: &Head,
    user: &UserRecord,
    id: &Option<String>,
) -> Result<Arc<AccessKeyRecord>, Error> {
    let id = id.as_deref().unwrap_or_default();
    let keys = head.index::<AccessKeyRecord>(AccessKeyRecord::BY_USER, &user.id);
    keys.into_iter()
        .find(|key| key.access_key_id == id)
        .ok_or_else(|| {
            errors::no_such_entity_exception(format!(
                "The Access Key with id {id} cannot be found."
            ))
        })
}

operation!(UpdateAccessKey, |iam, caller, input| {
    let name = user_name(caller, &input.user_name).unwrap_or_default();
    iam.on::<UserRecord>("iam:UpdateAccessKey", caller, &name)
} {
    let name = user_name(caller, &input.user_name)?;
    let is_inactive = match input.status {
        Some(status) if status == StatusType::ACTIVE => false,
        Some(status) if status == StatusType::INACTIVE => true,
        _ => {
            let message = "The status of an access key can be set to Active or Inactive.";
            return Err(errors::invalid_input_exception(message));
        }
    };
    transact(&iam.store, |tx| {
        let user = require::<UserRecord>(tx, caller, &name)?;
        let key = require_key(tx, &user, &input.access_key_id)?;
        tx.update::<AccessKeyRecord>(&key.access_key_id, |key| key.is_inactive = is_inactive);
        Ok(Unit::default())
    })
    .await
});

operation!(DeleteAccessKey, |iam, caller, input| {
    let name = user_name(caller, &input.user_name).unwrap_or_default();
    iam.on::<UserRecord>("iam:DeleteAccessKey", caller, &name)
} {
    let name = user_name(caller, &input.user_name)?;
    transact(&iam.store, |tx| {
        let user = require::<UserRecord>(tx, caller, &name)?;
        let key = require_key(tx, &user, &input.access_key_id)?;
        tx.delete::<AccessKeyRecord>(&key.access_key_id);
        Ok(Unit::default())
    })
    .await
});
