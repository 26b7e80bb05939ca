//! GetRole, ListRoles, UpdateRole, UpdateRoleDescription, UpdateAssumeRolePolicy.

use api_iam::operations::{
    GetRole, ListRoles, UpdateAssumeRolePolicy, UpdateRole, UpdateRoleDescription,
};
use api_iam::types::{
    GetRoleResponse, ListRolesResponse, Role, UpdateRoleDescriptionResponse, UpdateRoleResponse,
};
use kit::answer::{look, transact};
use wire::{Access, Unit};

use super::create_role::{check_trusted, trust_document};
use crate::answer::{list, operation};
use crate::entities::{Entity, require};
use crate::records::{RoleRecord, key_of};
use crate::render;

operation!(GetRole, |iam, caller, input| {
    iam.on::<RoleRecord>("iam:GetRole", caller, &input.role_name)
} {
    look(&iam.store, |head| {
        let role = require::<RoleRecord>(head, caller, &input.role_name)?;
        Ok(GetRoleResponse { role: Some(render::role(&role)) })
    })
    .await
});

operation!(ListRoles, |iam, caller, input| {
    Access::action("iam:ListRoles")
} {
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    look(&iam.store, |head| {
        let roles = head.scan::<RoleRecord>(&key_of(&caller.account, ""));
        let roles = roles.filter(|role| role.path.starts_with(prefix));
        let shown = |role: &std::sync::Arc<RoleRecord>| Role {
            // As on AWS: lists leave them away.
            permissions_boundary: None,
            tags: None,
            role_last_used: None,
            ..render::role(role)
        };
        let listed = list(input.max_items, &input.marker, roles, |it| it.name.to_lowercase(), shown)?;
        Ok(ListRolesResponse {
            roles: listed.items,
            is_truncated: listed.is_truncated,
            marker: listed.marker,
        })
    })
    .await
});

operation!(UpdateRole, |iam, caller, input| {
    iam.on::<RoleRecord>("iam:UpdateRole", caller, &input.role_name)
} {
    transact(&iam.store, |tx| {
        let mut role = (*require::<RoleRecord>(tx, caller, &input.role_name)?).clone();
        role.check_modifiable()?;
        if input.description.is_some() {
            role.description = input.description;
        }
        role.max_session_seconds = input.max_session_duration.unwrap_or(role.max_session_seconds);
        tx.put(role);
        Ok(UpdateRoleResponse::default())
    })
    .await
});

operation!(UpdateRoleDescription, |iam, caller, input| {
    iam.on::<RoleRecord>("iam:UpdateRoleDescription", caller, &input.role_name)
} {
    transact(&iam.store, |tx| {
        let mut role = (*require::<RoleRecord>(tx, caller, &input.role_name)?).clone();
        role.check_modifiable()?;
        role.description = input.description;
        let shown = render::role(&role);
        tx.put(role);
        Ok(UpdateRoleDescriptionResponse { role: Some(shown) })
    })
    .await
});

operation!(UpdateAssumeRolePolicy, |iam, caller, input| {
    iam.on::<RoleRecord>("iam:UpdateAssumeRolePolicy", caller, &input.role_name)
} {
    let trust = trust_document(&input.policy_document)?;
    transact(&iam.store, |tx| {
        let mut role = (*require::<RoleRecord>(tx, caller, &input.role_name)?).clone();
        role.check_modifiable()?;
        check_trusted(tx, &role.account, &trust)?;
        role.trust = trust;
        tx.put(role);
        Ok(Unit::default())
    })
    .await
});
