//! What a crash leaves behind, read back.

use std::fs;
use std::path::Path;

use clock::Clock;
use log_store::{LogStore, LogStoreError, NewEvent, ReadRequest};

use super::reading::events;

fn open(directory: &Path) -> LogStore {
    LogStore::open(directory, Clock::system()).expect("opens")
}

async fn messages(store: &LogStore) -> Vec<String> {
    let request = ReadRequest {
        max_events: usize::MAX,
        max_bytes: usize::MAX,
        ..ReadRequest::default()
    };
    let read = store.read("g", "s", request).await.expect("read");
    let messages = read.into_iter().map(|event| event.message.to_string());
    messages.collect()
}

fn large(n: i64) -> NewEvent {
    NewEvent {
        timestamp: n,
        message: format!("{n} {}", "x".repeat(2000)),
    }
}

#[tokio::test]
async fn a_journal_cut_anywhere_keeps_what_was_whole() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    store.create_group("g").await.expect("created");
    store.create_stream("g", "s").await.expect("created");
    let journal = directory.path().join("journal/00000001.log");
    let mut lengths = vec![fs::metadata(&journal).expect("there").len()];
    for n in 0..5 {
        store.append("g", "s", events([n])).await.expect("written");
        lengths.push(fs::metadata(&journal).expect("there").len());
    }
    drop(store);
    let whole = fs::read(&journal).expect("read");
    for cut in lengths[0]..=lengths[5] {
        let copy = tempfile::tempdir().expect("a directory");
        fs::create_dir(copy.path().join("journal")).expect("made");
        let target = copy.path().join("journal/00000001.log");
        fs::write(&target, &whole[..cut as usize]).expect("written");
        let store = open(copy.path());
        let kept = lengths[1..].iter().filter(|end| **end <= cut).count();
        assert_eq!(messages(&store).await.len(), kept, "cut at {cut}");
        store.append("g", "s", events([9])).await.expect("written");
        drop(store);
        assert_eq!(messages(&open(copy.path())).await.len(), kept + 1);
    }
}

#[tokio::test]
async fn blocks_flushed_after_the_last_fold_are_not_read_twice() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    store.create_group("g").await.expect("created");
    store.create_stream("g", "s").await.expect("created");
    store
        .append("g", "s", vec![large(0)])
        .await
        .expect("written");
    store.fold().await.expect("folded");
    // 600 kB: flushed twice, not folded.
    for n in 1..300 {
        store
            .append("g", "s", vec![large(n)])
            .await
            .expect("written");
    }
    let before = messages(&store).await;
    assert_eq!(before.len(), 300);
    drop(store);
    for _ in 0..2 {
        let store = open(directory.path());
        assert_eq!(messages(&store).await, before);
        drop(store);
    }
    let store = open(directory.path());
    store.fold().await.expect("folded");
    drop(store);
    assert_eq!(messages(&open(directory.path())).await, before);
}

#[tokio::test]
async fn a_torn_segment_is_made_again_from_the_journal() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    store.create_group("g").await.expect("created");
    store.create_stream("g", "s").await.expect("created");
    for n in 0..200 {
        store
            .append("g", "s", vec![large(n)])
            .await
            .expect("written");
    }
    let before = messages(&store).await;
    drop(store);
    let mut torn = 0;
    for file in walk(directory.path()) {
        if file.extension().is_some_and(|it| it == "seg") {
            // The block had not reached the disk when the power went.
            fs::write(&file, b"half a block").expect("written");
            torn += 1;
        }
    }
    assert_eq!(torn, 1);
    assert_eq!(messages(&open(directory.path())).await, before);
}

#[tokio::test]
async fn damage_is_said_not_skipped() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    store.create_group("g").await.expect("created");
    store.create_stream("g", "s").await.expect("created");
    store.append("g", "s", events([1])).await.expect("written");
    store.fold().await.expect("folded");
    for file in walk(directory.path()) {
        if file.extension().is_some_and(|it| it == "seg") {
            let mut bytes = fs::read(&file).expect("read");
            *bytes.last_mut().expect("not empty") ^= 0xff;
            fs::write(&file, bytes).expect("written");
        }
    }
    let read = store.read("g", "s", ReadRequest::default()).await;
    assert!(
        matches!(read, Err(LogStoreError::Damaged { .. })),
        "{read:?}"
    );
    drop(store);
    let catalogue = directory.path().join("catalogue.bin");
    let mut bytes = fs::read(&catalogue).expect("read");
    bytes[10] ^= 0xff;
    fs::write(&catalogue, bytes).expect("written");
    let opened = LogStore::open(directory.path(), Clock::system());
    assert!(matches!(opened, Err(LogStoreError::Damaged { .. })));
}

#[tokio::test]
async fn deleted_streams_leave_no_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    store.create_group("g").await.expect("created");
    store.create_stream("g", "s").await.expect("created");
    store.append("g", "s", events([1])).await.expect("written");
    store.fold().await.expect("folded");
    store.delete_group("g").await.expect("deleted");
    store.fold().await.expect("folded");
    let segments = walk(&directory.path().join("streams"));
    assert_eq!(segments, Vec::<std::path::PathBuf>::new());
    drop(store);
    assert_eq!(open(directory.path()).groups("", None, 10), []);
}

fn walk(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("lists") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => files.extend(walk(&path)),
            false => files.push(path),
        }
    }
    files
}
