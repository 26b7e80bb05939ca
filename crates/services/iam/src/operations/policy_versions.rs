//! CreatePolicyVersion, GetPolicyVersion, ListPolicyVersions, DeletePolicyVersion, SetDefaultPolicyVersion.

use api_iam::errors;
use api_iam::operations::{
    CreatePolicyVersion, DeletePolicyVersion, GetPolicyVersion, ListPolicyVersions,
    SetDefaultPolicyVersion,
};
use api_iam::types::{
    CreatePolicyVersionResponse, GetPolicyVersionResponse, ListPolicyVersionsResponse,
    PolicyVersion as Shown,
};
use kit::answer::{look, transact};
use wire::{Error, Unit};

use super::policies::{not_found, on_policy, policy_document, require_own};
use crate::answer::{list, operation, timestamp};
use crate::managed::{self, ManagedPolicy};
use crate::records::{PolicyRecord, PolicyVersion};
use crate::render::{self, version_id, version_number};

fn shown(record: &PolicyRecord, version: &PolicyVersion) -> Shown {
    Shown {
        create_date: timestamp(version.created_at),
        document: Some(render::encoded(&version.document)),
        is_default_version: Some(version.number == record.default_version),
        version_id: Some(version_id(version.number)),
    }
}

/// AWS's policies have one version here.
fn shown_managed(managed: &ManagedPolicy) -> Shown {
    Shown {
        create_date: timestamp(managed::CREATED_AT),
        document: Some(render::encoded(&managed.document)),
        is_default_version: Some(true),
        version_id: Some(version_id(1)),
    }
}

fn no_version(arn: &Option<String>, id: &Option<String>) -> Error {
    errors::no_such_entity_exception(format!(
        "Policy {} version {} does not exist or is not attachable.",
        arn.as_deref().unwrap_or_default(),
        id.as_deref().unwrap_or_default()
    ))
}

operation!(CreatePolicyVersion, |iam, caller, input| {
    on_policy("iam:CreatePolicyVersion", &input.policy_arn)
} {
    let document = policy_document(&input.policy_document)?;
    let now = iam.clock.now();
    transact(&iam.store, |tx| {
        let mut record = (*require_own(tx, caller, &input.policy_arn)?).clone();
        if record.versions.len() >= limits::IAM_POLICY_VERSIONS {
            let message = format!(
                "A managed policy can have up to {} versions. Before you create a new version, you must delete an \
                 existing version.",
                limits::IAM_POLICY_VERSIONS
            );
            return Err(errors::limit_exceeded_exception(message).into());
        }
        let version = PolicyVersion {
            number: record.next_version,
            document,
            created_at: now,
        };
        record.next_version += 1;
        if input.set_as_default == Some(true) {
            record.default_version = version.number;
        }
        record.updated_at = now;
        let answer = Shown {
            document: None,
            ..shown(&record, &version)
        };
        record.versions.push(version);
        tx.put(record);
        Ok(CreatePolicyVersionResponse { policy_version: Some(answer) })
    })
    .await
});

operation!(GetPolicyVersion, |iam, caller, input| {
    on_policy("iam:GetPolicyVersion", &input.policy_arn)
} {
    let none = || no_version(&input.policy_arn, &input.version_id);
    let number = version_number(&input.version_id).ok_or_else(none)?;
    look(&iam.store, |head| {
        let arn = input.policy_arn.as_deref().unwrap_or_default();
        let version = match managed::find(arn) {
            Some(managed) if number == 1 => shown_managed(managed),
            Some(_) => return Err(none()),
            None if arn.starts_with("arn:aws:iam::aws:") => return Err(not_found(arn)),
            None => {
                let record = require_own(head, caller, &input.policy_arn)?;
                shown(&record, record.version(number).ok_or_else(none)?)
            }
        };
        Ok(GetPolicyVersionResponse { policy_version: Some(version) })
    })
    .await
});

operation!(ListPolicyVersions, |iam, caller, input| {
    on_policy("iam:ListPolicyVersions", &input.policy_arn)
} {
    look(&iam.store, |head| {
        let arn = input.policy_arn.as_deref().unwrap_or_default();
        let mut versions = match managed::find(arn) {
            Some(managed) => vec![(u32::MAX - 1, shown_managed(managed))],
            None if arn.starts_with("arn:aws:iam::aws:") => return Err(not_found(arn)),
            None => {
                let record = require_own(head, caller, &input.policy_arn)?;
                let versions = record.versions.iter().rev();
                versions.map(|it| (u32::MAX - it.number, shown(&record, it))).collect()
            }
        };
        for (_, version) in &mut versions {
            version.document = None;
        }
        // Newest first: the marker counts down.
        let key = |(key, _): &(u32, Shown)| format!("{key:010}");
        let listed = list(input.max_items, &input.marker, versions.into_iter(), key, |it| it.1)?;
        Ok(ListPolicyVersionsResponse {
            versions: listed.items,
            is_truncated: listed.is_truncated,
            marker: listed.marker,
        })
    })
    .await
});

operation!(DeletePolicyVersion, |iam, caller, input| {
    on_policy("iam:DeletePolicyVersion", &input.policy_arn)
} {
    let none = || no_version(&input.policy_arn, &input.version_id);
    let number = version_number(&input.version_id).ok_or_else(none)?;
    transact(&iam.store, |tx| {
        let mut record = (*require_own(tx, caller, &input.policy_arn)?).clone();
        record.version(number).ok_or_else(none)?;
        if number == record.default_version {
            let message = "Cannot delete the default version of a policy.";
            return Err(errors::delete_conflict_exception(message).into());
        }
        record.versions.retain(|version| version.number != number);
        tx.put(record);
        Ok(Unit::default())
    })
    .await
});

operation!(SetDefaultPolicyVersion, |iam, caller, input| {
    on_policy("iam:SetDefaultPolicyVersion", &input.policy_arn)
} {
    let none = || no_version(&input.policy_arn, &input.version_id);
    let number = version_number(&input.version_id).ok_or_else(none)?;
    let now = iam.clock.now();
    transact(&iam.store, |tx| {
        let mut record = (*require_own(tx, caller, &input.policy_arn)?).clone();
        record.version(number).ok_or_else(none)?;
        record.default_version = number;
        record.updated_at = now;
        tx.put(record);
        Ok(Unit::default())
    })
    .await
});
