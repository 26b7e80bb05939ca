//! A backup: the whole state, and what is damaged is refused.

use std::collections::BTreeMap;

use state::engine_suite::{batch, load_all};
use state::{BackupError, BackupHeader, Engine, MemoryEngine, Revision, read_backup, write_backup};

async fn filled(rows: u64) -> MemoryEngine {
    let engine = MemoryEngine::new();
    let fence = engine.lead("test").await.expect("leads");
    let row = |revision: Revision| {
        let value = vec![revision as u8; (revision % 40_000) as usize];
        batch(revision, &format!("key-{revision}"), Some(&value))
    };
    let group = (1..=rows).map(row).collect();
    engine.commit(fence, group).await.expect("commits");
    engine
}

fn header(revision: Revision) -> BackupHeader {
    BackupHeader {
        revision,
        created_at_milliseconds: 1_790_000_000_000,
        files: BTreeMap::from([("root.json".to_owned(), b"secret".to_vec())]),
    }
}

async fn backup(engine: &MemoryEngine) -> Vec<u8> {
    let loaded = engine.load().await.expect("loads");
    let mut bytes = Vec::new();
    let header = header(loaded.revision);
    let written = write_backup(&header, loaded, &mut bytes).await;
    written.expect("written");
    bytes
}

#[tokio::test]
async fn every_row_and_the_header_come_back() {
    for rows in [0, 1, 4000] {
        let engine = filled(rows).await;
        let bytes = backup(&engine).await;
        let other = MemoryEngine::new();
        let (read, count) = read_backup(&*bytes, &other).await.expect("restored");
        assert_eq!((read, count), (header(rows), rows));
        assert_eq!(load_all(&other).await.1, load_all(&engine).await.1);
    }
}

#[tokio::test]
async fn damage_anywhere_is_found() {
    let bytes = backup(&filled(20).await).await;
    for at in (0..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x11;
        let read = read_backup(&*damaged, &MemoryEngine::new()).await;
        assert!(read.is_err(), "a changed byte at {at} of {}", bytes.len());
        let read = read_backup(&bytes[..at], &MemoryEngine::new()).await;
        assert!(read.is_err(), "cut at {at} of {}", bytes.len());
    }
    let longer = [&bytes[..], b"x"].concat();
    assert!(read_backup(&*longer, &MemoryEngine::new()).await.is_err());
}

#[tokio::test]
async fn a_state_in_use_is_not_overwritten() {
    let engine = filled(3).await;
    let bytes = backup(&engine).await;
    let read = read_backup(&*bytes, &engine).await;
    assert!(matches!(read, Err(BackupError::NotEmpty)), "{read:?}");
}
