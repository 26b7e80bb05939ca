//! Reading, writing, undoing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use state::{FeedEvent, MemoryEngine, StateError};

use crate::common::*;

#[tokio::test]
async fn rows_are_found_by_key_prefix_and_index() {
    let store = open(&MemoryEngine::new()).await;
    for (id, group) in [("a/1", "x"), ("a/2", "y"), ("a/3", "x"), ("b/1", "x")] {
        let tags = vec![format!("tag-{id}"), "all".to_owned()];
        put(
            &store,
            Item {
                tags,
                ..item(id, group, 1)
            },
        )
        .durable()
        .await
        .expect("durable");
    }
    let check = |head: &state::Head| {
        let keys = |rows: Vec<&std::sync::Arc<Item>>| {
            rows.iter().map(|row| row.id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            keys(head.scan::<Item>("a/").collect()),
            ["a/1", "a/2", "a/3"]
        );
        assert_eq!(
            keys(head.scan_after::<Item>("a/", "a/1").collect()),
            ["a/2", "a/3"]
        );
        assert_eq!(
            keys(head.scan_after::<Item>("b/", "a/9").collect()),
            ["b/1"]
        );
        assert_eq!(
            keys(head.scan_after::<Item>("a/", "b/1").collect()),
            Vec::<String>::new()
        );
        assert_eq!(
            ids(&head.index::<Item>("by_group", "x")),
            ["a/1", "a/3", "b/1"]
        );
        assert_eq!(ids(&head.index::<Item>("by_tag", "tag-a/2")), ["a/2"]);
        assert_eq!(head.index_len::<Item>("by_tag", "all"), 4);
        assert_eq!(head.index_len::<Item>("by_tag", "none"), 0);
        assert_eq!((head.len::<Item>(), head.len::<Counter>()), (4, 0));
        assert_eq!(head.view::<Sizes>().0["x"], 3);
    };
    store.read(check).durable().await.expect("durable");
}

#[tokio::test]
async fn a_transaction_sees_its_own_changes() {
    let store = open(&MemoryEngine::new()).await;
    let seen = store.transact(|tx| {
        tx.insert(item("a", "x", 5))?;
        assert!(tx.update::<Item>("a", |item| item.size = 7));
        assert!(!tx.update::<Item>("b", |item| item.size = 7));
        assert!(!tx.delete::<Item>("b"));
        let exists = StateError::Exists {
            table: "items",
            key: "a".to_owned(),
        };
        assert_eq!(tx.insert(item("a", "x", 6)), Err(exists));
        Ok::<_, StateError>((
            tx.view::<Sizes>().0["x"],
            tx.index_len::<Item>("by_group", "x"),
        ))
    });
    assert_eq!(seen.expect("committed").durable().await, Ok((7, 1)));
}

#[tokio::test]
async fn errors_and_panics_undo_everything() {
    let store = open(&MemoryEngine::new()).await;
    put(&store, item("a", "x", 1))
        .durable()
        .await
        .expect("durable");
    let before = store
        .read(|head| (items(head), head.view::<Sizes>().clone(), head.revision()))
        .head();
    let mut feed = store.feed();
    let meddle = |tx: &mut state::Tx<'_>| {
        tx.put(item("a", "y", 2));
        tx.put(item("b", "y", 3));
        tx.delete::<Item>("a");
        tx.put(Counter {
            name: "n".to_owned(),
            value: 1,
        });
    };
    let refused = store.transact(|tx| {
        meddle(tx);
        Err::<(), _>(StateError::Closed)
    });
    assert!(refused.is_err());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _ = store.transact(|tx| -> Result<(), StateError> {
            meddle(tx);
            panic!("on purpose")
        });
    }));
    assert!(panicked.is_err());
    let after = store.read(|head| {
        assert_eq!(ids(&head.index::<Item>("by_group", "x")), ["a"]);
        assert_eq!(
            (
                head.index_len::<Item>("by_group", "y"),
                head.len::<Counter>()
            ),
            (0, 0)
        );
        (items(head), head.view::<Sizes>().clone(), head.revision())
    });
    assert_eq!(after.head(), before);
    assert!(
        feed.try_next().is_none(),
        "nobody is told of what did not happen"
    );
    put(&store, item("c", "x", 1))
        .durable()
        .await
        .expect("the store works on");
}

#[tokio::test]
async fn a_row_changed_twice_is_one_change() {
    let store = open(&MemoryEngine::new()).await;
    put(&store, item("a", "x", 1))
        .durable()
        .await
        .expect("durable");
    let mut feed = store.feed();
    let changed = store.transact(|tx| {
        tx.update::<Item>("a", |item| item.size = 2);
        tx.update::<Item>("a", |item| item.size = 3);
        tx.put(item("gone", "x", 1));
        tx.delete::<Item>("gone");
        Ok::<_, StateError>(())
    });
    changed
        .expect("committed")
        .durable()
        .await
        .expect("durable");
    let FeedEvent::Changes(set) = feed.next().await else {
        panic!("not lagged")
    };
    let [change] = &set.changes[..] else {
        panic!("{:?}", set.changes)
    };
    let (before, after) = change.of::<Item>().expect("an item");
    assert_eq!(
        (before.map(|item| item.size), after.map(|item| item.size)),
        (Some(1), Some(3))
    );
    assert!(change.of::<Counter>().is_none());
}

#[tokio::test]
async fn what_changes_nothing_costs_no_revision() {
    let store = open(&MemoryEngine::new()).await;
    let first = put(&store, item("a", "x", 1)).revision();
    assert_eq!(put(&store, item("a", "x", 1)).revision(), first);
    let nothing = store.transact(|tx| {
        tx.put(item("a", "x", 2));
        tx.put(item("a", "x", 1));
        Ok::<_, StateError>(tx.delete::<Item>("b"))
    });
    assert_eq!(nothing.expect("committed").revision(), first);
}

#[tokio::test]
async fn transactions_are_bounded() {
    let store = open(&MemoryEngine::new()).await;
    let rows = |count: usize| {
        let put = store.transact(|tx| {
            (0..count).for_each(|number| tx.put(item(&number.to_string(), "x", 1)));
            Ok::<_, StateError>(())
        });
        put.map(|committed| committed.revision())
    };
    assert!(matches!(
        rows(101),
        Err(StateError::TooLarge { rows: 101, .. })
    ));
    assert_eq!(
        store.read(|head| head.len::<Item>()).head(),
        0,
        "and undone"
    );
    assert_eq!(rows(100), Ok(1));
    let large = "x".repeat(limits::TRANSACTION_BYTES);
    let put = store.transact(|tx| {
        tx.put(item(&large, "x", 1));
        Ok::<_, StateError>(())
    });
    assert!(matches!(
        put.map(|committed| committed.revision()),
        Err(StateError::TooLarge { rows: 1, .. })
    ));
}

#[tokio::test]
async fn a_slow_reader_learns_that_it_lagged() {
    let store = open(&MemoryEngine::new()).await;
    let mut feed = store.feed();
    for number in 0..=limits::FEED_CHANGE_SETS as i64 {
        put(&store, item("a", "x", number + 1))
            .durable()
            .await
            .expect("durable");
    }
    assert!(matches!(feed.next().await, FeedEvent::Lagged));
    assert!(
        matches!(feed.next().await, FeedEvent::Changes(_)),
        "and reads on"
    );
}

#[tokio::test]
async fn read_and_feed_miss_nothing_and_repeat_nothing() {
    let store = open(&MemoryEngine::new()).await;
    put(&store, item("a", "x", 1))
        .durable()
        .await
        .expect("durable");
    let (seen, mut feed) = store.read_and_feed(|head| head.revision());
    let second = put(&store, item("b", "x", 1)).revision();
    let FeedEvent::Changes(set) = feed.next().await else {
        panic!("not lagged")
    };
    assert_eq!((seen.head() + 1, set.revision), (second, second));
    assert!(feed.try_next().is_none());
}
