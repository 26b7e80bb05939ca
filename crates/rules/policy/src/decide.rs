//! Whether a request is allowed, within one account (IAM user guide, "Policy evaluation logic").
//!
//! An explicit Deny anywhere wins. Else every kind of policy that limits (boundary, session policies) and the identity's
//! own policies must allow, unless the resource's policy gives the right by itself.

use std::sync::Arc;

use crate::{Context, Effect, Policy, Statement, Subject, SubjectMatch};

/// A policy and what it is called in explanations: an ARN, or `role/web: inline policy logs`.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedPolicy {
    pub name: String,
    pub policy: Arc<Policy>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyKind {
    Identity,
    Boundary,
    Session,
    Resource,
}

/// What applies to a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policies<'a> {
    pub identity: &'a [NamedPolicy],
    pub boundary: Option<&'a NamedPolicy>,
    /// Of a session that was made with some; none is not an empty list.
    pub session: Option<&'a [NamedPolicy]>,
    pub resource: Option<&'a NamedPolicy>,
    /// The resource's policy has to allow too, whatever the identity's say: that of a role.
    pub resource_must_allow: bool,
}

#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub subject: &'a Subject,
    /// `ecs:RunTask`
    pub action: &'a str,
    /// An ARN, or `*` for actions that are about no resource.
    pub resource: &'a str,
    pub context: &'a Context,
}

/// The statement that decided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deciding<'a> {
    pub kind: PolicyKind,
    pub policy: &'a str,
    /// From 0.
    pub index: usize,
    pub sid: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decision<'a> {
    Allowed(Deciding<'a>),
    ExplicitDeny(Deciding<'a>),
    /// No policy of this kind allows it.
    ImplicitDeny(PolicyKind),
}

impl Decision<'_> {
    pub fn is_allowed(&self) -> bool {
        matches!(self, Decision::Allowed(_))
    }
}

pub fn decide<'a>(request: &Request<'_>, policies: &Policies<'a>) -> Decision<'a> {
    let asked = Asked {
        action: request.action.to_ascii_lowercase(),
        request,
    };
    let boundary = policies.boundary.map(std::slice::from_ref);
    let resource = policies.resource.map(std::slice::from_ref);
    let identity = asked.look(policies.identity, PolicyKind::Identity);
    let boundary = boundary.map(|it| asked.look(it, PolicyKind::Boundary));
    let session = policies
        .session
        .map(|it| asked.look(it, PolicyKind::Session));
    let resource = resource.map(|it| asked.look(it, PolicyKind::Resource));

    let looks = [
        Some(&identity),
        boundary.as_ref(),
        session.as_ref(),
        resource.as_ref(),
    ];
    if let Some(deny) = looks.into_iter().flatten().find_map(|look| look.deny) {
        return Decision::ExplicitDeny(deny);
    }
    let given = resource.as_ref().and_then(|look| look.allow);
    // What the resource gives to the very subject needs nobody else's leave.
    if let Some((deciding, SubjectMatch::Exact)) = given {
        return Decision::Allowed(deciding);
    }
    if policies.resource_must_allow && given.is_none() {
        return Decision::ImplicitDeny(PolicyKind::Resource);
    }
    let limits = [
        (boundary.as_ref(), PolicyKind::Boundary),
        (session.as_ref(), PolicyKind::Session),
    ];
    let own = identity.allow.map(|(deciding, _)| deciding);
    let by_role = given.filter(|(_, closeness)| *closeness == SubjectMatch::Role);
    let allowing = own.or(by_role.map(|(deciding, _)| deciding));
    let Some(allowing) = allowing else {
        return Decision::ImplicitDeny(PolicyKind::Identity);
    };
    for (look, kind) in limits {
        if look.is_some_and(|look| look.allow.is_none()) {
            return Decision::ImplicitDeny(kind);
        }
    }
    Decision::Allowed(allowing)
}

struct Asked<'r> {
    /// In lower case.
    action: String,
    request: &'r Request<'r>,
}

/// The first statements that matter of the policies of one kind.
struct Look<'a> {
    deny: Option<Deciding<'a>>,
    allow: Option<(Deciding<'a>, SubjectMatch)>,
}

impl Asked<'_> {
    fn look<'a>(&self, policies: &'a [NamedPolicy], kind: PolicyKind) -> Look<'a> {
        let mut look = Look {
            deny: None,
            allow: None,
        };
        for named in policies {
            for (index, statement) in named.policy.statements().iter().enumerate() {
                let Some(closeness) = self.closeness(statement, kind) else {
                    continue;
                };
                let is_wanted = match statement.effect() {
                    Effect::Deny => look.deny.is_none(),
                    Effect::Allow => look.allow.is_none_or(|(_, known)| known < closeness),
                };
                let Request {
                    resource, context, ..
                } = self.request;
                if !is_wanted || !statement.is_about(&self.action, resource, context) {
                    continue;
                }
                let deciding = Deciding {
                    kind,
                    policy: &named.name,
                    index,
                    sid: statement.sid(),
                };
                match statement.effect() {
                    Effect::Deny => look.deny = Some(deciding),
                    Effect::Allow => look.allow = Some((deciding, closeness)),
                }
            }
        }
        look
    }

    fn closeness(&self, statement: &Statement, kind: PolicyKind) -> Option<SubjectMatch> {
        match kind {
            PolicyKind::Resource => statement.means(self.request.subject),
            // Its own policies are about nobody else.
            PolicyKind::Identity | PolicyKind::Boundary | PolicyKind::Session => {
                Some(SubjectMatch::Exact)
            }
        }
    }
}
