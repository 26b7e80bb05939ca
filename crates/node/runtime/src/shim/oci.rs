//! Our specification as an OCI bundle's `config.json`, with Docker's defaults.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::devices::DeviceNode;
use super::seccomp;
use super::users::ResolvedUser;
use crate::cgroup::{CPU_PERIOD_MICROSECONDS, Hierarchies, quota_microseconds, weight_of_shares};
use crate::spec::{ContainerSpec, Mount, Namespace, Tmpfs, Ulimit};

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const DEFAULT_SHARED_MEMORY_BYTES: u64 = 64 * 1024 * 1024;
/// Docker's 14.
const DEFAULT_CAPABILITIES: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];
/// capabilities(7) in the kernel's order, complete up to Linux 5.9, after which none came.
const ALL_CAPABILITIES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];
/// As moby's `oci/defaults.go` has them.
const MASKED_PATHS: [&str; 11] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];
const READONLY_PATHS: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// Where Docker has it.
const INIT_DESTINATION: &str = "/sbin/docker-init";

/// What the container joins, by paths that lead there from inside the shim.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    pub network: Option<String>,
    /// The sandbox's, as everything below.
    pub pid: Option<String>,
    pub ipc: Option<String>,
    pub shared_memory: Option<PathBuf>,
    pub storage: Option<PathBuf>,
    pub devices: Vec<DeviceNode>,
    /// A static init program of the host, for an OCI runtime that has none of its own.
    pub init: Option<PathBuf>,
}

/// The whole `config.json`.
pub(super) fn config(
    spec: &ContainerSpec,
    user: &ResolvedUser,
    group: &str,
    rootfs: &Path,
    surroundings: &Surroundings,
) -> Value {
    let hierarchies = Hierarchies::of_this_machine();
    let capabilities = capabilities(spec, hierarchies.is_unified(), bounding_set);
    let mut config = json!({
        "ociVersion": "1.0.2",
        "hostname": spec.hostname,
        "root": { "path": rootfs, "readonly": spec.readonly_root },
        "process": {
            "terminal": spec.terminal,
            "user": { "uid": user.uid, "gid": user.gid, "additionalGids": user.additional_gids },
            "args": arguments(spec, surroundings),
            "env": environment(spec, user),
            "cwd": working_directory(spec),
            "capabilities": { "bounding": capabilities, "effective": capabilities, "permitted": capabilities },
            "rlimits": spec.ulimits.iter().map(rlimit).collect::<Vec<_>>(),
            // libcontainer writes it to the shim too, which raises its own again afterwards.
            "oomScoreAdj": 0,
        },
        "mounts": mounts(spec, surroundings),
        "linux": {
            "cgroupsPath": group,
            "namespaces": namespaces(spec, surroundings),
            "resources": resources(spec, hierarchies.is_unified(), &surroundings.devices),
            "devices": surroundings.devices.iter().map(device).collect::<Vec<_>>(),
            "sysctl": sysctls(spec, surroundings.network.is_some() || spec.without_network),
            "maskedPaths": if spec.privileged { &[][..] } else { &MASKED_PATHS[..] },
            "readonlyPaths": if spec.privileged { &[][..] } else { &READONLY_PATHS[..] },
        },
    });
    if spec.no_new_privileges {
        config["process"]["noNewPrivileges"] = json!(true);
    }
    if !spec.privileged {
        config["linux"]["seccomp"] = seccomp::profile(&capabilities);
    }
    config
}

fn arguments(spec: &ContainerSpec, surroundings: &Surroundings) -> Vec<String> {
    let init = surroundings.init.iter();
    // It reaps even where it is not process 1, as in a task's process namespace.
    let init = init.flat_map(|_| [INIT_DESTINATION, "-s", "--"].map(str::to_owned));
    init.chain(spec.command.iter().cloned()).collect()
}

pub(super) fn working_directory(spec: &ContainerSpec) -> &str {
    spec.working_directory
        .as_deref()
        .filter(|directory| !directory.is_empty())
        .unwrap_or("/")
}

fn environment(spec: &ContainerSpec, user: &ResolvedUser) -> Vec<String> {
    let given = |name: &str| spec.environment.iter().any(|(given, _)| given == name);
    let defaults = [
        ("PATH", DEFAULT_PATH),
        ("HOSTNAME", &spec.hostname),
        ("HOME", &user.home),
    ];
    let terminal = spec.terminal.then_some(("TERM", "xterm"));
    let defaults = defaults
        .into_iter()
        .chain(terminal)
        .filter(|(name, _)| !given(name))
        .map(|(name, value)| format!("{name}={value}"));
    let own = spec
        .environment
        .iter()
        .enumerate()
        .filter(|(at, (name, _))| {
            // Of two with the same name the later counts, and the program sees only one.
            !spec.environment[at + 1..]
                .iter()
                .any(|(later, _)| later == name)
        });
    defaults
        .chain(own.map(|(_, (name, value))| format!("{name}={value}")))
        .collect()
}

/// All that this process could give: on a machine that is itself confined, those are not all.
fn all_capabilities(bounding: u64) -> Vec<&'static str> {
    let held = |(number, _): &(usize, &&str)| bounding & (1 << number) != 0;
    let names = ALL_CAPABILITIES.iter().enumerate().filter(held);
    names.map(|(_, name)| *name).collect()
}

fn bounding_set() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:"))
        .unwrap_or_default();
    u64::from_str_radix(line.trim(), 16).unwrap_or(u64::MAX)
}

fn capabilities(
    spec: &ContainerSpec,
    devices_are_not_restricted: bool,
    bounding: impl FnOnce() -> u64,
) -> Vec<String> {
    let full = |name: &String| {
        let name = name.to_ascii_uppercase();
        if name.starts_with("CAP_") || name == "ALL" {
            name
        } else {
            format!("CAP_{name}")
        }
    };
    let add: Vec<String> = spec.capabilities_add.iter().map(full).collect();
    let drop: Vec<String> = spec.capabilities_drop.iter().map(full).collect();
    let everything = spec.privileged || add.iter().any(|name| name == "ALL");
    let all = if everything {
        all_capabilities(bounding())
    } else {
        Vec::new()
    };
    if spec.privileged {
        return all.into_iter().map(str::to_owned).collect();
    }
    let nothing = drop.iter().any(|name| name == "ALL");
    let base = match (everything, nothing) {
        (true, _) => &all[..],
        (false, true) => &[][..],
        // Without a device filter, which version 2 needs eBPF for, making a node would be reading the host's disk.
        (false, false) => &DEFAULT_CAPABILITIES[..],
    };
    let kept = |name: &&&str| {
        let added = add.iter().any(|added| added == **name);
        let withheld = devices_are_not_restricted && **name == "CAP_MKNOD" && !everything && !added;
        (added || !drop.iter().any(|dropped| dropped == **name)) && !withheld
    };
    let mut names: Vec<String> = base
        .iter()
        .filter(kept)
        .map(|name| (*name).to_owned())
        .collect();
    for name in add
        .into_iter()
        .filter(|name| ALL_CAPABILITIES.contains(&name.as_str()))
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn rlimit(ulimit: &Ulimit) -> Value {
    // -1 is "unlimited", which the kernel writes as the largest number.
    let value = |limit: i64| u64::try_from(limit).unwrap_or(u64::MAX);
    json!({
        "type": format!("RLIMIT_{}", ulimit.name.to_ascii_uppercase()),
        "soft": value(ulimit.soft),
        "hard": value(ulimit.hard),
    })
}

fn namespaces(spec: &ContainerSpec, surroundings: &Surroundings) -> Vec<Value> {
    let own = |kind: &str| Some(json!({ "type": kind }));
    let joined = |kind: &str, path: &Option<String>| {
        path.as_ref()
            .map(|path| json!({ "type": kind, "path": path }))
    };
    let chosen = |kind: &str, namespace: Namespace, path: &Option<String>| match namespace {
        Namespace::Own => own(kind),
        Namespace::Task => joined(kind, path),
        Namespace::Host => None,
    };
    let network = match &surroundings.network {
        None if spec.without_network => own("network"),
        path => joined("network", path),
    };
    [
        chosen("pid", spec.pid_namespace, &surroundings.pid),
        chosen("ipc", spec.ipc_namespace, &surroundings.ipc),
        own("uts"),
        own("mount"),
        network,
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn device(node: &DeviceNode) -> Value {
    json!({
        "path": node.path,
        "type": node.kind,
        "major": node.major,
        "minor": node.minor,
        "fileMode": node.mode,
        "uid": node.uid,
        "gid": node.gid,
    })
}

fn resources(spec: &ContainerSpec, unified: bool, nodes: &[DeviceNode]) -> Value {
    let mut cpu = json!({});
    // Files of version 2 by name, where libcontainer's own translation would not do.
    let mut files = json!({});
    match spec.cpu_shares {
        Some(shares) if unified => {
            files["cpu.weight"] = json!(weight_of_shares(shares).to_string())
        }
        Some(shares) => cpu["shares"] = json!(shares.max(2)),
        None => {}
    }
    if let Some(millicpus) = spec.cpu_quota_millicpus {
        cpu["quota"] = json!(quota_microseconds(millicpus));
        cpu["period"] = json!(CPU_PERIOD_MICROSECONDS);
    }
    let mut memory = json!({});
    if let Some(bytes) = spec.memory_limit_bytes {
        memory["limit"] = json!(bytes);
    }
    if let Some(bytes) = spec.memory_reservation_bytes {
        memory["reservation"] = json!(bytes);
    }
    if let Some(bytes) = spec.memory_and_swap_limit_bytes {
        memory["swap"] = json!(bytes);
    }
    if let Some(swappiness) = spec.swappiness {
        memory["swappiness"] = json!(swappiness);
    }
    let mut devices = vec![json!({ "allow": spec.privileged, "access": "rwm" })];
    devices.extend(nodes.iter().map(|node| {
        json!({
            "allow": true,
            "type": node.kind,
            "major": node.major,
            "minor": node.minor,
            "access": node.permissions,
        })
    }));
    let mut resources = json!({
        // OCI runtimes allow the usual ones on top.
        "devices": devices,
        "cpu": cpu,
        "memory": memory,
    });
    if let Some(limit) = spec.pids_limit {
        resources["pids"] = json!({ "limit": limit });
    }
    let has_no_swap = spec.memory_limit_bytes.is_some()
        && spec.memory_and_swap_limit_bytes == spec.memory_limit_bytes;
    let kernel_swaps = || Path::new("/proc/swaps").exists();
    if unified && has_no_swap && kernel_swaps() {
        // It takes a difference of 0 for "not set", which would be swap without end.
        files["memory.swap.max"] = json!("0");
    }
    resources["unified"] = files;
    resources
}

fn sysctls(spec: &ContainerSpec, own_network: bool) -> Value {
    let mut values = serde_json::Map::new();
    if own_network {
        // As Docker does: a namespace's low ports and its pings are nobody else's business.
        values.insert("net.ipv4.ip_unprivileged_port_start".to_owned(), json!("0"));
        values.insert(
            "net.ipv4.ping_group_range".to_owned(),
            json!("0 2147483647"),
        );
    }
    values.extend(
        spec.sysctls
            .iter()
            .map(|(name, value)| (name.clone(), json!(value))),
    );
    Value::Object(values)
}

fn mounts(spec: &ContainerSpec, surroundings: &Surroundings) -> Vec<Value> {
    let shared_memory = format!(
        "size={}",
        spec.shared_memory_bytes
            .unwrap_or(DEFAULT_SHARED_MEMORY_BYTES)
    );
    let sys = if spec.privileged { "rw" } else { "ro" };
    let mut mounts = vec![
        mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount(
            "/dev",
            "tmpfs",
            "tmpfs",
            &["nosuid", "strictatime", "mode=755", "size=65536k"],
        ),
        mount(
            "/dev/pts",
            "devpts",
            "devpts",
            &[
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620",
                "gid=5",
            ],
        ),
        match (spec.ipc_namespace, &surroundings.shared_memory) {
            (Namespace::Task, Some(shared)) => bind(shared, "/dev/shm", false),
            (Namespace::Host, _) => bind(Path::new("/dev/shm"), "/dev/shm", false),
            _ => mount(
                "/dev/shm",
                "tmpfs",
                "shm",
                &["nosuid", "noexec", "nodev", "mode=1777", &shared_memory],
            ),
        },
        mount(
            "/dev/mqueue",
            "mqueue",
            "mqueue",
            &["nosuid", "noexec", "nodev"],
        ),
        mount(
            "/sys",
            "sysfs",
            "sysfs",
            &["nosuid", "noexec", "nodev", sys],
        ),
    ];
    mounts.extend(spec.tmpfs.iter().map(tmpfs));
    let files = [
        (&spec.resolv_conf, "/etc/resolv.conf"),
        (&spec.hosts, "/etc/hosts"),
        (&spec.hostname_file, "/etc/hostname"),
    ];
    let files = files
        .into_iter()
        .filter_map(|(source, destination)| Some((source.as_deref()?, destination)));
    mounts.extend(files.map(|(source, destination)| bind(source, destination, false)));
    let init = surroundings.init.as_deref();
    mounts.extend(init.map(|program| bind(program, INIT_DESTINATION, true)));
    mounts.extend(spec.mounts.iter().map(|volume| {
        let source = mount_source(volume, surroundings);
        bind(&source, &volume.destination, volume.read_only)
    }));
    mounts
}

/// Where a volume's files are, as the shim sees them.
pub(super) fn mount_source(volume: &Mount, surroundings: &Surroundings) -> PathBuf {
    match &surroundings.storage {
        // Joining an absolute path to another gives the absolute one.
        Some(storage) => storage.join(&volume.source),
        None => volume.source.clone(),
    }
}

fn mount(destination: &str, kind: &str, source: &str, options: &[&str]) -> Value {
    json!({ "destination": destination, "type": kind, "source": source, "options": options })
}

fn tmpfs(tmpfs: &Tmpfs) -> Value {
    let mut options = vec!["nosuid".to_owned(), "nodev".to_owned()];
    options.extend(tmpfs.size_bytes.map(|bytes| format!("size={bytes}")));
    options.extend(tmpfs.options.iter().cloned());
    json!({ "destination": tmpfs.destination, "type": "tmpfs", "source": "tmpfs", "options": options })
}

fn bind(source: &Path, destination: &str, read_only: bool) -> Value {
    let access = if read_only { "ro" } else { "rw" };
    json!({ "destination": destination, "type": "bind", "source": source, "options": ["rbind", "rprivate", access] })
}

#[cfg(test)]
mod tests {
    use libcontainer::oci_spec::runtime::Spec;

    use super::*;

    fn user() -> ResolvedUser {
        ResolvedUser {
            uid: 0,
            gid: 0,
            additional_gids: vec![],
            home: "/root".into(),
        }
    }

    #[test]
    fn the_config_is_a_valid_specification() {
        let spec = ContainerSpec {
            command: vec!["true".into()],
            memory_limit_bytes: Some(1 << 26),
            cpu_quota_millicpus: Some(250),
            pids_limit: Some(100),
            ulimits: vec![Ulimit {
                name: "nofile".into(),
                soft: 1024,
                hard: -1,
            }],
            ..ContainerSpec::default()
        };
        let config = config(
            &spec,
            &user(),
            "/gantry/t/c",
            Path::new("/r"),
            &Surroundings {
                network: Some("/proc/self/fd/3".into()),
                ..Surroundings::default()
            },
        );
        let parsed: Spec = serde_json::from_value(config).unwrap();
        let limits = parsed
            .process()
            .as_ref()
            .unwrap()
            .rlimits()
            .as_ref()
            .unwrap();
        assert_eq!((limits[0].soft(), limits[0].hard()), (1024, u64::MAX));
        let resources = parsed
            .linux()
            .as_ref()
            .unwrap()
            .resources()
            .as_ref()
            .unwrap();
        assert_eq!(resources.cpu().as_ref().unwrap().quota(), Some(25_000));
    }

    #[test]
    fn of_two_variables_the_later_counts() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let spec = ContainerSpec {
            hostname: "box".into(),
            environment: vec![pair("A", "1"), pair("HOME", "/x"), pair("A", "2")],
            ..ContainerSpec::default()
        };
        let path = format!("PATH={DEFAULT_PATH}");
        assert_eq!(
            environment(&spec, &user()),
            [path.as_str(), "HOSTNAME=box", "HOME=/x", "A=2"]
        );
    }

    #[test]
    fn capabilities_are_added_and_dropped() {
        let names = |add: &[&str], drop: &[&str], unified| {
            let spec = ContainerSpec {
                capabilities_add: add.iter().map(|name| (*name).to_owned()).collect(),
                capabilities_drop: drop.iter().map(|name| (*name).to_owned()).collect(),
                ..ContainerSpec::default()
            };
            capabilities(&spec, unified, || u64::MAX)
        };
        assert_eq!(names(&[], &[], false), DEFAULT_CAPABILITIES);
        assert_eq!(
            names(&["NET_BIND_SERVICE"], &["ALL"], false),
            ["CAP_NET_BIND_SERVICE"]
        );
        assert_eq!(names(&["ALL"], &["cap_sys_admin"], false).len(), 40);
        assert!(names(&["SYS_PTRACE"], &["KILL"], false).contains(&"CAP_SYS_PTRACE".to_owned()));
        assert!(!names(&[], &[], true).contains(&"CAP_MKNOD".to_owned()));
        assert_eq!(all_capabilities(0b10_0001), ["CAP_CHOWN", "CAP_KILL"]);
        assert!(names(&["MKNOD"], &[], true).contains(&"CAP_MKNOD".to_owned()));
    }
}
