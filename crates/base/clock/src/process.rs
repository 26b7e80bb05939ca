//! Tasks that end together, as a process's do when it is killed: a simulation runs many processes in one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

/// The tasks of one simulated process; cheap to clone. See [`crate::Clock::of_process`].
#[derive(Clone, Default)]
pub struct Process {
    tasks: Arc<Mutex<Tasks>>,
}

#[derive(Default)]
struct Tasks {
    /// Finished ones are forgotten now and then.
    living: Vec<AbortHandle>,
    forget_at: usize,
    is_dead: bool,
}

impl Process {
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends every task of the process where it waits, and returns when all of them are gone. What is spawned later ends
    /// before it begins.
    pub async fn kill(&self) {
        let tasks = {
            let mut tasks = self.tasks();
            tasks.is_dead = true;
            std::mem::take(&mut tasks.living)
        };
        tasks.iter().for_each(AbortHandle::abort);
        while !tasks.iter().all(AbortHandle::is_finished) {
            tokio::task::yield_now().await;
        }
    }

    pub fn is_dead(&self) -> bool {
        self.tasks().is_dead
    }

    pub(crate) fn own(&self, task: AbortHandle) {
        const FEW: usize = 64;
        let mut tasks = self.tasks();
        if tasks.is_dead {
            task.abort();
            return;
        }
        if tasks.living.len() >= tasks.forget_at.max(FEW) {
            tasks.living.retain(|task| !task.is_finished());
            tasks.forget_at = 2 * tasks.living.len();
        }
        tasks.living.push(task);
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use super::*;
    use crate::{Clock, UnixMillis};

    #[tokio::test(start_paused = true)]
    async fn a_killed_process_does_nothing_more() {
        let clock = Clock::simulated(UnixMillis::EPOCH, 1);
        let process = Process::new();
        let of_process = clock.of_process(&process);
        let ticks = Arc::new(AtomicUsize::new(0));
        let tick = |clock: &Clock| {
            let (own, ticks) = (clock.clone(), Arc::clone(&ticks));
            clock.spawn("tick", async move {
                loop {
                    own.sleep(Duration::from_secs(1)).await;
                    ticks.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        drop(tick(&of_process));
        for _ in 0..200 {
            of_process
                .spawn("short", async {})
                .await
                .expect("it is not killed");
        }
        assert!(
            process.tasks().living.len() < 100,
            "finished tasks are forgotten"
        );
        clock.sleep(Duration::from_millis(3500)).await;
        process.kill().await;
        assert!(process.is_dead());
        assert!(tick(&of_process).await.is_err(), "too late");
        clock.sleep(Duration::from_secs(10)).await;
        assert_eq!(ticks.load(Ordering::Relaxed), 3);
        assert_eq!(clock.now(), UnixMillis(13_500));
    }
}
