//! Volumes, and what containers mount of them.

use std::collections::BTreeSet;

use api_ecs::types::{ContainerDefinition, HostVolumeProperties, TaskDefinition};

use super::{is_name, list, name};
use crate::Refusal;

pub(super) fn normalise(definition: &mut TaskDefinition) -> Result<(), Refusal> {
    let mut names = BTreeSet::new();
    for volume in definition.volumes.iter_mut().flatten() {
        let name = volume.name.clone().unwrap_or_default();
        if name.is_empty() {
            return Err(Refusal::client("Volume name should not be null or empty."));
        }
        if !is_name(&name) {
            return Err(Refusal::client("Volume name contains invalid characters."));
        }
        if !names.insert(name.clone()) {
            return Err(Refusal::client(format!("Duplicate volume name '{name}'.")));
        }
        let host = volume
            .host
            .get_or_insert_with(HostVolumeProperties::default);
        if let Some(path) = &host.source_path {
            if path.trim().is_empty() {
                return Err(Refusal::client("host.sourcePath should not be blank."));
            }
            if !path.starts_with('/') {
                return Err(Refusal::client("host.sourcePath must be an absolute path."));
            }
        }
    }
    Ok(())
}

/// Mount points and `volumesFrom` of one container.
pub(super) fn check_mounts(
    container: &ContainerDefinition,
    volume_names: &BTreeSet<String>,
    container_names: &BTreeSet<String>,
) -> Result<(), Refusal> {
    let mut paths = BTreeSet::new();
    for mount in list(&container.mount_points) {
        let volume = mount.source_volume.as_deref().unwrap_or("null");
        if !volume_names.contains(volume) {
            return Err(Refusal::client(format!("Unknown volume '{volume}'.")));
        }
        let path = mount.container_path.as_deref().unwrap_or_default();
        if path.trim().is_empty() {
            return Err(Refusal::client(
                "MountPoint.containerPath should not be null or empty.",
            ));
        }
        if !paths.insert(path) {
            return Err(Refusal::client(format!(
                "Duplicate mount point '{path}' for container '{}'.",
                name(container)
            )));
        }
    }
    for from in list(&container.volumes_from) {
        let source = from.source_container.as_deref().unwrap_or("null");
        if !container_names.contains(source) || source == name(container) {
            return Err(Refusal::client(format!(
                "Unknown container '{source}' in volumesFrom."
            )));
        }
    }
    Ok(())
}
