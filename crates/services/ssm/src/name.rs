//! Names of parameters, as clients write them.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html>

use limits::{PARAMETER_HIERARCHY_LEVELS, PARAMETER_NAME_CHARACTERS};
use names::Arn;
use wire::{Caller, Error};

use crate::refusals::{bad_name, bad_path, reserved_path, reserved_prefix, too_deep, validation};

/// Checks the name of a parameter to be written.
pub(crate) fn check_new(name: &str) -> Result<(), Error> {
    check_characters(name)?;
    if name.chars().count() > PARAMETER_NAME_CHARACTERS {
        return Err(validation(format!(
            "Parameter name: the name, without the ARN that it becomes part of, must not be longer than \
             {PARAMETER_NAME_CHARACTERS} characters."
        )));
    }
    let is_path = name.trim_start_matches('/').contains('/');
    let lower = name.trim_start_matches('/').to_ascii_lowercase();
    if lower.starts_with("aws") && is_path && name.starts_with('/') {
        return Err(reserved_path(name));
    }
    if lower.starts_with("aws") || lower.starts_with("ssm") {
        return Err(if is_path {
            bad_name()
        } else {
            reserved_prefix()
        });
    }
    if name.split('/').filter(|level| !level.is_empty()).count() > PARAMETER_HIERARCHY_LEVELS {
        return Err(too_deep());
    }
    Ok(())
}

/// Checks the characters of a name: a plain one, or a path that begins with a slash and has no empty level.
pub(crate) fn check_characters(name: &str) -> Result<(), Error> {
    let is_level = |level: &str| {
        let mut bytes = level.bytes();
        !level.is_empty()
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    };
    let is_valid = match name.strip_prefix('/') {
        Some(path) => path.split('/').all(is_level),
        None => is_level(name),
    };
    if is_valid { Ok(()) } else { Err(bad_name()) }
}

/// The path of GetParametersByPath: `/`, or a name that begins with one; its end does not count.
pub(crate) fn check_path(path: &str) -> Result<&str, Error> {
    let trimmed = path.strip_suffix('/').unwrap_or(path);
    if path == "/" {
        return Ok("");
    }
    if !trimmed.starts_with('/') || check_characters(trimmed).is_err() {
        return Err(bad_path());
    }
    Ok(trimmed)
}

/// ARN of a parameter.
pub(crate) fn arn(account: &str, region: &str, name: &str) -> String {
    let slash = if name.starts_with('/') { "" } else { "/" };
    format!("arn:aws:ssm:{region}:{account}:parameter{slash}{name}")
}

/// The ARN for authorisation: of a name, or as it was given.
pub(crate) fn arn_of(caller: &Caller, name: Option<&str>) -> String {
    let name = name.unwrap_or("*");
    let (name, _) = crate::selector::split(name);
    match Arn::is_arn(name) {
        true => name.to_owned(),
        false => arn(&caller.account, &caller.region, name),
    }
}

/// The names that a text may mean: itself, or those that have this ARN. None: an ARN of something else.
pub(crate) fn candidates(caller: &Caller, text: &str) -> Option<Vec<String>> {
    if !Arn::is_arn(text) {
        return Some(vec![text.to_owned()]);
    }
    let arn = Arn::parse(text).ok()?;
    let is_ours =
        arn.service == "ssm" && arn.account == caller.account && arn.region == caller.region;
    let name = arn
        .resource
        .strip_prefix("parameter/")
        .filter(|_| is_ours)?;
    // `parameter/x` is the ARN of `x` and of `/x`.
    let path = format!("/{name}");
    Some(match name.contains('/') {
        true => vec![path],
        false => vec![name.to_owned(), path],
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names() {
        let code = |name: &str| check_new(name).err().map(|error| error.code.into_owned());
        for good in ["db", "/db", "/prod/web/db_1.x-y", "a.b", "/prod/aws"] {
            assert_eq!(code(good), None, "{good}");
        }
        for bad in [
            "", "/", "a/b", "/a//b", "/a/", "a b", "é", "a:b", "ssm", "/ssm/x", "AWSx", "/aws",
        ] {
            assert_eq!(code(bad).as_deref(), Some("ValidationException"), "{bad}");
        }
        assert_eq!(code("/aws/x").as_deref(), Some("AccessDeniedException"));
        assert_eq!(code(&"/l".repeat(15)), None);
        assert_eq!(
            code(&"/l".repeat(16)).as_deref(),
            Some("HierarchyLevelLimitExceededException")
        );
        assert_eq!(
            code(&"x".repeat(1012)).as_deref(),
            Some("ValidationException")
        );
    }

    #[test]
    fn paths() {
        assert_eq!(check_path("/"), Ok(""));
        assert_eq!(check_path("/a/b/"), Ok("/a/b"));
        assert!(check_path("a").is_err());
        assert!(check_path("//").is_err());
    }

    proptest! {
        #[test]
        fn an_arn_leads_back_to_its_name(name in "(/[a-z.]{1,3}){1,4}|[a-z]{1,5}") {
            let caller = wire::Caller {
                account: "123456789012".into(), region: "us-east-1".into(), principal: wire::Principal::Root,
                access_key_id: String::new(), request_id: String::new(), source_ip: None, user_agent: String::new(),
            };
            let found = candidates(&caller, &arn("123456789012", "us-east-1", &name)).expect("ours");
            prop_assert!(found.contains(&name));
            prop_assert_eq!(candidates(&caller, &arn("210987654321", "us-east-1", &name)), None);
        }
    }
}
