//! ListEntitiesForPolicy.

use api_iam::operations::ListEntitiesForPolicy;
use api_iam::types::{
    EntityType, ListEntitiesForPolicyResponse, PolicyGroup, PolicyRole, PolicyUsageType, PolicyUser,
};
use kit::answer::look;

use super::policies::on_policy;
use crate::answer::{list, operation};
use crate::entities::Entity;
use crate::grants::check_managed;
use crate::records::{BY_POLICY, GroupRecord, RoleRecord, UserRecord, policy_index};

/// One of the three, in one order for the pages.
enum Found {
    Role(PolicyRole),
    User(PolicyUser),
    Group(PolicyGroup),
}

operation!(ListEntitiesForPolicy, |iam, caller, input| {
    on_policy("iam:ListEntitiesForPolicy", &input.policy_arn)
} {
    let arn = input.policy_arn.clone().unwrap_or_default();
    let prefix = input.path_prefix.clone().unwrap_or_else(|| "/".to_owned());
    let is_wanted = |kind: EntityType| input.entity_filter.as_ref().is_none_or(|it| *it == kind);
    look(&iam.store, |head| {
        check_managed(head, &caller.account, &arn)?;
        let index = policy_index(&caller.account, &arn);
        let mut found: Vec<(String, Found)> = Vec::new();
        if is_wanted(EntityType::ROLE) {
            for role in head.index::<RoleRecord>(BY_POLICY, &index) {
                if uses(&*role, &arn, &prefix, &input.policy_usage_filter) {
                    let shown = PolicyRole {
                        role_id: Some(role.id.clone()),
                        role_name: Some(role.name.clone()),
                    };
                    found.push((format!("role/{}", role.name), Found::Role(shown)));
                }
            }
        }
        if is_wanted(EntityType::USER) {
            for user in head.index::<UserRecord>(BY_POLICY, &index) {
                if uses(&*user, &arn, &prefix, &input.policy_usage_filter) {
                    let shown = PolicyUser {
                        user_id: Some(user.id.clone()),
                        user_name: Some(user.name.clone()),
                    };
                    found.push((format!("user/{}", user.name), Found::User(shown)));
                }
            }
        }
        if is_wanted(EntityType::GROUP) {
            for group in head.index::<GroupRecord>(BY_POLICY, &index) {
                if uses(&*group, &arn, &prefix, &input.policy_usage_filter) {
                    let shown = PolicyGroup {
                        group_id: Some(group.id.clone()),
                        group_name: Some(group.name.clone()),
                    };
                    found.push((format!("group/{}", group.name), Found::Group(shown)));
                }
            }
        }
        found.sort_by(|one, other| one.0.cmp(&other.0));
        let key = |it: &(String, Found)| it.0.clone();
        let listed = list(input.max_items, &input.marker, found.into_iter(), key, |it| it.1)?;
        let mut answer = ListEntitiesForPolicyResponse {
            is_truncated: listed.is_truncated,
            marker: listed.marker,
            policy_groups: Some(Vec::new()),
            policy_roles: Some(Vec::new()),
            policy_users: Some(Vec::new()),
        };
        for found in listed.items.into_iter().flatten() {
            match found {
                Found::Role(role) => answer.policy_roles.get_or_insert_default().push(role),
                Found::User(user) => answer.policy_users.get_or_insert_default().push(user),
                Found::Group(group) => answer.policy_groups.get_or_insert_default().push(group),
            }
        }
        Ok(answer)
    })
    .await
});

fn uses<E: Entity>(entity: &E, arn: &str, prefix: &str, usage: &Option<PolicyUsageType>) -> bool {
    let grants = entity.grants();
    let is_boundary = grants.boundary.as_deref() == Some(arn);
    let is_attached = grants.attached.contains(arn);
    let is_used = match usage {
        Some(usage) if *usage == PolicyUsageType::PERMISSIONS_BOUNDARY => is_boundary,
        Some(_) => is_attached,
        None => is_attached || is_boundary,
    };
    is_used && entity.path().starts_with(prefix)
}
