//! What a container gets with its GPUs: their devices, and the variable by which CUDA's libraries and NVIDIA's hooks
//! know them.

use link::acs;
use runtime::Device;

use super::settings::SettingsError;
use crate::gpus::Gpu;

const VISIBLE_DEVICES: &str = "NVIDIA_VISIBLE_DEVICES";

/// The node's GPUs that the task's associations give to one of its containers.
pub fn of_container<'a>(
    task: &acs::Task,
    container: &str,
    gpus: &'a [Gpu],
) -> Result<Vec<&'a Gpu>, SettingsError> {
    let is_own = |association: &&acs::Association| {
        association.containers.iter().any(|name| name == container)
    };
    let own = task.associations.iter().filter(is_own);
    own.map(|association| {
        let kind = association.kind.as_deref().unwrap_or_default();
        if kind != acs::GPU_ASSOCIATION {
            return Err(SettingsError::Unsupported(format!("association {kind}")));
        }
        let id = association.name.as_deref().unwrap_or_default();
        gpus.iter()
            .find(|gpu| gpu.id == id)
            .ok_or_else(|| SettingsError::Invalid(format!("this node has no GPU {id}")))
    })
    .collect()
}

/// Tells the container which GPUs are its own, whatever its image or definition says.
pub fn visible(mut environment: Vec<(String, String)>, own: &[&Gpu]) -> Vec<(String, String)> {
    if !own.is_empty() {
        let ids: Vec<&str> = own.iter().map(|gpu| gpu.id.as_str()).collect();
        environment.retain(|(name, _)| name != VISIBLE_DEVICES);
        environment.push((VISIBLE_DEVICES.to_owned(), ids.join(",")));
    }
    environment
}

/// Each device once: several GPUs share those of the driver.
pub fn with_devices(mut devices: Vec<Device>, own: &[&Gpu]) -> Vec<Device> {
    for path in own.iter().flat_map(|gpu| &gpu.devices) {
        if !devices.iter().any(|known| known.destination == *path) {
            devices.push(Device {
                source: path.clone(),
                destination: path.clone(),
                permissions: "rwm".to_owned(),
            });
        }
    }
    devices
}
