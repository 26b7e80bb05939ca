//! Hearing from shims: one inotify for all containers' directories.
//!
//! One, because the kernel allows a user 128 instances by default, and a node runs more containers than that.

use std::collections::HashMap;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use clock::Clock;
use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;

/// Tells that a container's directory changed; a change is never missed, several may be told as one.
pub(crate) struct Changes {
    receiver: watch::Receiver<()>,
    /// Whoever follows a container keeps the watching alive.
    _watcher: Option<Watcher>,
    removal_was_told: bool,
}

impl Changes {
    /// Changes up to now are known.
    pub(crate) fn mark_seen(&mut self) {
        self.receiver.mark_unchanged();
    }

    /// Waits for a change after the last [`Changes::mark_seen`]. The container's removal is the last one.
    pub(crate) async fn changed(&mut self) {
        if self.receiver.changed().await.is_err()
            && std::mem::replace(&mut self.removal_was_told, true)
        {
            std::future::pending::<()>().await;
        }
    }

    #[cfg(test)]
    pub(crate) fn never() -> Self {
        Self {
            receiver: watch::channel(()).1,
            _watcher: None,
            removal_was_told: true,
        }
    }
}

/// Watches the directories of containers.
#[derive(Clone)]
pub(crate) struct Watcher {
    inotify: Arc<Descriptor>,
    containers: Arc<Mutex<Containers>>,
}

#[derive(Default)]
struct Containers {
    senders: HashMap<String, watch::Sender<()>>,
    by_watch: HashMap<WatchDescriptor, String>,
}

struct Descriptor(Inotify);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Watcher {
    /// Must be called inside the async runtime.
    pub(crate) fn new(clock: &Clock) -> std::io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let watcher = Self {
            inotify: Arc::new(Descriptor(inotify)),
            containers: Arc::default(),
        };
        // The descriptor lives as long as the `Arc`; the function that may assume so is unsafe, and not needed for it.
        #[allow(deprecated, reason = "its successor is unsafe")]
        let readable = AsyncFd::new(Shared(Arc::clone(&watcher.inotify)))?;
        let containers = Arc::downgrade(&watcher.containers);
        clock.spawn("container changes", async move {
            loop {
                let Ok(mut ready) = readable.readable().await else {
                    return;
                };
                let Some(containers) = containers.upgrade() else {
                    return;
                };
                drain(&readable.get_ref().0.0, &containers);
                ready.clear_ready();
            }
        });
        Ok(watcher)
    }

    /// Hears about a container from now on.
    pub(crate) fn subscribe(&self, id: &str, directory: &Path) -> std::io::Result<Changes> {
        let mut containers = self.lock();
        if let Some(sender) = containers.senders.get(id) {
            return Ok(self.changes(sender.subscribe()));
        }
        let flags =
            AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
        let descriptor = self.inotify.0.add_watch(directory, flags)?;
        let (sender, receiver) = watch::channel(());
        containers.senders.insert(id.to_owned(), sender);
        containers.by_watch.insert(descriptor, id.to_owned());
        Ok(self.changes(receiver))
    }

    fn changes(&self, receiver: watch::Receiver<()>) -> Changes {
        Changes {
            receiver,
            _watcher: Some(self.clone()),
            removal_was_told: false,
        }
    }

    /// Wakes who follows this container, for a reason that is not in its directory.
    pub(crate) fn poke(&self, id: &str) {
        if let Some(sender) = self.lock().senders.get(id) {
            sender.send_replace(());
        }
    }

    /// The container is gone; the kernel drops the watch with the directory.
    pub(crate) fn forget(&self, id: &str) {
        let mut containers = self.lock();
        containers.senders.remove(id);
        let watches = containers
            .by_watch
            .iter()
            .filter(|(_, watched)| *watched == id);
        for descriptor in watches
            .map(|(descriptor, _)| *descriptor)
            .collect::<Vec<_>>()
        {
            containers.by_watch.remove(&descriptor);
            // It fails when the directory is gone already, and the watch with it.
            let _ = self.inotify.0.rm_watch(descriptor);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Containers> {
        self.containers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

struct Shared(Arc<Descriptor>);

impl AsRawFd for Shared {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

fn drain(inotify: &Inotify, containers: &Mutex<Containers>) {
    loop {
        let events = match inotify.read_events() {
            Ok(events) => events,
            Err(Errno::EAGAIN) => return,
            Err(error) => {
                tracing::warn!(%error, "inotify");
                return;
            }
        };
        let containers = containers.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                containers
                    .senders
                    .values()
                    .for_each(|sender| sender.send_replace(()));
            } else if let Some(sender) = containers
                .by_watch
                .get(&event.wd)
                .and_then(|id| containers.senders.get(id))
            {
                sender.send_replace(());
            }
        }
    }
}
