//! What is set of groups, and what is too old to be kept.

use std::path::Path;

use clock::Clock;
use log_store::{GroupSettings, LogStore, LogStoreError, NewEvent, ReadRequest};

const DAY_MILLIS: i64 = 24 * 3_600_000;

fn open(directory: &Path) -> LogStore {
    LogStore::open(directory, Clock::system()).expect("opens")
}

fn days(days: u32) -> GroupSettings {
    GroupSettings {
        retention_days: Some(days),
        document: vec![days as u8],
    }
}

/// Two kilobytes each, so that a few hundred make a block.
fn lines(at: i64, count: usize) -> Vec<NewEvent> {
    (0..count)
        .map(|n| NewEvent {
            timestamp: at,
            message: format!("{n} {}", "x".repeat(2000)),
        })
        .collect()
}

async fn count(store: &LogStore) -> usize {
    let request = ReadRequest {
        max_events: usize::MAX,
        max_bytes: usize::MAX,
        ..ReadRequest::default()
    };
    store.read("g", "s", request).await.expect("read").len()
}

fn segments(directory: &Path) -> usize {
    fn walk(directory: &Path) -> usize {
        let entries = std::fs::read_dir(directory).expect("there");
        entries
            .map(|entry| {
                let path = entry.expect("an entry").path();
                match path.is_dir() {
                    true => walk(&path),
                    false => usize::from(path.extension().is_some_and(|it| it == "seg")),
                }
            })
            .sum()
    }
    walk(directory)
}

#[tokio::test]
async fn settings_survive_journal_and_catalogue() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    store
        .create_group_with("g", days(3))
        .await
        .expect("created");
    assert_eq!(store.group_settings("g"), Ok(days(3)));
    drop(store);
    let store = open(directory.path());
    assert_eq!(store.group_settings("g"), Ok(days(3)));
    store.fold().await.expect("folded");
    store.set_group("g", days(5)).await.expect("set");
    drop(store);
    let store = open(directory.path());
    assert_eq!(store.group_settings("g"), Ok(days(5)));
    store.fold().await.expect("folded");
    drop(store);
    let store = open(directory.path());
    assert_eq!(store.groups("", None, 9)[0].settings, days(5));
    let missing = store.set_group("x", days(1)).await;
    assert_eq!(missing, Err(LogStoreError::GroupNotFound));
}

#[tokio::test]
async fn what_is_too_old_is_not_read_and_goes() {
    let directory = tempfile::tempdir().expect("a directory");
    let clock = Clock::system();
    let now = clock.now().as_millis();
    let store = open(directory.path());
    store.create_group("g").await.expect("created");
    store.create_stream("g", "s").await.expect("created");
    for at in [now - 5 * DAY_MILLIS, now - 4 * DAY_MILLIS] {
        store
            .append("g", "s", lines(at, 300))
            .await
            .expect("written");
    }
    store.fold().await.expect("folded");
    assert_eq!((count(&store).await, segments(directory.path())), (600, 1));
    assert_eq!(store.expire().await, Ok(0));

    store.set_group("g", days(3)).await.expect("set");
    assert_eq!(count(&store).await, 0);
    assert_eq!(store.expire().await, Ok(1));
    assert_eq!(segments(directory.path()), 0);
    assert_eq!(
        store.streams("g", "").expect("listed")[0].first_event_at,
        None
    );

    // The stream goes on in a file of its own, and after a crash too.
    store
        .append("g", "s", lines(now, 300))
        .await
        .expect("written");
    assert_eq!(count(&store).await, 300);
    drop(store);
    let store = open(directory.path());
    assert_eq!(count(&store).await, 300);
    store.fold().await.expect("folded");
    assert_eq!(store.expire().await, Ok(0));
    drop(store);
    assert_eq!(count(&open(directory.path())).await, 300);
}

#[tokio::test]
async fn a_file_that_holds_anything_to_keep_stays() {
    let directory = tempfile::tempdir().expect("a directory");
    let now = Clock::system().now().as_millis();
    let store = open(directory.path());
    store
        .create_group_with("g", days(3))
        .await
        .expect("created");
    store.create_stream("g", "s").await.expect("created");
    store
        .append("g", "s", lines(now - 4 * DAY_MILLIS, 300))
        .await
        .expect("written");
    store
        .append("g", "s", lines(now, 1))
        .await
        .expect("written");
    assert_eq!(store.expire().await, Ok(0));
    store.fold().await.expect("folded");
    assert_eq!(store.expire().await, Ok(0));
    assert_eq!(count(&store).await, 1);
}
