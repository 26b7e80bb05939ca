//! What an image has where a volume is mounted: an empty volume gets it, as Docker does it.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;

use super::ShimError;
use crate::root::Root;

/// Copies the image's directory at `destination` into the volume, with owners and modes, its own included.
pub(super) fn fill(root: &Root, destination: &str, volume: &Path) -> Result<(), ShimError> {
    const PATH: &str = "/usr/bin:/bin";
    let mut entries = fs::read_dir(volume).map_err(ShimError::system("volume"))?;
    let Some(directory) = root.directory(Path::new(destination)) else {
        return Ok(());
    };
    if entries.next().is_some() {
        return Ok(());
    }
    // The descriptor leads to the directory in the image whatever links there are on the way.
    let source = format!(
        "/proc/{}/fd/{}/.",
        std::process::id(),
        directory.as_raw_fd()
    );
    let copied = Command::new("cp")
        .args(["--archive", "--", &source])
        .arg(volume)
        .env("PATH", PATH)
        .output()
        .map_err(ShimError::system("volume"))?;
    if copied.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&copied.stderr).trim().to_owned();
    Err(ShimError::Container(format!(
        "failed to copy {destination} of the image into its volume: {said}"
    )))
}
