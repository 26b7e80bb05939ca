//! Tag, Untag and the list of tags of roles, users, instance profiles and policies.

use api_iam::operations::{
    ListInstanceProfileTags, ListPolicyTags, ListRoleTags, ListUserTags, TagInstanceProfile,
    TagPolicy, TagRole, TagUser, UntagInstanceProfile, UntagPolicy, UntagRole, UntagUser,
};
use api_iam::types::{
    ListInstanceProfileTagsResponse, ListPolicyTagsResponse, ListRoleTagsResponse,
    ListUserTagsResponse, Tag,
};
use kit::answer::{look, transact};
use wire::{Access, Unit};

use super::policies::{on_policy, require_own};
use crate::answer::{list, operation, pairs, tag_error, with_request_tags};
use crate::entities::{Named, Tagged, require};
use crate::records::{InstanceProfileRecord, RoleRecord, Tags, UserRecord};
use crate::render;

macro_rules! tagging {
    (
        $record:ty, $name:ident, $tag:ident $tag_action:literal, $untag:ident $untag_action:literal,
        $list:ident $list_action:literal $listed:ident
    ) => {
        operation!($tag, |iam, caller, input| {
            let access = iam.on::<$record>($tag_action, caller, &input.$name);
            with_request_tags(access, &input.tags)
        } {
            transact(&iam.store, |tx| {
                let mut record = (*require::<$record>(tx, caller, &input.$name)?).clone();
                kit::tags::merge(record.tags_mut(), &pairs(input.tags)).map_err(tag_error)?;
                tx.put(record);
                Ok(Unit::default())
            })
            .await
        });

        operation!($untag, |iam, caller, input| {
            let access = iam.on::<$record>($untag_action, caller, &input.$name);
            with_tag_keys(access, &input.tag_keys)
        } {
            transact(&iam.store, |tx| {
                let mut record = (*require::<$record>(tx, caller, &input.$name)?).clone();
                kit::tags::remove(record.tags_mut(), &input.tag_keys.unwrap_or_default());
                tx.put(record);
                Ok(Unit::default())
            })
            .await
        });

        operation!($list, |iam, caller, input| {
            iam.on::<$record>($list_action, caller, &input.$name)
        } {
            look(&iam.store, |head| {
                let record = require::<$record>(head, caller, &input.$name)?;
                let tags = sorted(record.tags());
                let listed = list(input.max_items, &input.marker, tags.into_iter(), key, |it| it)?;
                Ok($listed {
                    tags: listed.items,
                    is_truncated: listed.is_truncated,
                    marker: listed.marker,
                })
            })
            .await
        });
    };
}

tagging!(
    RoleRecord, role_name, TagRole "iam:TagRole", UntagRole "iam:UntagRole",
    ListRoleTags "iam:ListRoleTags" ListRoleTagsResponse
);
tagging!(
    UserRecord, user_name, TagUser "iam:TagUser", UntagUser "iam:UntagUser",
    ListUserTags "iam:ListUserTags" ListUserTagsResponse
);
tagging!(
    InstanceProfileRecord, instance_profile_name, TagInstanceProfile "iam:TagInstanceProfile",
    UntagInstanceProfile "iam:UntagInstanceProfile",
    ListInstanceProfileTags "iam:ListInstanceProfileTags" ListInstanceProfileTagsResponse
);

operation!(TagPolicy, |iam, caller, input| {
    with_request_tags(on_policy("iam:TagPolicy", &input.policy_arn), &input.tags)
} {
    transact(&iam.store, |tx| {
        let mut record = (*require_own(tx, caller, &input.policy_arn)?).clone();
        kit::tags::merge(&mut record.tags, &pairs(input.tags)).map_err(tag_error)?;
        tx.put(record);
        Ok(Unit::default())
    })
    .await
});

operation!(UntagPolicy, |iam, caller, input| {
    with_tag_keys(on_policy("iam:UntagPolicy", &input.policy_arn), &input.tag_keys)
} {
    transact(&iam.store, |tx| {
        let mut record = (*require_own(tx, caller, &input.policy_arn)?).clone();
        kit::tags::remove(&mut record.tags, &input.tag_keys.unwrap_or_default());
        tx.put(record);
        Ok(Unit::default())
    })
    .await
});

operation!(ListPolicyTags, |iam, caller, input| {
    on_policy("iam:ListPolicyTags", &input.policy_arn)
} {
    look(&iam.store, |head| {
        let record = require_own(head, caller, &input.policy_arn)?;
        let tags = sorted(&record.tags).into_iter();
        let listed = list(input.max_items, &input.marker, tags, key, |it| it)?;
        Ok(ListPolicyTagsResponse {
            tags: listed.items,
            is_truncated: listed.is_truncated,
            marker: listed.marker,
        })
    })
    .await
});

fn with_tag_keys(access: Access, keys: &Option<Vec<String>>) -> Access {
    let keys = keys.iter().flatten();
    keys.fold(access, |access, key| access.condition("aws:TagKeys", key))
}

fn sorted(tags: &Tags) -> Vec<Tag> {
    let mut tags = render::tags(tags);
    tags.sort_by(|one, other| one.key.cmp(&other.key));
    tags
}

fn key(tag: &Tag) -> String {
    tag.key.clone().unwrap_or_default()
}
