//! CreateGroup, GetGroup, ListGroups, UpdateGroup, DeleteGroup.

use api_iam::errors;
use api_iam::operations::{CreateGroup, DeleteGroup, GetGroup, ListGroups, UpdateGroup};
use api_iam::types::{CreateGroupResponse, GetGroupResponse, ListGroupsResponse};
use kit::answer::{look, transact};
use state::Record;
use wire::{Access, Error, Unit};

use super::delete_role::{check_without_policies, conflict};
use crate::answer::{self, list, operation};
use crate::entities::{find, require};
use crate::records::{Grants, GroupRecord, UserRecord, key_of};
use crate::{Iam, render};

operation!(CreateGroup, |iam, caller, input| {
    Iam::on_new("iam:CreateGroup", caller, "group", &input.path, &input.group_name)
} {
    let record = GroupRecord {
        account: caller.account.clone(),
        name: input.group_name.unwrap_or_default(),
        path: answer::path(&input.path)?,
        id: iam.new_id("AGPA"),
        created_at: iam.clock.now(),
        grants: Grants::default(),
    };
    transact(&iam.store, |tx| {
        if find::<GroupRecord>(tx, &record.account, &record.name).is_some() {
            return Err(exists(&record.name).into());
        }
        if tx.len::<GroupRecord>() >= limits::IAM_GROUPS {
            let message = format!("Cannot exceed quota for GroupsPerAccount: {}", limits::IAM_GROUPS);
            return Err(errors::limit_exceeded_exception(message).into());
        }
        let group = render::group(&record);
        tx.insert(record)?;
        Ok(CreateGroupResponse { group: Some(group) })
    })
    .await
});

fn exists(name: &str) -> Error {
    errors::entity_already_exists_exception(format!("Group with name {name} already exists."))
}

operation!(GetGroup, |iam, caller, input| {
    iam.on::<GroupRecord>("iam:GetGroup", caller, &input.group_name)
} {
    look(&iam.store, |head| {
        let group = require::<GroupRecord>(head, caller, &input.group_name)?;
        let mut members = head.index::<UserRecord>(UserRecord::BY_GROUP, &group.key());
        members.sort_by_key(|user| user.key());
        let members = members.into_iter();
        let name = |user: &std::sync::Arc<UserRecord>| user.name.to_lowercase();
        let listed = list(input.max_items, &input.marker, members, name, |it| render::user(&it))?;
        Ok(GetGroupResponse {
            group: Some(render::group(&group)),
            users: listed.items,
            is_truncated: listed.is_truncated,
            marker: listed.marker,
        })
    })
    .await
});

operation!(ListGroups, |iam, caller, input| {
    Access::action("iam:ListGroups")
} {
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    look(&iam.store, |head| {
        let groups = head.scan::<GroupRecord>(&key_of(&caller.account, ""));
        let groups = groups.filter(|group| group.path.starts_with(prefix));
        let name = |group: &&std::sync::Arc<GroupRecord>| group.name.to_lowercase();
        let listed = list(input.max_items, &input.marker, groups, name, |it| render::group(it))?;
        Ok(ListGroupsResponse {
            groups: listed.items,
            is_truncated: listed.is_truncated,
            marker: listed.marker,
        })
    })
    .await
});

operation!(UpdateGroup, |iam, caller, input| {
    iam.on::<GroupRecord>("iam:UpdateGroup", caller, &input.group_name)
} {
    let path = input.new_path.is_some().then(|| answer::path(&input.new_path)).transpose()?;
    transact(&iam.store, |tx| {
        let old = require::<GroupRecord>(tx, caller, &input.group_name)?;
        let mut group = (*old).clone();
        group.path = path.unwrap_or(group.path);
        if let Some(name) = input.new_group_name {
            let is_other = key_of(&group.account, &name) != old.key();
            if is_other && find::<GroupRecord>(tx, &group.account, &name).is_some() {
                return Err(exists(&name).into());
            }
            for member in tx.index::<UserRecord>(UserRecord::BY_GROUP, &old.key()) {
                tx.update::<UserRecord>(&member.key(), |user| {
                    user.groups.remove(&old.name);
                    user.groups.insert(name.clone());
                });
            }
            group.name = name;
        }
        if group.key() != old.key() {
            tx.delete::<GroupRecord>(&old.key());
        }
        tx.put(group);
        Ok(Unit::default())
    })
    .await
});

operation!(DeleteGroup, |iam, caller, input| {
    iam.on::<GroupRecord>("iam:DeleteGroup", caller, &input.group_name)
} {
    transact(&iam.store, |tx| {
        let group = require::<GroupRecord>(tx, caller, &input.group_name)?;
        if tx.index_len::<UserRecord>(UserRecord::BY_GROUP, &group.key()) > 0 {
            return Err(conflict("must remove users from group first").into());
        }
        check_without_policies(&*group)?;
        tx.delete::<GroupRecord>(&group.key());
        Ok(Unit::default())
    })
    .await
});
