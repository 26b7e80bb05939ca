//! Create, Get, List and Delete of instance profiles, their role, and those of a role.

use std::sync::Arc;

use api_iam::errors;
use api_iam::operations::{
    AddRoleToInstanceProfile, CreateInstanceProfile, DeleteInstanceProfile, GetInstanceProfile,
    ListInstanceProfiles, ListInstanceProfilesForRole, RemoveRoleFromInstanceProfile,
};
use api_iam::types::{
    CreateInstanceProfileResponse, GetInstanceProfileResponse, ListInstanceProfilesForRoleResponse,
    ListInstanceProfilesResponse,
};
use kit::answer::{look, transact};
use state::Record;
use wire::{Access, Unit};

use super::delete_role::conflict;
use crate::answer::{self, list, operation, with_request_tags};
use crate::entities::{Entity, Named, find, require};
use crate::records::{InstanceProfileRecord, RoleRecord, key_of};
use crate::{Iam, render};

operation!(CreateInstanceProfile, |iam, caller, input| {
    let (path, name) = (&input.path, &input.instance_profile_name);
    let access =
        Iam::on_new("iam:CreateInstanceProfile", caller, InstanceProfileRecord::KIND, path, name);
    with_request_tags(access, &input.tags)
} {
    let record = InstanceProfileRecord {
        account: caller.account.clone(),
        name: input.instance_profile_name.unwrap_or_default(),
        path: answer::path(&input.path)?,
        id: iam.new_id("AIPA"),
        created_at: iam.clock.now(),
        role: None,
        tags: answer::tags(input.tags)?,
    };
    transact(&iam.store, |tx| {
        if tx.contains::<InstanceProfileRecord>(&record.key()) {
            let message = format!("Instance Profile {} already exists.", record.name);
            return Err(errors::entity_already_exists_exception(message).into());
        }
        if tx.len::<InstanceProfileRecord>() >= limits::IAM_INSTANCE_PROFILES {
            let most = limits::IAM_INSTANCE_PROFILES;
            let message = format!("Cannot exceed quota for InstanceProfilesPerAccount: {most}");
            return Err(errors::limit_exceeded_exception(message).into());
        }
        let shown = render::instance_profile(tx, &record);
        tx.insert(record)?;
        Ok(CreateInstanceProfileResponse { instance_profile: Some(shown) })
    })
    .await
});

operation!(GetInstanceProfile, |iam, caller, input| {
    let name = &input.instance_profile_name;
    iam.on::<InstanceProfileRecord>("iam:GetInstanceProfile", caller, name)
} {
    look(&iam.store, |head| {
        let name = &input.instance_profile_name;
        let profile = require::<InstanceProfileRecord>(head, caller, name)?;
        let shown = render::instance_profile(head, &profile);
        Ok(GetInstanceProfileResponse { instance_profile: Some(shown) })
    })
    .await
});

operation!(ListInstanceProfiles, |iam, caller, input| {
    Access::action("iam:ListInstanceProfiles")
} {
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    look(&iam.store, |head| {
        let profiles = head.scan::<InstanceProfileRecord>(&key_of(&caller.account, ""));
        let profiles = profiles.filter(|profile| profile.path.starts_with(prefix));
        let name = |profile: &&Arc<InstanceProfileRecord>| profile.name.to_lowercase();
        let shown = |it: &Arc<InstanceProfileRecord>| render::instance_profile(head, it);
        let listed = list(input.max_items, &input.marker, profiles, name, shown)?;
        Ok(ListInstanceProfilesResponse {
            instance_profiles: listed.items,
            is_truncated: listed.is_truncated,
            marker: listed.marker,
        })
    })
    .await
});

operation!(ListInstanceProfilesForRole, |iam, caller, input| {
    iam.on::<RoleRecord>("iam:ListInstanceProfilesForRole", caller, &input.role_name)
} {
    look(&iam.store, |head| {
        let role = require::<RoleRecord>(head, caller, &input.role_name)?;
        let by_role = InstanceProfileRecord::BY_ROLE;
        let mut profiles = head.index::<InstanceProfileRecord>(by_role, &role.key());
        profiles.sort_by_key(|profile| profile.key());
        let name = |profile: &Arc<InstanceProfileRecord>| profile.name.to_lowercase();
        let shown = |it: Arc<InstanceProfileRecord>| render::instance_profile(head, &it);
        let listed = list(input.max_items, &input.marker, profiles.into_iter(), name, shown)?;
        Ok(ListInstanceProfilesForRoleResponse {
            instance_profiles: listed.items,
            is_truncated: listed.is_truncated,
            marker: listed.marker,
        })
    })
    .await
});

operation!(DeleteInstanceProfile, |iam, caller, input| {
    let name = &input.instance_profile_name;
    iam.on::<InstanceProfileRecord>("iam:DeleteInstanceProfile", caller, name)
} {
    transact(&iam.store, |tx| {
        let name = &input.instance_profile_name;
        let profile = require::<InstanceProfileRecord>(tx, caller, name)?;
        if profile.role.is_some() {
            return Err(conflict("must remove roles from instance profile first").into());
        }
        tx.delete::<InstanceProfileRecord>(&profile.key());
        Ok(Unit::default())
    })
    .await
});

operation!(AddRoleToInstanceProfile, |iam, caller, input| {
    let name = &input.instance_profile_name;
    let access = iam.on::<InstanceProfileRecord>("iam:AddRoleToInstanceProfile", caller, name);
    let role_name = input.role_name.as_deref().unwrap_or_default();
    let role = iam.store.read(|head| find::<RoleRecord>(head, &caller.account, role_name)).head();
    // An instance gets the role's credentials: that is passing it.
    match role {
        Some(role) => access
            .also("iam:PassRole")
            .resource(role.arn())
            .condition("iam:PassedToService", "ec2.amazonaws.com"),
        None => access,
    }
} {
    transact(&iam.store, |tx| {
        let name = &input.instance_profile_name;
        let mut profile = (*require::<InstanceProfileRecord>(tx, caller, name)?).clone();
        let role = require::<RoleRecord>(tx, caller, &input.role_name)?;
        role.check_modifiable()?;
        if profile.role.is_some() {
            let message = "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1";
            return Err(errors::limit_exceeded_exception(message).into());
        }
        profile.role = Some(role.name.clone());
        tx.put(profile);
        Ok(Unit::default())
    })
    .await
});

operation!(RemoveRoleFromInstanceProfile, |iam, caller, input| {
    let name = &input.instance_profile_name;
    iam.on::<InstanceProfileRecord>("iam:RemoveRoleFromInstanceProfile", caller, name)
} {
    transact(&iam.store, |tx| {
        let name = &input.instance_profile_name;
        let mut profile = (*require::<InstanceProfileRecord>(tx, caller, name)?).clone();
        let role = input.role_name.as_deref().unwrap_or_default();
        if profile.role.as_deref() != Some(role) {
            return Err(RoleRecord::not_found(role).into());
        }
        profile.role = None;
        tx.put(profile);
        Ok(Unit::default())
    })
    .await
});
