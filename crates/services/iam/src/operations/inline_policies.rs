//! Put, Get, Delete and List of the inline policies of roles, users and groups.

use api_iam::errors;
use api_iam::operations::{
    DeleteGroupPolicy, DeleteRolePolicy, DeleteUserPolicy, GetGroupPolicy, GetRolePolicy,
    GetUserPolicy, ListGroupPolicies, ListRolePolicies, ListUserPolicies, PutGroupPolicy,
    PutRolePolicy, PutUserPolicy,
};
use api_iam::types::{
    GetGroupPolicyResponse, GetRolePolicyResponse, GetUserPolicyResponse,
    ListGroupPoliciesResponse, ListRolePoliciesResponse, ListUserPoliciesResponse,
};
use kit::answer::{look, transact};
use policy::PolicyUse;
use wire::{Caller, Error, Unit};

use crate::answer::{document, list, operation, without_space};
use crate::entities::{Entity, require};
use crate::records::{GroupRecord, RoleRecord, UserRecord};
use crate::{Iam, render};

macro_rules! inline_policies {
    (
        $record:ty, $name:ident,
        $put:ident $put_action:literal, $get:ident $get_action:literal $got:ident,
        $delete:ident $delete_action:literal, $list:ident $list_action:literal $listed:ident
    ) => {
        operation!($put, |iam, caller, input| {
            iam.on::<$record>($put_action, caller, &input.$name)
        } {
            put::<$record>(iam, caller, &input.$name, input.policy_name, &input.policy_document).await
        });

        operation!($get, |iam, caller, input| {
            iam.on::<$record>($get_action, caller, &input.$name)
        } {
            let (name, document) = get::<$record>(iam, caller, &input.$name, &input.policy_name).await?;
            Ok($got {
                $name: Some(name),
                policy_name: input.policy_name,
                policy_document: Some(document),
            })
        });

        operation!($delete, |iam, caller, input| {
            iam.on::<$record>($delete_action, caller, &input.$name)
        } {
            delete::<$record>(iam, caller, &input.$name, &input.policy_name).await
        });

        operation!($list, |iam, caller, input| {
            iam.on::<$record>($list_action, caller, &input.$name)
        } {
            look(&iam.store, |head| {
                let entity = require::<$record>(head, caller, &input.$name)?;
                let names = entity.grants().inline.keys().cloned();
                let listed = list(input.max_items, &input.marker, names, String::clone, |it| it)?;
                Ok($listed {
                    policy_names: listed.items,
                    is_truncated: listed.is_truncated,
                    marker: listed.marker,
                })
            })
            .await
        });
    };
}

inline_policies!(
    RoleRecord, role_name,
    PutRolePolicy "iam:PutRolePolicy", GetRolePolicy "iam:GetRolePolicy" GetRolePolicyResponse,
    DeleteRolePolicy "iam:DeleteRolePolicy", ListRolePolicies "iam:ListRolePolicies" ListRolePoliciesResponse
);
inline_policies!(
    UserRecord, user_name,
    PutUserPolicy "iam:PutUserPolicy", GetUserPolicy "iam:GetUserPolicy" GetUserPolicyResponse,
    DeleteUserPolicy "iam:DeleteUserPolicy", ListUserPolicies "iam:ListUserPolicies" ListUserPoliciesResponse
);
inline_policies!(
    GroupRecord, group_name,
    PutGroupPolicy "iam:PutGroupPolicy", GetGroupPolicy "iam:GetGroupPolicy" GetGroupPolicyResponse,
    DeleteGroupPolicy "iam:DeleteGroupPolicy", ListGroupPolicies "iam:ListGroupPolicies" ListGroupPoliciesResponse
);

async fn put<E: Entity>(
    iam: &Iam,
    caller: &Caller,
    name: &Option<String>,
    policy_name: Option<String>,
    text: &Option<String>,
) -> Result<Unit, Error> {
    let document = document(
        text,
        PolicyUse::Identity,
        limits::POLICY_BYTES,
        "PolicySize",
    )?;
    transact(&iam.store, |tx| {
        let mut entity = (*require::<E>(tx, caller, name)?).clone();
        entity.check_modifiable()?;
        let inline = &mut entity.grants_mut().inline;
        inline.insert(policy_name.unwrap_or_default(), document);
        let characters: usize = inline.values().map(|text| without_space(text)).sum();
        if characters > E::INLINE_CHARACTERS {
            let message = format!(
                "Maximum policy size of {} bytes exceeded for {} {}",
                E::INLINE_CHARACTERS,
                E::KIND,
                entity.name()
            );
            return Err(errors::limit_exceeded_exception(message).into());
        }
        tx.put(entity);
        Ok(Unit::default())
    })
    .await
}

/// The entity's name, and the document.
async fn get<E: Entity>(
    iam: &Iam,
    caller: &Caller,
    name: &Option<String>,
    policy_name: &Option<String>,
) -> Result<(String, String), Error> {
    let policy_name = policy_name.as_deref().unwrap_or_default();
    look(&iam.store, |head| {
        let entity = require::<E>(head, caller, name)?;
        let document = entity.grants().inline.get(policy_name);
        let document = document.ok_or_else(|| not_found::<E>(policy_name))?;
        Ok((entity.name().to_owned(), render::encoded(document)))
    })
    .await
}

async fn delete<E: Entity>(
    iam: &Iam,
    caller: &Caller,
    name: &Option<String>,
    policy_name: &Option<String>,
) -> Result<Unit, Error> {
    let policy_name = policy_name.as_deref().unwrap_or_default();
    transact(&iam.store, |tx| {
        let mut entity = (*require::<E>(tx, caller, name)?).clone();
        entity.check_modifiable()?;
        if entity.grants_mut().inline.remove(policy_name).is_none() {
            return Err(not_found::<E>(policy_name).into());
        }
        tx.put(entity);
        Ok(Unit::default())
    })
    .await
}

fn not_found<E: Entity>(policy_name: &str) -> Error {
    errors::no_such_entity_exception(format!(
        "The {} policy with name {policy_name} cannot be found.",
        E::KIND
    ))
}
