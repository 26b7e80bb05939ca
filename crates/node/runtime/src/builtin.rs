//! The runtime that needs nothing installed: own images, libcontainer, a shim process a container.

mod create;
mod launch;
mod lifecycle;
mod watch;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clock::Clock;

use crate::cgroup::Group;
use crate::contract::{
    BoxFuture, ContainerStats, ContainerStatus, ExecOutcome, ExecRequest, Exit, LogCursor,
    LogReader, Runtime, Started,
};
use crate::disk::ContainerDirectory;
use crate::error::{CreateError, ExecError, PullError, RuntimeError, StartError};
use crate::image::{CollectedImages, Image, ImageCleanup, PullProgressSink, PullRequest};
use crate::images::{ImageStore, Puller};
use crate::oci_runtime::OciRuntime;
use crate::spec::{ContainerSpec, SecretEnvironment, TaskGroup};
use launch::ShimProgram;
use watch::Watcher;

pub(crate) use watch::Changes;

const MAX_ID_LENGTH: usize = 128;

/// Where and how the runtime works.
#[derive(Debug, Clone)]
pub struct BuiltinOptions {
    /// Everything that it keeps is below; on a file system that can be overlayfs's upper directory.
    pub data_dir: PathBuf,
    pub clock: Clock,
    /// A binary that calls [`crate::shim::dispatch_if_requested`]; usually `/proc/self/exe`.
    pub shim_program: PathBuf,
    /// The control group that all tasks' groups are in; two agents on one machine need two names.
    pub group_root: String,
    pub oci_runtime: OciRuntime,
    /// Certificate authorities that registries may have besides this machine's, in PEM.
    pub registry_authorities: Vec<Vec<u8>>,
}

impl BuiltinOptions {
    pub fn new(data_dir: PathBuf, clock: Clock) -> Self {
        Self {
            data_dir,
            clock,
            shim_program: PathBuf::from("/proc/self/exe"),
            group_root: "gantry".to_owned(),
            oci_runtime: OciRuntime::default(),
            registry_authorities: Vec::new(),
        }
    }
}

/// The built-in runtime; cheap to clone.
#[derive(Clone)]
pub struct BuiltinRuntime {
    inner: Arc<Inner>,
}

struct Inner {
    options: BuiltinOptions,
    store: ImageStore,
    puller: Puller,
    watcher: Watcher,
    shim: ShimProgram,
    /// Of containers that are created and not started, by id.
    secrets: Mutex<HashMap<String, SecretEnvironment>>,
}

impl BuiltinRuntime {
    /// Opens what is on disk. Must be called inside the async runtime.
    pub fn new(options: BuiltinOptions) -> Result<Self, RuntimeError> {
        let at = |path: &PathBuf| {
            let path = path.display().to_string();
            move |source| RuntimeError::Disk { path, source }
        };
        let containers = options.data_dir.join("containers");
        fs::create_dir_all(&containers).map_err(at(&containers))?;
        create::delete_unfinished(&containers).map_err(at(&containers))?;
        let images = options.data_dir.join("images");
        let store = ImageStore::open(images.clone()).map_err(at(&images))?;
        let authorities = options.registry_authorities.clone();
        let puller = Puller::new(store.clone(), authorities, options.clock.clone());
        // What an earlier agent had no time for.
        puller.sync_behind();
        let watcher = Watcher::new(&options.clock).map_err(at(&containers))?;
        let shim = ShimProgram::open(&options.shim_program).map_err(at(&options.shim_program))?;
        Ok(Self {
            inner: Arc::new(Inner {
                options,
                store,
                puller,
                watcher,
                shim,
                secrets: Mutex::default(),
            }),
        })
    }
}

impl BuiltinRuntime {
    /// Removes the control group of all tasks, and kills what is still inside: the last thing that a node does here.
    pub async fn remove_group_root(&self) -> Result<(), RuntimeError> {
        let path = self.inner.group_root();
        let group = path.clone();
        let removed = self
            .inner
            .blocking(move || Group::new(&group).remove())
            .await;
        removed.map_err(|source| RuntimeError::Disk { path, source })
    }
}

impl Runtime for BuiltinRuntime {
    fn pull(
        &self,
        request: PullRequest,
        progress: PullProgressSink,
    ) -> BoxFuture<'_, Result<Image, PullError>> {
        Box::pin(self.inner.puller.pull(request, progress))
    }

    fn image(&self, reference: &str) -> Option<Image> {
        let stored = self.inner.store.find(reference)?;
        self.inner
            .store
            .touch(reference, self.inner.options.clock.now());
        Some(stored.image)
    }

    fn collect_images(
        &self,
        in_use: Vec<String>,
        cleanup: ImageCleanup,
    ) -> BoxFuture<'_, Result<CollectedImages, RuntimeError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let (store, containers) = (inner.store.clone(), inner.containers());
            let now = inner.options.clock.now();
            let collected = inner.blocking(move || {
                let mut kept = create::in_use(&containers)?;
                kept.references.extend(in_use);
                store.collect(&kept, &cleanup, now)
            });
            collected.await.map_err(|source| RuntimeError::Disk {
                path: "image store".to_owned(),
                source,
            })
        })
    }

    fn create_task_group(&self, group: TaskGroup) -> BoxFuture<'_, Result<(), CreateError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let path = inner.task_group(&group.task_id)?;
            let made = inner
                .blocking(move || Group::new(&path).create_for_task(&group))
                .await;
            made.map_err(|error| CreateError::ControlGroup(error.to_string()))
        })
    }

    fn remove_task_group(&self, task_id: &str) -> BoxFuture<'_, Result<(), RuntimeError>> {
        let path = self.inner.task_group(task_id);
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            // An id that cannot be created has no group.
            let Ok(path) = path else { return Ok(()) };
            let group = path.clone();
            let removed = inner.blocking(move || Group::new(&group).remove()).await;
            removed.map_err(|source| RuntimeError::Disk { path, source })
        })
    }

    fn list_task_groups(&self) -> BoxFuture<'_, Result<Vec<String>, RuntimeError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let path = inner.group_root();
            let group = path.clone();
            let listed = inner.blocking(move || Ok(Group::new(&group).children()));
            let listed = listed.await;
            listed
                .map(|ids| ids.into_iter().filter(|id| is_valid_id(id)).collect())
                .map_err(|source| RuntimeError::Disk { path, source })
        })
    }

    fn create(&self, spec: ContainerSpec) -> BoxFuture<'_, Result<(), CreateError>> {
        Box::pin(Arc::clone(&self.inner).create(spec))
    }

    fn start(&self, id: &str) -> BoxFuture<'_, Result<Started, StartError>> {
        Box::pin(Arc::clone(&self.inner).start(id.to_owned()))
    }

    fn wait(&self, id: &str) -> BoxFuture<'_, Exit> {
        Box::pin(Arc::clone(&self.inner).wait(id.to_owned()))
    }

    fn signal(&self, id: &str, signal: &str) -> BoxFuture<'_, Result<(), RuntimeError>> {
        Box::pin(Arc::clone(&self.inner).signal(id.to_owned(), signal.to_owned()))
    }

    fn stop(
        &self,
        id: &str,
        signal: &str,
        timeout_seconds: u32,
    ) -> BoxFuture<'_, Result<Exit, RuntimeError>> {
        Box::pin(Arc::clone(&self.inner).stop(id.to_owned(), signal.to_owned(), timeout_seconds))
    }

    fn remove(&self, id: &str) -> BoxFuture<'_, Result<(), RuntimeError>> {
        Box::pin(Arc::clone(&self.inner).remove(id.to_owned()))
    }

    fn exec(
        &self,
        id: &str,
        request: ExecRequest,
    ) -> BoxFuture<'_, Result<ExecOutcome, ExecError>> {
        Box::pin(Arc::clone(&self.inner).exec(id.to_owned(), request))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<ContainerStatus>, RuntimeError>> {
        Box::pin(Arc::clone(&self.inner).list())
    }

    fn log_reader(&self, id: &str, from: LogCursor) -> Result<Box<dyn LogReader>, RuntimeError> {
        self.inner.log_reader(id, from)
    }

    fn stats(&self, id: &str) -> BoxFuture<'_, Result<ContainerStats, RuntimeError>> {
        Box::pin(Arc::clone(&self.inner).stats(id.to_owned()))
    }
}

impl Inner {
    fn containers(&self) -> PathBuf {
        self.options.data_dir.join("containers")
    }

    /// `None` for what cannot be an id.
    fn directory(&self, id: &str) -> Option<ContainerDirectory> {
        is_valid_id(id).then(|| ContainerDirectory::new(self.containers().join(id)))
    }

    fn group_root(&self) -> String {
        format!("/{}", self.options.group_root)
    }

    fn task_group(&self, task_id: &str) -> Result<String, CreateError> {
        if is_valid_id(task_id) {
            Ok(format!("{}/{task_id}", self.group_root()))
        } else {
            Err(CreateError::InvalidSpec(format!(
                "invalid task id {task_id:?}"
            )))
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        self.options
            .clock
            .spawn_blocking(work)
            .await
            .map_err(io::Error::other)?
    }
}

/// It becomes the name of a directory and of a control group.
fn is_valid_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=MAX_ID_LENGTH).contains(&id.len()) && !id.starts_with('.') && id.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain_names() {
        assert!(is_valid_id("0af1-web_1.2"));
        for id in ["", ".", "..", ".hidden", "a/b", "a b", &"x".repeat(129)] {
            assert!(!is_valid_id(id), "{id}");
        }
    }
}
