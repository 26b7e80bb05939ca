//! Records as the API shows them.

use api_iam::types::{
    AttachedPermissionsBoundary, AttachedPolicy, Group, InstanceProfile,
    PermissionsBoundaryAttachmentType, Policy, Role, RoleLastUsed, Tag, User,
};
use state::Head;

use crate::answer::timestamp;
use crate::entities::{Named, find};
use crate::managed::{self, ManagedPolicy};
use crate::records::{
    BY_POLICY, GroupRecord, InstanceProfileRecord, PolicyRecord, RoleRecord, Tags, UserRecord,
    policy_index,
};

pub(crate) fn role(record: &RoleRecord) -> Role {
    Role {
        arn: Some(record.arn()),
        assume_role_policy_document: Some(encoded(&record.trust)),
        create_date: timestamp(record.created_at),
        description: record.description.clone(),
        max_session_duration: Some(record.max_session_seconds),
        path: Some(record.path.clone()),
        permissions_boundary: boundary(&record.grants.boundary),
        role_id: Some(record.id.clone()),
        role_last_used: Some(RoleLastUsed::default()),
        role_name: Some(record.name.clone()),
        source_role_template: None,
        tags: some_tags(&record.tags),
    }
}

pub(crate) fn user(record: &UserRecord) -> User {
    User {
        arn: Some(record.arn()),
        create_date: timestamp(record.created_at),
        password_last_used: None,
        path: Some(record.path.clone()),
        permissions_boundary: boundary(&record.grants.boundary),
        tags: some_tags(&record.tags),
        user_id: Some(record.id.clone()),
        user_name: Some(record.name.clone()),
    }
}

pub(crate) fn group(record: &GroupRecord) -> Group {
    Group {
        arn: Some(record.arn()),
        create_date: timestamp(record.created_at),
        group_id: Some(record.id.clone()),
        group_name: Some(record.name.clone()),
        path: Some(record.path.clone()),
    }
}

pub(crate) fn instance_profile(head: &Head, record: &InstanceProfileRecord) -> InstanceProfile {
    let role_record = record
        .role
        .as_ref()
        .and_then(|name| find::<RoleRecord>(head, &record.account, name));
    InstanceProfile {
        arn: Some(record.arn()),
        create_date: timestamp(record.created_at),
        instance_profile_id: Some(record.id.clone()),
        instance_profile_name: Some(record.name.clone()),
        path: Some(record.path.clone()),
        roles: Some(role_record.iter().map(|it| role(it)).collect()),
        tags: some_tags(&record.tags),
    }
}

/// How many entities a policy is attached to, and of how many it is the boundary.
pub(crate) fn uses(head: &Head, account: &str, arn: &str) -> (usize, usize) {
    let index = policy_index(account, arn);
    let roles = head.index::<RoleRecord>(BY_POLICY, &index);
    let users = head.index::<UserRecord>(BY_POLICY, &index);
    let groups = head.index::<GroupRecord>(BY_POLICY, &index);
    let grants: Vec<_> = roles
        .iter()
        .map(|it| &it.grants)
        .chain(users.iter().map(|it| &it.grants))
        .chain(groups.iter().map(|it| &it.grants))
        .collect();
    let attached = grants.iter().filter(|it| it.attached.contains(arn));
    let boundaries = grants
        .iter()
        .filter(|it| it.boundary.as_deref() == Some(arn));
    (attached.count(), boundaries.count())
}

pub(crate) fn policy(head: &Head, record: &PolicyRecord) -> Policy {
    let arn = record.arn();
    let (attached, boundaries) = uses(head, &record.account, &arn);
    Policy {
        arn: Some(arn),
        attachment_count: i32::try_from(attached).ok(),
        create_date: timestamp(record.created_at),
        default_version_id: Some(version_id(record.default_version)),
        description: record.description.clone(),
        is_attachable: Some(true),
        path: Some(record.path.clone()),
        permissions_boundary_usage_count: i32::try_from(boundaries).ok(),
        policy_id: Some(record.id.clone()),
        policy_name: Some(record.name.clone()),
        tags: Some(tags(&record.tags)),
        update_date: timestamp(record.updated_at),
    }
}

pub(crate) fn managed_policy(head: &Head, account: &str, managed: &ManagedPolicy) -> Policy {
    let (attached, boundaries) = uses(head, account, &managed.arn());
    let created = timestamp(managed::CREATED_AT);
    Policy {
        arn: Some(managed.arn()),
        attachment_count: i32::try_from(attached).ok(),
        create_date: created,
        default_version_id: Some(version_id(1)),
        description: Some(managed.description.clone()),
        is_attachable: Some(true),
        path: Some(managed.path.clone()),
        permissions_boundary_usage_count: i32::try_from(boundaries).ok(),
        policy_id: Some(managed.id()),
        policy_name: Some(managed.name.clone()),
        tags: Some(Vec::new()),
        update_date: created,
    }
}

pub(crate) fn version_id(number: u32) -> String {
    format!("v{number}")
}

pub(crate) fn version_number(id: &Option<String>) -> Option<u32> {
    id.as_deref()?.strip_prefix('v')?.parse().ok()
}

pub(crate) fn attached_policy(arn: &str) -> AttachedPolicy {
    AttachedPolicy {
        policy_arn: Some(arn.to_owned()),
        policy_name: arn.rsplit('/').next().map(str::to_owned),
    }
}

pub(crate) fn tags(tags: &Tags) -> Vec<Tag> {
    let tag = |(key, value): &(String, String)| Tag {
        key: Some(key.clone()),
        value: Some(value.clone()),
    };
    tags.iter().map(tag).collect()
}

fn some_tags(all: &Tags) -> Option<Vec<Tag>> {
    (!all.is_empty()).then(|| tags(all))
}

fn boundary(arn: &Option<String>) -> Option<AttachedPermissionsBoundary> {
    arn.as_ref().map(|arn| AttachedPermissionsBoundary {
        permissions_boundary_arn: Some(arn.clone()),
        permissions_boundary_type: Some(
            PermissionsBoundaryAttachmentType::PERMISSIONS_BOUNDARY_POLICY,
        ),
    })
}

/// Documents travel percent-encoded, by RFC 3986.
pub(crate) fn encoded(document: &str) -> String {
    let mut text = String::with_capacity(document.len() * 2);
    for byte in document.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}
