//! Which sessions stand, and what each has to look at.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use clock::UnixMillis;
use tokio::sync::Notify;

/// Usage that is older says nothing of now.
const USAGE_KEPT: Duration = Duration::from_secs(120);

/// The sessions that stand now, by key of the container instance, and what TCS told last.
#[derive(Default)]
pub struct Sessions {
    /// In order, so that all are always woken in the same one.
    acs: Mutex<BTreeMap<String, Arc<Entry>>>,
    numbers: AtomicU64,
    usage: Mutex<HashMap<String, TaskUsage>>,
    /// Instances whose rows do not say yet whether they are connected.
    owed: Mutex<BTreeSet<String>>,
    owing: Notify,
}

/// What a task uses, by the last sample of its node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TaskUsage {
    pub at: UnixMillis,
    /// Of all its containers; all cores of the node busy is 100.
    pub cpu_percent_of_node: f64,
    pub memory_mib: f64,
}

/// Why a session has to end, other than by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The instance opened a new one.
    Replaced,
    Deregistered,
}

/// One session's letter box.
pub(super) struct Entry {
    pub number: u64,
    work: Mutex<Work>,
    wake: Notify,
}

/// What gathered for a session.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub tasks: BTreeSet<String>,
    /// Changes were missed: look at every task of the node.
    pub everything: bool,
    pub end: Option<End>,
}

impl Sessions {
    /// Opens a session; the one that the instance had ends.
    pub(super) fn open(&self, instance: &str) -> Arc<Entry> {
        let entry = Arc::new(Entry {
            number: self.numbers.fetch_add(1, Ordering::Relaxed),
            work: Mutex::default(),
            wake: Notify::new(),
        });
        let old = lock(&self.acs).insert(instance.to_owned(), entry.clone());
        if let Some(old) = old {
            old.note(|work| work.end = Some(End::Replaced));
        }
        entry
    }

    /// Forgets a session; false if another one of the instance has taken its place.
    pub(super) fn close(&self, instance: &str, entry: &Entry) -> bool {
        let mut sessions = lock(&self.acs);
        let is_current = sessions
            .get(instance)
            .is_some_and(|current| current.number == entry.number);
        if is_current {
            sessions.remove(instance);
        }
        is_current
    }

    pub(crate) fn is_open(&self, instance: &str) -> bool {
        lock(&self.acs).contains_key(instance)
    }

    pub(crate) fn owe(&self, instance: &str) {
        lock(&self.owed).insert(instance.to_owned());
        self.owing.notify_one();
    }

    pub(super) async fn until_owing(&self) {
        self.owing.notified().await;
    }

    pub(super) fn take_owed(&self) -> BTreeSet<String> {
        std::mem::take(&mut *lock(&self.owed))
    }

    pub(super) fn touch(&self, instance: &str, task: &str) {
        if let Some(entry) = lock(&self.acs).get(instance) {
            entry.note(|work| {
                work.tasks.insert(task.to_owned());
            });
        }
    }

    pub(super) fn touch_all(&self) {
        for entry in lock(&self.acs).values() {
            entry.note(|work| work.everything = true);
        }
    }

    pub(super) fn end(&self, instance: &str, end: End) {
        if let Some(entry) = lock(&self.acs).get(instance) {
            entry.note(|work| work.end = Some(end));
        }
    }

    pub(super) fn keep_usage(&self, samples: impl Iterator<Item = (String, TaskUsage)>) {
        lock(&self.usage).extend(samples);
    }

    /// Drops what is too old to say anything.
    pub(super) fn forget_usage(&self, now: UnixMillis) {
        lock(&self.usage).retain(|_, usage| now.since(usage.at) < USAGE_KEPT);
    }

    pub(super) fn usage(&self, task_arn: &str) -> Option<TaskUsage> {
        lock(&self.usage).get(task_arn).copied()
    }
}

impl Entry {
    /// Waits until something gathered, and takes it.
    pub async fn take(&self) -> Work {
        loop {
            let wake = self.wake.notified();
            let work = std::mem::take(&mut *lock(&self.work));
            if !work.tasks.is_empty() || work.everything || work.end.is_some() {
                return work;
            }
            wake.await;
        }
    }

    fn note(&self, change: impl FnOnce(&mut Work)) {
        change(&mut lock(&self.work));
        self.wake.notify_one();
    }
}

// Nothing under these locks can be left half-made by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_new_session_replaces_the_old_one_and_takes_its_place() {
        let sessions = Sessions::default();
        let first = sessions.open("node");
        sessions.touch("node", "task");
        assert!(first.take().await.tasks.contains("task"));
        let second = sessions.open("node");
        assert_eq!(first.take().await.end, Some(End::Replaced));
        assert!(!sessions.close("node", &first), "it is not the current one");
        sessions.touch("node", "other");
        assert!(second.take().await.tasks.contains("other"));
        assert!(sessions.close("node", &second));
        sessions.touch("node", "nobody listens");
    }

    #[test]
    fn usage_is_forgotten() {
        let sessions = Sessions::default();
        let usage = TaskUsage {
            at: UnixMillis(0),
            cpu_percent_of_node: 1.0,
            memory_mib: 2.0,
        };
        sessions.keep_usage([("arn".to_owned(), usage)].into_iter());
        sessions.forget_usage(UnixMillis(0) + Duration::from_secs(60));
        assert_eq!(sessions.usage("arn"), Some(usage));
        sessions.forget_usage(UnixMillis(0) + USAGE_KEPT);
        assert_eq!(sessions.usage("arn"), None);
    }
}
