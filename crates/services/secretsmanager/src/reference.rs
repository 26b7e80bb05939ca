//! Secrets as clients name them: by name, ARN, or ARN without its last six characters.

use std::sync::Arc;

use api_secretsmanager::errors::invalid_parameter_exception;
use limits::SECRET_NAME_CHARACTERS;
use names::Arn;
use state::Head;
use wire::{Access, Caller, Error};

use crate::SecretsManager;
use crate::records::{SecretRecord, secret_key};
use crate::refusals::{is_deleted, not_found};

const SUFFIX_CHARACTERS: usize = 6;

/// The secret meant, deleted or not.
pub(crate) fn find(head: &Head, caller: &Caller, id: &str) -> Result<Arc<SecretRecord>, Error> {
    let get =
        |name: &str| head.get::<SecretRecord>(&secret_key(&caller.account, &caller.region, name));
    if !Arn::is_arn(id) {
        return get(id).ok_or_else(not_found);
    }
    let arn = Arn::parse(id).map_err(|_| not_found())?;
    if arn.account != caller.account || arn.region != caller.region {
        return Err(not_found());
    }
    let name = arn
        .resource_of("secretsmanager", "secret")
        .ok_or_else(not_found)?;
    let whole = name
        .len()
        .checked_sub(SUFFIX_CHARACTERS + 1)
        .filter(|at| name.is_char_boundary(*at))
        .map(|at| name.split_at(at))
        .and_then(|(name, suffix)| {
            get(name).filter(|secret| suffix.strip_prefix('-') == Some(&secret.suffix))
        });
    whole.or_else(|| get(name)).ok_or_else(not_found)
}

/// As [`find`], of those that are not marked for deletion.
pub(crate) fn find_active(
    head: &Head,
    caller: &Caller,
    id: &str,
) -> Result<Arc<SecretRecord>, Error> {
    let secret = find(head, caller, id)?;
    match secret.deletion {
        None => Ok(secret),
        Some(_) => Err(is_deleted()),
    }
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let mut bytes = name.bytes();
    let is_valid = !name.is_empty()
        && name.len() <= SECRET_NAME_CHARACTERS
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte));
    if is_valid {
        return Ok(());
    }
    Err(invalid_parameter_exception(
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
    ))
}

impl SecretsManager {
    /// An action on one secret. Its ARN ends with what only the table knows, so it is looked up; a secret that is not
    /// there stands for any of its name.
    pub(crate) fn on_secret(
        &self,
        action: &'static str,
        caller: &Caller,
        id: Option<&str>,
    ) -> Access {
        let id = id.unwrap_or("*");
        let found = self.store.read(|head| find(head, caller, id).ok()).head();
        let Some(secret) = found else {
            return Access::action(action).resource(any_of_name(caller, id));
        };
        let access = Access::action(action)
            .resource(secret.arn())
            .condition("secretsmanager:SecretId", secret.arn())
            .condition("secretsmanager:Name", secret.name.clone());
        secret.tags.iter().fold(access, |access, (key, value)| {
            access
                .condition(format!("aws:ResourceTag/{key}"), value.clone())
                .condition(format!("secretsmanager:ResourceTag/{key}"), value.clone())
        })
    }
}

/// The ARN of a secret that has none yet.
pub(crate) fn any_of_name(caller: &Caller, name: &str) -> String {
    if Arn::is_arn(name) {
        return name.to_owned();
    }
    let (region, account) = (&caller.region, &caller.account);
    format!("arn:aws:secretsmanager:{region}:{account}:secret:{name}-??????")
}
