//! From a payload's container to what the runtime runs: pure, and nothing is lost on the way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use link::acs;
use runtime::{ContainerSpec, Device, Image, Mount, Namespace, Role, TaskGroup, Tmpfs, Ulimit};

use super::gpus;
use super::image_volumes::ImageVolumes;
use super::sandbox;
use super::settings::{Settings, SettingsError, is_no_new_privileges, namespace};
use crate::gpus::Gpu;

const MIB: u64 = 1024 * 1024;
/// Docker's bounds of a CPU weight, which ECS keeps to.
const CPU_SHARES: std::ops::RangeInclusive<u64> = 2..=262_144;
/// The least memory that a Linux container can be given (agent protocol §3.5).
const MEMORY_MIN_MIB: u64 = 4;
/// Names longer than this are cut in the container's id.
const ID_NAME_LENGTH: usize = 64;

/// What a container's spec needs besides the container itself.
#[derive(Debug)]
pub struct SpecContext<'a> {
    pub task: &'a acs::Task,
    pub task_id: &'a str,
    pub index: usize,
    /// How often the container was started again: each start is a container of its own to the runtime.
    pub restarts: u32,
    pub settings: &'a Settings,
    pub image: &'a Image,
    pub network_namespace: Option<PathBuf>,
    pub hostname: &'a str,
    /// Holds the task's own volumes, and for each container `resolv.conf`, `hosts` and `hostname`.
    pub task_directory: &'a Path,
    /// Holds volumes that outlive tasks.
    pub shared_volumes: &'a Path,
    /// Of a Fargate container that does not say.
    pub open_files: i64,
    /// Of the node.
    pub gpus: &'a [Gpu],
}

/// Names a task's container on this node.
pub fn container_id(task_id: &str, index: usize, name: &str, restarts: u32) -> String {
    let again = if restarts == 0 {
        String::new()
    } else {
        format!(".r{restarts}")
    };
    match name.get(..ID_NAME_LENGTH) {
        // A dot is not allowed in names, so the cut form collides with no other.
        Some(start) if name.len() > ID_NAME_LENGTH => format!("{task_id}-{start}.{index}{again}"),
        _ => format!("{task_id}-{name}{again}"),
    }
}

/// The bound of the whole task. Where capacity is overcommitted, CPU is shared by weight instead of cut off.
pub fn task_group(task: &acs::Task, task_id: &str, cpu_by_weight: bool) -> TaskGroup {
    let millicpus = task
        .cpu
        .filter(|cpu| *cpu > 0.0)
        .map(|cpu| (cpu * 1000.0).round() as u64);
    TaskGroup {
        task_id: task_id.to_owned(),
        cpu_shares: millicpus.map(|millicpus| {
            (millicpus * 1024 / 1000).clamp(*CPU_SHARES.start(), *CPU_SHARES.end())
        }),
        cpu_quota_millicpus: millicpus.filter(|_| !cpu_by_weight),
        memory_limit_bytes: positive(task.memory).map(|mib| mib * MIB),
    }
}

pub fn container_spec(context: &SpecContext<'_>) -> Result<ContainerSpec, SettingsError> {
    let container = &context.task.containers[context.index];
    let Settings { config, host, .. } = context.settings;
    let name = container.name.as_deref().unwrap_or_default();
    let image = &context.image.config;
    let files = super::prepare::container_directory(context.task_directory, context.index);
    let bytes = |value: Option<i64>| {
        value
            .and_then(|value| u64::try_from(value).ok())
            .filter(|value| *value > 0)
    };
    let tmpfs = host.tmpfs.iter();
    let tmpfs = tmpfs.map(|(destination, options)| tmpfs_of(destination, options));
    let tmpfs = tmpfs.collect::<Result<Vec<_>, _>>()?;
    let own_gpus = gpus::of_container(context.task, name, context.gpus)?;
    let mut mounts = mounts(context, container, &mut Vec::new())?;
    ImageVolumes {
        declared: &image.volumes,
        container_index: context.index,
        is_fargate: is_fargate(context.task),
        own_volumes: own_volumes(context),
    }
    .apply(&mut mounts, &tmpfs);
    Ok(ContainerSpec {
        id: container_id(context.task_id, context.index, name, context.restarts),
        task_id: context.task_id.to_owned(),
        image: context.image.reference.clone(),
        hostname: config
            .hostname
            .clone()
            .filter(|name| !name.is_empty())
            .unwrap_or(context.hostname.to_owned()),
        command: command(container, context.settings, context.image)?,
        // Not known yet: it is fetched when the container is created.
        secret_environment: Default::default(),
        environment: gpus::visible(
            environment(container, config, &image.environment),
            &own_gpus,
        ),
        user: config
            .user
            .clone()
            .filter(|user| !user.is_empty())
            .or_else(|| image.user.clone()),
        working_directory: config
            .working_dir
            .clone()
            .filter(|directory| !directory.is_empty())
            .or_else(|| image.working_directory.clone()),
        cpu_shares: Some(
            bytes(host.cpu_shares)
                .or(positive(container.cpu))
                .unwrap_or(*CPU_SHARES.start()),
        )
        .map(|shares| shares.clamp(*CPU_SHARES.start(), *CPU_SHARES.end())),
        cpu_quota_millicpus: cpu_quota(host),
        memory_limit_bytes: bytes(host.memory)
            .or(positive(container.memory).map(|mib| mib.max(MEMORY_MIN_MIB) * MIB)),
        memory_reservation_bytes: bytes(host.memory_reservation),
        memory_and_swap_limit_bytes: bytes(host.memory_swap),
        swappiness: host
            .memory_swappiness
            .and_then(|value| u64::try_from(value).ok()),
        pids_limit: bytes(host.pids_limit),
        network_namespace: context
            .network_namespace
            .clone()
            .filter(|_| config.network_disabled != Some(true)),
        without_network: config.network_disabled == Some(true)
            || context.task.network_mode.as_deref() == Some("none"),
        pid_namespace: namespace_of("pidMode", &host.pid_mode, &context.task.pid_mode)?,
        ipc_namespace: namespace_of("ipcMode", &host.ipc_mode, &context.task.ipc_mode)?,
        sandbox: sandbox::is_needed(context.task).then(|| sandbox::id(context.task_id)),
        role: Role::Program,
        resolv_conf: Some(files.join("resolv.conf")),
        hosts: Some(files.join("hosts")),
        hostname_file: Some(files.join("hostname")),
        mounts,
        tmpfs,
        shared_memory_bytes: bytes(host.shm_size),
        readonly_root: host.readonly_rootfs == Some(true),
        privileged: host.privileged == Some(true),
        capabilities_add: host.cap_add.clone(),
        capabilities_drop: host.cap_drop.clone(),
        ulimits: ulimits(context),
        sysctls: host.sysctls.clone().into_iter().collect(),
        init: host.init == Some(true),
        terminal: config.tty == Some(true),
        devices: gpus::with_devices(host.devices.iter().map(device).collect(), &own_gpus),
        keep_stdin_open: config.open_stdin == Some(true),
        no_new_privileges: host
            .security_opt
            .iter()
            .any(|option| is_no_new_privileges(option)),
        stop_signal: config
            .stop_signal
            .clone()
            .or_else(|| image.stop_signal.clone()),
        labels: labels(context, name),
    })
}

/// The container's own word counts, then the task's.
fn namespace_of(
    name: &str,
    container: &Option<String>,
    task: &Option<String>,
) -> Result<Namespace, SettingsError> {
    let mode = container
        .as_deref()
        .filter(|mode| !mode.is_empty())
        .or(task.as_deref());
    namespace(mode)
        .ok_or_else(|| SettingsError::Unsupported(format!("{name} {}", mode.unwrap_or_default())))
}

fn is_fargate(task: &acs::Task) -> bool {
    task.launch_type.as_deref() == Some("FARGATE")
}

fn device(device: &link::docker::Device) -> Device {
    let given = |text: &str, default: &str| match text {
        "" => default.to_owned(),
        text => text.to_owned(),
    };
    Device {
        source: device.path_on_host.clone().into(),
        destination: given(&device.path_in_container, &device.path_on_host).into(),
        permissions: given(&device.cgroup_permissions, "rwm"),
    }
}

fn ulimits(context: &SpecContext<'_>) -> Vec<Ulimit> {
    const NOFILE: &str = "nofile";
    let mut limits: Vec<Ulimit> = context
        .settings
        .host
        .ulimits
        .iter()
        .map(|limit| Ulimit {
            name: limit.name.clone(),
            soft: limit.soft,
            hard: limit.hard,
        })
        .collect();
    if is_fargate(context.task) && limits.iter().all(|limit| limit.name != NOFILE) {
        limits.push(Ulimit {
            name: NOFILE.to_owned(),
            soft: context.open_files,
            hard: context.open_files,
        });
    }
    limits
}

/// Docker's rule: an entry point of one's own drops the image's command.
fn command(
    container: &acs::Container,
    settings: &Settings,
    image: &Image,
) -> Result<Vec<String>, SettingsError> {
    let first = |choices: [&[String]; 3]| {
        choices
            .into_iter()
            .find(|words| !words.is_empty())
            .map(<[String]>::to_vec)
            .unwrap_or_default()
    };
    let overridden = override_command(container.overrides.as_deref())?;
    let entry_point = first([&settings.config.entrypoint, &container.entry_point, &[]]);
    let mut command = first([&overridden, &settings.config.cmd, &container.command]);
    let mut words = entry_point;
    if words.is_empty() {
        words = image.config.entrypoint.clone();
        if command.is_empty() {
            command = image.config.command.clone();
        }
    }
    words.extend(command);
    if words.is_empty() {
        return Err(SettingsError::Invalid("no command specified".into()));
    }
    Ok(words)
}

fn override_command(overrides: Option<&str>) -> Result<Vec<String>, SettingsError> {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Overrides {
        command: Option<Vec<String>>,
    }
    let Some(text) = overrides.filter(|text| !text.is_empty()) else {
        return Ok(Vec::new());
    };
    let parsed: Overrides = serde_json::from_str(text).map_err(|error| {
        SettingsError::Invalid(format!("the container's overrides are not JSON: {error}"))
    })?;
    Ok(parsed.command.unwrap_or_default())
}

/// The image's, then the payload's, then Docker's `Env`: the later counts, and each name stands once.
fn environment(
    container: &acs::Container,
    config: &link::docker::Config,
    image: &[String],
) -> Vec<(String, String)> {
    let split = |line: &String| {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        (name.to_owned(), value.to_owned())
    };
    let mut merged: BTreeMap<String, String> = image.iter().map(split).collect();
    merged.extend(container.environment.clone());
    merged.extend(config.env.iter().map(split));
    merged.into_iter().collect()
}

fn cpu_quota(host: &link::docker::HostConfig) -> Option<u64> {
    const PERIOD_DEFAULT_MICROSECONDS: i64 = 100_000;
    let by_period = |quota: i64| {
        quota * 1000
            / host
                .cpu_period
                .filter(|period| *period > 0)
                .unwrap_or(PERIOD_DEFAULT_MICROSECONDS)
    };
    let nano = host
        .nano_cpus
        .filter(|nano| *nano > 0)
        .map(|nano| nano / 1_000_000);
    let millicpus = nano.or_else(|| host.cpu_quota.filter(|quota| *quota > 0).map(by_period));
    millicpus
        .and_then(|millicpus| u64::try_from(millicpus).ok())
        .map(|millicpus| millicpus.max(1))
}

/// Mount points, then those of `volumesFrom`, then Docker's own words for the same. `seen` ends circles.
fn mounts(
    context: &SpecContext<'_>,
    container: &acs::Container,
    seen: &mut Vec<String>,
) -> Result<Vec<Mount>, SettingsError> {
    let mut mounts = Vec::new();
    for point in &container.mount_points {
        let volume = point.source_volume.as_deref().unwrap_or_default();
        mounts.push(Mount {
            source: volume_source(context, volume)?,
            destination: point.container_path.clone().unwrap_or_default(),
            read_only: point.read_only == Some(true),
            copy_from_image: false,
        });
    }
    for from in &container.volumes_from {
        let source = from.source_container.clone().unwrap_or_default();
        if seen.contains(&source) {
            continue;
        }
        seen.push(source.clone());
        let other = context
            .task
            .containers
            .iter()
            .find(|other| other.name.as_deref() == Some(&source));
        let other = other.ok_or_else(|| {
            SettingsError::Invalid(format!("volumesFrom names no container: {source}"))
        })?;
        mounts.extend(mounts_of_other(
            context,
            other,
            from.read_only == Some(true),
            seen,
        )?);
    }
    mounts.extend(docker_mounts(context.settings)?);
    Ok(mounts)
}

fn mounts_of_other(
    context: &SpecContext<'_>,
    other: &acs::Container,
    read_only: bool,
    seen: &mut Vec<String>,
) -> Result<Vec<Mount>, SettingsError> {
    let settings = Settings::of(other)?;
    let context = SpecContext {
        settings: &settings,
        network_namespace: None,
        task: context.task,
        task_id: context.task_id,
        index: context.index,
        restarts: context.restarts,
        image: context.image,
        hostname: context.hostname,
        task_directory: context.task_directory,
        shared_volumes: context.shared_volumes,
        open_files: context.open_files,
        gpus: context.gpus,
    };
    let mut taken = mounts(&context, other, seen)?;
    for mount in &mut taken {
        mount.read_only |= read_only;
    }
    Ok(taken)
}

/// Where volumes are that live as long as the task.
fn own_volumes(context: &SpecContext<'_>) -> PathBuf {
    const VOLUMES: &str = "volumes";
    match context.task.ephemeral_storage_size {
        // In the storage that the sandbox holds.
        Some(_) => VOLUMES.into(),
        None => context.task_directory.join(VOLUMES),
    }
}

fn volume_source(context: &SpecContext<'_>, name: &str) -> Result<PathBuf, SettingsError> {
    let volume = context
        .task
        .volumes
        .iter()
        .find(|volume| volume.name.as_deref() == Some(name));
    let volume =
        volume.ok_or_else(|| SettingsError::Invalid(format!("the task has no volume {name:?}")))?;
    if !is_plain_name(name) {
        return Err(SettingsError::Invalid(format!(
            "{name:?} cannot name a volume"
        )));
    }
    let own = || own_volumes(context).join(name);
    match volume.kind.as_deref() {
        None | Some("" | "host") => {
            let path = volume
                .host
                .as_ref()
                .and_then(|host| host.source_path.as_deref());
            Ok(path
                .filter(|path| !path.is_empty())
                .map_or_else(own, PathBuf::from))
        }
        Some("docker") => {
            let settings = volume
                .docker_volume_configuration
                .clone()
                .unwrap_or_default();
            match (settings.driver.as_deref(), settings.scope.as_deref()) {
                (None | Some("" | "local"), _) if !settings.driver_opts.is_empty() => Err(
                    SettingsError::Unsupported("dockerVolumeConfiguration.driverOpts".into()),
                ),
                (None | Some("" | "local"), Some("shared")) => {
                    Ok(context.shared_volumes.join(name))
                }
                (None | Some("" | "local"), _) => Ok(own()),
                (Some(driver), _) => Err(SettingsError::Unsupported(format!(
                    "volume driver {driver}"
                ))),
            }
        }
        Some(kind) => Err(SettingsError::Unsupported(format!("volume type {kind}"))),
    }
}

fn docker_mounts(settings: &Settings) -> Result<Vec<Mount>, SettingsError> {
    let mut mounts = Vec::new();
    for bind in &settings.host.binds {
        let mut parts = bind.split(':');
        let (Some(source), Some(destination)) = (
            parts.next().filter(|source| source.starts_with('/')),
            parts.next(),
        ) else {
            return Err(SettingsError::Unsupported(format!(
                "HostConfig.Binds {bind:?}"
            )));
        };
        let read_only = parts
            .next()
            .is_some_and(|options| options.split(',').any(|option| option == "ro"));
        mounts.push(Mount {
            source: source.into(),
            destination: destination.to_owned(),
            read_only,
            copy_from_image: false,
        });
    }
    for mount in &settings.host.mounts {
        if mount.kind != "bind" {
            return Err(SettingsError::Unsupported(format!(
                "HostConfig.Mounts of type {:?}",
                mount.kind
            )));
        }
        mounts.push(Mount {
            source: PathBuf::from(&mount.source),
            destination: mount.target.clone(),
            read_only: mount.read_only == Some(true),
            copy_from_image: false,
        });
    }
    Ok(mounts)
}

fn tmpfs_of(destination: &str, options: &str) -> Result<Tmpfs, SettingsError> {
    let mut parsed = Tmpfs {
        destination: destination.to_owned(),
        ..Default::default()
    };
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option.strip_prefix("size=") {
            Some(size) => {
                let bytes = size_in_bytes(size).ok_or_else(|| {
                    SettingsError::Invalid(format!("tmpfs {destination}: size {size:?}"))
                })?;
                parsed.size_bytes = Some(bytes);
            }
            None => parsed.options.push(option.to_owned()),
        }
    }
    Ok(parsed)
}

fn size_in_bytes(text: &str) -> Option<u64> {
    let (digits, unit) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (&text[..at], 1024),
        (at, 'm' | 'M') => (&text[..at], MIB),
        (at, 'g' | 'G') => (&text[..at], 1024 * MIB),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

/// As Amazon's agent labels its containers, so that tools which read them work.
fn labels(context: &SpecContext<'_>, container_name: &str) -> Vec<(String, String)> {
    let task = context.task;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut labels = context.settings.config.labels.clone();
    for (name, value) in [
        ("cluster", text(&task.task_cluster_arn)),
        ("container-name", container_name.to_owned()),
        ("task-arn", text(&task.arn)),
        ("task-definition-family", text(&task.family)),
        ("task-definition-version", text(&task.version)),
    ] {
        labels.insert(format!("com.amazonaws.ecs.{name}"), value);
    }
    labels.into_iter().collect()
}

/// A name that is one component of a path and no way out of it.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn positive(value: Option<i32>) -> Option<u64> {
    value
        .and_then(|value| u64::try_from(value).ok())
        .filter(|value| *value > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use link::docker;

    fn spec_of(container: acs::Container, task: acs::Task) -> Result<ContainerSpec, SettingsError> {
        let settings = Settings::of(&container)?;
        let task = acs::Task {
            containers: vec![container],
            ..task
        };
        let image = Image {
            reference: "127.0.0.1:4580/demo:1".into(),
            digest: "sha256:00".into(),
            config: runtime::ImageConfig {
                environment: vec!["PATH=/bin".into(), "MODE=image".into()],
                command: vec!["serve".into()],
                entrypoint: vec!["/demo".into()],
                user: Some("app".into()),
                working_directory: Some("/srv".into()),
                ..Default::default()
            },
        };
        container_spec(&SpecContext {
            task: &task,
            task_id: "0123",
            index: 0,
            restarts: 0,
            settings: &settings,
            image: &image,
            network_namespace: Some("/run/netns/x".into()),
            hostname: "ip-172-31-0-5",
            task_directory: Path::new("/data/tasks/0123"),
            shared_volumes: Path::new("/data/volumes"),
            open_files: 65_535,
            gpus: &[Gpu {
                id: "GPU-1".into(),
                devices: vec!["/dev/nvidia1".into(), "/dev/nvidiactl".into()],
            }],
        })
    }

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    fn container(change: impl FnOnce(&mut acs::Container)) -> acs::Container {
        let mut container = acs::Container {
            name: Some("web".into()),
            ..Default::default()
        };
        change(&mut container);
        container
    }

    #[test]
    fn entry_point_and_command_as_docker_combines_them() {
        let command = |change: fn(&mut acs::Container)| {
            spec_of(container(change), acs::Task::default())
                .unwrap()
                .command
        };
        assert_eq!(command(|_| {}), words(&["/demo", "serve"]));
        assert_eq!(
            command(|c| c.command = words(&["once"])),
            words(&["/demo", "once"])
        );
        assert_eq!(
            command(|c| c.entry_point = words(&["/bin/sh"])),
            words(&["/bin/sh"])
        );
        assert_eq!(
            command(|c| {
                c.command = words(&["once"]);
                c.overrides = Some(r#"{"command":["twice"]}"#.into());
            }),
            words(&["/demo", "twice"])
        );
    }

    #[test]
    fn the_payload_wins_over_the_image_and_docker_json_over_the_payload() {
        let spec = spec_of(
            container(|c| {
                c.environment = [
                    ("MODE".to_owned(), "task".to_owned()),
                    ("A".into(), "1".into()),
                ]
                .into();
                c.cpu = Some(256);
                c.memory = Some(64);
                let config = docker::Config {
                    env: words(&["A=2"]),
                    user: Some("0:0".into()),
                    ..Default::default()
                };
                let host = docker::HostConfig {
                    memory_reservation: Some(1024),
                    tmpfs: [("/run".to_owned(), "size=64m,noexec".to_owned())].into(),
                    ..Default::default()
                };
                c.docker_config = Some(acs::DockerConfig {
                    config: Some(config.encode()),
                    host_config: Some(host.encode()),
                    ..Default::default()
                });
            }),
            acs::Task::default(),
        )
        .unwrap();
        let environment: Vec<String> = spec
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(environment, ["A=2", "MODE=task", "PATH=/bin"]);
        assert_eq!(
            (spec.user.as_deref(), spec.working_directory.as_deref()),
            (Some("0:0"), Some("/srv"))
        );
        assert_eq!(
            (spec.cpu_shares, spec.memory_limit_bytes),
            (Some(256), Some(64 * MIB))
        );
        assert_eq!(spec.memory_reservation_bytes, Some(1024));
        assert_eq!(spec.tmpfs[0].size_bytes, Some(64 * MIB));
        assert_eq!(spec.tmpfs[0].options, ["noexec"]);
    }

    #[test]
    fn volumes_are_the_tasks_own_the_hosts_or_shared() {
        let volume = |name: &str, change: fn(&mut acs::Volume)| {
            let mut volume = acs::Volume {
                name: Some(name.into()),
                ..Default::default()
            };
            change(&mut volume);
            volume
        };
        let task = acs::Task {
            volumes: vec![
                volume("scratch", |_| {}),
                volume("host", |v| {
                    v.host = Some(acs::HostVolumeProperties {
                        source_path: Some("/srv/x".into()),
                    })
                }),
                volume("shared", |v| {
                    v.kind = Some("docker".into());
                    let scope = Some("shared".into());
                    v.docker_volume_configuration = Some(acs::DockerVolumeConfiguration {
                        scope,
                        ..Default::default()
                    });
                }),
                volume("files", |v| v.kind = Some("efs".into())),
            ],
            ..Default::default()
        };
        let source = |name: &str| {
            let point = acs::MountPoint {
                source_volume: Some(name.into()),
                container_path: Some("/mnt".into()),
                read_only: Some(true),
            };
            spec_of(container(|c| c.mount_points = vec![point]), task.clone())
                .map(|spec| spec.mounts[0].source.clone())
        };
        assert_eq!(
            source("scratch").unwrap(),
            Path::new("/data/tasks/0123/volumes/scratch")
        );
        assert_eq!(source("host").unwrap(), Path::new("/srv/x"));
        assert_eq!(source("shared").unwrap(), Path::new("/data/volumes/shared"));
        assert!(source("files").unwrap_err().to_string().contains("efs"));
        assert!(source("ghost").unwrap_err().to_string().contains("ghost"));
    }

    #[test]
    fn a_tasks_cpu_is_cut_off_or_weighed() {
        let task = acs::Task {
            cpu: Some(0.25),
            memory: Some(512),
            ..Default::default()
        };
        let cut = task_group(&task, "0123", false);
        assert_eq!(
            (cut.cpu_shares, cut.cpu_quota_millicpus),
            (Some(256), Some(250))
        );
        assert_eq!(cut.memory_limit_bytes, Some(512 * MIB));
        assert_eq!(task_group(&task, "0123", true).cpu_quota_millicpus, None);
    }

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let long = "n".repeat(200);
        let id = container_id("0123", 7, &long, 3);
        assert!(id.len() <= 128 && id.ends_with(".7.r3"), "{id}");
        assert_eq!(container_id("0123", 7, "web", 0), "0123-web");
    }

    #[test]
    fn a_container_gets_the_gpus_that_it_is_associated_with() {
        let association = |gpu: &str| acs::Association {
            name: Some(gpu.into()),
            kind: Some(acs::GPU_ASSOCIATION.into()),
            content: None,
            containers: vec!["web".into()],
        };
        let task = |associations| acs::Task {
            associations,
            ..Default::default()
        };
        let spec = spec_of(container(|_| {}), task(vec![association("GPU-1")])).unwrap();
        let paths: Vec<_> = spec.devices.iter().map(|device| &device.source).collect();
        assert_eq!(
            paths,
            [Path::new("/dev/nvidia1"), Path::new("/dev/nvidiactl")]
        );
        let variable = ("NVIDIA_VISIBLE_DEVICES".to_owned(), "GPU-1".to_owned());
        assert!(spec.environment.contains(&variable));
        let none = spec_of(container(|_| {}), task(vec![])).unwrap();
        assert!(none.devices.is_empty() && !none.environment.contains(&variable));
        let unknown = spec_of(container(|_| {}), task(vec![association("GPU-9")]));
        assert!(unknown.unwrap_err().to_string().contains("GPU-9"));
    }
}
