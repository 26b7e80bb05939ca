//! The authorizer: users and sessions of roles by their policies.

use policy::{
    Context, Decision, NamedPolicy, Policies, Policy, PolicyKind, PolicyUse, Request, Subject,
    decide,
};
use wire::{Ask, Authorizer, Caller, Error, Principal};

use crate::Iam;
use crate::context::subject;
use crate::denials::Denial;
use crate::entities::Named;
use crate::grants::Held;
use crate::records::{RoleRecord, key_of};

/// What everybody with credentials may ask, whatever the policies say.
const ALWAYS_ALLOWED: [&str; 2] = ["sts:GetCallerIdentity", "sts:GetSessionToken"];
/// What a role's trust policy is asked about, besides AssumeRole itself.
const OF_TRUST: [&str; 3] = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"];

impl Authorizer for Iam {
    /// Root may everything. Nodes are none of IAM's principals: whoever puts a server together decides about them.
    fn allow(&self, caller: &Caller, ask: &Ask) -> Result<(), Error> {
        match &caller.principal {
            Principal::Root => return Ok(()),
            Principal::Node { .. } => return Err(denied(caller, ask.action, "*", "")),
            Principal::User { .. } | Principal::Role(_) => {}
        }
        if ALWAYS_ALLOWED.contains(&ask.action) {
            return Ok(());
        }
        // Whoever is gone has no policies, and so may nothing.
        let held = self.held_by(&caller.account, &caller.principal);
        let held = held.unwrap_or_default();
        let subject = subject(caller);
        let context = self.context(caller, ask, &held.tags);
        if ask.resources.is_empty() {
            return self.decide_about("*", caller, ask, (&held, &subject, &context));
        }
        ask.resources.iter().try_for_each(|resource| {
            self.decide_about(resource, caller, ask, (&held, &subject, &context))
        })
    }
}

impl Iam {
    fn decide_about(
        &self,
        resource: &str,
        caller: &Caller,
        ask: &Ask,
        (held, subject, context): (&Held, &Subject, &Context),
    ) -> Result<(), Error> {
        let context = self.about_resource(context, resource);
        let own = match OF_TRUST.contains(&ask.action) {
            true => self.trust_of(&caller.account, resource),
            false => self.policy_of(resource),
        };
        let policies = Policies {
            resource: own.as_ref(),
            resource_must_allow: OF_TRUST.contains(&ask.action),
            ..held.policies()
        };
        let request = Request {
            subject,
            action: ask.action,
            resource,
            context: &context,
        };
        let decision = decide(&request, &policies);
        if decision.is_allowed() {
            return Ok(());
        }
        let error = denied(caller, ask.action, resource, &reason(&decision, ask.action));
        self.note(caller, &request, &decision, held, &error);
        Err(error)
    }

    /// The policy that a resource of another service has of its own.
    fn policy_of(&self, arn: &str) -> Option<NamedPolicy> {
        let document = self.resource_policies.as_ref()?.policy_of(arn)?;
        Some(NamedPolicy {
            name: format!("{arn}: resource policy"),
            policy: self.compiled.resource(&document),
        })
    }

    /// The trust policy of a role, by its ARN.
    pub(crate) fn trust_of(&self, account: &str, role_arn: &str) -> Option<NamedPolicy> {
        let role = self.role_of(account, role_arn)?;
        Policy::parse(&role.trust, PolicyUse::Trust)
            .ok()
            .map(|policy| NamedPolicy {
                name: format!("role/{}: trust policy", role.name),
                policy: policy.into(),
            })
    }

    pub(crate) fn role_of(&self, account: &str, arn: &str) -> Option<std::sync::Arc<RoleRecord>> {
        let rest = arn.strip_prefix(&format!("arn:aws:iam::{account}:role/"))?;
        let name = rest.rsplit('/').next()?;
        let read = self
            .store
            .read(|head| head.get::<RoleRecord>(&key_of(account, name)));
        read.head().filter(|role| role.arn() == arn)
    }

    fn note(
        &self,
        caller: &Caller,
        request: &Request<'_>,
        decision: &Decision<'_>,
        held: &Held,
        error: &Error,
    ) {
        let deciding = match decision {
            Decision::ExplicitDeny(deciding) => Some(deciding),
            _ => None,
        };
        let asked = held.identity.iter().chain(&held.boundary);
        let asked = asked.chain(held.session.iter().flatten());
        let context = request.context.iter();
        self.denials.add(Denial {
            at: self.clock.now(),
            request_id: caller.request_id.clone(),
            principal_arn: caller.arn(),
            action: request.action.to_owned(),
            resource: request.resource.to_owned(),
            message: error.message.clone(),
            policy: deciding.map(|it| it.policy.to_owned()),
            statement: deciding.map(|it| (it.index, it.sid.map(str::to_owned))),
            asked: asked.map(|it| it.name.clone()).collect(),
            context: context
                .map(|(key, values)| (key.to_owned(), values.to_vec()))
                .collect(),
        });
    }

    /// What was denied last, newest first.
    pub fn denials(&self) -> Vec<Denial> {
        self.denials.list()
    }
}

/// Why, in AWS's words (IAM user guide, "Troubleshoot access denied error messages").
fn reason(decision: &Decision<'_>, action: &str) -> String {
    match decision {
        Decision::Allowed(_) => String::new(),
        Decision::ExplicitDeny(deciding) => {
            let (article, kind) = kind_of(deciding.kind);
            format!(" with an explicit deny in {article} {kind}")
        }
        Decision::ImplicitDeny(kind) => {
            let (_, kind) = kind_of(*kind);
            format!(" because no {kind} allows the {action} action")
        }
    }
}

fn kind_of(kind: PolicyKind) -> (&'static str, &'static str) {
    match kind {
        PolicyKind::Identity => ("an", "identity-based policy"),
        PolicyKind::Boundary => ("a", "permissions boundary"),
        PolicyKind::Session => ("a", "session policy"),
        PolicyKind::Resource => ("a", "resource-based policy"),
    }
}

fn denied(caller: &Caller, action: &str, resource: &str, reason: &str) -> Error {
    let message = format!(
        "User: {} is not authorized to perform: {action} on resource: {resource}{reason}",
        caller.arn()
    );
    Error::client("AccessDeniedException", message)
}
