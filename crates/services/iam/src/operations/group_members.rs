//! AddUserToGroup, RemoveUserFromGroup, ListGroupsForUser.

use api_iam::errors;
use api_iam::operations::{AddUserToGroup, ListGroupsForUser, RemoveUserFromGroup};
use api_iam::types::ListGroupsForUserResponse;
use kit::answer::{look, transact};
use wire::Unit;

use crate::answer::{list, operation};
use crate::entities::{find, require};
use crate::records::{GroupRecord, UserRecord};
use crate::render;

operation!(AddUserToGroup, |iam, caller, input| {
    iam.on::<GroupRecord>("iam:AddUserToGroup", caller, &input.group_name)
} {
    transact(&iam.store, |tx| {
        let group = require::<GroupRecord>(tx, caller, &input.group_name)?;
        let mut user = (*require::<UserRecord>(tx, caller, &input.user_name)?).clone();
        user.groups.insert(group.name.clone());
        if user.groups.len() > limits::IAM_GROUPS_PER_USER {
            let message =
                format!("Cannot exceed quota for GroupsPerUser: {}", limits::IAM_GROUPS_PER_USER);
            return Err(errors::limit_exceeded_exception(message).into());
        }
        tx.put(user);
        Ok(Unit::default())
    })
    .await
});

operation!(RemoveUserFromGroup, |iam, caller, input| {
    iam.on::<GroupRecord>("iam:RemoveUserFromGroup", caller, &input.group_name)
} {
    transact(&iam.store, |tx| {
        let group = require::<GroupRecord>(tx, caller, &input.group_name)?;
        let mut user = (*require::<UserRecord>(tx, caller, &input.user_name)?).clone();
        user.groups.remove(&group.name);
        tx.put(user);
        Ok(Unit::default())
    })
    .await
});

operation!(ListGroupsForUser, |iam, caller, input| {
    iam.on::<UserRecord>("iam:ListGroupsForUser", caller, &input.user_name)
} {
    look(&iam.store, |head| {
        let user = require::<UserRecord>(head, caller, &input.user_name)?;
        let groups = user.groups.iter();
        let groups = groups.filter_map(|name| find::<GroupRecord>(head, &user.account, name));
        let name = |group: &std::sync::Arc<GroupRecord>| group.name.clone();
        let listed = list(input.max_items, &input.marker, groups, name, |it| render::group(&it))?;
        Ok(ListGroupsForUserResponse {
            groups: listed.items,
            is_truncated: listed.is_truncated,
            marker: listed.marker,
        })
    })
    .await
});
