//! CreateUser, GetUser, ListUsers, UpdateUser, DeleteUser.

use std::collections::BTreeSet;

use api_iam::errors;
use api_iam::operations::{CreateUser, DeleteUser, GetUser, ListUsers, UpdateUser};
use api_iam::types::{CreateUserResponse, GetUserResponse, ListUsersResponse, User};
use identity::{AccessKeyRecord, KeyOwner};
use kit::answer::{look, transact};
use state::Record;
use wire::{Access, Error, Principal, Unit};

use super::delete_role::{check_without_policies, conflict};
use crate::answer::{self, list, operation, user_name, with_request_tags};
use crate::entities::{find, require};
use crate::grants::check_managed;
use crate::records::{Grants, UserRecord, key_of};
use crate::{Iam, render};

operation!(CreateUser, |iam, caller, input| {
    let access = Iam::on_new("iam:CreateUser", caller, "user", &input.path, &input.user_name);
    let access = match &input.permissions_boundary {
        Some(arn) => access.condition("iam:PermissionsBoundary", arn),
        None => access,
    };
    with_request_tags(access, &input.tags)
} {
    let record = UserRecord {
        account: caller.account.clone(),
        name: input.user_name.unwrap_or_default(),
        path: answer::path(&input.path)?,
        id: iam.new_id("AIDA"),
        created_at: iam.clock.now(),
        grants: Grants {
            boundary: input.permissions_boundary,
            ..Grants::default()
        },
        tags: answer::tags(input.tags)?,
        groups: BTreeSet::new(),
    };
    transact(&iam.store, |tx| {
        if find::<UserRecord>(tx, &record.account, &record.name).is_some() {
            return Err(exists(&record.name).into());
        }
        if tx.len::<UserRecord>() >= limits::IAM_USERS {
            let message = format!("Cannot exceed quota for UsersPerAccount: {}", limits::IAM_USERS);
            return Err(errors::limit_exceeded_exception(message).into());
        }
        if let Some(arn) = &record.grants.boundary {
            check_managed(tx, &record.account, arn)?;
        }
        let user = render::user(&record);
        tx.insert(record)?;
        Ok(CreateUserResponse { user: Some(user) })
    })
    .await
});

fn exists(name: &str) -> Error {
    errors::entity_already_exists_exception(format!("User with name {name} already exists."))
}

operation!(GetUser, |iam, caller, input| {
    let name = user_name(caller, &input.user_name).unwrap_or_default();
    iam.on::<UserRecord>("iam:GetUser", caller, &name)
} {
    // Root asks about itself.
    if input.user_name.is_none() && caller.principal == Principal::Root {
        return Ok(GetUserResponse {
            user: Some(User {
                arn: Some(caller.arn()),
                user_id: Some(caller.account.clone()),
                create_date: answer::timestamp(crate::managed::CREATED_AT),
                ..User::default()
            }),
        });
    }
    let name = user_name(caller, &input.user_name)?;
    look(&iam.store, |head| {
        let user = require::<UserRecord>(head, caller, &name)?;
        Ok(GetUserResponse { user: Some(render::user(&user)) })
    })
    .await
});

operation!(ListUsers, |iam, caller, input| {
    Access::action("iam:ListUsers")
} {
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    look(&iam.store, |head| {
        let users = head.scan::<UserRecord>(&key_of(&caller.account, ""));
        let users = users.filter(|user| user.path.starts_with(prefix));
        let shown = |user: &std::sync::Arc<UserRecord>| User {
            permissions_boundary: None,
            tags: None,
            ..render::user(user)
        };
        let listed = list(input.max_items, &input.marker, users, |it| it.name.to_lowercase(), shown)?;
        Ok(ListUsersResponse {
            users: listed.items,
            is_truncated: listed.is_truncated,
            marker: listed.marker,
        })
    })
    .await
});

operation!(UpdateUser, |iam, caller, input| {
    iam.on::<UserRecord>("iam:UpdateUser", caller, &input.user_name)
} {
    let path = input.new_path.is_some().then(|| answer::path(&input.new_path)).transpose()?;
    transact(&iam.store, |tx| {
        let old = require::<UserRecord>(tx, caller, &input.user_name)?;
        let mut user = (*old).clone();
        user.path = path.unwrap_or(user.path);
        if let Some(name) = input.new_user_name {
            let is_other = key_of(&user.account, &name) != old.key();
            if is_other && find::<UserRecord>(tx, &user.account, &name).is_some() {
                return Err(exists(&name).into());
            }
            user.name = name;
        }
        // Its keys say whose they are.
        for key in tx.index::<AccessKeyRecord>(AccessKeyRecord::BY_USER, &user.id) {
            let owner = owner(&user);
            tx.update::<AccessKeyRecord>(&key.access_key_id, |key| key.owner = owner);
        }
        if user.key() != old.key() {
            tx.delete::<UserRecord>(&old.key());
        }
        tx.put(user);
        Ok(Unit::default())
    })
    .await
});

pub(super) fn owner(user: &UserRecord) -> KeyOwner {
    KeyOwner::User {
        id: user.id.clone(),
        name: user.name.clone(),
        path: user.path.clone(),
    }
}

operation!(DeleteUser, |iam, caller, input| {
    iam.on::<UserRecord>("iam:DeleteUser", caller, &input.user_name)
} {
    transact(&iam.store, |tx| {
        let user = require::<UserRecord>(tx, caller, &input.user_name)?;
        if tx.index_len::<AccessKeyRecord>(AccessKeyRecord::BY_USER, &user.id) > 0 {
            return Err(conflict("must delete access keys first").into());
        }
        if !user.groups.is_empty() {
            return Err(conflict("must remove users from group first").into());
        }
        check_without_policies(&*user)?;
        tx.delete::<UserRecord>(&user.key());
        Ok(Unit::default())
    })
    .await
});
