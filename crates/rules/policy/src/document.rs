//! Policy documents, checked and compiled.

use crate::condition::{self, Condition};
use crate::json::Json;
use crate::pattern::{ArnPattern, Pattern, Syntax};
use crate::principal::{self, Named};
use crate::{Context, MalformedPolicy, Subject, SubjectMatch};

const CURRENT_VERSION: &str = "2012-10-17";
const FIRST_VERSION: &str = "2008-10-17";

/// What a document is for decides which elements it must and must not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyUse {
    /// Of users, groups, roles, boundaries and sessions.
    Identity,
    /// Of a role: who may assume it.
    Trust,
    /// Of a resource: a secret, a repository.
    Resource,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Allow,
    Deny,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    sid: Option<String>,
    effect: Effect,
    principal: Option<Principal>,
    actions: Actions,
    /// None in the policies of roles and resources that leave it away: the resource itself.
    resources: Option<Resources>,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, PartialEq)]
struct Principal {
    is_not: bool,
    named: Vec<Named>,
}

#[derive(Debug, Clone, PartialEq)]
struct Actions {
    is_not: bool,
    /// In lower case.
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq)]
struct Resources {
    is_not: bool,
    patterns: Vec<ArnPattern>,
}

impl Policy {
    /// # Errors
    /// What is wrong, in IAM's words.
    pub fn parse(text: &str, purpose: PolicyUse) -> Result<Self, MalformedPolicy> {
        if text.len() > limits::POLICY_BYTES {
            return Err(MalformedPolicy::TooLarge(limits::POLICY_BYTES));
        }
        let json: Json = serde_json::from_str(text).map_err(|_| MalformedPolicy::InvalidJson)?;
        let Json::Object(members) = json else {
            return Err(MalformedPolicy::Syntax);
        };
        let (mut version, mut statements) = (None, None);
        for (name, value) in &members {
            match (name.as_str(), value) {
                ("Version", Json::Text(text)) => version = Some(text.as_str()),
                ("Id", Json::Text(_)) => {}
                ("Statement", value) => statements = Some(value),
                _ => return Err(MalformedPolicy::Syntax),
            }
        }
        let variables = match version {
            Some(CURRENT_VERSION) => true,
            Some(FIRST_VERSION) | None if purpose == PolicyUse::Identity => {
                return Err(MalformedPolicy::Version);
            }
            Some(FIRST_VERSION) | None => false,
            Some(_) => return Err(MalformedPolicy::Syntax),
        };
        let statements: Result<Vec<Statement>, _> = match statements {
            Some(Json::List(items)) => items
                .iter()
                .map(|item| Statement::parse(item, purpose, variables))
                .collect(),
            Some(one) => Statement::parse(one, purpose, variables).map(|one| vec![one]),
            None => Err(MalformedPolicy::Syntax),
        };
        let statements = statements?;
        if statements.is_empty() {
            return Err(MalformedPolicy::Syntax);
        }
        let mut sids: Vec<&str> = statements
            .iter()
            .filter_map(|it| it.sid.as_deref().filter(|sid| !sid.is_empty()))
            .collect();
        sids.sort_unstable();
        if sids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(MalformedPolicy::DuplicateSid);
        }
        Ok(Self { statements })
    }

    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The condition keys that the document looks at, in lower case, each once.
    pub fn context_keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        for statement in &self.statements {
            let conditions = statement.conditions.iter().flat_map(Condition::keys);
            let resources = statement.resources.iter().flat_map(|it| &it.patterns);
            let variables = resources.flat_map(ArnPattern::variables);
            keys.extend(conditions.chain(variables).map(str::to_owned));
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The entries of Principal, as they were written, that name an ARN: whoever stores the policy knows which exist.
    pub fn principal_arns(&self) -> impl Iterator<Item = &str> {
        let principals = self
            .statements
            .iter()
            .filter_map(|it| it.principal.as_ref());
        let named = principals.flat_map(|principal| &principal.named);
        named.filter_map(|named| match named {
            Named::Arn(arn) => Some(arn.as_str()),
            _ => None,
        })
    }
}

impl Statement {
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Whether it is about this request. Principals are looked at by [`Self::means`].
    pub(crate) fn is_about(&self, action: &str, resource: &str, context: &Context) -> bool {
        self.actions.contain(action)
            && self
                .resources
                .as_ref()
                .is_none_or(|resources| resources.contain(resource, context))
            && self.conditions.iter().all(|it| it.holds(context))
    }

    /// How a statement of a resource's policy means the subject; none if it does not.
    pub(crate) fn means(&self, subject: &Subject) -> Option<SubjectMatch> {
        let principal = self.principal.as_ref()?;
        let closest = principal::closest(&principal.named, subject);
        match (principal.is_not, closest) {
            (false, closest) => closest,
            // NotPrincipal of an account does not except its users: they have to be named.
            (true, Some(SubjectMatch::Exact | SubjectMatch::Role)) => None,
            (true, _) => Some(SubjectMatch::Exact),
        }
    }

    fn parse(json: &Json, purpose: PolicyUse, variables: bool) -> Result<Self, MalformedPolicy> {
        let Json::Object(members) = json else {
            return Err(MalformedPolicy::Syntax);
        };
        let mut parts = Parts::default();
        for (name, value) in members {
            parts.take(name, value, variables)?;
        }
        parts.finish(purpose)
    }
}

#[derive(Default)]
struct Parts {
    sid: Option<String>,
    effect: Option<Effect>,
    principal: Option<Principal>,
    actions: Option<Actions>,
    resources: Option<Resources>,
    conditions: Vec<Condition>,
}

impl Parts {
    fn take(&mut self, name: &str, value: &Json, variables: bool) -> Result<(), MalformedPolicy> {
        let is_not = name.starts_with("Not");
        let is_twice = match name {
            "Sid" => {
                self.sid = match value {
                    Json::Text(text) => Some(text.clone()),
                    _ => return Err(MalformedPolicy::Syntax),
                };
                false
            }
            "Effect" => {
                self.effect = match value {
                    Json::Text(text) if text == "Allow" => Some(Effect::Allow),
                    Json::Text(text) if text == "Deny" => Some(Effect::Deny),
                    _ => return Err(MalformedPolicy::Syntax),
                };
                false
            }
            "Principal" | "NotPrincipal" => {
                let named = principal::parse(value)?;
                self.principal
                    .replace(Principal { is_not, named })
                    .is_some()
            }
            "Action" | "NotAction" => {
                let patterns = actions(value)?;
                self.actions.replace(Actions { is_not, patterns }).is_some()
            }
            "Resource" | "NotResource" => {
                let patterns = resources(value, variables)?;
                self.resources
                    .replace(Resources { is_not, patterns })
                    .is_some()
            }
            "Condition" => {
                self.conditions = condition::parse(value, variables)?;
                false
            }
            _ => return Err(MalformedPolicy::Syntax),
        };
        match is_twice {
            true => Err(MalformedPolicy::Syntax),
            false => Ok(()),
        }
    }

    fn finish(self, purpose: PolicyUse) -> Result<Statement, MalformedPolicy> {
        let effect = self.effect.ok_or(MalformedPolicy::Syntax)?;
        let actions = self.actions.ok_or(MalformedPolicy::NoActions)?;
        match purpose {
            PolicyUse::Identity if self.principal.is_some() => {
                return Err(MalformedPolicy::ProhibitedPrincipal);
            }
            PolicyUse::Identity if self.resources.is_none() => {
                return Err(MalformedPolicy::NoResources);
            }
            PolicyUse::Trust if self.resources.is_some() => {
                return Err(MalformedPolicy::ProhibitedResource);
            }
            PolicyUse::Trust | PolicyUse::Resource if self.principal.is_none() => {
                return Err(MalformedPolicy::NoPrincipal);
            }
            _ => {}
        }
        // Resources of other services may use any characters; IAM's own policies only these.
        let is_plain = |sid: &str| sid.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if purpose != PolicyUse::Resource && !self.sid.as_deref().is_none_or(is_plain) {
            return Err(MalformedPolicy::Sid);
        }
        if purpose == PolicyUse::Trust && !actions.are_of_trust() {
            return Err(MalformedPolicy::NotAssumeRole);
        }
        Ok(Statement {
            sid: self.sid,
            effect,
            principal: self.principal,
            actions,
            resources: self.resources,
            conditions: self.conditions,
        })
    }
}

const ACTION_SYNTAX: Syntax = Syntax {
    wildcards: true,
    variables: false,
};

fn actions(value: &Json) -> Result<Vec<Pattern>, MalformedPolicy> {
    let texts = value.texts().ok_or(MalformedPolicy::Syntax)?;
    if texts.is_empty() {
        return Err(MalformedPolicy::NoActions);
    }
    let action = |text: &str| {
        if text != "*" {
            let (vendor, _) = text.split_once(':').ok_or(MalformedPolicy::NoVendor)?;
            let is_vendor = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            if vendor.is_empty() || !vendor.bytes().all(is_vendor) {
                return Err(MalformedPolicy::Vendor(vendor.to_owned()));
            }
        }
        Ok(Pattern::parse(&text.to_ascii_lowercase(), ACTION_SYNTAX))
    };
    texts.into_iter().map(action).collect()
}

fn resources(value: &Json, variables: bool) -> Result<Vec<ArnPattern>, MalformedPolicy> {
    let syntax = Syntax {
        wildcards: true,
        variables,
    };
    let texts = value.texts().ok_or(MalformedPolicy::Syntax)?;
    if texts.is_empty() {
        return Err(MalformedPolicy::NoResources);
    }
    let resource = |text: &str| {
        ArnPattern::parse(text, syntax).ok_or_else(|| MalformedPolicy::Resource(text.to_owned()))
    };
    texts.into_iter().map(resource).collect()
}

impl Actions {
    /// `action` is in lower case.
    fn contain(&self, action: &str) -> bool {
        let none = Context::default();
        let is_among = self.patterns.iter().any(|it| it.matches(action, &none));
        is_among != self.is_not
    }

    fn are_of_trust(&self) -> bool {
        const OF_TRUST: [&str; 6] = [
            "sts:assumerole",
            "sts:assumerolewithsaml",
            "sts:assumerolewithwebidentity",
            "sts:tagsession",
            "sts:setsourceidentity",
            "sts:setcontext",
        ];
        let none = Context::default();
        let is_one = |pattern: &Pattern| OF_TRUST.iter().any(|it| pattern.matches(it, &none));
        !self.is_not
            && !self.patterns.iter().any(Pattern::is_anything)
            && self.patterns.iter().all(is_one)
    }
}

impl Resources {
    fn contain(&self, resource: &str, context: &Context) -> bool {
        let is_among = self.patterns.iter().any(|it| it.matches(resource, context));
        is_among != self.is_not
    }
}
