//! Account settings: which there are, what they may be set to, and what holds where nobody set one
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html>).

use crate::Refusal;

/// One setting as Gantry has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountSetting {
    /// As the API spells it.
    pub name: &'static str,
    /// What holds until somebody sets it.
    pub default: &'static str,
    values: &'static [Value],
    /// AWS itself writes it; users read it.
    pub is_managed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    Taken(&'static str),
    /// AWS takes it; Gantry has not what it asks for.
    Unsupported(&'static str, &'static str),
    /// AWS once took it.
    Gone(&'static str, &'static str),
}
use Value::{Gone, Taken, Unsupported};

pub const DEFAULT_LOG_DRIVER_MODE: &str = "defaultLogDriverMode";
pub const TAG_RESOURCE_AUTHORIZATION: &str = "tagResourceAuthorization";

const LONG_ARNS: &[Value] = &[
    Taken("enabled"),
    Gone("disabled", "You can no longer disable Long Arn settings"),
];
const NO_INSIGHTS: &str = "Gantry collects no Container Insights";

// coverage: PutAccountSetting refuses containerInsights other than disabled: Gantry collects no Container Insights
// coverage: PutAccountSetting refuses fargateFIPSMode enabled: Gantry's cryptography is not a validated module
// coverage: PutAccountSetting refuses fargateEventWindows enabled: Gantry has no event windows
// coverage: PutAccountSettingDefault refuses containerInsights other than disabled: Gantry collects no Container Insights
// coverage: PutAccountSettingDefault refuses fargateFIPSMode enabled: Gantry's cryptography is not a validated module
// coverage: PutAccountSettingDefault refuses fargateEventWindows enabled: Gantry has no event windows
/// In the order of their names.
pub const ALL: &[AccountSetting] = &[
    // Nodes of one's own have no limit of interfaces, so either value is what happens.
    setting(
        "awsvpcTrunking",
        "disabled",
        &[Taken("enabled"), Taken("disabled")],
    ),
    setting(
        "containerInsights",
        "disabled",
        &[
            Taken("disabled"),
            Unsupported("enabled", NO_INSIGHTS),
            Unsupported("enhanced", NO_INSIGHTS),
        ],
    ),
    setting("containerInstanceLongArnFormat", "enabled", LONG_ARNS),
    setting(
        DEFAULT_LOG_DRIVER_MODE,
        "non-blocking",
        &[Taken("non-blocking"), Taken("blocking")],
    ),
    setting(
        "fargateEventWindows",
        "disabled",
        &[
            Taken("disabled"),
            Unsupported("enabled", "Gantry has no event windows"),
        ],
    ),
    setting(
        "fargateFIPSMode",
        "disabled",
        &[
            Taken("disabled"),
            Unsupported("enabled", "Gantry's cryptography is not a validated module"),
        ],
    ),
    // Gantry retires no tasks, so every value is kept.
    setting(
        "fargateTaskRetirementWaitPeriod",
        "7",
        &[Taken("0"), Taken("7"), Taken("14")],
    ),
    AccountSetting {
        is_managed: true,
        ..setting("guardDutyActivate", "off", &[])
    },
    setting("serviceLongArnFormat", "enabled", LONG_ARNS),
    setting(
        TAG_RESOURCE_AUTHORIZATION,
        "on",
        &[Taken("on"), Taken("off")],
    ),
    setting("taskLongArnFormat", "enabled", LONG_ARNS),
];

const fn setting(
    name: &'static str,
    default: &'static str,
    values: &'static [Value],
) -> AccountSetting {
    AccountSetting {
        name,
        default,
        values,
        is_managed: false,
    }
}

/// The setting of a name.
pub fn find(name: &str) -> Result<&'static AccountSetting, Refusal> {
    ALL.iter()
        .find(|setting| setting.name == name)
        .ok_or_else(|| Refusal::invalid_parameter("Invalid setting 'name'."))
}

impl AccountSetting {
    /// What a user may set it to.
    pub fn check_value(&self, value: &str) -> Result<(), Refusal> {
        self.check_writable()?;
        let known = self.values.iter().find(|known| known.text() == value);
        match known {
            None => Err(Refusal::invalid_parameter("Invalid setting 'value'.")),
            Some(Taken(_)) => Ok(()),
            Some(Gone(_, message)) => Err(Refusal::invalid_parameter(*message)),
            Some(Unsupported(value, why)) => Err(Refusal::unsupported_field(
                &format!("the account setting {} with value {value}", self.name),
                why,
            )),
        }
    }

    /// A setting that AWS writes is not the user's to change.
    pub fn check_writable(&self) -> Result<(), Refusal> {
        match self.is_managed {
            false => Ok(()),
            true => Err(Refusal::invalid_parameter(format!(
                "The account setting {} is managed by AWS and is read-only.",
                self.name
            ))),
        }
    }
}

impl Value {
    fn text(&self) -> &'static str {
        match self {
            Taken(text) | Unsupported(text, _) | Gone(text, _) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_of_the_model_is_here_in_order() {
        let mut names: Vec<&str> = api_ecs::types::SettingName::VALUES.to_vec();
        names.sort_unstable();
        let ours: Vec<&str> = ALL.iter().map(|setting| setting.name).collect();
        assert_eq!(ours, names);
    }

    #[test]
    fn defaults_may_be_set() {
        for setting in ALL.iter().filter(|setting| !setting.is_managed) {
            assert_eq!(setting.check_value(setting.default), Ok(()), "{setting:?}");
            let other = setting.check_value("ENABLED").unwrap_err();
            assert_eq!(other.message(), "Invalid setting 'value'.");
        }
    }

    #[test]
    fn what_gantry_cannot_do_is_refused_by_name() {
        let refused = |name: &str, value: &str| {
            let error = find(name).unwrap().check_value(value).unwrap_err();
            error.message().to_owned()
        };
        assert_eq!(
            refused("containerInsights", "enhanced"),
            "Gantry does not support the account setting containerInsights with value enhanced yet: Gantry collects no \
             Container Insights."
        );
        assert_eq!(
            refused("taskLongArnFormat", "disabled"),
            "You can no longer disable Long Arn settings"
        );
        assert!(refused("guardDutyActivate", "on").contains("read-only"));
        assert!(find("dualStackIPv6").is_err());
    }
}
