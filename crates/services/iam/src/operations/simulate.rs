//! SimulateCustomPolicy, SimulatePrincipalPolicy, GetContextKeysForCustomPolicy, GetContextKeysForPrincipalPolicy.

use std::collections::BTreeMap;
use std::sync::Arc;

use api_iam::errors;
use api_iam::operations::{
    GetContextKeysForCustomPolicy, GetContextKeysForPrincipalPolicy, SimulateCustomPolicy,
    SimulatePrincipalPolicy,
};
use api_iam::types::{
    ContextEntry, EvaluationResult, GetContextKeysForPolicyResponse,
    PermissionsBoundaryDecisionDetail, PolicyEvaluationDecisionType as Outcome, PolicySourceType,
    SimulatePolicyResponse, Statement,
};
use policy::{
    Context, Deciding, Decision, NamedPolicy, Policies, Policy, PolicyKind, PolicyUse, Request,
    Subject, decide,
};
use wire::{Access, Caller, Error};

use crate::Iam;
use crate::answer::{list, operation};
use crate::entities::find;
use crate::grants::{Documents, Held};
use crate::records::{GroupRecord, RoleRecord, UserRecord};

/// What both simulations ask.
struct Simulation {
    held: Held,
    resource_policy: Option<NamedPolicy>,
    subject: Subject,
    actions: Vec<String>,
    resources: Vec<String>,
    context: Context,
}

// coverage: SimulateCustomPolicy, SimulatePrincipalPolicy ignores ResourceOwner: everything is of one account
// coverage: SimulateCustomPolicy, SimulatePrincipalPolicy ignores ResourceHandlingOption: it is about EC2's instances
// coverage: SimulateCustomPolicy, SimulatePrincipalPolicy ignores ContextEntries[].ContextKeyType: operators tell what values are
// coverage: SimulateCustomPolicy refuses OrderedOrganizationPolicyInputList: there are no organizations
// coverage: SimulatePrincipalPolicy refuses PolicyExclusionList: all policies count
// coverage: SimulatePrincipalPolicy refuses PolicyExclusionList[].InlinePolicyIdentifier: all policies count
// coverage: SimulatePrincipalPolicy refuses PolicyExclusionList[].PolicyType: all policies count
operation!(SimulateCustomPolicy, |iam, caller, input| {
    Access::action("iam:SimulateCustomPolicy")
} {
    if input.ordered_organization_policy_input_list.iter().flatten().next().is_some() {
        return Err(Error::client(
            "UnsupportedFeatureException",
            "Gantry does not support policies of organizations (OrderedOrganizationPolicyInputList) yet.",
        ));
    }
    let mut held = Held::default();
    add_inputs(&mut held, &input.policy_input_list, &input.permissions_boundary_policy_input_list)?;
    let simulation = Simulation {
        held,
        resource_policy: resource_policy(&input.resource_policy)?,
        subject: subject_of(caller, input.caller_arn.as_deref()),
        actions: input.action_names.unwrap_or_default(),
        resources: input.resource_arns.unwrap_or_default(),
        context: context_of(&input.context_entries),
    };
    page(simulation.run(), input.max_items, &input.marker)
});

operation!(SimulatePrincipalPolicy, |iam, caller, input| {
    let arn = input.policy_source_arn.clone().unwrap_or_default();
    Access::action("iam:SimulatePrincipalPolicy").resource(arn)
} {
    if input.policy_exclusion_list.iter().flatten().next().is_some() {
        return Err(Error::client(
            "UnsupportedFeatureException",
            "Gantry does not support PolicyExclusionList yet.",
        ));
    }
    let arn = input.policy_source_arn.clone().unwrap_or_default();
    let mut held = iam.held_by_arn(caller, &arn)?;
    add_inputs(&mut held, &input.policy_input_list, &input.permissions_boundary_policy_input_list)?;
    let mut context = context_of(&input.context_entries);
    for (key, value) in &held.tags {
        let key = format!("aws:PrincipalTag/{key}");
        if context.get(&key).is_none() {
            context.set(&key, value.clone());
        }
    }
    if context.get("aws:PrincipalArn").is_none() {
        context.set("aws:PrincipalArn", arn.clone());
    }
    let simulation = Simulation {
        held,
        resource_policy: resource_policy(&input.resource_policy)?,
        subject: subject_of(caller, Some(input.caller_arn.as_deref().unwrap_or(&arn))),
        actions: input.action_names.unwrap_or_default(),
        resources: input.resource_arns.unwrap_or_default(),
        context,
    };
    page(simulation.run(), input.max_items, &input.marker)
});

operation!(GetContextKeysForCustomPolicy, |iam, caller, input| {
    Access::action("iam:GetContextKeysForCustomPolicy")
} {
    let mut held = Held::default();
    add_inputs(&mut held, &input.policy_input_list, &None)?;
    Ok(context_keys(&held))
});

operation!(GetContextKeysForPrincipalPolicy, |iam, caller, input| {
    let arn = input.policy_source_arn.clone().unwrap_or_default();
    Access::action("iam:GetContextKeysForPrincipalPolicy").resource(arn)
} {
    let arn = input.policy_source_arn.clone().unwrap_or_default();
    let mut held = iam.held_by_arn(caller, &arn)?;
    add_inputs(&mut held, &input.policy_input_list, &None)?;
    Ok(context_keys(&held))
});

fn context_keys(held: &Held) -> GetContextKeysForPolicyResponse {
    let policies = held.identity.iter().chain(&held.boundary);
    let mut keys: Vec<String> = policies.flat_map(|it| it.policy.context_keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    GetContextKeysForPolicyResponse {
        context_key_names: Some(keys),
    }
}

fn parsed(text: &str, purpose: PolicyUse, name: String) -> Result<NamedPolicy, Error> {
    let policy = Policy::parse(text, purpose)
        .map_err(|error| errors::invalid_input_exception(error.to_string()))?;
    Ok(NamedPolicy {
        name,
        policy: Arc::new(policy),
    })
}

fn add_inputs(
    held: &mut Held,
    identity: &Option<Vec<String>>,
    boundary: &Option<Vec<String>>,
) -> Result<(), Error> {
    for (index, text) in identity.iter().flatten().enumerate() {
        let name = format!("PolicyInputList.{}", index + 1);
        held.identity.push(parsed(text, PolicyUse::Identity, name)?);
    }
    // Theirs takes the place of the entity's own.
    if let Some(text) = boundary.iter().flatten().next() {
        let name = "PermissionsBoundaryPolicyInputList.1".to_owned();
        held.boundary = Some(parsed(text, PolicyUse::Identity, name)?);
    }
    Ok(())
}

fn resource_policy(text: &Option<String>) -> Result<Option<NamedPolicy>, Error> {
    let text = text.as_deref();
    text.map(|text| parsed(text, PolicyUse::Resource, "ResourcePolicy".to_owned()))
        .transpose()
}

fn subject_of(caller: &Caller, arn: Option<&str>) -> Subject {
    match arn {
        Some(arn) if arn.contains(":role/") => Subject::Session {
            account: caller.account.clone(),
            role_arn: arn.to_owned(),
            session_arn: String::new(),
        },
        Some(arn) => Subject::User {
            account: caller.account.clone(),
            arn: arn.to_owned(),
        },
        None => crate::context::subject(caller),
    }
}

fn context_of(entries: &Option<Vec<ContextEntry>>) -> Context {
    let mut context = Context::new();
    for entry in entries.iter().flatten() {
        let key = entry.context_key_name.as_deref().unwrap_or_default();
        context.set_all(key, entry.context_key_values.clone().unwrap_or_default());
    }
    context
}

impl Iam {
    /// The policies of a user, a group or a role.
    fn held_by_arn(&self, caller: &Caller, arn: &str) -> Result<Held, Error> {
        let account = &caller.account;
        let none =
            || errors::no_such_entity_exception(format!("The entity {arn} cannot be found."));
        let prefix = format!("arn:aws:iam::{account}:");
        let (kind, rest) = arn
            .strip_prefix(&prefix)
            .and_then(|rest| rest.split_once('/'))
            .ok_or_else(|| errors::invalid_input_exception(format!("Invalid Entity Arn: {arn}")))?;
        let name = rest.rsplit('/').next().unwrap_or_default();
        let read = self.store.read(|head| match kind {
            "role" => {
                find::<RoleRecord>(head, account, name).map(|it| Documents::of_role(head, &it))
            }
            "user" => {
                find::<UserRecord>(head, account, name).map(|it| Documents::of_user(head, &it))
            }
            "group" => {
                find::<GroupRecord>(head, account, name).map(|it| Documents::of_group(head, &it))
            }
            _ => None,
        });
        Ok(self.compile(read.head().ok_or_else(none)?))
    }
}

impl Simulation {
    fn run(&self) -> Vec<EvaluationResult> {
        let all = ["*".to_owned()];
        let resources: &[String] = match self.resources.is_empty() {
            true => &all,
            false => &self.resources,
        };
        let each = self
            .actions
            .iter()
            .flat_map(|action| resources.iter().map(move |resource| (action, resource)));
        each.map(|(action, resource)| self.evaluate(action, resource))
            .collect()
    }

    fn evaluate(&self, action: &str, resource: &str) -> EvaluationResult {
        let policies = Policies {
            resource: self.resource_policy.as_ref(),
            ..self.held.policies()
        };
        let request = Request {
            subject: &self.subject,
            action,
            resource,
            context: &self.context,
        };
        let decision = decide(&request, &policies);
        let (outcome, deciding) = match &decision {
            Decision::Allowed(deciding) => (Outcome::ALLOWED, Some(deciding)),
            Decision::ExplicitDeny(deciding) => (Outcome::EXPLICIT_DENY, Some(deciding)),
            Decision::ImplicitDeny(_) => (Outcome::IMPLICIT_DENY, None),
        };
        let is_of_boundary = matches!(
            decision,
            Decision::ImplicitDeny(PolicyKind::Boundary)
                | Decision::ExplicitDeny(Deciding {
                    kind: PolicyKind::Boundary,
                    ..
                })
        );
        let boundary = self.held.boundary.as_ref();
        EvaluationResult {
            eval_action_name: Some(action.to_owned()),
            eval_resource_name: Some(resource.to_owned()),
            eval_decision: Some(outcome),
            eval_decision_details: Some(BTreeMap::new()),
            matched_statements: Some(deciding.into_iter().map(statement).collect()),
            missing_context_values: Some(self.missing()),
            permissions_boundary_decision_detail: boundary.map(|_| {
                PermissionsBoundaryDecisionDetail {
                    allowed_by_permissions_boundary: Some(!is_of_boundary),
                }
            }),
            ..EvaluationResult::default()
        }
    }

    /// Condition keys that policies look at and the request does not have.
    fn missing(&self) -> Vec<String> {
        let keys = context_keys(&self.held)
            .context_key_names
            .unwrap_or_default();
        let is_missing = |key: &String| self.context.get(key).is_none();
        keys.into_iter().filter(is_missing).collect()
    }
}

fn statement(deciding: &Deciding<'_>) -> Statement {
    let kind = match deciding.policy {
        name if name.starts_with("arn:aws:iam::aws:") => PolicySourceType::AWS_MANAGED,
        name if name.starts_with("arn:") => PolicySourceType::USER_MANAGED,
        name if name.starts_with("role/") => PolicySourceType::ROLE,
        name if name.starts_with("user/") => PolicySourceType::USER,
        name if name.starts_with("group/") => PolicySourceType::GROUP,
        "ResourcePolicy" => PolicySourceType::RESOURCE,
        _ => PolicySourceType::NONE,
    };
    Statement {
        source_policy_id: Some(deciding.policy.to_owned()),
        source_policy_type: Some(kind),
        ..Statement::default()
    }
}

fn page(
    results: Vec<EvaluationResult>,
    max_items: Option<i32>,
    marker: &Option<String>,
) -> Result<SimulatePolicyResponse, Error> {
    let numbered = results.into_iter().enumerate();
    let key = |(index, _): &(usize, EvaluationResult)| format!("{index:010}");
    let listed = list(max_items, marker, numbered, key, |it| it.1)?;
    Ok(SimulatePolicyResponse {
        evaluation_results: listed.items,
        is_truncated: listed.is_truncated,
        marker: listed.marker,
    })
}
