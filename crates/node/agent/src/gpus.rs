//! The GPUs that a node offers.

use std::fs;
use std::path::{Path, PathBuf};

/// Where NVIDIA's driver tells of its GPUs, one directory each.
const DRIVER_GPUS: &str = "/proc/driver/nvidia/gpus";
/// Devices of the driver that every container with a GPU needs, as far as the machine has them.
const SHARED_DEVICES: [&str; 4] = [
    "/dev/nvidiactl",
    "/dev/nvidia-uvm",
    "/dev/nvidia-uvm-tools",
    "/dev/nvidia-modeset",
];

/// A GPU, and the devices of the host that a container gets with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// Unique on the node; `GPU-` and a UUID where NVIDIA's driver says it.
    pub id: String,
    pub devices: Vec<PathBuf>,
}

/// The GPUs of NVIDIA's driver, in the order of their devices.
pub fn of_this_machine() -> Vec<Gpu> {
    let shared: Vec<PathBuf> = SHARED_DEVICES
        .iter()
        .map(PathBuf::from)
        .filter(|path| path.exists())
        .collect();
    let mut known: Vec<(u32, String)> = fs::read_dir(DRIVER_GPUS)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("information")).ok())
        .filter_map(|text| minor_and_id(&text))
        .collect();
    known.sort();
    let with_devices = known.into_iter().map(|(minor, id)| {
        let own = PathBuf::from(format!("/dev/nvidia{minor}"));
        let devices = std::iter::once(own).chain(shared.iter().cloned()).collect();
        Gpu { id, devices }
    });
    with_devices
        .filter(|gpu| Path::new(&gpu.devices[0]).exists())
        .collect()
}

fn minor_and_id(information: &str) -> Option<(u32, String)> {
    let value = |name: &str| {
        let mut lines = information.lines();
        let found = lines.find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
        found.map(str::trim).filter(|value| !value.is_empty())
    };
    let minor = value("Device Minor")?.parse().ok()?;
    Some((minor, value("GPU UUID")?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_driver_says_is_read() {
        let text = "Model: \t\t Tesla T4\nIRQ:   \t\t 33\nGPU UUID: \t GPU-0a1b\nVideo BIOS: \t 90.04\nDevice Minor: \t 3\n";
        assert_eq!(minor_and_id(text), Some((3, "GPU-0a1b".to_owned())));
        assert_eq!(minor_and_id("Model: x\n"), None);
    }
}
