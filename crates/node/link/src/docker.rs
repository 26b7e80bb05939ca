//! The part of Docker Engine API JSON that a task definition can ask for.
//!
//! ACS carries a container's settings as two JSON strings, `dockerConfig.config` and `dockerConfig.hostConfig`, in the
//! words of Docker's `POST /containers/create`. Amazon's agent hands them to Docker; ours reads this closed subset. A
//! member that is not here is an error that names it: silently running a container without it would be a lie.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::LinkError;

/// The lowest Docker API version that knows everything rendered here.
pub const API_VERSION: &str = "1.21";

macro_rules! docker_shape {
    ($($(#[$meta:meta])* $name:ident { $($(#[$member_meta:meta])* $member:ident: $kind:ty),* $(,)? })*) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
        pub struct $name { $(
            $(#[$member_meta])*
            #[serde(
                skip_serializing_if = "crate::shape::is_default",
                deserialize_with = "crate::shape::null_as_default"
            )]
            pub $member: $kind,
        )* }
    )* };
}

docker_shape! {
    /// What runs: Docker's `container.Config`.
    Config {
        image: Option<String>,
        hostname: Option<String>,
        domainname: Option<String>,
        user: Option<String>,
        working_dir: Option<String>,
        /// `NAME=value` each.
        env: Vec<String>,
        cmd: Vec<String>,
        entrypoint: Vec<String>,
        labels: BTreeMap<String, String>,
        healthcheck: Option<Healthcheck>,
        stop_signal: Option<String>,
        stop_timeout: Option<i64>,
        tty: Option<bool>,
        open_stdin: Option<bool>,
        network_disabled: Option<bool>,
    }

    /// Durations are nanoseconds; 0 or absence means Docker's default.
    Healthcheck {
        /// `["CMD", argv…]`, `["CMD-SHELL", command]` or `["NONE"]`.
        test: Vec<String>,
        interval: Option<i64>,
        timeout: Option<i64>,
        start_period: Option<i64>,
        retries: Option<i32>,
    }

    /// How it is confined: Docker's `HostConfig`.
    HostConfig {
        network_mode: Option<String>,
        binds: Vec<String>,
        mounts: Vec<Mount>,
        volumes_from: Vec<String>,
        links: Vec<String>,
        port_bindings: BTreeMap<String, Vec<PortBinding>>,
        cpu_shares: Option<i64>,
        cpu_quota: Option<i64>,
        cpu_period: Option<i64>,
        nano_cpus: Option<i64>,
        cpuset_cpus: Option<String>,
        memory: Option<i64>,
        memory_reservation: Option<i64>,
        memory_swap: Option<i64>,
        memory_swappiness: Option<i64>,
        pids_limit: Option<i64>,
        oom_kill_disable: Option<bool>,
        oom_score_adj: Option<i32>,
        log_config: Option<LogConfig>,
        cap_add: Vec<String>,
        cap_drop: Vec<String>,
        privileged: Option<bool>,
        readonly_rootfs: Option<bool>,
        security_opt: Vec<String>,
        group_add: Vec<String>,
        ulimits: Vec<Ulimit>,
        sysctls: BTreeMap<String, String>,
        tmpfs: BTreeMap<String, String>,
        shm_size: Option<i64>,
        init: Option<bool>,
        dns: Vec<String>,
        dns_options: Vec<String>,
        dns_search: Vec<String>,
        /// `name:address` each.
        extra_hosts: Vec<String>,
        devices: Vec<Device>,
        pid_mode: Option<String>,
        ipc_mode: Option<String>,
        #[serde(rename = "UTSMode")]
        uts_mode: Option<String>,
        cgroup_parent: Option<String>,
        restart_policy: Option<RestartPolicy>,
        runtime: Option<String>,
    }

    LogConfig {
        #[serde(rename = "Type")]
        kind: Option<String>,
        config: BTreeMap<String, String>,
    }

    Ulimit {
        name: String,
        soft: i64,
        hard: i64,
    }

    Device {
        path_on_host: String,
        path_in_container: String,
        /// Letters of `rwm`.
        cgroup_permissions: String,
    }

    Mount {
        #[serde(rename = "Type")]
        kind: String,
        source: String,
        target: String,
        read_only: Option<bool>,
    }

    PortBinding {
        host_ip: Option<String>,
        host_port: Option<String>,
    }

    RestartPolicy {
        name: Option<String>,
        maximum_retry_count: Option<i32>,
    }
}

impl Config {
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        parse("config", text)
    }

    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("a Docker config has a text form")
    }
}

impl HostConfig {
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        parse("hostConfig", text)
    }

    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("a Docker host config has a text form")
    }
}

fn parse<T: DeserializeOwned + Default>(part: &'static str, text: &str) -> Result<T, LinkError> {
    if text.trim().is_empty() {
        return Ok(T::default());
    }
    serde_json::from_str(text).map_err(|source| LinkError::Docker { part, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_spelling_is_kept() {
        let host = HostConfig {
            uts_mode: Some("host".into()),
            shm_size: Some(1),
            readonly_rootfs: Some(true),
            log_config: Some(LogConfig {
                kind: Some("awslogs".into()),
                config: BTreeMap::new(),
            }),
            ..Default::default()
        };
        assert_eq!(
            host.encode(),
            r#"{"LogConfig":{"Type":"awslogs"},"ReadonlyRootfs":true,"ShmSize":1,"UTSMode":"host"}"#
        );
        assert_eq!(HostConfig::parse(&host.encode()).unwrap(), host);
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        let error = HostConfig::parse(r#"{"Memory":4194304,"DeviceRequests":[]}"#)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("hostConfig") && error.contains("DeviceRequests"),
            "{error}"
        );
        let error = Config::parse(r#"{"OnBuild":["RUN x"]}"#)
            .unwrap_err()
            .to_string();
        assert!(error.contains("OnBuild"), "{error}");
    }

    #[test]
    fn absence_and_null_and_nothing_are_the_same() {
        assert_eq!(Config::parse("").unwrap(), Config::default());
        assert_eq!(
            Config::parse(r#"{"Env":null,"Healthcheck":null}"#).unwrap(),
            Config::default()
        );
    }
}
