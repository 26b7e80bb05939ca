//! Images that nothing uses any more go: after some time, and sooner when the disk gets full.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use clock::UnixMillis;
use nix::sys::statvfs::statvfs;

use super::store::{ImageStore, StoredImage};
use crate::disk::{read_json, remove_tree};
use crate::image::{CollectedImages, ImageCleanup};

/// What must stay.
#[derive(Debug, Default)]
pub(crate) struct InUse {
    pub references: BTreeSet<String>,
    /// Names of the layers' directories.
    pub layers: BTreeSet<String>,
}

struct Candidate {
    stored: StoredImage,
    record: PathBuf,
    last_used: UnixMillis,
}

impl ImageStore {
    /// Notes that the image is wanted now; its age counts from here.
    pub(crate) fn touch(&self, reference: &str, now: UnixMillis) {
        let at = UNIX_EPOCH + Duration::from_millis(u64::try_from(now.0).unwrap_or(0));
        // An image that cannot be touched only looks older than it is.
        let _ =
            fs::File::open(self.reference_path(reference)).and_then(|file| file.set_modified(at));
    }

    /// Deletes what may go. Nothing is deleted while an image is being pulled or a container made.
    pub(crate) fn collect(
        &self,
        in_use: &InUse,
        cleanup: &ImageCleanup,
        now: UnixMillis,
    ) -> io::Result<CollectedImages> {
        let mut collected = CollectedImages::default();
        let Some(_alone) = self.try_alone() else {
            return Ok(collected);
        };
        let mut unused = self.unused(in_use)?;
        unused.sort_by_key(|candidate| candidate.last_used);
        let age = |candidate: &Candidate| now.since(candidate.last_used);
        let mut ordinary = 0;
        for candidate in unused {
            let is_old = age(&candidate) >= cleanup.minimum_age && ordinary < cleanup.at_most;
            let must_go = age(&candidate) >= cleanup.pressure_minimum_age
                && self.is_nearly_full(cleanup.pressure_percent)?;
            if !is_old && !must_go {
                continue;
            }
            ordinary += usize::from(is_old);
            fs::remove_file(&candidate.record)?;
            collected.references.push(candidate.stored.image.reference);
            // At once, so that the next look at the disk sees it.
            collected.layers += self.remove_unreferenced_layers(in_use)?;
        }
        // Left by images whose tag means another one now, and by pulls that failed half-way.
        collected.layers += self.remove_unreferenced_layers(in_use)?;
        Ok(collected)
    }

    fn unused(&self, in_use: &InUse) -> io::Result<Vec<Candidate>> {
        let is_used = |stored: &StoredImage| in_use.references.contains(&stored.image.reference);
        let mut found = self.stored_images()?;
        found.retain(|candidate| !is_used(&candidate.stored));
        Ok(found)
    }

    fn stored_images(&self) -> io::Result<Vec<Candidate>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.references())? {
            let record = entry?.path();
            let since_epoch = fs::metadata(&record)?
                .modified()?
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            // What cannot be read is no image any more.
            if let Ok(Some(stored)) = read_json::<StoredImage>(&record) {
                let last_used = UnixMillis(i64::try_from(since_epoch.as_millis()).unwrap_or(0));
                found.push(Candidate {
                    stored,
                    record,
                    last_used,
                });
            }
        }
        Ok(found)
    }

    fn remove_unreferenced_layers(&self, in_use: &InUse) -> io::Result<usize> {
        let images = self.stored_images()?;
        let mut needed: BTreeSet<&str> = in_use.layers.iter().map(String::as_str).collect();
        let of_images = images.iter().flat_map(|image| &image.stored.layers);
        needed.extend(of_images.map(String::as_str));
        let mut removed = 0;
        for entry in fs::read_dir(self.layers_directory())? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let is_layer = entry.file_type()?.is_dir() && !name.contains('.');
            if !is_layer || needed.contains(name.as_str()) || name == Self::EMPTY_LAYER {
                continue;
            }
            // The record first: a layer without it is not there.
            match fs::remove_file(self.record_path(&name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            remove_tree(&entry.path())?;
            removed += 1;
        }
        Ok(removed)
    }

    /// Of blocks or of inodes so much is taken.
    fn is_nearly_full(&self, percent: u8) -> io::Result<bool> {
        let file_system = statvfs(&self.layers_directory())?;
        let is_taken = |free: u64, total: u64| {
            total > 0 && (total - free.min(total)) * 100 >= total * u64::from(percent)
        };
        Ok(
            is_taken(file_system.blocks_available(), file_system.blocks())
                || is_taken(file_system.files_available(), file_system.files()),
        )
    }
}
