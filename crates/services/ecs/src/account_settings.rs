//! Account settings: what holds for whom.

use api_ecs::{
    errors,
    types::{Setting, SettingName, SettingType},
};
use ecs_rules::account_setting::{self, AccountSetting};
use state::Head;
use wire::{Caller, Error, Principal};

use crate::records::AccountSettingRecord;

/// What holds for a principal: its own value, else the root user's, else AWS's default.
pub(crate) fn effective(
    head: &Head,
    caller: &Caller,
    principal_arn: &str,
    setting: &AccountSetting,
) -> String {
    own(head, caller, principal_arn, setting)
        .or_else(|| own(head, caller, &root_arn(caller), setting))
        .unwrap_or_else(|| setting.default.to_owned())
}

/// The mode of log drivers that say none. Tasks do not keep who started them, so it is the account's.
pub(crate) fn default_log_driver_mode(head: &Head, account: &str, region: &str) -> String {
    let root = Principal::Root.arn(account);
    let name = account_setting::DEFAULT_LOG_DRIVER_MODE;
    let key = AccountSettingRecord::key_of(account, region, &root, name);
    let set = head.get::<AccountSettingRecord>(&key);
    let default = || account_setting::find(name).map_or("", |setting| setting.default);
    set.map_or_else(|| default().to_owned(), |record| record.value.clone())
}

/// What was set for exactly this principal.
pub(crate) fn own(
    head: &Head,
    caller: &Caller,
    principal_arn: &str,
    setting: &AccountSetting,
) -> Option<String> {
    let (account, region) = (&caller.account, &caller.region);
    let key = AccountSettingRecord::key_of(account, region, principal_arn, setting.name);
    head.get::<AccountSettingRecord>(&key)
        .map(|record| record.value.clone())
}

pub(crate) fn root_arn(caller: &Caller) -> String {
    Principal::Root.arn(&caller.account)
}

/// The principal that a request is about: the caller, if it names none.
pub(crate) fn principal(caller: &Caller, asked: Option<&str>) -> Result<String, Error> {
    let Some(asked) = asked.filter(|arn| !arn.is_empty()) else {
        return Ok(caller.arn());
    };
    let prefix = format!("arn:aws:iam::{}:", caller.account);
    let is_principal = asked.strip_prefix(&prefix).is_some_and(|rest| {
        let of_kind = |kind: &str| rest.strip_prefix(kind).is_some_and(|name| !name.is_empty());
        rest == "root" || of_kind("user/") || of_kind("role/")
    });
    if is_principal && asked.len() <= limits::PRINCIPAL_ARN_BYTES {
        return Ok(asked.to_owned());
    }
    Err(errors::invalid_parameter_exception(
        "Invalid setting 'principalArn'.",
    ))
}

/// Only root changes the settings of others.
pub(crate) fn check_may_change(caller: &Caller, principal_arn: &str) -> Result<(), Error> {
    if caller.principal == Principal::Root || caller.arn() == principal_arn {
        return Ok(());
    }
    Err(errors::access_denied_exception(
        "You must be the root user, or the principal itself, to change the account settings of a principal.",
    ))
}

pub(crate) fn render(setting: &AccountSetting, value: String, principal_arn: String) -> Setting {
    let r#type = match setting.is_managed {
        true => SettingType::AWS_MANAGED,
        false => SettingType::USER,
    };
    Setting {
        name: Some(SettingName::from(setting.name)),
        value: Some(value),
        principal_arn: Some(principal_arn),
        r#type: Some(r#type),
    }
}
