//! Which group and stream a request means, and what its operation declares for authorisation.

use api_logs::errors::invalid_parameter_exception;
use names::Scope;
use wire::{Access, Caller, Error};

use crate::answer::violation;

const GROUP_PATTERN: &str = "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+";
const STREAM_PATTERN: &str = "Member must satisfy regular expression pattern: [^:*]*";

/// A group's name within an account and region.
pub(crate) struct Group {
    pub scope: Scope,
    pub name: String,
    /// What the store calls it.
    pub key: String,
}

impl Group {
    pub fn named(caller: &Caller, name: Option<String>) -> Result<Self, Error> {
        let name = name.unwrap_or_default();
        if !names::is_log_group_name(&name) {
            return Err(violation(&name, "logGroupName", GROUP_PATTERN));
        }
        Ok(Self::new(caller, name))
    }

    /// By name, or by an identifier that is a name or an ARN of the caller's own account.
    pub fn identified(
        caller: &Caller,
        name: Option<String>,
        identifier: Option<String>,
    ) -> Result<Self, Error> {
        match (name, identifier) {
            (Some(_), Some(_)) => Err(invalid_parameter_exception(
                "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
            )),
            (None, None) => Err(invalid_parameter_exception(
                "Either logGroupName or logGroupIdentifier must be specified.",
            )),
            (name @ Some(_), None) => Self::named(caller, name),
            (None, Some(identifier)) => {
                let Some(named) = identifier.strip_prefix("arn:") else {
                    return Self::named(caller, Some(identifier));
                };
                let own = format!("aws:logs:{}:{}:log-group:", caller.region, caller.account);
                let name = named.strip_prefix(&own).ok_or_else(|| {
                    invalid_parameter_exception(format!(
                        "logGroupIdentifier {identifier} is not a log group of this account and region."
                    ))
                })?;
                Self::named(caller, Some(name.trim_end_matches(":*").to_owned()))
            }
        }
    }

    /// By the ARN of a group, with or without `:*` at its end.
    pub fn of_arn(caller: &Caller, arn: Option<String>) -> Result<Self, Error> {
        let arn = arn.unwrap_or_default();
        if !arn.starts_with("arn:") {
            return Err(invalid_parameter_exception(format!(
                "1 validation error detected: Value '{arn}' at 'resourceArn' failed to satisfy constraint: Member \
                 must be an ARN of a log group"
            )));
        }
        Self::identified(caller, None, Some(arn))
    }

    pub fn new(caller: &Caller, name: String) -> Self {
        Self {
            scope: Scope::new(&caller.account, &caller.region),
            key: format!("{}{name}", key_prefix(caller)),
            name,
        }
    }
}

/// What the store's names of a caller's groups begin with.
pub(crate) fn key_prefix(caller: &Caller) -> String {
    format!("{}/{}/", caller.account, caller.region)
}

pub(crate) fn stream_name(name: Option<String>) -> Result<String, Error> {
    let name = name.unwrap_or_default();
    if names::is_log_stream_name(&name) {
        Ok(name)
    } else {
        Err(violation(&name, "logStreamName", STREAM_PATTERN))
    }
}

/// An action on a group; what names none of the caller's is taken for a name, the operation refuses it.
pub(crate) fn on_group(action: &'static str, caller: &Caller, group: Option<&str>) -> Access {
    Access::action(action).resource(arn_of(caller, group.unwrap_or("*")))
}

/// Of a name, or of an identifier that is an ARN.
pub(crate) fn arn_of(caller: &Caller, group: &str) -> String {
    let name = match group.split_once(":log-group:") {
        Some((_, name)) => name.trim_end_matches(":*"),
        None => group,
    };
    Scope::new(&caller.account, &caller.region).log_group(name)
}

pub(crate) fn on_stream(
    action: &'static str,
    caller: &Caller,
    group: Option<&str>,
    stream: Option<&str>,
) -> Access {
    let scope = Scope::new(&caller.account, &caller.region);
    let arn = scope.log_stream(group.unwrap_or("*"), stream.unwrap_or("*"));
    Access::action(action).resource(arn)
}
