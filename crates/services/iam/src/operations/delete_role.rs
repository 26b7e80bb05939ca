//! DeleteRole.

use api_iam::errors;
use api_iam::operations::DeleteRole;
use kit::answer::transact;
use state::Record;
use wire::{Error, Unit};

use crate::answer::operation;
use crate::entities::{Entity, require};
use crate::records::{InstanceProfileRecord, RoleRecord};

operation!(DeleteRole, |iam, caller, input| {
    iam.on::<RoleRecord>("iam:DeleteRole", caller, &input.role_name)
} {
    transact(&iam.store, |tx| {
        let role = require::<RoleRecord>(tx, caller, &input.role_name)?;
        role.check_modifiable()?;
        let key = role.key();
        if tx.index_len::<InstanceProfileRecord>(InstanceProfileRecord::BY_ROLE, &key) > 0 {
            return Err(conflict("must remove roles from instance profile first").into());
        }
        check_without_policies(&*role)?;
        tx.delete::<RoleRecord>(&key);
        Ok(Unit::default())
    })
    .await
});

/// What is given to an entity has to be taken away before it goes.
pub(super) fn check_without_policies<E: Entity>(entity: &E) -> Result<(), Error> {
    if !entity.grants().attached.is_empty() {
        return Err(conflict("must detach all policies first"));
    }
    if !entity.grants().inline.is_empty() {
        return Err(conflict("must delete policies first"));
    }
    Ok(())
}

pub(super) fn conflict(what: &str) -> Error {
    errors::delete_conflict_exception(format!("Cannot delete entity, {what}."))
}
