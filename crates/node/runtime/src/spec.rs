//! What is to run: the typed container specification.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A container, resolved: nothing in here is looked up in the task definition again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerSpec {
    /// Names the container on this node; letters, digits, `_`, `-`, `.`; at most 128.
    pub id: String,
    pub task_id: String,
    /// The reference it was pulled under, as in [`crate::Image::reference`].
    pub image: String,
    pub hostname: String,
    /// Program and arguments: entry point and command, already put together.
    pub command: Vec<String>,
    /// In order; of two with the same name the later counts. `PATH`, `HOME` and `HOSTNAME` are added when missing.
    pub environment: Vec<(String, String)>,
    /// More of it, which counts over what has the same name, and is never written down: it goes to the program through
    /// memory alone, so whoever creates the container must also start it.
    #[serde(skip)]
    pub secret_environment: SecretEnvironment,
    /// `user`, `uid`, `user:group`, `uid:gid`; names are looked up in the image. `None`: root.
    pub user: Option<String>,
    /// Made when it does not exist. `None`: `/`.
    pub working_directory: Option<String>,
    /// Weight against other containers, 1024 for a whole vCPU's worth.
    pub cpu_shares: Option<u64>,
    /// A hard bound, in thousandths of a CPU.
    pub cpu_quota_millicpus: Option<u64>,
    pub memory_limit_bytes: Option<u64>,
    pub memory_reservation_bytes: Option<u64>,
    /// Of memory and swap together; `None`: the machine's default.
    pub memory_and_swap_limit_bytes: Option<u64>,
    /// 0 to 100; `None`: the machine's default.
    pub swappiness: Option<u64>,
    pub pids_limit: Option<u64>,
    /// A bound network namespace (`/run/netns/…`); `None`: the host's network, or none.
    pub network_namespace: Option<PathBuf>,
    /// No network but a loopback device of its own, when there is no `network_namespace`.
    pub without_network: bool,
    pub pid_namespace: Namespace,
    pub ipc_namespace: Namespace,
    /// The container that holds what the containers of the task share.
    pub sandbox: Option<String>,
    pub role: Role,
    /// Host files that become `/etc/resolv.conf`, `/etc/hosts` and `/etc/hostname`.
    pub resolv_conf: Option<PathBuf>,
    pub hosts: Option<PathBuf>,
    pub hostname_file: Option<PathBuf>,
    pub mounts: Vec<Mount>,
    pub tmpfs: Vec<Tmpfs>,
    pub shared_memory_bytes: Option<u64>,
    pub readonly_root: bool,
    pub privileged: bool,
    /// Names with or without `CAP_`; `ALL` means all.
    pub capabilities_add: Vec<String>,
    pub capabilities_drop: Vec<String>,
    pub ulimits: Vec<Ulimit>,
    pub sysctls: Vec<(String, String)>,
    /// Runs a small init as process 1, which passes signals on and reaps.
    pub init: bool,
    /// The program's input and output are a terminal, whose output is one stream.
    pub terminal: bool,
    /// The host's devices that the container may use, besides the usual ones.
    pub devices: Vec<Device>,
    /// Keeps standard input open, with nothing to read; otherwise it is at its end.
    pub keep_stdin_open: bool,
    /// No program in the container gets more privileges than its parent, by set-user-ID for example.
    pub no_new_privileges: bool,
    /// The image's or the task definition's stop signal; `None`: `SIGTERM`.
    pub stop_signal: Option<String>,
    pub labels: Vec<(String, String)>,
}

/// Environment variables whose values are shown nowhere.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretEnvironment(pub Vec<(String, String)>);

impl SecretEnvironment {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for SecretEnvironment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.0.iter().map(|(name, _)| (name, "***"));
        formatter.debug_map().entries(names).finish()
    }
}

/// Which namespace of a kind a container is in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Namespace {
    #[default]
    Own,
    /// The one of the task's [`Sandbox`].
    Task,
    Host,
}

/// What a container is there for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    #[default]
    Program,
    /// Runs no program: holds what the task's containers share, for as long as it runs.
    Sandbox(Sandbox),
}

/// What the containers of a task may share besides the network: process and IPC namespaces (with `/dev/shm`), and
/// storage with an end. It needs no image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sandbox {
    /// A file system of this size holds what the task's containers write, and their volumes.
    pub storage_bytes: Option<u64>,
}

/// A host directory or file that is visible in the container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mount {
    /// A relative path is in the storage of the task's [`Sandbox`], and made there when it is missing.
    pub source: PathBuf,
    pub destination: String,
    pub read_only: bool,
    /// As long as the source is an empty directory, it gets what the image has at the destination, as Docker's volumes do.
    pub copy_from_image: bool,
}

/// A device of the host, or all devices in a directory of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Device {
    pub source: PathBuf,
    pub destination: PathBuf,
    /// Letters of `rwm`: read, write, make nodes.
    pub permissions: String,
}

/// A file system in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tmpfs {
    pub destination: String,
    pub size_bytes: Option<u64>,
    pub options: Vec<String>,
}

/// A resource limit by its ECS name (`nofile`, `nproc`, `core`, …); `-1` is unlimited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    pub name: String,
    pub soft: i64,
    pub hard: i64,
}

/// The bound of a whole task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskGroup {
    pub task_id: String,
    pub cpu_shares: Option<u64>,
    pub cpu_quota_millicpus: Option<u64>,
    pub memory_limit_bytes: Option<u64>,
}
