//! AssumeRole.

use std::time::Duration;

use api_sts::errors;
use api_sts::operations::AssumeRole;
use api_sts::types::{AssumeRoleRequest, AssumeRoleResponse, AssumedRoleUser, Tag};
use kit::tags::Tags;
use policy::{Policy, PolicyUse};
use wire::{Access, Error, Principal};

use super::session_token::render;
use crate::answer::{operation, without_space};
use crate::credentials::SessionOptions;
use crate::grants::check_managed;

// coverage: AssumeRole refuses SerialNumber: there are no MFA devices
// coverage: AssumeRole refuses TokenCode: there are no MFA devices
// coverage: AssumeRole refuses ProvidedContexts: no provider of contexts is trusted
// coverage: AssumeRole refuses TransitiveTagKeys: tags of a session do not follow into the next
// coverage: AssumeRole ignores MinimumSessionTokenSize: tokens are as long as they are
operation!(AssumeRole, |iam, caller, input| {
    let role = input.role_arn.clone().unwrap_or_default();
    let session = input.role_session_name.clone().unwrap_or_default();
    let mut access = Access::action("sts:AssumeRole")
        .resource(role.clone())
        .condition("sts:RoleSessionName", session);
    if let Some(id) = &input.external_id {
        access = access.condition("sts:ExternalId", id);
    }
    if let Some(identity) = &input.source_identity {
        access = access
            .condition("sts:SourceIdentity", identity)
            .also("sts:SetSourceIdentity")
            .resource(role.clone())
            .condition("sts:SourceIdentity", identity);
    }
    if input.tags.iter().flatten().next().is_some() {
        access = access.also("sts:TagSession").resource(role);
        for (key, value) in pairs(&input.tags) {
            access = access
                .condition(format!("aws:RequestTag/{key}"), value)
                .condition("aws:TagKeys", key);
        }
    }
    access
} {
    if caller.principal == Principal::Root {
        return Err(Error::client(
            "AccessDeniedException",
            "Roles may not be assumed by root accounts.",
        ));
    }
    refuse_unsupported(&input)?;
    let arn = input.role_arn.as_deref().unwrap_or_default();
    // The authorizer has looked at its trust; it may have gone since.
    let role = iam.role_of(&caller.account, arn).ok_or_else(|| {
        Error::client("AccessDeniedException", format!("{arn} is gone."))
    })?;
    let seconds = input.duration_seconds.unwrap_or(limits::STS_SESSION_SECONDS);
    // A session that assumes a role gets an hour at most.
    let is_chained = matches!(caller.principal, Principal::Role(_));
    if is_chained && seconds > limits::STS_SESSION_SECONDS {
        return Err(Error::client(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }
    if seconds > role.max_session_seconds {
        return Err(Error::client(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    let tags = pairs(&input.tags);
    kit::tags::validate(&tags)
        .map_err(|error| Error::client("ValidationError", error.to_string()))?;
    let policy_arns = input.policy_arns.iter().flatten();
    let policy_arns: Vec<String> = policy_arns.filter_map(|it| it.arn.clone()).collect();
    let policies: Vec<String> = input.policy.iter().cloned().collect();
    check_session_policies(&policies, &policy_arns)?;
    let read = iam.store.read(|head| {
        policy_arns.iter().try_for_each(|arn| check_managed(head, &caller.account, arn))
    });
    read.durable().await.map_err(|error| kit::answer::state_error(&error))??;
    let name = input.role_session_name.unwrap_or_default();
    let expires_at = iam.clock.now() + Duration::from_secs(seconds.unsigned_abs().into());
    let assumed = AssumedRoleUser {
        arn: Some(format!("arn:aws:sts::{}:assumed-role/{}/{name}", role.account, role.name)),
        assumed_role_id: Some(format!("{}:{name}", role.id)),
    };
    let packed = policies.iter().map(|text| without_space(text)).sum::<usize>() * 100
        / limits::STS_SESSION_POLICY_CHARACTERS;
    let options = SessionOptions {
        name,
        policies,
        policy_arns,
        tags,
        source_identity: input.source_identity.clone(),
    };
    let credentials = iam.open_session(&role, options, expires_at);
    Ok(AssumeRoleResponse {
        assumed_role_user: Some(assumed),
        credentials: Some(render(credentials, expires_at)),
        packed_policy_size: input.policy.is_some().then_some(i32::try_from(packed).unwrap_or(100)),
        source_identity: input.source_identity,
        ..AssumeRoleResponse::default()
    })
});

fn pairs(tags: &Option<Vec<Tag>>) -> Tags {
    let tags = tags.iter().flatten();
    tags.map(|tag| {
        (
            tag.key.clone().unwrap_or_default(),
            tag.value.clone().unwrap_or_default(),
        )
    })
    .collect()
}

fn refuse_unsupported(input: &AssumeRoleRequest) -> Result<(), Error> {
    let refused = [
        (
            input.serial_number.is_some() || input.token_code.is_some(),
            "MFA devices (SerialNumber, TokenCode)",
        ),
        (
            input.provided_contexts.iter().flatten().next().is_some(),
            "ProvidedContexts",
        ),
        (
            input.transitive_tag_keys.iter().flatten().next().is_some(),
            "TransitiveTagKeys",
        ),
    ];
    match refused.iter().find(|(is_asked, _)| *is_asked) {
        Some((_, what)) => Err(Error::client(
            "UnsupportedFeatureException",
            format!("Gantry does not support {what} in AssumeRole yet."),
        )),
        None => Ok(()),
    }
}

fn check_session_policies(policies: &[String], arns: &[String]) -> Result<(), Error> {
    for text in policies {
        Policy::parse(text, PolicyUse::Identity)
            .map_err(|error| errors::malformed_policy_document_exception(error.to_string()))?;
    }
    let characters: usize = policies.iter().map(|text| without_space(text)).sum();
    if characters > limits::STS_SESSION_POLICY_CHARACTERS
        || arns.len() > limits::STS_SESSION_POLICIES
    {
        return Err(errors::packed_policy_too_large_exception(
            "Packed size of session tags and session policies exceeds the limit.",
        ));
    }
    Ok(())
}
