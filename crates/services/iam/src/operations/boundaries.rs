//! PutRolePermissionsBoundary, PutUserPermissionsBoundary, and their Delete.

use api_iam::errors;
use api_iam::operations::{
    DeleteRolePermissionsBoundary, DeleteUserPermissionsBoundary, PutRolePermissionsBoundary,
    PutUserPermissionsBoundary,
};
use kit::answer::transact;
use wire::{Caller, Error, Unit};

use crate::Iam;
use crate::answer::operation;
use crate::entities::{Entity, require};
use crate::grants::check_managed;
use crate::records::{RoleRecord, UserRecord};

macro_rules! boundary {
    ($record:ty, $name:ident, $put:ident $put_action:literal, $delete:ident $delete_action:literal) => {
        operation!($put, |iam, caller, input| {
            let arn = input.permissions_boundary.clone().unwrap_or_default();
            iam.on::<$record>($put_action, caller, &input.$name)
                .condition("iam:PermissionsBoundary", arn)
        } {
            let arn = input.permissions_boundary.unwrap_or_default();
            set::<$record>(iam, caller, &input.$name, Some(arn)).await
        });

        operation!($delete, |iam, caller, input| {
            iam.on::<$record>($delete_action, caller, &input.$name)
        } {
            set::<$record>(iam, caller, &input.$name, None).await
        });
    };
}

boundary!(
    RoleRecord, role_name, PutRolePermissionsBoundary "iam:PutRolePermissionsBoundary",
    DeleteRolePermissionsBoundary "iam:DeleteRolePermissionsBoundary"
);
boundary!(
    UserRecord, user_name, PutUserPermissionsBoundary "iam:PutUserPermissionsBoundary",
    DeleteUserPermissionsBoundary "iam:DeleteUserPermissionsBoundary"
);

async fn set<E: Entity>(
    iam: &Iam,
    caller: &Caller,
    name: &Option<String>,
    arn: Option<String>,
) -> Result<Unit, Error> {
    transact(&iam.store, |tx| {
        let mut entity = (*require::<E>(tx, caller, name)?).clone();
        entity.check_modifiable()?;
        match &arn {
            Some(arn) => check_managed(tx, &caller.account, arn)?,
            None if entity.grants().boundary.is_none() => {
                let message = format!("{} {} has no permissions boundary.", E::WORD, entity.name());
                return Err(errors::no_such_entity_exception(message).into());
            }
            None => {}
        }
        entity.grants_mut().boundary = arn;
        tx.put(entity);
        Ok(Unit::default())
    })
    .await
}
