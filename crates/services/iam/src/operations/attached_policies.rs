//! Attach, Detach and List of the managed policies of roles, users and groups.

use api_iam::errors;
use api_iam::operations::{
    AttachGroupPolicy, AttachRolePolicy, AttachUserPolicy, DetachGroupPolicy, DetachRolePolicy,
    DetachUserPolicy, ListAttachedGroupPolicies, ListAttachedRolePolicies,
    ListAttachedUserPolicies,
};
use api_iam::types::{
    ListAttachedGroupPoliciesResponse, ListAttachedRolePoliciesResponse,
    ListAttachedUserPoliciesResponse,
};
use kit::answer::{look, transact};
use wire::{Caller, Error, Unit};

use crate::answer::{list, operation};
use crate::entities::{Entity, require};
use crate::grants::check_managed;
use crate::records::{GroupRecord, RoleRecord, UserRecord};
use crate::{Iam, render};

macro_rules! attached_policies {
    (
        $record:ty, $name:ident, $attach:ident $attach_action:literal, $detach:ident $detach_action:literal,
        $list:ident $list_action:literal $listed:ident
    ) => {
        operation!($attach, |iam, caller, input| {
            let arn = input.policy_arn.clone().unwrap_or_default();
            iam.on::<$record>($attach_action, caller, &input.$name).condition("iam:PolicyARN", arn)
        } {
            attach::<$record>(iam, caller, &input.$name, input.policy_arn.unwrap_or_default()).await
        });

        operation!($detach, |iam, caller, input| {
            let arn = input.policy_arn.clone().unwrap_or_default();
            iam.on::<$record>($detach_action, caller, &input.$name).condition("iam:PolicyARN", arn)
        } {
            detach::<$record>(iam, caller, &input.$name, input.policy_arn.unwrap_or_default()).await
        });

        operation!($list, |iam, caller, input| {
            iam.on::<$record>($list_action, caller, &input.$name)
        } {
            let prefix = input.path_prefix.as_deref().unwrap_or("/");
            look(&iam.store, |head| {
                let entity = require::<$record>(head, caller, &input.$name)?;
                let arns = entity.grants().attached.iter().filter(|arn| is_under(arn, prefix));
                let shown = |arn: &String| render::attached_policy(arn);
                let listed = list(input.max_items, &input.marker, arns, |it| (*it).clone(), shown)?;
                Ok($listed {
                    attached_policies: listed.items,
                    is_truncated: listed.is_truncated,
                    marker: listed.marker,
                })
            })
            .await
        });
    };
}

attached_policies!(
    RoleRecord, role_name, AttachRolePolicy "iam:AttachRolePolicy", DetachRolePolicy "iam:DetachRolePolicy",
    ListAttachedRolePolicies "iam:ListAttachedRolePolicies" ListAttachedRolePoliciesResponse
);
attached_policies!(
    UserRecord, user_name, AttachUserPolicy "iam:AttachUserPolicy", DetachUserPolicy "iam:DetachUserPolicy",
    ListAttachedUserPolicies "iam:ListAttachedUserPolicies" ListAttachedUserPoliciesResponse
);
attached_policies!(
    GroupRecord, group_name, AttachGroupPolicy "iam:AttachGroupPolicy", DetachGroupPolicy "iam:DetachGroupPolicy",
    ListAttachedGroupPolicies "iam:ListAttachedGroupPolicies" ListAttachedGroupPoliciesResponse
);

/// Whether the path of a policy's ARN starts so.
fn is_under(arn: &str, prefix: &str) -> bool {
    let path = arn.split_once(":policy").map_or("", |(_, path)| path);
    path.starts_with(prefix)
}

async fn attach<E: Entity>(
    iam: &Iam,
    caller: &Caller,
    name: &Option<String>,
    arn: String,
) -> Result<Unit, Error> {
    transact(&iam.store, |tx| {
        let mut entity = (*require::<E>(tx, caller, name)?).clone();
        entity.check_modifiable()?;
        check_managed(tx, &caller.account, &arn)?;
        let attached = &mut entity.grants_mut().attached;
        attached.insert(arn);
        if attached.len() > limits::IAM_ATTACHED_POLICIES {
            let message = format!(
                "Cannot exceed quota for PoliciesPer{}: {}",
                E::WORD,
                limits::IAM_ATTACHED_POLICIES
            );
            return Err(errors::limit_exceeded_exception(message).into());
        }
        tx.put(entity);
        Ok(Unit::default())
    })
    .await
}

async fn detach<E: Entity>(
    iam: &Iam,
    caller: &Caller,
    name: &Option<String>,
    arn: String,
) -> Result<Unit, Error> {
    transact(&iam.store, |tx| {
        let mut entity = (*require::<E>(tx, caller, name)?).clone();
        entity.check_modifiable()?;
        if !entity.grants_mut().attached.remove(&arn) {
            let message = format!("Policy {arn} was not found.");
            return Err(errors::no_such_entity_exception(message).into());
        }
        tx.put(entity);
        Ok(Unit::default())
    })
    .await
}
