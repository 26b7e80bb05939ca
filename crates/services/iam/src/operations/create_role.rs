//! CreateRole.

use api_iam::errors;
use api_iam::operations::CreateRole;
use api_iam::types::CreateRoleResponse;
use kit::answer::transact;
use policy::{Policy, PolicyUse};
use state::Head;
use wire::Error;

use crate::answer::{self, operation, with_request_tags};
use crate::entities::{Named, find};
use crate::grants::check_managed;
use crate::records::{Grants, RoleRecord, UserRecord};
use crate::{Iam, render};

operation!(CreateRole, |iam, caller, input| {
    let access = Iam::on_new("iam:CreateRole", caller, "role", &input.path, &input.role_name);
    let access = with_request_tags(access, &input.tags);
    let access = match &input.permissions_boundary {
        Some(arn) => access.condition("iam:PermissionsBoundary", arn),
        None => access,
    };
    match input.tags.iter().flatten().next() {
        Some(_) => {
            let tagging = Iam::on_new("iam:TagRole", caller, "role", &input.path, &input.role_name);
            let arn = tagging.asks()[0].resources[0].clone();
            with_request_tags(access.also("iam:TagRole").resource(arn), &input.tags)
        }
        None => access,
    }
} {
    let record = RoleRecord {
        account: caller.account.clone(),
        name: input.role_name.unwrap_or_default(),
        path: answer::path(&input.path)?,
        id: iam.new_id("AROA"),
        created_at: iam.clock.now(),
        description: input.description,
        max_session_seconds: input.max_session_duration.unwrap_or(limits::STS_SESSION_SECONDS),
        trust: trust_document(&input.assume_role_policy_document)?,
        grants: Grants {
            boundary: input.permissions_boundary,
            ..Grants::default()
        },
        tags: answer::tags(input.tags)?,
        linked_service: None,
    };
    transact(&iam.store, |tx| {
        if find::<RoleRecord>(tx, &record.account, &record.name).is_some() {
            return Err(exists(&record.name).into());
        }
        if tx.len::<RoleRecord>() >= limits::IAM_ROLES {
            let message = format!("Cannot exceed quota for RolesPerAccount: {}", limits::IAM_ROLES);
            return Err(errors::limit_exceeded_exception(message).into());
        }
        check_trusted(tx, &record.account, &record.trust)?;
        if let Some(arn) = &record.grants.boundary {
            check_managed(tx, &record.account, arn)?;
        }
        let role = render::role(&record);
        tx.insert(record)?;
        Ok(CreateRoleResponse { role: Some(role) })
    })
    .await
});

pub(super) fn exists(name: &str) -> Error {
    errors::entity_already_exists_exception(format!("Role with name {name} already exists."))
}

pub(super) fn trust_document(text: &Option<String>) -> Result<String, Error> {
    let quota = "ACLSizePerRole";
    answer::document(text, PolicyUse::Trust, limits::IAM_TRUST_CHARACTERS, quota)
}

/// Users and roles of this account that a trust policy names have to be there.
pub(super) fn check_trusted(head: &Head, account: &str, trust: &str) -> Result<(), Error> {
    let Ok(policy) = Policy::parse(trust, PolicyUse::Trust) else {
        return Ok(());
    };
    let ours = format!("arn:aws:iam::{account}:");
    for arn in policy.principal_arns() {
        let Some(rest) = arn.strip_prefix(&ours) else {
            continue;
        };
        let name = rest.rsplit('/').next().unwrap_or_default();
        let is_there = match rest.split_once('/') {
            Some(("role", _)) => {
                find::<RoleRecord>(head, account, name).is_some_and(|role| role.arn() == arn)
            }
            _ => find::<UserRecord>(head, account, name).is_some_and(|user| user.arn() == arn),
        };
        if !is_there {
            let message = format!("Invalid principal in policy: \"AWS\":\"{arn}\"");
            return Err(errors::malformed_policy_document_exception(message));
        }
    }
    Ok(())
}
