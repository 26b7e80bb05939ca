//! What a commit costs besides its fsync: `cargo run -p engine-redb --example commit_cost -- DIRECTORY`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use engine_redb::RedbEngine;
use serde::{Deserialize, Serialize};
use state::{Record, Schema, StateError, Store};

const ROUNDS: usize = 300;
const ROW_BYTES: usize = 1500;

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Row {
    id: u64,
    text: String,
}

impl Record for Row {
    const TABLE: &'static str = "rows";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        format!("123456789012/us-east-1/default/{:032x}", self.id)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    let clock = Clock::system();
    report(
        "append 4 KiB + fdatasync",
        &append_and_sync(&directory.join("floor.tmp"), &clock)?,
        1,
    );
    let path = directory.join("cost.redb.tmp");
    let engine = RedbEngine::open(&path)?;
    let store = Store::open(
        Arc::new(engine),
        Schema::new().table::<Row>(),
        clock.clone(),
    )
    .await?;
    for writers in [1, 16, 128, 512] {
        let before = clock.monotonic();
        let times = write(&store, &clock, writers).await?;
        let seconds = (clock.monotonic() - before).as_secs_f64();
        report(&format!("{writers} writers"), &times, writers);
        println!("{:>40.0} transactions/s", times.len() as f64 / seconds);
    }
    store.close().await?;
    std::fs::remove_file(&path)?;
    Ok(())
}

/// The floor: what the disk wants for one small durable write.
fn append_and_sync(path: &Path, clock: &Clock) -> std::io::Result<Vec<Duration>> {
    let mut file = File::create(path)?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = clock.monotonic();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(clock.monotonic() - start);
    }
    std::fs::remove_file(path)?;
    Ok(times)
}

async fn write(store: &Store, clock: &Clock, writers: usize) -> Result<Vec<Duration>, StateError> {
    let rounds = (ROUNDS / writers.min(30)).max(10);
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let (store, clock) = (store.clone(), clock.clone());
            let timing = clock.clone();
            clock.spawn("writer", async move {
                let mut times = Vec::new();
                for _ in 0..rounds {
                    let row = Row {
                        id: timing.random_u64(),
                        text: "x".repeat(ROW_BYTES),
                    };
                    let start = timing.monotonic();
                    store.transact(|tx| tx.insert(row))?.durable().await?;
                    times.push(timing.monotonic() - start);
                }
                Ok::<_, StateError>(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.map_err(|error| StateError::Failed {
            reason: error.to_string(),
        })??);
    }
    Ok(times)
}

fn report(what: &str, times: &[Duration], writers: usize) {
    let mut sorted = times.to_vec();
    sorted.sort();
    let micros = |part: usize| sorted[(sorted.len() - 1) * part / 100].as_micros();
    println!(
        "{what:>28}: p50 {:>6} µs, p99 {:>6} µs, of {} ({writers} at once)",
        micros(50),
        micros(99),
        times.len()
    );
}
