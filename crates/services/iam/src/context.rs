//! The condition keys of a request: those of every request (IAM user guide, "AWS global condition context keys"), and
//! those that the operation declared.

use std::borrow::Cow;

use policy::{Context, Subject};
use wire::{Ask, Caller, Principal, Timestamp, TimestampFormat};

use crate::Iam;
use crate::records::Tags;

pub(crate) fn subject(caller: &Caller) -> Subject {
    let account = caller.account.clone();
    match &caller.principal {
        Principal::Root | Principal::Node { .. } => Subject::Account { account },
        Principal::User { .. } => Subject::User {
            arn: caller.arn(),
            account,
        },
        Principal::Role(session) => Subject::Session {
            role_arn: session.role_arn(&account),
            session_arn: caller.arn(),
            account,
        },
    }
}

impl Iam {
    pub(crate) fn context(&self, caller: &Caller, ask: &Ask, tags: &Tags) -> Context {
        let mut context = Context::new();
        let now = self.clock.now();
        let time = Timestamp::from_millis(now.as_seconds() * 1000);
        context.set("aws:CurrentTime", time.format(TimestampFormat::Iso8601));
        context.set("aws:EpochTime", now.as_seconds().to_string());
        context.set("aws:PrincipalAccount", caller.account.clone());
        context.set("aws:ResourceAccount", caller.account.clone());
        context.set("aws:RequestedRegion", caller.region.clone());
        context.set("aws:PrincipalIsAWSService", "false");
        context.set("aws:ViaAWSService", "false");
        context.set("aws:userid", caller.principal.user_id(&caller.account));
        if let Some(address) = caller.source_ip {
            context.set("aws:SourceIp", address.to_canonical().to_string());
        }
        if !caller.user_agent.is_empty() {
            context.set("aws:UserAgent", caller.user_agent.clone());
        }
        match &caller.principal {
            Principal::User { name, .. } => {
                context.set("aws:username", name.clone());
                context.set("aws:PrincipalType", "User");
                context.set("aws:PrincipalArn", caller.arn());
            }
            Principal::Role(session) => {
                context.set("aws:PrincipalType", "AssumedRole");
                context.set("aws:PrincipalArn", session.role_arn(&caller.account));
                let issued = Timestamp::from_millis(session.issued_at * 1000);
                context.set(
                    "aws:TokenIssueTime",
                    issued.format(TimestampFormat::Iso8601),
                );
                context.set("aws:MultiFactorAuthPresent", "false");
                if let Some(identity) = &session.source_identity {
                    context.set("aws:SourceIdentity", identity.clone());
                }
            }
            Principal::Root | Principal::Node { .. } => {
                context.set("aws:PrincipalType", "Account");
                context.set("aws:PrincipalArn", caller.arn());
            }
        }
        for (key, value) in tags {
            context.set(&format!("aws:PrincipalTag/{key}"), value.clone());
        }
        for (key, values) in &ask.conditions {
            context.set_all(key, values.clone());
        }
        context
    }

    /// The context with the tags of the resource, as far as its service tells them. Most have none, and share it.
    pub(crate) fn about_resource<'a>(
        &self,
        context: &'a Context,
        resource: &str,
    ) -> Cow<'a, Context> {
        let tags = self
            .resource_tags
            .as_ref()
            .and_then(|it| it.tags_of(resource));
        let mut context = Cow::Borrowed(context);
        for (key, value) in tags.into_iter().flatten() {
            let service = resource.split(':').nth(2).unwrap_or_default();
            let context = context.to_mut();
            context.set(&format!("aws:ResourceTag/{key}"), value.clone());
            context.set(&format!("{service}:ResourceTag/{key}"), value);
        }
        context
    }
}
