//! Devices of the host that a container may use.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::sys::stat::{major, minor};

use super::ShimError;
use crate::spec::Device;

/// `/dev/snd` and its like have some tens.
const MAX_NODES: usize = 256;
const MAX_DEPTH: usize = 4;
const PERMISSION_BITS: u32 = 0o7777;

/// One device as it is made in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeviceNode {
    pub path: PathBuf,
    /// `c` or `b`.
    pub kind: &'static str,
    pub major: u64,
    pub minor: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub permissions: String,
}

/// Looks the devices up; of a directory all that are in it.
pub(super) fn nodes(devices: &[Device]) -> Result<Vec<DeviceNode>, ShimError> {
    let mut found = Vec::new();
    for device in devices {
        let valid = |letter: char| "rwm".contains(letter);
        if device.permissions.is_empty() || !device.permissions.chars().all(valid) {
            return Err(ShimError::Container(format!(
                "invalid device permissions {:?}",
                device.permissions
            )));
        }
        let before = found.len();
        add(device, &device.source, &device.destination, 0, &mut found)?;
        if found.len() == before {
            return Err(gathering(&device.source, "not a device node"));
        }
    }
    Ok(found)
}

/// Without a device filter, which version 2 of control groups needs eBPF for, a device is given whole or not at all.
pub(super) fn check_whole(devices: &[Device]) -> Result<(), ShimError> {
    let is_whole = |device: &&Device| "rwm".chars().all(|part| device.permissions.contains(part));
    match devices.iter().find(|device| !is_whole(device)) {
        None => Ok(()),
        Some(device) => Err(ShimError::Container(format!(
            "device \"{}\": on control groups version 2 the built-in runtime gives devices with permissions rwm only, not {}; an agent with --oci-runtime runc gives fewer",
            device.source.display(),
            device.permissions
        ))),
    }
}

fn add(
    device: &Device,
    source: &Path,
    destination: &Path,
    depth: usize,
    found: &mut Vec<DeviceNode>,
) -> Result<(), ShimError> {
    let failed = |error: std::io::Error| gathering(source, &error.to_string());
    // Its name may be a link, as those under /dev/disk are; what a directory holds is taken as it is.
    let metadata = match depth {
        0 => fs::metadata(source),
        _ => fs::symlink_metadata(source),
    };
    let metadata = metadata.map_err(failed)?;
    let kind = match metadata.file_type() {
        kind if kind.is_char_device() => "c",
        kind if kind.is_block_device() => "b",
        kind if kind.is_dir() && depth < MAX_DEPTH => {
            for entry in fs::read_dir(source).map_err(failed)? {
                let name = entry.map_err(failed)?.file_name();
                let (source, destination) = (source.join(&name), destination.join(&name));
                add(device, &source, &destination, depth + 1, found)?;
            }
            return Ok(());
        }
        _ => return Ok(()),
    };
    if found.len() == MAX_NODES {
        return Err(gathering(
            &device.source,
            &format!("more than {MAX_NODES} devices"),
        ));
    }
    found.push(DeviceNode {
        path: destination.to_owned(),
        kind,
        major: major(metadata.rdev()),
        minor: minor(metadata.rdev()),
        mode: metadata.mode() & PERMISSION_BITS,
        uid: metadata.uid(),
        gid: metadata.gid(),
        permissions: device.permissions.clone(),
    });
    Ok(())
}

/// Docker's words.
fn gathering(path: &Path, reason: &str) -> ShimError {
    ShimError::Container(format!(
        "error gathering device information while adding custom device {:?}: {reason}",
        path.display().to_string()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(source: &str, permissions: &str) -> Device {
        Device {
            source: source.into(),
            destination: "/dev/x".into(),
            permissions: permissions.to_owned(),
        }
    }

    #[test]
    fn devices_are_looked_up() {
        let found = nodes(&[device("/dev/full", "rw")]).unwrap();
        assert_eq!((found[0].kind, found[0].major, found[0].minor), ("c", 1, 7));
        assert_eq!(found[0].path, Path::new("/dev/x"));
        for (source, permissions) in [("/dev/nope", "r"), ("/etc/passwd", "r"), ("/dev/full", "x")]
        {
            assert!(nodes(&[device(source, permissions)]).is_err(), "{source}");
        }
    }
}
