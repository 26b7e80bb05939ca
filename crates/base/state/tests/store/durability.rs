//! What is durable when, what a failure means, and what a reload finds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clock::Clock;
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use state::{
    Batch, BoxFuture, BoxStream, Engine, EngineError, Fence, FollowError, Loaded, MemoryEngine,
    Record, Revision, Schema, StateError, Store, ciborium,
};
use tokio::sync::Semaphore;

use crate::common::*;

/// Commits only when told to, and counts.
#[derive(Clone)]
struct Gated {
    engine: MemoryEngine,
    gate: Arc<Semaphore>,
    commits: Arc<AtomicUsize>,
}

impl Gated {
    fn new() -> Self {
        Self {
            engine: MemoryEngine::new(),
            gate: Arc::new(Semaphore::new(0)),
            commits: Arc::default(),
        }
    }
}

impl Engine for Gated {
    fn lead<'a>(&'a self, candidate: &'a str) -> BoxFuture<'a, Result<Fence, EngineError>> {
        self.engine.lead(candidate)
    }

    fn load(&self) -> BoxFuture<'_, Result<Loaded, EngineError>> {
        self.engine.load()
    }

    fn commit(
        &self,
        fence: Fence,
        group: Vec<Batch>,
    ) -> BoxFuture<'_, Result<Revision, EngineError>> {
        async move {
            self.gate.acquire().await.expect("never closed").forget();
            self.commits.fetch_add(1, Ordering::SeqCst);
            self.engine.commit(fence, group).await
        }
        .boxed()
    }

    fn follow(&self, from: Revision) -> BoxStream<'static, Result<Arc<Batch>, FollowError>> {
        self.engine.follow(from)
    }
}

#[tokio::test]
async fn the_memory_engine_keeps_the_promises_of_engines() {
    state::engine_suite::run(|| Arc::new(MemoryEngine::new())).await;
}

#[tokio::test]
async fn the_head_runs_ahead_and_durable_waits() {
    let engine = Gated::new();
    let store = open(&engine).await;
    let mut first = Box::pin(put(&store, item("a", "x", 1)).durable());
    assert!(first.as_mut().now_or_never().is_none(), "not durable yet");
    let read = store.read(|head| head.len::<Item>());
    assert_eq!(read.revision(), 1, "a read sees the head");
    let mut read = Box::pin(read.durable());
    assert!(
        read.as_mut().now_or_never().is_none(),
        "but may not tell before it is durable"
    );
    assert_eq!(store.durable_revision(), 0);
    engine.gate.add_permits(1);
    first.await.expect("durable");
    assert_eq!(read.await, Ok(1));
    assert_eq!(store.durable_revision(), 1);
    assert_eq!(
        store
            .read(|head| head.len::<Item>())
            .durable()
            .now_or_never(),
        Some(Ok(1)),
        "no wait without need"
    );
}

#[tokio::test]
async fn what_gathers_during_a_commit_is_one_group() {
    let engine = Gated::new();
    let store = open(&engine).await;
    let first = put(&store, item("first", "x", 1));
    tokio::task::yield_now().await;
    let rest: Vec<_> = (0..50)
        .map(|number| put(&store, item(&number.to_string(), "x", 1)))
        .collect();
    engine.gate.add_permits(2);
    first.durable().await.expect("durable");
    for committed in rest {
        committed.durable().await.expect("durable");
    }
    assert_eq!(engine.commits.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_failed_commit_fails_the_store() {
    let engine = Gated::new();
    let store = open(&engine).await;
    engine.gate.add_permits(1);
    put(&store, item("a", "x", 1))
        .durable()
        .await
        .expect("durable");
    let seen_durable = store.read(|head| head.len::<Item>());
    let (waiting, later) = (
        put(&store, item("b", "x", 1)),
        put(&store, item("c", "x", 1)),
    );
    let read = store.read(|head| head.len::<Item>());
    engine.engine.break_commits();
    engine.gate.add_permits(1);
    let failed = store.failed().await;
    assert!(
        matches!(&failed, StateError::Failed { reason } if reason.contains("told to break")),
        "{failed}"
    );
    assert_eq!(waiting.durable().await, Err(failed.clone()));
    assert_eq!(later.durable().await, Err(failed.clone()));
    assert_eq!(read.durable().await, Err(failed.clone()));
    assert_eq!(
        seen_durable.durable().await,
        Ok(1),
        "what was durable stays true"
    );
    let refused = store.transact(|tx| Ok::<_, StateError>(tx.delete::<Item>("a")));
    assert_eq!(
        refused.map(|committed| committed.head()),
        Err(failed.clone())
    );
    assert_eq!(store.close().await, Err(failed));
}

#[tokio::test]
async fn a_second_store_fences_the_first() {
    let engine = MemoryEngine::new();
    let first = open(&engine).await;
    put(&first, item("a", "x", 1))
        .durable()
        .await
        .expect("durable");
    let second = open(&engine).await;
    let late = put(&first, item("b", "x", 1)).durable().await;
    assert!(matches!(late, Err(StateError::Failed { .. })), "{late:?}");
    assert_eq!(
        second.read(items).durable().await,
        Ok(vec![item("a", "x", 1)])
    );
    put(&second, item("c", "x", 1))
        .durable()
        .await
        .expect("durable");
}

#[tokio::test]
async fn close_commits_what_waits_and_refuses_the_rest() {
    let engine = MemoryEngine::new();
    let store = open(&engine).await;
    let waiting = put(&store, item("a", "x", 1));
    store.close().await.expect("clean");
    waiting.durable().await.expect("durable");
    let refused = store.transact(|tx| Ok::<_, StateError>(tx.delete::<Item>("a")));
    assert_eq!(
        refused.map(|committed| committed.head()),
        Err(StateError::Closed)
    );
    assert_eq!(open(&engine).await.read(items).head(), [item("a", "x", 1)]);
}

#[tokio::test]
async fn dropping_the_last_handle_still_commits() {
    let engine = MemoryEngine::new();
    let waiting = put(&open(&engine).await, item("a", "x", 1));
    waiting.durable().await.expect("durable");
    assert_eq!(open(&engine).await.read(items).head(), [item("a", "x", 1)]);
}

/// The next version of [`Counter`]: its value in thousandths.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Counter2 {
    name: String,
    thousandths: u64,
}

impl Record for Counter2 {
    const TABLE: &'static str = "counters";
    const VERSION: u32 = 2;

    fn key(&self) -> String {
        self.name.clone()
    }

    fn upgrade(from: u32, value: ciborium::Value) -> Result<ciborium::Value, StateError> {
        assert_eq!(from, 1);
        let old: Counter = value.deserialized().expect("version 1 is a counter");
        let new = Counter2 {
            name: old.name,
            thousandths: old.value * 1000,
        };
        Ok(ciborium::Value::serialized(&new).expect("plain data"))
    }
}

#[tokio::test]
async fn versions_and_unknown_tables() {
    let engine = MemoryEngine::new();
    let old = open(&engine).await;
    let put_counter = old.transact(|tx| {
        tx.put(Counter {
            name: "n".to_owned(),
            value: 3,
        });
        tx.put(item("a", "x", 1));
        Ok::<_, StateError>(())
    });
    put_counter
        .expect("committed")
        .durable()
        .await
        .expect("durable");
    old.close().await.expect("clean");
    let reopen = |schema| Store::open(Arc::new(engine.clone()), schema, Clock::system());

    // A binary that does not know items leaves them alone, and upgrades counters.
    let new = reopen(Schema::new().table::<Counter2>())
        .await
        .expect("opens");
    let counter = new
        .read(|head| head.get::<Counter2>("n"))
        .head()
        .expect("present");
    assert_eq!(
        *counter,
        Counter2 {
            name: "n".to_owned(),
            thousandths: 3000
        }
    );
    let update = new.transact(|tx| {
        Ok::<_, StateError>(tx.update::<Counter2>("n", |counter| counter.thousandths += 1))
    });
    assert_eq!(update.expect("committed").durable().await, Ok(true));
    new.close().await.expect("clean");

    // The old binary refuses rows that are newer than it.
    let refused = reopen(schema()).await.err();
    assert_eq!(
        refused,
        Some(StateError::Version {
            table: "counters",
            found: 2,
            known: 1
        })
    );
    let again = reopen(Schema::new().table::<Counter2>().table::<Item>())
        .await
        .expect("opens");
    assert_eq!(
        again.read(|head| head.len::<Item>()).head(),
        1,
        "the items are still there"
    );
}
