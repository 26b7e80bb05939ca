//! Control groups: a group a task, below it a group a container. Version 1, version 2, and both at once.
//!
//! libcontainer makes the container's group and sets its limits. What it does not do is here: the task's group,
//! figures, the out-of-memory count, killing what is left, and removal from every hierarchy.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::contract::ContainerStats;
use crate::spec::TaskGroup;

/// The kernel's default; a quota is a part of it.
pub(crate) const CPU_PERIOD_MICROSECONDS: u64 = 100_000;
/// The kernel takes no fewer shares.
const MIN_CPU_SHARES: u64 = 2;
/// What limits and figures of containers are made of, in version 2.
const UNIFIED_CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];
/// A process that was killed leaves its group only when it has been reaped.
const REMOVAL_ATTEMPTS: u32 = 200;
const REMOVAL_PAUSE: Duration = Duration::from_millis(5);
/// What version 1 answers for "no limit" is the largest multiple of a page; everything near it means the same.
const UNLIMITED_MEMORY_BYTES: u64 = 1 << 62;

/// The mounted hierarchies of this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hierarchies {
    /// Version 1: (controllers, mount point).
    legacy: Vec<(Vec<String>, PathBuf)>,
    unified: Option<PathBuf>,
}

impl Hierarchies {
    /// Read once: nobody mounts hierarchies under a running machine.
    pub(crate) fn of_this_machine() -> &'static Self {
        static HIERARCHIES: OnceLock<Hierarchies> = OnceLock::new();
        HIERARCHIES.get_or_init(|| {
            Self::parse(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default())
        })
    }

    fn parse(mountinfo: &str) -> Self {
        let mut found = Self::default();
        for line in mountinfo.lines() {
            let Some((before, after)) = line.split_once(" - ") else {
                continue;
            };
            let Some(mount_point) = before.split(' ').nth(4) else {
                continue;
            };
            let mut after = after.split(' ');
            match (after.next(), after.nth(1)) {
                (Some("cgroup"), Some(options)) => {
                    let controllers = options.split(',').map(str::to_owned).collect();
                    found.legacy.push((controllers, PathBuf::from(mount_point)));
                }
                (Some("cgroup2"), _) => found.unified = Some(PathBuf::from(mount_point)),
                _ => {}
            }
        }
        found
    }

    /// Controllers are on version 2 only when version 1 has none of them: a controller is on one side or the other.
    pub(crate) fn is_unified(&self) -> bool {
        self.unified.is_some() && self.controller("memory").is_none()
    }

    fn controller(&self, name: &str) -> Option<&Path> {
        let found = self
            .legacy
            .iter()
            .find(|(controllers, _)| controllers.iter().any(|known| known == name));
        found.map(|(_, mount_point)| mount_point.as_path())
    }

    fn all(&self) -> impl Iterator<Item = &Path> {
        self.legacy
            .iter()
            .map(|(_, mount_point)| mount_point.as_path())
            .chain(self.unified.as_deref())
    }
}

/// A group, named by its path from the hierarchies' roots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group<'a> {
    hierarchies: &'a Hierarchies,
    path: PathBuf,
}

impl Group<'static> {
    /// `path` as in the OCI specification's `cgroupsPath`: absolute.
    pub(crate) fn new(path: &str) -> Self {
        Self {
            hierarchies: Hierarchies::of_this_machine(),
            path: PathBuf::from(path.trim_start_matches('/')),
        }
    }
}

impl Group<'_> {
    /// Makes a task's group and sets its limits; repeating it sets them again.
    pub(crate) fn create_for_task(&self, limits: &TaskGroup) -> io::Result<()> {
        if self.hierarchies.is_unified() {
            return self.create_unified(limits);
        }
        let cpu = self.make_in("cpu")?;
        if let Some(shares) = limits.cpu_shares {
            set(&cpu, "cpu.shares", shares.max(MIN_CPU_SHARES))?;
        }
        if let Some(millicpus) = limits.cpu_quota_millicpus {
            set(&cpu, "cpu.cfs_period_us", CPU_PERIOD_MICROSECONDS)?;
            set(&cpu, "cpu.cfs_quota_us", quota_microseconds(millicpus))?;
        }
        let memory = self.make_in("memory")?;
        if let Some(bytes) = limits.memory_limit_bytes {
            set(&memory, "memory.limit_in_bytes", bytes)?;
        }
        Ok(())
    }

    /// Kills what is inside, here and below, and removes the group from every hierarchy.
    pub(crate) fn remove(&self) -> io::Result<()> {
        for root in self.hierarchies.all() {
            remove_group(&root.join(&self.path))?;
        }
        Ok(())
    }

    /// Names of the groups directly below, in whichever hierarchy they are.
    pub(crate) fn children(&self) -> BTreeSet<String> {
        let below = |root: &Path| child_groups(&root.join(&self.path));
        let groups = self.hierarchies.all().flat_map(below);
        groups
            .filter_map(|group| group.file_name()?.to_str().map(str::to_owned))
            .collect()
    }

    /// How often the kernel killed a process in here for want of memory.
    pub(crate) fn oom_kills(&self) -> u64 {
        let read = |root: &Path, file: &str| {
            let text = fs::read_to_string(root.join(&self.path).join(file)).ok()?;
            field(&text, "oom_kill")
        };
        let legacy = self
            .hierarchies
            .controller("memory")
            .and_then(|root| read(root, "memory.oom_control"));
        let unified = || {
            self.hierarchies
                .unified
                .as_deref()
                .and_then(|root| read(root, "memory.events"))
        };
        legacy.or_else(unified).unwrap_or(0)
    }

    pub(crate) fn stats(&self) -> io::Result<ContainerStats> {
        if self.hierarchies.is_unified() {
            self.stats_unified()
        } else {
            self.stats_legacy()
        }
    }

    fn stats_legacy(&self) -> io::Result<ContainerStats> {
        let memory = self.directory("memory")?;
        let limit = number(&memory.join("memory.limit_in_bytes"))?;
        let memory_stat = fs::read_to_string(memory.join("memory.stat"))?;
        Ok(ContainerStats {
            cpu_nanoseconds: number(&self.directory("cpuacct")?.join("cpuacct.usage"))?,
            memory_bytes: number(&memory.join("memory.usage_in_bytes"))?,
            memory_cache_bytes: field(&memory_stat, "total_inactive_file").unwrap_or(0),
            memory_limit_bytes: (limit < UNLIMITED_MEMORY_BYTES).then_some(limit),
            process_count: number(&self.directory("pids")?.join("pids.current"))?,
        })
    }

    fn stats_unified(&self) -> io::Result<ContainerStats> {
        let directory = self.unified_directory()?;
        let cpu_stat = fs::read_to_string(directory.join("cpu.stat"))?;
        let memory_stat = fs::read_to_string(directory.join("memory.stat"))?;
        Ok(ContainerStats {
            cpu_nanoseconds: field(&cpu_stat, "usage_usec").unwrap_or(0) * 1_000,
            memory_bytes: number(&directory.join("memory.current"))?,
            memory_cache_bytes: field(&memory_stat, "inactive_file").unwrap_or(0),
            // `max` is no number, and means no limit.
            memory_limit_bytes: number(&directory.join("memory.max")).ok(),
            process_count: number(&directory.join("pids.current"))?,
        })
    }

    fn create_unified(&self, limits: &TaskGroup) -> io::Result<()> {
        let root = self.unified_root()?;
        let mut directory = root.to_owned();
        for part in &self.path {
            delegate(&directory)?;
            directory.push(part);
            fs::create_dir_all(&directory)?;
        }
        delegate(&directory)?;
        if let Some(shares) = limits.cpu_shares {
            set(&directory, "cpu.weight", weight_of_shares(shares))?;
        }
        if let Some(millicpus) = limits.cpu_quota_millicpus {
            let value = format!(
                "{} {CPU_PERIOD_MICROSECONDS}",
                quota_microseconds(millicpus)
            );
            set(&directory, "cpu.max", value)?;
        }
        if let Some(bytes) = limits.memory_limit_bytes {
            set(&directory, "memory.max", bytes)?;
        }
        Ok(())
    }

    fn make_in(&self, controller: &str) -> io::Result<PathBuf> {
        let directory = self.directory(controller)?;
        fs::create_dir_all(&directory)?;
        Ok(directory)
    }

    fn directory(&self, controller: &str) -> io::Result<PathBuf> {
        let missing = || {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("no control group controller {controller}"),
            )
        };
        Ok(self
            .hierarchies
            .controller(controller)
            .ok_or_else(missing)?
            .join(&self.path))
    }

    fn unified_directory(&self) -> io::Result<PathBuf> {
        Ok(self.unified_root()?.join(&self.path))
    }

    fn unified_root(&self) -> io::Result<&Path> {
        let missing = || {
            io::Error::new(
                io::ErrorKind::NotFound,
                "no unified control group hierarchy",
            )
        };
        self.hierarchies.unified.as_deref().ok_or_else(missing)
    }
}

/// The quota that makes so many thousandths of a CPU.
pub(crate) fn quota_microseconds(millicpus: u64) -> u64 {
    millicpus.saturating_mul(CPU_PERIOD_MICROSECONDS) / 1_000
}

/// Version 2's weight for version 1's shares. In proportion, because that is what CPU units of tasks and containers promise; the two
/// defaults, 1024 and 100, mean the same. (runc's newer curve also joins the defaults, but gives twice the shares 1.7 times the weight.)
pub(crate) fn weight_of_shares(shares: u64) -> u64 {
    const DEFAULT_SHARES: u64 = 1_024;
    const DEFAULT_WEIGHT: u64 = 100;
    let weight = (shares
        .saturating_mul(DEFAULT_WEIGHT)
        .saturating_add(DEFAULT_SHARES / 2))
        / DEFAULT_SHARES;
    weight.clamp(1, 10_000)
}

/// Lets the groups below have the controllers that containers need.
fn delegate(directory: &Path) -> io::Result<()> {
    const FILE: &str = "cgroup.subtree_control";
    let enabled = fs::read_to_string(directory.join(FILE))?;
    let missing = UNIFIED_CONTROLLERS
        .iter()
        .filter(|wanted| !enabled.split_whitespace().any(|name| name == **wanted));
    // One by one, so that the error names the controller.
    for name in missing {
        fs::write(directory.join(FILE), format!("+{name}")).map_err(|error| {
            let hint = match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::EBUSY) => ": processes are in this group itself, which version 2 forbids; move them into one below",
                Some(Errno::ENOENT) => ": the kernel, or the group above, does not offer it",
                _ => "",
            };
            let path = directory.display();
            io::Error::new(error.kind(), format!("control group controller {name} in {path}: {error}{hint}"))
        })?;
    }
    Ok(())
}

fn remove_group(directory: &Path) -> io::Result<()> {
    let mut attempts = 0;
    loop {
        match fs::remove_dir(directory) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if attempts == REMOVAL_ATTEMPTS => return Err(error),
            Err(error)
                if matches!(
                    Errno::from_raw(error.raw_os_error().unwrap_or(0)),
                    Errno::EBUSY | Errno::ENOTEMPTY
                ) => {}
            Err(error) => return Err(error),
        }
        attempts += 1;
        kill_members(directory);
        for child in child_groups(directory) {
            remove_group(&child)?;
        }
        thread::sleep(REMOVAL_PAUSE);
    }
}

fn kill_members(directory: &Path) {
    // Version 2 since Linux 5.14: all at once, with what is forked meanwhile, here and below.
    if fs::write(directory.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    let members = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    for pid in members.lines().filter_map(|line| line.parse().ok()) {
        // It may have gone in between, which is what is wanted.
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

fn child_groups(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let directories = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    directories.map(|entry| entry.path()).collect()
}

fn set(directory: &Path, file: &str, value: impl ToString) -> io::Result<()> {
    let path = directory.join(file);
    fs::write(&path, value.to_string())
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

fn number(path: &Path) -> io::Result<u64> {
    let text = fs::read_to_string(path)?;
    text.trim().parse().map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{}: {text}", path.display()),
        )
    })
}

/// The number behind `name` in a file of `name number` lines.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        line.strip_prefix(name)?
            .strip_prefix(' ')?
            .trim()
            .parse()
            .ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
30 25 0:26 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
31 25 0:27 / /sys/fs/cgroup/memory rw,relatime shared:3 - cgroup cgroup rw,memory
32 25 0:28 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
33 25 0:29 / /proc rw - proc proc rw";

    #[test]
    fn hybrid_machines_use_version_1() {
        let hybrid = Hierarchies::parse(HYBRID);
        assert!(!hybrid.is_unified());
        assert_eq!(
            hybrid.controller("memory"),
            Some(Path::new("/sys/fs/cgroup/memory"))
        );
        assert_eq!(hybrid.all().count(), 3);
        assert!(
            Hierarchies::parse("32 25 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw").is_unified()
        );
    }

    #[test]
    fn figures_are_found_by_their_whole_name() {
        assert_eq!(
            field("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "oom_kill"),
            Some(3)
        );
        assert_eq!(field("oom_kill_disable 7\n", "oom_kill"), None);
    }

    #[test]
    fn weights_span_the_range() {
        assert_eq!(
            (
                weight_of_shares(0),
                weight_of_shares(512),
                weight_of_shares(1024),
                weight_of_shares(u64::MAX)
            ),
            (1, 50, 100, 10_000)
        );
        assert_eq!(quota_microseconds(250), 25_000);
    }
}
