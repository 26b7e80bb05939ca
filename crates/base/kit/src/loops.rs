//! Loops take no input (DESIGN.md §1.4): woken by dirty keys of the change feed and, slowly, by a full sweep
//! that heals what was missed. The rare path and the common path are the same code.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    time::Duration,
};

use clock::{Clock, UnixMillis};
use state::{Change, FeedEvent, Head, Store};
use tokio::{sync::watch, task::JoinHandle};

/// How long after an error a key is tried again; doubles up to [`RETRY_LONGEST`].
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_LONGEST: Duration = Duration::from_secs(30);

/// A controller: reconciles one key at a time, idempotently.
pub trait Loop: Send + Sync + 'static {
    /// For logs and metrics.
    const NAME: &'static str;
    /// How often everything is looked at, whether something changed or not.
    const SWEEP_EVERY: Duration = Duration::from_secs(60);

    /// Adds the keys whose reconciliation this change calls for.
    fn dirty(&self, change: &Change, keys: &mut BTreeSet<String>);

    /// Every key that may need work.
    fn sweep(&self, head: &Head) -> Vec<String>;

    /// Brings one key closer to what the tables ask for.
    fn reconcile(&self, key: &str) -> impl Future<Output = Result<Next, LoopError>> + Send;
}

/// When to look at the key again without a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    OnChange,
    At(UnixMillis),
}

/// Why a reconciliation stopped half way. The key is tried again.
#[derive(Debug, thiserror::Error)]
pub enum LoopError {
    #[error(transparent)]
    State(#[from] state::StateError),
    #[error("{0}")]
    Other(String),
}

/// A loop as a task of its own, until shutdown.
pub fn spawn<L: Loop>(
    this: L,
    store: &Store,
    clock: &Clock,
    shutdown: &watch::Receiver<bool>,
) -> JoinHandle<()> {
    let running = run(this, store.clone(), clock.clone(), shutdown.clone());
    clock.spawn(L::NAME, running)
}

/// Runs a loop until shutdown. Returns the first state error that makes the store useless.
pub async fn run<L: Loop>(
    this: L,
    store: Store,
    clock: Clock,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut feed = store.feed();
    let mut work = Work::default();
    let mut next_sweep = clock.now();
    loop {
        if *shutdown.borrow() {
            return;
        }
        let now = clock.now();
        if now >= next_sweep {
            work.dirty
                .extend(store.read(|head| this.sweep(head)).head());
            next_sweep = now + L::SWEEP_EVERY;
        }
        work.collect_due(now);
        if let Some(key) = work.dirty.pop_first() {
            work.reconcile(&this, key, &clock).await;
            while let Some(event) = feed.try_next() {
                work.note(&this, event, &mut next_sweep, &clock);
            }
            continue;
        }
        let wake = work
            .next_due()
            .map_or(next_sweep, |due| due.min(next_sweep));
        let pause = wake.since(clock.now());
        tokio::select! {
            // Without a lot to draw, a simulation of the loops can be repeated.
            biased;
            event = feed.next() => work.note(&this, event, &mut next_sweep, &clock),
            () = clock.sleep(pause) => {}
            _ = shutdown.changed() => {}
        }
    }
}

#[derive(Default)]
struct Work {
    dirty: BTreeSet<String>,
    /// Keys to look at again, by time; each key once.
    later: BTreeSet<(UnixMillis, String)>,
    later_of: BTreeMap<String, UnixMillis>,
    /// Errors in a row, by key.
    errors: BTreeMap<String, u32>,
}

impl Work {
    fn note<L: Loop>(
        &mut self,
        this: &L,
        event: FeedEvent,
        next_sweep: &mut UnixMillis,
        clock: &Clock,
    ) {
        match event {
            FeedEvent::Changes(set) => {
                for change in &set.changes {
                    this.dirty(change, &mut self.dirty);
                }
            }
            FeedEvent::Lagged => *next_sweep = clock.now(),
        }
    }

    fn collect_due(&mut self, now: UnixMillis) {
        while let Some((due, _)) = self.later.first() {
            if *due > now {
                return;
            }
            let (_, key) = self.later.pop_first().expect("first() was Some");
            self.later_of.remove(&key);
            self.dirty.insert(key);
        }
    }

    fn next_due(&self) -> Option<UnixMillis> {
        self.later.first().map(|(due, _)| *due)
    }

    /// The newest look at a key says when to look again; what earlier ones said no longer counts.
    fn look_again(&mut self, key: String, at: UnixMillis) {
        self.later_of.insert(key.clone(), at);
        self.later.insert((at, key));
    }

    async fn reconcile<L: Loop>(&mut self, this: &L, key: String, clock: &Clock) {
        if let Some(at) = self.later_of.remove(&key) {
            self.later.remove(&(at, key.clone()));
        }
        match this.reconcile(&key).await {
            Ok(next) => {
                self.errors.remove(&key);
                if let Next::At(at) = next {
                    self.look_again(key, at);
                }
            }
            Err(error) => {
                let count = self.errors.entry(key.clone()).or_insert(0);
                *count += 1;
                let pause = RETRY_FIRST
                    .saturating_mul(1 << (*count - 1).min(10))
                    .min(RETRY_LONGEST);
                tracing::warn!(r#loop = L::NAME, %key, %error, retry_in = ?pause, "reconcile failed");
                self.look_again(key, clock.now() + pause);
            }
        }
    }
}
