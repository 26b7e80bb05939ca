//! What a cluster may be configured with.

use api_ecs::types::{
    ClusterConfiguration, ClusterServiceConnectDefaultsRequest, ClusterSetting, ClusterSettingName,
    ExecuteCommandLogging,
};

use crate::Refusal;

/// The capacity providers that exist without being made.
pub const FARGATE_PROVIDERS: [&str; 2] = ["FARGATE", "FARGATE_SPOT"];

/// What is refused of clusters, for `docs/coverage.md`: path in the model, and why.
// coverage: CreateCluster, UpdateCluster
pub const REFUSED: &[(&str, &str)] = &[
    (
        "settings[]: containerInsights other than disabled",
        INSIGHTS,
    ),
    (
        "configuration.executeCommandConfiguration.kmsKeyId",
        EXECUTE_COMMAND,
    ),
    (
        "configuration.executeCommandConfiguration.logging: OVERRIDE",
        EXECUTE_COMMAND,
    ),
    (
        "configuration.executeCommandConfiguration.logConfiguration",
        EXECUTE_COMMAND,
    ),
    ("configuration.managedStorageConfiguration", MANAGED_STORAGE),
    ("serviceConnectDefaults", SERVICE_CONNECT),
];

const INSIGHTS: &str = "Gantry collects no Container Insights";
const EXECUTE_COMMAND: &str = "Gantry has no ECS Exec";
const MANAGED_STORAGE: &str = "Gantry has no KMS";
const SERVICE_CONNECT: &str = "Gantry has no Service Connect";

/// Which cluster names AWS takes.
pub fn check_name(name: &str) -> Result<(), Refusal> {
    if names::is_cluster_name(name) {
        return Ok(());
    }
    Err(Refusal::invalid_parameter(
        "Cluster name contains invalid characters or is too long.",
    ))
}

/// The settings that a cluster has after a request; what it does not name keeps its value.
pub fn settings(
    current: &[ClusterSetting],
    asked: Option<Vec<ClusterSetting>>,
) -> Result<Vec<ClusterSetting>, Refusal> {
    let mut settings = if current.is_empty() {
        default_settings()
    } else {
        current.to_vec()
    };
    for setting in asked.unwrap_or_default() {
        let name = setting.name.clone().unwrap_or_else(|| "".into());
        let value = setting.value.clone().unwrap_or_default();
        if name != ClusterSettingName::CONTAINER_INSIGHTS {
            return Err(Refusal::invalid_parameter(format!(
                "Invalid cluster setting name: '{name}'."
            )));
        }
        match value.as_str() {
            "disabled" => {}
            "enabled" | "enhanced" => {
                return Err(Refusal::unsupported_field(
                    &format!("the cluster setting containerInsights with value {value}"),
                    INSIGHTS,
                ));
            }
            _ => {
                return Err(Refusal::invalid_parameter(format!(
                    "Invalid value '{value}' for cluster setting containerInsights."
                )));
            }
        }
        settings.retain(|known| known.name != setting.name);
        settings.push(setting);
    }
    Ok(settings)
}

fn default_settings() -> Vec<ClusterSetting> {
    vec![ClusterSetting {
        name: Some(ClusterSettingName::CONTAINER_INSIGHTS),
        value: Some("disabled".into()),
    }]
}

pub fn check_configuration(configuration: &ClusterConfiguration) -> Result<(), Refusal> {
    let path = |field: &str| format!("configuration.{field}");
    if let Some(execute) = &configuration.execute_command_configuration {
        let logging = execute.logging.as_ref();
        if let Some(logging) = logging
            && !ExecuteCommandLogging::VALUES.contains(&logging.as_str())
        {
            return Err(Refusal::invalid_parameter(format!(
                "Unknown logging value '{logging}'."
            )));
        }
        let refused = [
            (
                "executeCommandConfiguration.kmsKeyId",
                execute.kms_key_id.is_some(),
            ),
            (
                "executeCommandConfiguration.logging: OVERRIDE",
                logging == Some(&ExecuteCommandLogging::OVERRIDE),
            ),
            (
                "executeCommandConfiguration.logConfiguration",
                execute.log_configuration.is_some(),
            ),
        ];
        if let Some((field, _)) = refused.iter().find(|(_, asks)| *asks) {
            return Err(Refusal::unsupported_field(&path(field), EXECUTE_COMMAND));
        }
    }
    if configuration.managed_storage_configuration.is_some() {
        return Err(Refusal::unsupported_field(
            &path("managedStorageConfiguration"),
            MANAGED_STORAGE,
        ));
    }
    Ok(())
}

pub fn check_service_connect(
    defaults: Option<&ClusterServiceConnectDefaultsRequest>,
) -> Result<(), Refusal> {
    // An empty namespace takes the default away: nothing is asked for.
    let asks = defaults
        .and_then(|defaults| defaults.namespace.as_deref())
        .is_some_and(|namespace| !namespace.is_empty());
    if asks {
        return Err(Refusal::unsupported_field(
            "serviceConnectDefaults",
            SERVICE_CONNECT,
        ));
    }
    Ok(())
}

/// The capacity providers of a cluster, each once; only those that exist.
pub fn capacity_providers(
    asked: Vec<String>,
    exists: impl Fn(&str) -> bool,
) -> Result<Vec<String>, Refusal> {
    let mut providers: Vec<String> = Vec::new();
    for provider in asked {
        if !exists(&provider) {
            return Err(Refusal::invalid_parameter(
                "The specified capacity provider was not found. Specify a valid capacity provider and try again.",
            ));
        }
        if providers.contains(&provider) {
            return Err(Refusal::invalid_parameter(
                "The capacity providers cannot contain duplicates. Specify each capacity provider once and try again.",
            ));
        }
        providers.push(provider);
    }
    Ok(providers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insights(value: &str) -> ClusterSetting {
        ClusterSetting {
            name: Some(ClusterSettingName::CONTAINER_INSIGHTS),
            value: Some(value.into()),
        }
    }

    #[test]
    fn settings_have_their_default_and_refuse_by_name() {
        assert_eq!(settings(&[], None), Ok(vec![insights("disabled")]));
        assert_eq!(
            settings(&[], Some(vec![insights("disabled")])),
            Ok(vec![insights("disabled")])
        );
        for value in ["enabled", "enhanced"] {
            let refusal = settings(&[], Some(vec![insights(value)])).unwrap_err();
            assert!(
                matches!(&refusal, Refusal::Unsupported(text) if text.contains("containerInsights"))
            );
        }
        let refusal = settings(&[], Some(vec![insights("on")])).unwrap_err();
        assert!(matches!(refusal, Refusal::InvalidParameter(_)));
        let unknown = ClusterSetting {
            name: Some("x".into()),
            value: Some("disabled".into()),
        };
        assert!(matches!(
            settings(&[], Some(vec![unknown])),
            Err(Refusal::InvalidParameter(_))
        ));
    }

    #[test]
    fn providers_exist_and_are_named_once() {
        let exists = |name: &str| FARGATE_PROVIDERS.contains(&name);
        let ask = |names: &[&str]| {
            capacity_providers(names.iter().map(|name| name.to_string()).collect(), exists)
        };
        assert_eq!(ask(&["FARGATE_SPOT"]), Ok(vec!["FARGATE_SPOT".into()]));
        assert!(ask(&["FARGATE", "FARGATE"]).is_err());
        assert!(
            ask(&["mine"])
                .unwrap_err()
                .message()
                .contains("was not found")
        );
    }

    #[test]
    fn names_are_checked() {
        assert!(check_name("prod_1-a").is_ok());
        assert!(check_name("a b").is_err());
        assert!(check_name(&"a".repeat(256)).is_err());
    }
}
