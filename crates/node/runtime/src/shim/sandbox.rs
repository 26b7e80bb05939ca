//! What the containers of a task share: made by the sandbox's shim, joined by the shims of the others.
//!
//! Mounts are made in the sandbox's own mount namespace, and shims of the task start from a copy of it. So there is
//! nothing to unmount on the host, and the loop device goes with the last of them.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns};

use super::ShimError;
use super::run::RunningState;
use crate::disk::{ContainerDirectory, read_json};
use crate::process::ProcessIdentity;
use crate::spec::{ContainerSpec, Sandbox};

/// As Fargate bounds it by nothing, half of the memory, which is the kernel's default for a tmpfs.
const SHARED_MEMORY_OPTIONS: &str = "mode=1777";

/// The sandbox that a container is in, as its shim sees it.
pub(super) struct Joined {
    directory: ContainerDirectory,
    pub pid_namespace: File,
    pub ipc_namespace: File,
    mount_namespace: File,
}

/// Makes what the sandbox holds. The shim must be in its own mount namespace.
pub(super) fn make(directory: &ContainerDirectory, sandbox: &Sandbox) -> Result<(), ShimError> {
    let shared_memory = directory.shared_memory();
    fs::create_dir_all(&shared_memory).map_err(ShimError::system("shm"))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(
        Some("shm"),
        &shared_memory,
        Some("tmpfs"),
        flags,
        Some(SHARED_MEMORY_OPTIONS),
    )
    .map_err(ShimError::system("shm"))?;
    match sandbox.storage_bytes {
        Some(bytes) => make_storage(directory, bytes),
        None => Ok(()),
    }
}

impl Joined {
    /// Finds the sandbox that the specification names.
    pub(super) fn find(
        directory: &ContainerDirectory,
        spec: &ContainerSpec,
    ) -> Result<Option<Self>, ShimError> {
        let Some(id) = &spec.sandbox else {
            return Ok(None);
        };
        let gone = || ShimError::Container("the task's sandbox does not run".to_owned());
        let directory = directory.sibling(id);
        let shim: ProcessIdentity = read_json(&directory.shim())
            .map_err(ShimError::system("sandbox"))?
            .ok_or_else(gone)?;
        let state: RunningState = read_json(&directory.state())
            .map_err(ShimError::system("sandbox"))?
            .ok_or_else(gone)?;
        let open = |pid: i32, kind: &str| {
            File::open(format!("/proc/{pid}/ns/{kind}")).map_err(ShimError::system("sandbox"))
        };
        let joined = Self {
            pid_namespace: open(state.identity.pid, "pid")?,
            ipc_namespace: open(state.identity.pid, "ipc")?,
            mount_namespace: open(shim.pid, "mnt")?,
            directory,
        };
        // Asked after the files are open: now they are known to be of these very processes.
        if shim.is_alive() && state.identity.is_alive() {
            Ok(Some(joined))
        } else {
            Err(gone())
        }
    }

    /// Sees what is mounted there. The next step must be a namespace of one's own.
    pub(super) fn enter_mounts(&self) -> Result<(), ShimError> {
        setns(&self.mount_namespace, CloneFlags::CLONE_NEWNS)
            .map_err(ShimError::system("sandbox mounts"))
    }

    /// What becomes `/dev/shm` of who shares the IPC namespace.
    pub(super) fn shared_memory(&self) -> PathBuf {
        self.directory.shared_memory()
    }

    /// The task's bounded file system, when it has one.
    pub(super) fn storage(&self) -> Option<PathBuf> {
        self.directory
            .storage_file()
            .exists()
            .then(|| self.directory.storage())
    }
}

/// A file with holes, a file system in it, mounted: quotas would need support that most kernels' ext4 lacks.
fn make_storage(directory: &ContainerDirectory, bytes: u64) -> Result<(), ShimError> {
    let file = directory.storage_file();
    let mount_point = directory.storage();
    fs::create_dir_all(&mount_point).map_err(ShimError::system("storage"))?;
    File::create(&file)
        .and_then(|file| file.set_len(bytes))
        .map_err(ShimError::system("storage"))?;
    // No journal: nothing in it outlives the machine's restart. Tables that are not used stay holes.
    run(Command::new("mkfs.ext4")
        .args(["-q", "-F", "-m", "0", "-O", "^has_journal"])
        .args(["-E", "lazy_itable_init=1,nodiscard"])
        .arg(&file))?;
    run(Command::new("mount")
        .args(["-t", "ext4", "-o", "loop,noatime,noinit_itable"])
        .arg(&file)
        .arg(&mount_point))
}

fn run(command: &mut Command) -> Result<(), ShimError> {
    const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .env("PATH", PATH)
        .output()
        .map_err(|error| ShimError::Container(format!("ephemeral storage: {program}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim();
    Err(ShimError::Container(format!(
        "ephemeral storage: {program}: {said}"
    )))
}

/// A directory as a volume's is, whatever our umask.
pub(super) fn make_directory(path: &Path) -> Result<(), ShimError> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)))
        .map_err(ShimError::system("storage"))
}
