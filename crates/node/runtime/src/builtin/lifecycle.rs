//! Waiting, signalling, stopping, removing.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::Inner;
use super::create::{OfThisBoot, disk, read_of_this_boot, state_of};
use super::watch::Changes;
use crate::cgroup::Group;
use crate::contract::{ContainerState, ContainerStats, Exit, LogCursor, LogReader};
use crate::disk::{
    ContainerDirectory, Durability, create_json, read_json, remove_tree, write_json,
};
use crate::error::RuntimeError;
use crate::logs::{Ended, FileLogReader};
use crate::process::{ProcessIdentity, parse_signal};
use crate::shim::RunningState;

/// A shim that is not our child (an earlier agent's) cannot tell that it was killed; so it is looked after.
const LIVENESS_INTERVAL: Duration = Duration::from_secs(2);
/// After its container's end a shim writes a file and deletes some control groups.
const SHIM_END_TIMEOUT: Duration = Duration::from_secs(10);
/// As a shell tells SIGKILL, which is what Docker says when nobody knows.
const LOST_CODE: i32 = 137;

impl Inner {
    pub(super) async fn wait(self: Arc<Self>, id: String) -> Exit {
        let unknown = |error: String| Exit {
            code: LOST_CODE,
            signal: None,
            oom_killed: false,
            at: self.options.clock.now(),
            error: Some(error),
        };
        let (directory, mut changes) = match self.follow(&id) {
            Ok(followed) => followed,
            Err(error) => return unknown(error.to_string()),
        };
        loop {
            changes.mark_seen();
            match state_of(&directory) {
                Ok(ContainerState::Exited(exit)) => return exit,
                Ok(ContainerState::Lost) => match self.settle_lost(&id, &directory).await {
                    Ok(exit) => return exit,
                    Err(error) => return unknown(error.to_string()),
                },
                Ok(ContainerState::Created | ContainerState::Running(_)) => {}
                Err(error) => tracing::warn!(id, %error, "the container's state cannot be read"),
            }
            if !directory.path().exists() {
                return unknown(format!("container {id} was removed"));
            }
            // Elapsing is as good as a change.
            let _ = self
                .options
                .clock
                .timeout(LIVENESS_INTERVAL, changes.changed())
                .await;
        }
    }

    pub(super) async fn signal(
        self: Arc<Self>,
        id: String,
        signal: String,
    ) -> Result<(), RuntimeError> {
        let parsed = parse_signal(&signal).ok_or(RuntimeError::InvalidSignal(signal))?;
        let (directory, _) = self.stored(&id)?;
        send(&directory, parsed).map_err(|source| disk(&directory, source))?;
        Ok(())
    }

    pub(super) async fn stop(
        self: Arc<Self>,
        id: String,
        signal: String,
        timeout_seconds: u32,
    ) -> Result<Exit, RuntimeError> {
        let parsed = parse_signal(&signal).ok_or(RuntimeError::InvalidSignal(signal))?;
        let (directory, _) = self.stored(&id)?;
        if let Some(exit) = self.stop_unstarted(&directory)? {
            return Ok(exit);
        }
        self.await_started(&id, &directory).await?;
        send(&directory, parsed).map_err(|source| disk(&directory, source))?;
        let patience = Duration::from_secs(timeout_seconds.into());
        if let Ok(exit) = self
            .options
            .clock
            .timeout(patience, Arc::clone(&self).wait(id.clone()))
            .await
        {
            return Ok(exit);
        }
        send(&directory, Signal::SIGKILL).map_err(|source| disk(&directory, source))?;
        Ok(self.wait(id).await)
    }

    pub(super) async fn remove(self: Arc<Self>, id: String) -> Result<(), RuntimeError> {
        let Some(directory) = self.directory(&id) else {
            return Ok(());
        };
        drop(self.take_secrets(&id));
        let stored = match self.stored(&id) {
            Ok((_, stored)) => Some(stored),
            Err(RuntimeError::NoSuchContainer(_)) => None,
            Err(error) => return Err(error),
        };
        if stored.is_some() && self.stop_unstarted(&directory)?.is_none() {
            self.end_shim(&id, &directory).await?;
        }
        let removing = self.containers().join(format!(
            ".removing-{id}-{}",
            self.options.clock.random_hex(4)
        ));
        let removed = {
            let directory = directory.clone();
            self.blocking(move || {
                if let Some(stored) = stored {
                    Group::new(&stored.group).remove()?;
                }
                set_aside_and_delete(directory.path(), &removing)
            })
            .await
        };
        removed.map_err(|source| disk(&directory, source))?;
        self.watcher.forget(&id);
        Ok(())
    }

    pub(super) fn log_reader(
        self: &Arc<Self>,
        id: &str,
        from: LogCursor,
    ) -> Result<Box<dyn LogReader>, RuntimeError> {
        let (directory, changes) = self.follow(id)?;
        let ended = Box::new(StateOnDisk(directory.clone()));
        Ok(Box::new(FileLogReader::new(
            directory, from, changes, ended,
        )))
    }

    pub(super) async fn stats(self: Arc<Self>, id: String) -> Result<ContainerStats, RuntimeError> {
        let (directory, stored) = self.stored(&id)?;
        let read = self
            .blocking(move || Group::new(&stored.group).stats())
            .await;
        read.map_err(|source| disk(&directory, source))
    }

    fn follow(&self, id: &str) -> Result<(ContainerDirectory, Changes), RuntimeError> {
        let (directory, _) = self.stored(id)?;
        let changes = self
            .watcher
            .subscribe(id, directory.path())
            .map_err(|source| disk(&directory, source))?;
        Ok((directory, changes))
    }

    /// Takes the shim's place for a container that was never started, so that it cannot be started any more.
    fn stop_unstarted(&self, directory: &ContainerDirectory) -> Result<Option<Exit>, RuntimeError> {
        let failed = |source| disk(directory, source);
        if directory.shim().exists() {
            return Ok(None);
        }
        let identity = ProcessIdentity::of_this_process().map_err(failed)?;
        match create_json(&directory.shim(), &identity) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(failed(error)),
        }
        let error = Some("the container was stopped before it was started".to_owned());
        let exit = Exit {
            code: 0,
            signal: None,
            oom_killed: false,
            at: self.options.clock.now(),
            error,
        };
        write_json(&directory.exit(), &exit, Durability::Synced).map_err(failed)?;
        Ok(Some(exit))
    }

    /// Waits until there is a process to signal, or none will come.
    async fn await_started(
        &self,
        id: &str,
        directory: &ContainerDirectory,
    ) -> Result<(), RuntimeError> {
        let (_, mut changes) = self.follow(id)?;
        loop {
            changes.mark_seen();
            match state_of(directory).map_err(|source| disk(directory, source))? {
                ContainerState::Created => {
                    let _ = self
                        .options
                        .clock
                        .timeout(LIVENESS_INTERVAL, changes.changed())
                        .await;
                }
                _ => return Ok(()),
            }
        }
    }

    /// The shim is gone and has not said how the container ended: whatever is left of it is ended, and said.
    async fn settle_lost(
        &self,
        id: &str,
        directory: &ContainerDirectory,
    ) -> Result<Exit, RuntimeError> {
        let (_, stored) = self.stored(id)?;
        let exit = Exit {
            code: LOST_CODE,
            signal: None,
            oom_killed: false,
            at: self.options.clock.now(),
            error: Some(
                "the container's shim ended without telling how the container did".to_owned(),
            ),
        };
        let (settled, told) = (directory.clone(), exit.clone());
        let done = self.blocking(move || {
            Group::new(&stored.group).remove()?;
            write_json(&settled.exit(), &told, Durability::Synced)
        });
        done.await.map_err(|source| disk(directory, source))?;
        Ok(exit)
    }

    /// Kills the container and lets its shim finish; kills the shim if it does not.
    async fn end_shim(&self, id: &str, directory: &ContainerDirectory) -> Result<(), RuntimeError> {
        let failed = |source| disk(directory, source);
        let OfThisBoot::Whole(shim) =
            read_of_this_boot::<ProcessIdentity>(&directory.shim()).map_err(failed)?
        else {
            return Ok(());
        };
        let clock = &self.options.clock;
        let (_, mut changes) = self.follow(id)?;
        let deadline = clock.monotonic() + SHIM_END_TIMEOUT;
        // A container that was stopped unstarted has this process in the shim's place.
        while shim.pid != nix::unistd::Pid::this().as_raw() && shim.is_alive() {
            if clock.monotonic() >= deadline {
                shim.signal(Signal::SIGKILL).map_err(failed)?;
            }
            changes.mark_seen();
            send(directory, Signal::SIGKILL).map_err(failed)?;
            const PAUSE: Duration = Duration::from_millis(20);
            let _ = clock.timeout(PAUSE, changes.changed()).await;
        }
        Ok(())
    }
}

/// Signals the container's first process, if there is one.
fn send(directory: &ContainerDirectory, signal: Signal) -> io::Result<bool> {
    match read_json::<RunningState>(&directory.state())? {
        Some(state) => state.identity.signal(signal),
        None => Ok(false),
    }
}

/// Under another name first, so that nobody finds half a container.
fn set_aside_and_delete(directory: &Path, removing: &Path) -> io::Result<()> {
    match fs::rename(directory, removing) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        renamed => renamed?,
    }
    remove_tree(removing)
}

struct StateOnDisk(ContainerDirectory);

impl Ended for StateOnDisk {
    fn has_ended(&self) -> bool {
        !self.0.path().exists()
            || matches!(
                state_of(&self.0),
                Ok(ContainerState::Exited(_) | ContainerState::Lost)
            )
    }
}
