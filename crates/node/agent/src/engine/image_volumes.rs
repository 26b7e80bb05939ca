//! Directories that an image declares as volumes (`VOLUME`), and what volumes get of an image.
//!
//! As Docker does it: a declared directory for which the task names no volume gets one of its own, which lives as long as
//! the task; and an empty volume is filled with what the image has in its place. On Fargate only declared ones are.

use std::path::{Component, Path, PathBuf};

use runtime::{Mount, Tmpfs};

/// What decides, besides the mounts.
pub struct ImageVolumes<'a> {
    /// The image's `VOLUME`s.
    pub declared: &'a [String],
    /// Of the container in its task.
    pub container_index: usize,
    pub is_fargate: bool,
    /// Where volumes that live as long as the task are: in the task's directory, or relative to its bounded storage.
    pub own_volumes: PathBuf,
}

impl ImageVolumes<'_> {
    /// Adds the missing volumes, and says which are filled.
    pub fn apply(&self, mounts: &mut Vec<Mount>, tmpfs: &[Tmpfs]) {
        for mount in mounts.iter_mut() {
            let is_own = mount.source.starts_with(&self.own_volumes);
            let is_declared = self
                .declared
                .iter()
                .any(|path| is_same(path, &mount.destination));
            mount.copy_from_image = is_own && (is_declared || !self.is_fargate);
        }
        for (number, declared) in self.declared.iter().enumerate() {
            let is_taken = mounts
                .iter()
                .map(|mount| &mount.destination)
                .chain(tmpfs.iter().map(|tmpfs| &tmpfs.destination))
                .any(|destination| is_same(declared, destination));
            if is_taken || !is_usable(declared) {
                continue;
            }
            // A dot is in no name that a task may give a volume.
            let name = format!("image.{}.{number}", self.container_index);
            mounts.push(Mount {
                source: self.own_volumes.join(name),
                destination: declared.clone(),
                copy_from_image: true,
                ..Mount::default()
            });
        }
    }
}

fn is_same(one: &str, other: &str) -> bool {
    Path::new(one)
        .components()
        .eq(Path::new(other).components())
}

/// The root cannot be a volume, and a path that leads up is no path of an image.
fn is_usable(path: &str) -> bool {
    let path = Path::new(path);
    path.is_absolute()
        && path.parent().is_some()
        && !path
            .components()
            .any(|component| component == Component::ParentDir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(source: &str, destination: &str) -> Mount {
        Mount {
            source: source.into(),
            destination: destination.to_owned(),
            ..Mount::default()
        }
    }

    fn applied(is_fargate: bool, mut mounts: Vec<Mount>) -> Vec<(String, String, bool)> {
        let declared = ["/data/", "/var/lib/x", "/run", "/", "/a/../b"].map(str::to_owned);
        let volumes = ImageVolumes {
            declared: &declared,
            container_index: 1,
            is_fargate,
            own_volumes: "/task/volumes".into(),
        };
        let tmpfs = Tmpfs {
            destination: "/run".to_owned(),
            ..Tmpfs::default()
        };
        volumes.apply(&mut mounts, &[tmpfs]);
        let told = |mount: Mount| {
            let source = mount.source.display().to_string();
            (source, mount.destination, mount.copy_from_image)
        };
        mounts.into_iter().map(told).collect()
    }

    fn row(source: &str, destination: &str, copied: bool) -> (String, String, bool) {
        (source.to_owned(), destination.to_owned(), copied)
    }

    #[test]
    fn declared_directories_are_volumes() {
        assert_eq!(
            applied(true, Vec::new()),
            [
                row("/task/volumes/image.1.0", "/data/", true),
                row("/task/volumes/image.1.1", "/var/lib/x", true),
            ]
        );
    }

    #[test]
    fn volumes_of_the_task_come_first_and_are_filled() {
        let mounts = || {
            vec![
                mount("/task/volumes/d", "/data"),
                mount("/task/volumes/e", "/elsewhere"),
                mount("/srv/host", "/var/lib/x"),
            ]
        };
        assert_eq!(
            applied(true, mounts()),
            [
                row("/task/volumes/d", "/data", true),
                row("/task/volumes/e", "/elsewhere", false),
                row("/srv/host", "/var/lib/x", false),
            ]
        );
        assert!(applied(false, mounts())[1].2, "Docker fills every volume");
    }
}
