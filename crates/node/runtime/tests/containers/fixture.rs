//! A runtime of its own for every test, and the proof that nothing of it is left.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use clock::Clock;
use runtime::{
    BuiltinOptions, BuiltinRuntime, ContainerSpec, Exit, LogCursor, LogLine, PullRequest, Runtime,
    no_progress,
};
use tempfile::TempDir;

use crate::registry::Registry;

/// How many times slower than usual this machine is; a guest that is emulated says so.
pub fn slowness() -> u32 {
    let told = std::env::var("GANTRY_TEST_SLOWNESS").ok();
    told.map_or(1, |number| number.parse().unwrap())
}

/// Far more than anything takes; a test that hangs fails.
pub fn deadline() -> Duration {
    Duration::from_secs(30) * slowness()
}

/// Whether the machine has control groups version 2 alone.
pub fn is_unified() -> bool {
    Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
}
const TASK: &str = "task";

pub struct Fixture {
    pub runtime: BuiltinRuntime,
    pub clock: Clock,
    pub group: String,
    pub image: String,
    data: TempDir,
}

/// One for all tests, because a container's image does not depend on the test.
pub fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(Registry::start)
}

impl Fixture {
    pub fn data_directory(&self) -> &std::path::Path {
        self.data.path()
    }

    /// `None`, and a word about it, where containers cannot be run.
    pub async fn new() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() || !Path::new("/bin/busybox").exists() {
            eprintln!("skipped: needs root and a static /bin/busybox");
            return None;
        }
        let clock = Clock::system();
        let data = tempfile::tempdir().unwrap();
        let group = format!("gantry-test-{}", clock.random_hex(4));
        let runtime = open(data.path(), &group);
        let image = registry().image();
        runtime
            .pull(pull_request(&image), no_progress())
            .await
            .unwrap();
        Some(Self {
            runtime,
            clock,
            group,
            image,
            data,
        })
    }

    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// A second agent on the same data, as after a restart.
    pub fn reopen(&self) -> BuiltinRuntime {
        open(self.data.path(), &self.group)
    }

    pub fn shell(&self, id: &str, script: &str) -> ContainerSpec {
        ContainerSpec {
            id: id.to_owned(),
            task_id: TASK.to_owned(),
            image: self.image.clone(),
            hostname: "box".to_owned(),
            command: ["sh", "-c", script].map(str::to_owned).to_vec(),
            ..ContainerSpec::default()
        }
    }

    pub async fn start(&self, spec: ContainerSpec) {
        let id = spec.id.clone();
        self.runtime.create(spec).await.unwrap();
        self.runtime.start(&id).await.unwrap();
    }

    pub async fn wait(&self, id: &str) -> Exit {
        self.clock
            .timeout(deadline(), self.runtime.wait(id))
            .await
            .expect("the container ends")
    }

    /// Runs a container to its end: how it ended and what it wrote.
    pub async fn run(&self, spec: ContainerSpec) -> (Exit, String) {
        let id = spec.id.clone();
        self.start(spec).await;
        let exit = self.wait(&id).await;
        (exit, self.log(&id).await)
    }

    pub async fn log(&self, id: &str) -> String {
        let lines = self.log_lines(id).await;
        lines
            .iter()
            .map(|line| format!("{}\n", line.text))
            .collect()
    }

    pub async fn log_lines(&self, id: &str) -> Vec<LogLine> {
        let mut reader = self.runtime.log_reader(id, LogCursor::START).unwrap();
        let mut lines = Vec::new();
        let read = async {
            while let Some((line, _)) = reader.next().await.unwrap() {
                lines.push(line);
            }
        };
        self.clock
            .timeout(deadline(), read)
            .await
            .expect("the log ends");
        lines
    }

    /// Waits until the container has written this line.
    pub async fn await_line(&self, id: &str, text: &str) {
        let mut reader = self.runtime.log_reader(id, LogCursor::START).unwrap();
        let read =
            async { while reader.next().await.unwrap().expect("the line comes").0.text != text {} };
        self.clock
            .timeout(deadline(), read)
            .await
            .expect("the line comes in time");
    }

    /// Removes every container and looks whether anything is left.
    pub async fn finish(self) {
        for container in self.runtime.list().await.unwrap() {
            self.runtime.remove(&container.id).await.unwrap();
            self.runtime.remove(&container.id).await.unwrap();
        }
        self.runtime.remove_task_group(TASK).await.unwrap();
        self.runtime.remove_task_group(TASK).await.unwrap();
        let containers = self.data.path().join("containers");
        assert_eq!(
            std::fs::read_dir(containers).unwrap().count(),
            0,
            "directories are left"
        );
        let data = self.data.path().to_str().unwrap();
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(data), "mounts are left");
        assert_eq!(
            processes_naming(data),
            Vec::<String>::new(),
            "processes are left"
        );
        for group in groups(&self.group) {
            assert_eq!(
                std::fs::read_dir(&group)
                    .unwrap()
                    .flatten()
                    .filter(is_directory)
                    .count(),
                0,
                "{group:?}"
            );
            std::fs::remove_dir(&group).unwrap();
        }
    }
}

impl Drop for Fixture {
    /// A test that failed must not leave containers either.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for directory in std::fs::read_dir(self.data.path().join("containers"))
                .into_iter()
                .flatten()
                .flatten()
            {
                eprintln!(
                    "{:?}: {:?}",
                    directory.path(),
                    std::fs::read_to_string(directory.path().join("shim.err"))
                );
            }
            for group in groups(&self.group) {
                remove_group(&group);
            }
        }
    }
}

pub fn open(data: &Path, group: &str) -> BuiltinRuntime {
    let shim_program = PathBuf::from(env!("CARGO_BIN_EXE_runtime-test-shim"));
    let options = BuiltinOptions::new(data.to_owned(), Clock::system());
    BuiltinRuntime::new(BuiltinOptions {
        shim_program,
        oci_runtime: crate::runc::chosen(),
        group_root: group.to_owned(),
        ..options
    })
    .unwrap()
}

pub fn pull_request(reference: &str) -> PullRequest {
    PullRequest {
        reference: reference.to_owned(),
        auth: None,
        endpoint: None,
    }
}

/// Command lines of the processes that mention this text, this test's own aside.
pub fn processes_naming(text: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes
        .filter_map(|process| std::fs::read_to_string(process.path().join("cmdline")).ok());
    lines.filter(|line| line.contains(text)).collect()
}

fn groups(name: &str) -> Vec<PathBuf> {
    let hierarchies = std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten();
    let unified = PathBuf::from("/sys/fs/cgroup").join(name);
    let mut groups: Vec<PathBuf> = hierarchies
        .map(|hierarchy| hierarchy.path().join(name))
        .collect();
    groups.push(unified);
    groups.retain(|group| group.is_dir());
    groups
}

/// Kills what is inside and removes the group, as well as that goes after a failure.
fn remove_group(group: &Path) {
    for entry in std::fs::read_dir(group)
        .into_iter()
        .flatten()
        .flatten()
        .filter(is_directory)
    {
        remove_group(&entry.path());
    }
    const ATTEMPTS: u32 = 100;
    for _ in 0..ATTEMPTS {
        let members = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
        for pid in members.lines().filter_map(|line| line.parse().ok()) {
            let _ = nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(pid),
                nix::sys::signal::Signal::SIGKILL,
            );
        }
        if std::fs::remove_dir(group).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn is_directory(entry: &std::fs::DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_dir())
}
