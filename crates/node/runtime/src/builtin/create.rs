//! Creating and finding containers: what is on disk.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use serde::de::DeserializeOwned;

use super::{Inner, is_valid_id};
use crate::contract::{ContainerState, ContainerStatus, Exit};
use crate::disk::{ContainerDirectory, Durability, read_json, remove_tree, write_json};
use crate::error::{CreateError, RuntimeError};
use crate::images::{ImageStore, InUse};
use crate::oci_runtime::OciRuntime;
use crate::process::ProcessIdentity;
use crate::shim::{RunningState, StoredContainer};
use crate::spec::{ContainerSpec, Role, SecretEnvironment};

impl Inner {
    pub(super) async fn create(self: Arc<Self>, spec: ContainerSpec) -> Result<(), CreateError> {
        let directory = self.directory(&spec.id).ok_or_else(|| {
            CreateError::InvalidSpec(format!("invalid container id {:?}", spec.id))
        })?;
        if spec.command.is_empty() {
            return Err(CreateError::InvalidSpec("no command specified".to_owned()));
        }
        let group = format!("{}/{}", self.task_group(&spec.task_id)?, spec.id);
        let _kept = self.store.keep().await;
        let mut layers = match spec.role {
            Role::Sandbox(_) => Vec::new(),
            Role::Program => {
                let image = self.store.find(&spec.image);
                image
                    .ok_or_else(|| CreateError::NoSuchImage(spec.image.clone()))?
                    .layers
            }
        };
        if layers.is_empty() {
            layers.push(ImageStore::EMPTY_LAYER.to_owned());
        }
        let oci_runtime = match spec.role {
            // It runs no program, but stays in what made it.
            Role::Sandbox(_) => OciRuntime::Libcontainer,
            Role::Program => self.options.oci_runtime.clone(),
        };
        if !spec.secret_environment.is_empty() {
            if matches!(oci_runtime, OciRuntime::Program(_)) {
                return Err(CreateError::InvalidSpec(
                    "secrets are not passed to another OCI runtime, which would write them to its disk: leave --oci-runtime \
                     away"
                        .to_owned(),
                ));
            }
            self.keep_secrets(&spec.id, spec.secret_environment.clone());
        }
        let container = StoredContainer {
            spec,
            created_at: self.options.clock.now(),
            group,
            layers_directory: self.store.layers_directory(),
            layers,
            oci_runtime,
        };
        let path = directory.path().display().to_string();
        let written = self
            .blocking(move || write_container(&directory, &container))
            .await;
        written.map_err(|source| CreateError::Disk { path, source })
    }

    pub(super) async fn list(self: Arc<Self>) -> Result<Vec<ContainerStatus>, RuntimeError> {
        let containers = self.containers();
        let path = containers.display().to_string();
        let listed = self.blocking(move || list(&containers)).await;
        listed.map_err(|source| RuntimeError::Disk { path, source })
    }

    fn keep_secrets(&self, id: &str, secrets: SecretEnvironment) {
        let mut kept = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(id.to_owned(), secrets);
    }

    /// What the container was created with, once.
    pub(super) fn take_secrets(&self, id: &str) -> SecretEnvironment {
        let mut kept = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(id).unwrap_or_default()
    }

    /// The container's record, or that there is none.
    pub(super) fn stored(
        &self,
        id: &str,
    ) -> Result<(ContainerDirectory, StoredContainer), RuntimeError> {
        let missing = || RuntimeError::NoSuchContainer(id.to_owned());
        let directory = self.directory(id).ok_or_else(missing)?;
        let stored =
            read_json(&directory.container()).map_err(|source| disk(&directory, source))?;
        Ok((directory, stored.ok_or_else(missing)?))
    }
}

pub(super) fn disk(directory: &ContainerDirectory, source: io::Error) -> RuntimeError {
    RuntimeError::Disk {
        path: directory.path().display().to_string(),
        source,
    }
}

/// What the containers on disk run on.
pub(super) fn in_use(containers: &Path) -> io::Result<InUse> {
    let mut in_use = InUse::default();
    for entry in fs::read_dir(containers)? {
        let directory = ContainerDirectory::new(entry?.path());
        if let Some(container) = read_json::<StoredContainer>(&directory.container())? {
            in_use.references.insert(container.spec.image);
            in_use.layers.extend(container.layers);
        }
    }
    Ok(in_use)
}

/// Where a container is, by its files and the processes they name.
pub(super) fn state_of(directory: &ContainerDirectory) -> io::Result<ContainerState> {
    let shim = read_of_this_boot::<ProcessIdentity>(&directory.shim())?;
    // Asked before the exit is looked for: a shim that is gone then has written what it had to write.
    let shim_is_alive = matches!(&shim, OfThisBoot::Whole(shim) if shim.is_alive());
    if let Some(exit) = read_json::<Exit>(&directory.exit())? {
        return Ok(ContainerState::Exited(exit));
    }
    if matches!(shim, OfThisBoot::Absent) {
        return Ok(ContainerState::Created);
    }
    if !shim_is_alive {
        return Ok(ContainerState::Lost);
    }
    Ok(match read_json::<RunningState>(&directory.state())? {
        Some(state) => ContainerState::Running(state.started),
        // Being started.
        None => ContainerState::Created,
    })
}

/// A file that was written whole and not synced.
pub(super) enum OfThisBoot<T> {
    Absent,
    Whole(T),
    /// The power went before its content was on the disk: it is of an earlier boot.
    Damaged,
}

pub(super) fn read_of_this_boot<T: DeserializeOwned>(path: &Path) -> io::Result<OfThisBoot<T>> {
    match fs::read(path) {
        Ok(bytes) => {
            Ok(serde_json::from_slice(&bytes).map_or(OfThisBoot::Damaged, OfThisBoot::Whole))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(OfThisBoot::Absent),
        Err(error) => Err(error),
    }
}

/// Deletes what an earlier process was creating or removing when it was killed, or the power went.
pub(super) fn delete_unfinished(containers: &Path) -> io::Result<()> {
    for entry in fs::read_dir(containers)? {
        let directory = ContainerDirectory::new(entry?.path());
        let is_being_removed = !directory
            .path()
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(is_valid_id);
        let is_whole = || {
            let container = read_of_this_boot::<StoredContainer>(&directory.container());
            container.map(|container| matches!(container, OfThisBoot::Whole(_)))
        };
        if is_being_removed || !is_whole()? {
            remove_tree(directory.path())?;
        }
    }
    Ok(())
}

fn write_container(directory: &ContainerDirectory, container: &StoredContainer) -> io::Result<()> {
    fs::create_dir(directory.path())?;
    let written = (|| {
        let empty = container.layers_directory.join(ImageStore::EMPTY_LAYER);
        if container
            .layers
            .iter()
            .any(|layer| layer == ImageStore::EMPTY_LAYER)
        {
            make_directory(&empty)?;
        }
        for path in [directory.rootfs(), directory.upper(), directory.work()] {
            make_directory(&path)?;
        }
        write_json(&directory.container(), container, Durability::ThisBoot)
    })();
    if written.is_err() {
        // The first error is the one that counts.
        let _ = remove_tree(directory.path());
    }
    written
}

/// The upper directory is the container's `/`, which everybody in it may enter, whatever our umask.
fn make_directory(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn list(containers: &Path) -> io::Result<Vec<ContainerStatus>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(containers)? {
        let entry = entry?;
        let Ok(id) = entry.file_name().into_string() else {
            continue;
        };
        // Names that begin with a dot are being removed.
        if !is_valid_id(&id) {
            continue;
        }
        let directory = ContainerDirectory::new(entry.path());
        // Without its record it is being created, or its creator was killed; nobody was told of it.
        if let Some(container) = read_json::<StoredContainer>(&directory.container())? {
            found.push(ContainerStatus {
                id,
                spec: container.spec,
                state: state_of(&directory)?,
            });
        }
    }
    Ok(found)
}
