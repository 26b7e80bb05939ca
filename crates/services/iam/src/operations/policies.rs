//! CreatePolicy, GetPolicy, ListPolicies, DeletePolicy.

use std::sync::Arc;

use api_iam::errors;
use api_iam::operations::{CreatePolicy, DeletePolicy, GetPolicy, ListPolicies};
use api_iam::types::{
    CreatePolicyResponse, GetPolicyResponse, ListPoliciesResponse, Policy, PolicyScopeType,
    PolicyUsageType,
};
use kit::answer::{look, transact};
use policy::PolicyUse;
use state::{Head, Record};
use wire::{Access, Caller, Error, Unit};

use crate::answer::{self, document, list, operation, with_request_tags};
use crate::managed;
use crate::records::{PolicyRecord, PolicyVersion, key_of};
use crate::{Iam, render};

operation!(CreatePolicy, |iam, caller, input| {
    let access = Iam::on_new("iam:CreatePolicy", caller, "policy", &input.path, &input.policy_name);
    with_request_tags(access, &input.tags)
} {
    let now = iam.clock.now();
    let document = policy_document(&input.policy_document)?;
    let record = PolicyRecord {
        account: caller.account.clone(),
        name: input.policy_name.unwrap_or_default(),
        path: answer::path(&input.path)?,
        id: iam.new_id("ANPA"),
        created_at: now,
        updated_at: now,
        description: input.description,
        versions: vec![PolicyVersion { number: 1, document, created_at: now }],
        default_version: 1,
        next_version: 2,
        tags: answer::tags(input.tags)?,
    };
    transact(&iam.store, |tx| {
        if tx.contains::<PolicyRecord>(&record.key()) {
            let message = format!(
                "A policy called {} already exists. Duplicate names are not allowed.",
                record.name
            );
            return Err(errors::entity_already_exists_exception(message).into());
        }
        if tx.len::<PolicyRecord>() >= limits::IAM_POLICIES {
            let message = format!("Cannot exceed quota for PoliciesPerAccount: {}", limits::IAM_POLICIES);
            return Err(errors::limit_exceeded_exception(message).into());
        }
        let policy = render::policy(tx, &record);
        tx.insert(record)?;
        Ok(CreatePolicyResponse { policy: Some(policy) })
    })
    .await
});

pub(super) fn policy_document(text: &Option<String>) -> Result<String, Error> {
    document(
        text,
        PolicyUse::Identity,
        limits::IAM_POLICY_CHARACTERS,
        "PolicySize",
    )
}

pub(super) fn on_policy(action: &'static str, arn: &Option<String>) -> Access {
    Access::action(action).resource(arn.clone().unwrap_or_default())
}

pub(super) fn not_found(arn: &str) -> Error {
    errors::no_such_entity_exception(format!("Policy {arn} was not found."))
}

/// A policy of the account, to be changed. Those of AWS are nobody's to change.
pub(super) fn require_own(
    head: &Head,
    caller: &Caller,
    arn: &Option<String>,
) -> Result<Arc<PolicyRecord>, Error> {
    let arn = arn.as_deref().unwrap_or_default();
    if arn.starts_with("arn:aws:iam::aws:policy/") {
        return Err(Error::client(
            "AccessDeniedException",
            "The policies of AWS cannot be changed.",
        ));
    }
    let name = arn.rsplit('/').next().unwrap_or_default();
    let found = head.get::<PolicyRecord>(&key_of(&caller.account, name));
    found
        .filter(|record| record.arn() == arn)
        .ok_or_else(|| not_found(arn))
}

operation!(GetPolicy, |iam, caller, input| {
    on_policy("iam:GetPolicy", &input.policy_arn)
} {
    look(&iam.store, |head| {
        let arn = input.policy_arn.as_deref().unwrap_or_default();
        let policy = match managed::find(arn) {
            Some(managed) => render::managed_policy(head, &caller.account, managed),
            None if arn.starts_with("arn:aws:iam::aws:") => return Err(not_found(arn)),
            None => render::policy(head, &*require_own(head, caller, &input.policy_arn)?),
        };
        Ok(GetPolicyResponse { policy: Some(policy) })
    })
    .await
});

operation!(ListPolicies, |iam, caller, input| {
    Access::action("iam:ListPolicies")
} {
    let prefix = input.path_prefix.clone().unwrap_or_else(|| "/".to_owned());
    let scope = input.scope.clone().unwrap_or(PolicyScopeType::ALL);
    let is_shown = |policy: &Policy| {
        let count = match &input.policy_usage_filter {
            Some(usage) if *usage == PolicyUsageType::PERMISSIONS_BOUNDARY => {
                policy.permissions_boundary_usage_count
            }
            _ => policy.attachment_count,
        };
        let is_used = count.unwrap_or_default() > 0;
        let has_usage_filter = input.policy_usage_filter.is_some();
        policy.path.as_deref().is_some_and(|path| path.starts_with(&prefix))
            && (is_used || !(input.only_attached == Some(true) || has_usage_filter))
    };
    look(&iam.store, |head| {
        let mut policies: Vec<Policy> = Vec::new();
        if scope != PolicyScopeType::AWS {
            let own = head.scan::<PolicyRecord>(&key_of(&caller.account, ""));
            policies.extend(own.map(|record| render::policy(head, record)));
        }
        if scope != PolicyScopeType::LOCAL {
            let managed = managed::all().iter();
            policies.extend(managed.map(|it| render::managed_policy(head, &caller.account, it)));
        }
        // Lists leave descriptions and tags away.
        let mut policies: Vec<Policy> = policies
            .into_iter()
            .filter(is_shown)
            .map(|policy| Policy { description: None, tags: None, ..policy })
            .collect();
        policies.sort_by(|one, other| one.arn.cmp(&other.arn));
        let name = |policy: &Policy| policy.arn.clone().unwrap_or_default();
        let listed = list(input.max_items, &input.marker, policies.into_iter(), name, |it| it)?;
        Ok(ListPoliciesResponse {
            policies: listed.items,
            is_truncated: listed.is_truncated,
            marker: listed.marker,
        })
    })
    .await
});

operation!(DeletePolicy, |iam, caller, input| {
    on_policy("iam:DeletePolicy", &input.policy_arn)
} {
    transact(&iam.store, |tx| {
        let record = require_own(tx, caller, &input.policy_arn)?;
        let (attached, boundaries) = render::uses(tx, &caller.account, &record.arn());
        if attached + boundaries > 0 {
            let message = "Cannot delete a policy attached to entities.";
            return Err(errors::delete_conflict_exception(message).into());
        }
        if record.versions.len() > 1 {
            let message = "This policy has more than one version. Before you delete a policy, you must delete the \
                           policy's versions. The default version is deleted with the policy.";
            return Err(errors::delete_conflict_exception(message).into());
        }
        tx.delete::<PolicyRecord>(&record.key());
        Ok(Unit::default())
    })
    .await
});
