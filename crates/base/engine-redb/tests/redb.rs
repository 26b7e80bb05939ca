//! The suite of engines, the file's lock, reopening, and a writer that is killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clock::Clock;
use engine_redb::RedbEngine;
use serde::{Deserialize, Serialize};
use state::{Engine, EngineError, Record, Schema, StateError, Store};

/// Two of these, under `left/…` and `right/…`, are written in each transaction.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Entry {
    side: String,
    number: u64,
    writer: u64,
    round: u64,
}

impl Record for Entry {
    const TABLE: &'static str = "entries";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        format!("{}/{:010}", self.side, self.number)
    }
}

async fn open(path: &std::path::Path) -> Store {
    let engine = RedbEngine::open(path).expect("opens");
    Store::open(
        Arc::new(engine),
        Schema::new().table::<Entry>(),
        Clock::system(),
    )
    .await
    .expect("loads")
}

#[tokio::test]
async fn keeps_the_promises_of_engines() {
    let directory = tempfile::tempdir().expect("a directory");
    let count = AtomicUsize::new(0);
    let new_engine = || {
        let file = directory
            .path()
            .join(count.fetch_add(1, Ordering::Relaxed).to_string());
        Arc::new(RedbEngine::open(file).expect("opens")) as Arc<dyn Engine>
    };
    state::engine_suite::run(new_engine).await;
}

#[tokio::test]
async fn a_file_in_use_is_refused_by_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.redb");
    let engine = RedbEngine::open(&path).expect("opens");
    let refused = RedbEngine::open(&path).err();
    assert_eq!(
        refused,
        Some(EngineError::Locked {
            path: path.display().to_string()
        })
    );
    drop(engine);
    RedbEngine::open(&path).expect("free again");
}

#[test]
fn a_foreign_file_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("notes.txt");
    std::fs::write(&path, "not a database ".repeat(1000)).expect("written");
    let refused = RedbEngine::open(&path).err();
    assert!(
        matches!(&refused, Some(EngineError::Corrupt { path, .. }) if path.ends_with("notes.txt")),
        "{refused:?}"
    );
    assert_eq!(std::fs::read(&path).expect("still there").len(), 15_000);
}

#[test]
fn only_its_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.redb");
    drop(RedbEngine::open(&path).expect("opens"));
    assert_eq!(
        path.metadata().expect("a file").permissions().mode() & 0o777,
        0o600
    );
}

#[tokio::test]
async fn fences_and_revisions_survive_reopening() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.redb");
    let engine = RedbEngine::open(&path).expect("opens");
    let fence = engine.lead("first").await.expect("leads");
    let batch = state::engine_suite::batch(1, "a", Some(b"1"));
    assert_eq!(engine.commit(fence, vec![batch]).await, Ok(1));
    drop(engine);
    let engine = RedbEngine::open(&path).expect("opens again");
    let newer = engine.lead("second").await.expect("leads");
    assert!(newer > fence);
    let late = engine
        .commit(fence, vec![state::engine_suite::batch(2, "a", None)])
        .await;
    assert_eq!(
        late,
        Err(EngineError::Fenced {
            ours: fence.0,
            newest: newer.0
        })
    );
    assert_eq!(state::engine_suite::load_all(&engine).await.0, 1);
}

const FILE_VARIABLE: &str = "GANTRY_TEST_REDB_FILE";
const ROUND_VARIABLE: &str = "GANTRY_TEST_REDB_ROUND";
const WRITERS: u64 = 8;
const ROUNDS: u64 = 8;
const ACKNOWLEDGEMENTS_A_ROUND: usize = 60;

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_writer_is_killed() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.redb");
    let mut acknowledged: Vec<(u64, u64, u64)> = Vec::new();
    for round in 0..ROUNDS {
        acknowledged.extend(write_until_killed(&path, round));
        let store = open(&path).await;
        store
            .read(|head| {
                for (revision, number, writer) in &acknowledged {
                    assert!(
                        head.revision() >= *revision,
                        "revision {revision} was acknowledged"
                    );
                    let entry = head
                        .get::<Entry>(&format!("left/{number:010}"))
                        .expect("acknowledged, so present");
                    assert_eq!(entry.writer, *writer);
                }
                let side = |side: &str| {
                    head.scan::<Entry>(side)
                        .map(|entry| entry.number)
                        .collect::<Vec<_>>()
                };
                assert_eq!(side("left/"), side("right/"), "transactions are whole");
                assert_eq!(
                    head.revision() as usize,
                    side("left/").len(),
                    "each revision is one transaction"
                );
            })
            .head();
        store.close().await.expect("clean");
    }
    assert!(acknowledged.len() as u64 >= ROUNDS * ACKNOWLEDGEMENTS_A_ROUND as u64);
}

/// Revision, number and writer of everything that the child told before it died.
fn write_until_killed(path: &std::path::Path, round: u64) -> Vec<(u64, u64, u64)> {
    let mut child = Killed(
        Command::new(std::env::current_exe().expect("this test"))
            .args([
                "--exact",
                "the_child_that_is_killed",
                "--ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(FILE_VARIABLE, path)
            .env(ROUND_VARIABLE, round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts"),
    );
    let output = BufReader::new(child.0.stdout.take().expect("piped"));
    let mut acknowledged = Vec::new();
    for line in output.lines() {
        // The kill may cut the last line short; what lacks its end was never told.
        let line = line.expect("text");
        let words: Vec<&str> = line.split(' ').collect();
        if let ["acknowledged", revision, number, writer, "."] = words[..] {
            let number_of = |word: &str| word.parse::<u64>().expect("a number");
            acknowledged.push((number_of(revision), number_of(number), number_of(writer)));
        }
        // Later rounds die at other moments of the commit.
        if acknowledged.len() >= ACKNOWLEDGEMENTS_A_ROUND + round as usize {
            child.0.kill().expect("killed");
        }
    }
    acknowledged
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
#[ignore = "run by the test that kills it"]
async fn the_child_that_is_killed() {
    let Ok(path) = std::env::var(FILE_VARIABLE) else {
        return;
    };
    let round: u64 = std::env::var(ROUND_VARIABLE)
        .expect("with the file")
        .parse()
        .expect("a number");
    let clock = Clock::system();
    let store = open(path.as_ref()).await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = store.clone();
            clock.spawn("writer", async move {
                loop {
                    acknowledge(&store, writer, round).await;
                }
            })
        })
        .collect();
    for writer in writers {
        let _: Result<(), _> = writer.await;
    }
}

async fn acknowledge(store: &Store, writer: u64, round: u64) {
    let put = store.transact(|tx| {
        let number = tx.revision() + 1;
        for side in ["left", "right"] {
            tx.insert(Entry {
                side: side.to_owned(),
                number,
                writer,
                round,
            })?;
        }
        Ok::<_, StateError>(number)
    });
    let committed = put.expect("within the limits");
    let revision = committed.revision();
    let number = committed.durable().await.expect("durable");
    println!("acknowledged {revision} {number} {writer} .");
}
