//! A container's settings as the payload says them: Docker JSON read into the closed subset, and whatever our runtime
//! cannot do refused by name.

use link::{acs, docker};
use runtime::Namespace;

use super::health::HealthPlan;
use crate::logs::multiline;

/// Why a container cannot be run as asked. The text becomes the container's reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("HostConfigError: {0}")]
    Invalid(String),
    #[error("HostConfigError: {0} is not supported by this node's runtime")]
    Unsupported(String),
}

/// One container's parsed settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    pub config: docker::Config,
    pub host: docker::HostConfig,
    pub health: Option<HealthPlan>,
    pub log: LogTarget,
}

/// Where a container's output goes besides the file that the runtime keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LogTarget {
    /// Kept with the container and removed with it.
    #[default]
    Local,
    AwsLogs(AwsLogsOptions),
}

/// Options of the `awslogs` driver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsLogsOptions {
    pub group: String,
    /// `None`: named after the container, as Docker does.
    pub stream: Option<String>,
    /// A line that fits begins an event; `None`: each line is one.
    pub event_begins: Option<String>,
}

impl Settings {
    pub fn of(container: &acs::Container) -> Result<Self, SettingsError> {
        let (config, host) = match &container.docker_config {
            None => Default::default(),
            Some(parts) => (
                docker::Config::parse(parts.config.as_deref().unwrap_or_default())
                    .map_err(invalid)?,
                docker::HostConfig::parse(parts.host_config.as_deref().unwrap_or_default())
                    .map_err(invalid)?,
            ),
        };
        refuse_config(&config)?;
        refuse_host(&host)?;
        refuse_container(container)?;
        let health = match &config.healthcheck {
            Some(check) => HealthPlan::of(check).map_err(SettingsError::Invalid)?,
            None => None,
        };
        let log = log_target(host.log_config.as_ref())?;
        Ok(Self {
            health,
            log,
            config,
            host,
        })
    }
}

fn invalid(error: link::LinkError) -> SettingsError {
    SettingsError::Invalid(error.to_string())
}

fn log_target(log: Option<&docker::LogConfig>) -> Result<LogTarget, SettingsError> {
    let Some(log) = log else {
        return Ok(LogTarget::Local);
    };
    match log.kind.as_deref() {
        None | Some("" | "json-file" | "none" | "local") => Ok(LogTarget::Local),
        Some("awslogs") => {
            let option = |name: &str| {
                log.config
                    .get(name)
                    .filter(|value| !value.is_empty())
                    .cloned()
            };
            let group = option("awslogs-group").ok_or_else(|| {
                SettingsError::Invalid("the awslogs driver needs the option awslogs-group".into())
            })?;
            Ok(LogTarget::AwsLogs(AwsLogsOptions {
                group,
                stream: option("awslogs-stream"),
                event_begins: event_begins(
                    option("awslogs-multiline-pattern"),
                    option("awslogs-datetime-format"),
                )?,
            }))
        }
        Some(other) => Err(SettingsError::Unsupported(format!("log driver {other}"))),
    }
}

fn event_begins(
    pattern: Option<String>,
    format: Option<String>,
) -> Result<Option<String>, SettingsError> {
    let pattern = match (pattern, format) {
        (Some(_), Some(_)) => {
            return Err(SettingsError::Invalid(
                "the log options awslogs-datetime-format and awslogs-multiline-pattern exclude each other".into(),
            ));
        }
        (None, Some(format)) => Some(multiline::pattern_of_datetime_format(&format)),
        (pattern, None) => pattern,
    };
    if let Some(pattern) = &pattern
        && multiline::compile(pattern).is_err()
    {
        return Err(SettingsError::Invalid(format!(
            "awslogs could not parse multiline pattern {pattern}"
        )));
    }
    Ok(pattern)
}

/// Answers the first name whose condition holds.
fn refuse(conditions: &[(&str, bool)]) -> Result<(), SettingsError> {
    match conditions.iter().find(|(_, asked)| *asked) {
        Some((name, _)) => Err(SettingsError::Unsupported((*name).to_owned())),
        None => Ok(()),
    }
}

fn refuse_config(config: &docker::Config) -> Result<(), SettingsError> {
    refuse(&[("Config.Domainname", set(&config.domainname))])
}

fn refuse_host(host: &docker::HostConfig) -> Result<(), SettingsError> {
    let restarts =
        |policy: &docker::RestartPolicy| !matches!(policy.name.as_deref(), None | Some("" | "no"));
    refuse(&[
        ("HostConfig.VolumesFrom", !host.volumes_from.is_empty()),
        ("HostConfig.Links", !host.links.is_empty()),
        ("HostConfig.PortBindings", !host.port_bindings.is_empty()),
        ("HostConfig.CpusetCpus", set(&host.cpuset_cpus)),
        (
            "HostConfig.OomKillDisable",
            host.oom_kill_disable == Some(true),
        ),
        (
            "HostConfig.OomScoreAdj",
            host.oom_score_adj.is_some_and(|score| score != 0),
        ),
        (
            "HostConfig.SecurityOpt other than no-new-privileges",
            !host
                .security_opt
                .iter()
                .all(|option| is_no_new_privileges(option)),
        ),
        ("HostConfig.GroupAdd", !host.group_add.is_empty()),
        (
            "HostConfig.PidMode",
            namespace(host.pid_mode.as_deref()).is_none(),
        ),
        (
            "HostConfig.IpcMode",
            namespace(host.ipc_mode.as_deref()).is_none(),
        ),
        ("HostConfig.UTSMode", set(&host.uts_mode)),
        ("HostConfig.CgroupParent", set(&host.cgroup_parent)),
        (
            "HostConfig.RestartPolicy",
            host.restart_policy.as_ref().is_some_and(restarts),
        ),
        ("HostConfig.Runtime", set(&host.runtime)),
    ])
}

fn refuse_container(container: &acs::Container) -> Result<(), SettingsError> {
    refuse(&[
        ("links", !container.links.is_empty()),
        (
            "secrets of the log driver",
            container
                .secrets
                .iter()
                .any(|secret| secret.target.as_deref() == Some("LOG_DRIVER")),
        ),
        ("environmentFiles", !container.environment_files.is_empty()),
        ("managedAgents", !container.managed_agents.is_empty()),
        (
            "firelensConfiguration",
            container.firelens_configuration.is_some(),
        ),
        ("credentialSpecs", !container.credential_specs.is_empty()),
    ])
}

/// Docker's option, and the only one of its kind that is understood.
pub fn is_no_new_privileges(option: &str) -> bool {
    matches!(
        option,
        "no-new-privileges" | "no-new-privileges:true" | "no-new-privileges=true"
    )
}

/// A `pidMode` or `ipcMode`, of a task or a container; `None`: one that this node does not do.
pub fn namespace(mode: Option<&str>) -> Option<Namespace> {
    match mode {
        None | Some("" | "private" | "none" | "shareable") => Some(Namespace::Own),
        Some("host") => Some(Namespace::Host),
        Some("task") => Some(Namespace::Task),
        Some(_) => None,
    }
}

fn set(text: &Option<String>) -> bool {
    text.as_deref().is_some_and(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(config: &str, host: &str) -> Result<Settings, SettingsError> {
        Settings::of(&acs::Container {
            docker_config: Some(acs::DockerConfig {
                config: Some(config.into()),
                host_config: Some(host.into()),
                ..Default::default()
            }),
            ..Default::default()
        })
    }

    #[test]
    fn awslogs_options_are_read() {
        let host = r#"{"LogConfig":{"Type":"awslogs","Config":{"awslogs-group":"/ecs/x","awslogs-stream":"p/web/1"}}}"#;
        let expected = AwsLogsOptions {
            group: "/ecs/x".into(),
            stream: Some("p/web/1".into()),
            event_begins: None,
        };
        assert_eq!(
            settings("{}", host).unwrap().log,
            LogTarget::AwsLogs(expected)
        );
        let error = settings("{}", r#"{"LogConfig":{"Type":"awslogs"}}"#)
            .unwrap_err()
            .to_string();
        assert!(error.contains("awslogs-group"), "{error}");
        let with = |options: &str| {
            let host = format!(
                r#"{{"LogConfig":{{"Type":"awslogs","Config":{{"awslogs-group":"g",{options}}}}}}}"#
            );
            settings("{}", &host).map(|settings| match settings.log {
                LogTarget::AwsLogs(options) => options.event_begins,
                LogTarget::Local => None,
            })
        };
        let begins = with(r#""awslogs-datetime-format":"%Y:""#);
        assert_eq!(begins, Ok(Some("[0-9]{4}:".to_owned())));
        let both = with(r#""awslogs-datetime-format":"%Y","awslogs-multiline-pattern":"^x""#);
        assert!(both.unwrap_err().to_string().contains("exclude each other"));
        let bad = with(r#""awslogs-multiline-pattern":"(""#).unwrap_err();
        assert!(
            bad.to_string()
                .contains("could not parse multiline pattern")
        );
        let error = settings("{}", r#"{"LogConfig":{"Type":"splunk"}}"#)
            .unwrap_err()
            .to_string();
        assert!(error.contains("splunk"), "{error}");
    }

    #[test]
    fn what_the_runtime_cannot_do_is_refused_by_name() {
        for (config, host, name) in [
            (r#"{"Domainname":"x"}"#, "", "Config.Domainname"),
            ("", r#"{"PidMode":"container:x"}"#, "HostConfig.PidMode"),
            ("", r#"{"GpuCount":1}"#, "GpuCount"),
        ] {
            let error = settings(config, host).unwrap_err().to_string();
            assert!(
                error.starts_with("HostConfigError: ") && error.contains(name),
                "{error}"
            );
        }
        assert!(
            settings(
                r#"{"Tty":false}"#,
                r#"{"PidMode":"","RestartPolicy":{"Name":"no"}}"#
            )
            .is_ok()
        );
    }
}
