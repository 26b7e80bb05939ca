//! The container's root file system: the layers under an overlay, in the shim's own mount namespace.
//!
//! Because the mount is in that namespace only, it goes with the shim: there is nothing to unmount on the host,
//! whoever is killed when.

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::chdir;

use super::sandbox::{self, Joined};
use super::{ShimError, StoredContainer};
use crate::disk::ContainerDirectory;

const NAMESPACES_DIRECTORY: &str = "/run/netns";

/// Leaves the host's mount namespace, for a copy of it or of the sandbox's.
pub(super) fn enter_own_mounts(sandbox: Option<&Joined>) -> Result<(), ShimError> {
    if let Some(sandbox) = sandbox {
        sandbox.enter_mounts()?;
    }
    unshare(CloneFlags::CLONE_NEWNS).map_err(ShimError::system("unshare"))?;
    let flags = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>)
        .map_err(ShimError::system("private mounts"))?;
    // The copy holds every task's network namespace, which would keep them alive as long as this process.
    match umount2(NAMESPACES_DIRECTORY, MntFlags::MNT_DETACH) {
        Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => Ok(()),
        Err(errno) => Err(ShimError::system(NAMESPACES_DIRECTORY)(errno)),
    }
}

/// Mounts the layers and the container's own writable directory.
pub(super) fn mount_overlay(
    directory: &ContainerDirectory,
    container: &StoredContainer,
    sandbox: Option<&Joined>,
) -> Result<(), ShimError> {
    let (upper, work) = match sandbox.and_then(Joined::storage) {
        Some(storage) => {
            let own = storage.join("containers").join(&container.spec.id);
            (own.join("upper"), own.join("work"))
        }
        None => (directory.upper(), directory.work()),
    };
    sandbox::make_directory(&upper)?;
    sandbox::make_directory(&work)?;
    let lower: Vec<&str> = container.layers.iter().rev().map(String::as_str).collect();
    // The upper directory is never mounted again, so it need not be synced.
    let options = format!(
        "lowerdir={},upperdir={},workdir={},volatile",
        lower.join(":"),
        upper.display(),
        work.display()
    );
    chdir(&container.layers_directory).map_err(ShimError::system("layers directory"))?;
    let mounted = mount(
        Some("overlay"),
        &directory.rootfs(),
        Some("overlay"),
        MsFlags::empty(),
        Some(options.as_str()),
    );
    chdir("/").map_err(ShimError::system("chdir"))?;
    mounted.map_err(ShimError::system("overlay"))
}
