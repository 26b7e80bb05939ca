//! A full disk: what waits is taken back, reads go on, and it ends by itself.

use std::time::Duration;

use clock::Clock;
use futures_util::StreamExt;
use state::{Engine, FeedEvent, MemoryEngine, StateError, Store};

use crate::common::*;

fn item(id: &str, size: i64) -> Item {
    Item {
        id: id.to_owned(),
        group: "group".to_owned(),
        tags: vec![],
        size,
    }
}

async fn open(engine: &MemoryEngine) -> Store {
    let engine = std::sync::Arc::new(engine.clone());
    let store = Store::open(engine, schema(), Clock::system()).await;
    store.expect("opens")
}

async fn put(store: &Store, id: &str, size: i64) -> Result<(), StateError> {
    let put = store.transact(|tx| {
        tx.put(item(id, size));
        Ok::<_, StateError>(())
    });
    put?.durable().await
}

fn sizes(store: &Store) -> (u64, Vec<(String, i64)>, Option<i64>) {
    let read = store.read(|head| {
        let items = head
            .scan::<Item>("")
            .map(|item| (item.id.clone(), item.size));
        let sum = head.view::<Sizes>().0.get("group").copied();
        (head.revision(), items.collect(), sum)
    });
    read.head()
}

#[tokio::test]
async fn what_was_not_durable_is_taken_back_and_reads_go_on() {
    let engine = MemoryEngine::new();
    let store = open(&engine).await;
    put(&store, "a", 1).await.expect("there is room");
    put(&store, "b", 2).await.expect("there is room");
    let mut feed = store.feed();
    let before = sizes(&store);
    engine.fill_disk(true);
    // Several at once, which touch the same rows: all of them wait for the commit that fails.
    let puts = [("a", 10), ("c", 20), ("a", 30), ("b", 40)];
    let results = futures_util::future::join_all(puts.map(|(id, size)| put(&store, id, size)));
    for result in results.await {
        assert!(matches!(result, Err(StateError::Full { .. })), "{result:?}");
    }
    assert_eq!(sizes(&store), before, "the head is what is durable");
    let read = store.read(|head| head.len::<Item>()).durable();
    assert_eq!(read.await, Ok(2), "reads go on");
    let refused = store.transact(|tx| {
        tx.put(item("d", 1));
        Ok::<_, StateError>(())
    });
    assert!(
        matches!(refused, Err(StateError::Full { .. })),
        "refused at once"
    );
    let mut was_told = false;
    while let Some(event) = feed.try_next() {
        was_told = matches!(event, FeedEvent::Lagged);
    }
    assert!(was_told, "the last word is to sweep");
}

#[tokio::test]
async fn it_goes_on_when_there_is_room() {
    let engine = MemoryEngine::new();
    let store = open(&engine).await;
    put(&store, "a", 1).await.expect("there is room");
    engine.fill_disk(true);
    // One that waits over the end of its epoch must not be answered by a later transaction of the same revision.
    let lost = put(&store, "lost", 1);
    assert!(matches!(lost.await, Err(StateError::Full { .. })));
    engine.fill_disk(false);
    let clock = Clock::system();
    let again = clock.timeout(Duration::from_secs(10), async {
        while put(&store, "b", 2).await.is_err() {
            clock.sleep(Duration::from_millis(20)).await;
        }
    });
    again.await.expect("there is room again");
    assert_eq!(sizes(&store).0, 2, "revisions have no gaps");
    let followed = engine.follow(0).take(2).collect::<Vec<_>>().await;
    assert!(followed.iter().all(Result::is_ok));
    store.close().await.expect("closes");
    let reopened = open(&engine).await;
    let items = vec![("a".to_owned(), 1), ("b".to_owned(), 2)];
    assert_eq!(sizes(&reopened), (2, items, Some(3)));
}

#[tokio::test]
async fn a_full_store_can_be_closed() {
    let engine = MemoryEngine::new();
    let store = open(&engine).await;
    engine.fill_disk(true);
    assert!(put(&store, "a", 1).await.is_err());
    store.close().await.expect("closes");
    assert_eq!(put(&store, "a", 1).await, Err(StateError::Closed));
}
