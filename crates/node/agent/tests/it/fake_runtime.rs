//! A runtime and a network in memory. The image's name says what a container does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use clock::{Clock, UnixMillis};
use network::{NetworkError, TaskNetwork};
use runtime::*;
use tokio::sync::watch;

/// Images: `…/run` runs until it is stopped, `…/exit-N` ends at once with code N, `…/stubborn` ignores SIGTERM,
/// anything with `missing` is not there.
pub struct FakeRuntime {
    clock: Clock,
    containers: Mutex<BTreeMap<String, Container>>,
    pub groups: Mutex<Vec<String>>,
    /// What the next health checks answer.
    pub healthy: watch::Sender<bool>,
}

struct Container {
    spec: ContainerSpec,
    state: watch::Sender<ContainerState>,
    starts: u32,
}

impl FakeRuntime {
    pub fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            clock,
            containers: Mutex::default(),
            groups: Mutex::default(),
            healthy: watch::channel(true).0,
        })
    }

    pub fn ids(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    pub fn spec(&self, id: &str) -> ContainerSpec {
        self.lock()[id].spec.clone()
    }

    pub fn starts(&self, id: &str) -> u32 {
        self.lock()[id].starts
    }

    /// Ends a container as its own program would.
    pub fn end(&self, id: &str, code: i32, oom_killed: bool) {
        let at = self.clock.now();
        self.lock()[id]
            .state
            .send_replace(ContainerState::Exited(Exit {
                code,
                signal: None,
                oom_killed,
                at,
                error: None,
            }));
    }

    pub fn lose(&self, id: &str) {
        self.lock()[id].state.send_replace(ContainerState::Lost);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Container>> {
        self.containers.lock().unwrap()
    }

    fn watch(&self, id: &str) -> watch::Receiver<ContainerState> {
        self.lock()[id].state.subscribe()
    }
}

async fn exit_of(mut state: watch::Receiver<ContainerState>) -> Exit {
    let ended = state
        .wait_for(|state| matches!(state, ContainerState::Exited(_)))
        .await;
    match &*ended.unwrap() {
        ContainerState::Exited(exit) => exit.clone(),
        other => panic!("{other:?}"),
    }
}

impl Runtime for FakeRuntime {
    fn pull(
        &self,
        request: PullRequest,
        _: PullProgressSink,
    ) -> BoxFuture<'_, std::result::Result<Image, PullError>> {
        Box::pin(async move {
            let reference = request.reference;
            if reference.contains("missing") {
                return Err(PullError::NotFound { reference });
            }
            let config = ImageConfig {
                command: vec!["serve".into()],
                ..Default::default()
            };
            Ok(Image {
                digest: format!("sha256:{}", "0".repeat(64)),
                reference,
                config,
            })
        })
    }

    fn image(&self, _: &str) -> Option<Image> {
        None
    }

    fn create_task_group(
        &self,
        group: TaskGroup,
    ) -> BoxFuture<'_, std::result::Result<(), CreateError>> {
        self.groups.lock().unwrap().push(group.task_id);
        Box::pin(async { Ok(()) })
    }

    fn remove_task_group(
        &self,
        task_id: &str,
    ) -> BoxFuture<'_, std::result::Result<(), RuntimeError>> {
        self.groups.lock().unwrap().retain(|id| id != task_id);
        Box::pin(async { Ok(()) })
    }

    fn create(&self, spec: ContainerSpec) -> BoxFuture<'_, std::result::Result<(), CreateError>> {
        let state = watch::channel(ContainerState::Created).0;
        let earlier = self.lock().insert(
            spec.id.clone(),
            Container {
                spec,
                state,
                starts: 0,
            },
        );
        assert!(earlier.is_none(), "a container is created once");
        Box::pin(async { Ok(()) })
    }

    fn start(&self, id: &str) -> BoxFuture<'_, std::result::Result<Started, StartError>> {
        let started = Started {
            pid: 1,
            started_at: self.clock.now(),
        };
        let image = {
            let mut containers = self.lock();
            let container = containers.get_mut(id).unwrap();
            container.starts += 1;
            container
                .state
                .send_replace(ContainerState::Running(started));
            container.spec.image.clone()
        };
        if let Some((_, code)) = image.rsplit_once("exit-") {
            self.end(id, code.parse().unwrap(), false);
        }
        Box::pin(async move { Ok(started) })
    }

    fn wait(&self, id: &str) -> BoxFuture<'_, Exit> {
        Box::pin(exit_of(self.watch(id)))
    }

    fn signal(&self, _: &str, _: &str) -> BoxFuture<'_, std::result::Result<(), RuntimeError>> {
        Box::pin(async { Ok(()) })
    }

    fn stop(
        &self,
        id: &str,
        _: &str,
        _: u32,
    ) -> BoxFuture<'_, std::result::Result<Exit, RuntimeError>> {
        let code = if self.spec(id).image.ends_with("stubborn") {
            137
        } else {
            143
        };
        self.end(id, code, false);
        Box::pin(async { Err(RuntimeError::NoSuchContainer("it has ended already".into())) })
    }

    fn remove(&self, id: &str) -> BoxFuture<'_, std::result::Result<(), RuntimeError>> {
        self.lock().remove(id);
        Box::pin(async { Ok(()) })
    }

    fn exec(
        &self,
        _: &str,
        _: ExecRequest,
    ) -> BoxFuture<'_, std::result::Result<ExecOutcome, ExecError>> {
        let exit_code = i32::from(!*self.healthy.borrow());
        Box::pin(async move {
            Ok(ExecOutcome {
                exit_code,
                output: Vec::new(),
                timed_out: false,
            })
        })
    }

    fn list(&self) -> BoxFuture<'_, std::result::Result<Vec<ContainerStatus>, RuntimeError>> {
        let status = |(id, container): (&String, &Container)| ContainerStatus {
            id: id.clone(),
            spec: container.spec.clone(),
            state: container.state.borrow().clone(),
        };
        let all = self.lock().iter().map(status).collect();
        Box::pin(async move { Ok(all) })
    }

    fn log_reader(
        &self,
        id: &str,
        from: LogCursor,
    ) -> std::result::Result<Box<dyn LogReader>, RuntimeError> {
        let started_at = self.clock.now();
        Ok(Box::new(FakeLog {
            at: from.offset,
            started_at,
            state: self.watch(id),
        }))
    }

    fn stats(&self, _: &str) -> BoxFuture<'_, std::result::Result<ContainerStats, RuntimeError>> {
        Box::pin(async { Ok(ContainerStats::default()) })
    }
}

/// Two lines at once, and a last one when the container has ended.
struct FakeLog {
    at: u64,
    started_at: UnixMillis,
    state: watch::Receiver<ContainerState>,
}

impl LogReader for FakeLog {
    fn next(
        &mut self,
    ) -> BoxFuture<'_, std::result::Result<Option<(LogLine, LogCursor)>, RuntimeError>> {
        Box::pin(async {
            let text = match self.at {
                0 | 1 => format!("line {}", self.at),
                2 => {
                    let _ = self
                        .state
                        .wait_for(|state| !matches!(state, ContainerState::Running(_)))
                        .await;
                    "last line".to_owned()
                }
                _ => return Ok(None),
            };
            self.at += 1;
            let line = LogLine {
                at: self.started_at,
                stream: LogStream::Stdout,
                text,
                partial: false,
            };
            Ok(Some((
                line,
                LogCursor {
                    file: 0,
                    offset: self.at,
                },
            )))
        })
    }
}

/// Namespaces that are names only.
#[derive(Default)]
pub struct FakeNetworks {
    pub namespaces: Mutex<BTreeMap<String, PathBuf>>,
}

impl agent::TaskNetworks for FakeNetworks {
    fn prepare(&self) -> BoxFuture<'_, std::result::Result<(), NetworkError>> {
        Box::pin(async { Ok(()) })
    }

    fn restore(&self) -> BoxFuture<'_, std::result::Result<Vec<&'static str>, NetworkError>> {
        Box::pin(async { Ok(vec![]) })
    }

    fn setup(
        &self,
        task: TaskNetwork,
    ) -> BoxFuture<'_, std::result::Result<PathBuf, NetworkError>> {
        let path = PathBuf::from(format!("/run/netns/{}", task.task_id));
        self.namespaces
            .lock()
            .unwrap()
            .insert(task.task_id, path.clone());
        Box::pin(async move { Ok(path) })
    }

    fn teardown<'a>(
        &'a self,
        task_id: &'a str,
    ) -> BoxFuture<'a, std::result::Result<(), NetworkError>> {
        self.namespaces.lock().unwrap().remove(task_id);
        Box::pin(async { Ok(()) })
    }

    fn list(&self) -> BoxFuture<'_, std::result::Result<Vec<(String, PathBuf)>, NetworkError>> {
        let all = self
            .namespaces
            .lock()
            .unwrap()
            .iter()
            .map(|(id, path)| (id.clone(), path.clone()))
            .collect();
        Box::pin(async move { Ok(all) })
    }
}
