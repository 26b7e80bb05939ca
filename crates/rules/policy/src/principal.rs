//! Who asks, and whether a resource's policy means them.

use crate::MalformedPolicy;
use crate::json::Json;

/// Who makes a request, as policies see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The account itself.
    Account {
        account: String,
    },
    User {
        account: String,
        arn: String,
    },
    /// A session of a role.
    Session {
        account: String,
        role_arn: String,
        session_arn: String,
    },
    /// `ecs-tasks.amazonaws.com`
    Service {
        name: String,
    },
    /// Somebody whom an identity provider vouches for: its ARN or host name.
    Federated {
        provider: String,
    },
}

impl Subject {
    pub fn account(&self) -> Option<&str> {
        match self {
            Subject::Account { account }
            | Subject::User { account, .. }
            | Subject::Session { account, .. } => Some(account),
            Subject::Service { .. } | Subject::Federated { .. } => None,
        }
    }
}

/// How closely a policy means a subject; what an Allow is worth depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubjectMatch {
    /// The account: it may pass the right on by its own policies.
    Account,
    /// The role of a session: boundary and session policies still limit it.
    Role,
    /// The very subject, or everybody.
    Exact,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    Everybody,
    /// An account id, or the ARN of its root.
    Account(String),
    Arn(String),
    Service(String),
    Federated(String),
    Canonical,
}

pub(crate) fn parse(block: &Json) -> Result<Vec<Named>, MalformedPolicy> {
    match block {
        Json::Text(text) if text == "*" => Ok(vec![Named::Everybody]),
        Json::Text(text) => Err(invalid("AWS", text)),
        Json::Object(kinds) if !kinds.is_empty() => {
            let mut named = Vec::new();
            for (kind, values) in kinds {
                let values = values.texts().ok_or(MalformedPolicy::Syntax)?;
                for value in values {
                    named.push(one(kind, value)?);
                }
            }
            Ok(named)
        }
        _ => Err(MalformedPolicy::Syntax),
    }
}

fn one(kind: &str, value: &str) -> Result<Named, MalformedPolicy> {
    let is_everybody = value == "*";
    match kind {
        "AWS" | "Service" | "Federated" if is_everybody => Ok(Named::Everybody),
        "AWS" if is_account(value) => Ok(Named::Account(value.to_owned())),
        "AWS" => aws(value).ok_or_else(|| invalid(kind, value)),
        "Service" if value.contains('.') => Ok(Named::Service(value.to_owned())),
        "Federated" if !value.is_empty() => Ok(Named::Federated(value.to_owned())),
        "CanonicalUser" => Ok(Named::Canonical),
        "Service" | "Federated" => Err(invalid(kind, value)),
        _ => Err(MalformedPolicy::Syntax),
    }
}

fn aws(value: &str) -> Option<Named> {
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    let [
        "arn",
        partition,
        service @ ("iam" | "sts"),
        "",
        account,
        resource,
    ] = parts[..]
    else {
        return None;
    };
    if !partition.starts_with("aws") || !is_account(account) {
        return None;
    }
    if (service, resource) == ("iam", "root") {
        return Some(Named::Account(account.to_owned()));
    }
    let kinds: &[&str] = match service {
        "iam" => &["user/", "role/"],
        _ => &["assumed-role/", "federated-user/"],
    };
    let has_name = |kind: &&str| {
        resource
            .strip_prefix(*kind)
            .is_some_and(|it| !it.is_empty())
    };
    let is_known = kinds.iter().any(has_name) && !resource.contains(['*', '?']);
    is_known.then(|| Named::Arn(value.to_owned()))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn invalid(kind: &str, value: &str) -> MalformedPolicy {
    MalformedPolicy::Principal(kind.to_owned(), value.to_owned())
}

/// The closest way in which one of the named is the subject.
pub(crate) fn closest(named: &[Named], subject: &Subject) -> Option<SubjectMatch> {
    named.iter().filter_map(|it| it.means(subject)).max()
}

impl Named {
    fn means(&self, subject: &Subject) -> Option<SubjectMatch> {
        match (self, subject) {
            (Named::Everybody, Subject::Session { .. }) => Some(SubjectMatch::Role),
            (Named::Everybody, _) => Some(SubjectMatch::Exact),
            (Named::Account(id), Subject::Account { account }) => {
                (id == account).then_some(SubjectMatch::Exact)
            }
            (Named::Account(id), _) => {
                (subject.account() == Some(id.as_str())).then_some(SubjectMatch::Account)
            }
            (Named::Arn(named), Subject::User { arn, .. }) => {
                (named == arn).then_some(SubjectMatch::Exact)
            }
            (
                Named::Arn(named),
                Subject::Session {
                    role_arn,
                    session_arn,
                    ..
                },
            ) => match () {
                () if named == session_arn => Some(SubjectMatch::Exact),
                () if named == role_arn => Some(SubjectMatch::Role),
                () => None,
            },
            (Named::Service(named), Subject::Service { name }) => {
                (named == name).then_some(SubjectMatch::Exact)
            }
            (Named::Federated(named), Subject::Federated { provider }) => {
                (named == provider).then_some(SubjectMatch::Exact)
            }
            _ => None,
        }
    }
}
