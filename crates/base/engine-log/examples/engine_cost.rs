//! What commits cost, and a start: `cargo run --release -p engine-log --example engine_cost -- DIRECTORY [ROWS]`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use engine_log::LogEngine;
use serde::{Deserialize, Serialize};
use state::{Engine, Record, Schema, StateError, Store};

const SECONDS: u64 = 4;
const ROW_BYTES: usize = 1500;
const ROWS_A_TRANSACTION: u64 = 20;

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

type Open = fn(&Path) -> Arc<dyn Engine>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().unwrap_or_else(|| ".".to_owned()));
    let rows = arguments.next().map_or(Ok(100_000), |rows| rows.parse())?;
    let clock = Clock::system();
    let floor = append_and_sync(&directory.join("floor.tmp"), &clock)?;
    report("append 4 KiB + fdatasync", &floor, Duration::ZERO);
    let engines: &[(&str, Open)] = &[("log", |path| {
        Arc::new(LogEngine::open(path).expect("opens"))
    })];
    for (name, open) in engines {
        let path = directory.join(format!("{name}.cost.tmp"));
        println!("{name}:");
        measure(*open, &path, rows, &clock).await?;
        if path.is_dir() {
            std::fs::remove_dir_all(&path)?;
        } else {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

async fn measure(open: Open, path: &Path, rows: u64, clock: &Clock) -> Result<(), StateError> {
    let store = open_store(open, path, clock).await?;
    for first in (0..rows).step_by(ROWS_A_TRANSACTION as usize) {
        let filled = store.transact(|tx| {
            (first..rows.min(first + ROWS_A_TRANSACTION)).try_for_each(|id| tx.insert(row(id)))
        })?;
        if first % 1000 == 0 {
            filled.durable().await?;
        }
    }
    store.close().await?;
    drop(store);
    let start = clock.monotonic();
    let store = open_store(open, path, clock).await?;
    println!(
        "{:>28}: {:.0} ms, {} MiB on disk",
        format!("start with {rows} rows"),
        (clock.monotonic() - start).as_secs_f64() * 1e3,
        size(path) >> 20
    );
    for writers in [1, 16, 128, 512] {
        let before = clock.monotonic();
        let times = write(&store, clock, writers).await?;
        let took = clock.monotonic() - before;
        report(&format!("{writers} writers"), &times, took);
    }
    store.close().await?;
    println!("{:>28}: {} MiB on disk", "in the end", size(path) >> 20);
    Ok(())
}

async fn open_store(open: Open, path: &Path, clock: &Clock) -> Result<Store, StateError> {
    Store::open(open(path), Schema::new().table::<Row>(), clock.clone()).await
}

fn row(id: u64) -> Row {
    Row {
        id,
        text: "x".repeat(ROW_BYTES),
    }
}

/// The floor: what the disk wants for one small durable write.
fn append_and_sync(path: &Path, clock: &Clock) -> std::io::Result<Vec<Duration>> {
    let mut file = File::create(path)?;
    let mut times = Vec::new();
    for _ in 0..500 {
        let start = clock.monotonic();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(clock.monotonic() - start);
    }
    std::fs::remove_file(path)?;
    Ok(times)
}

/// Each writer inserts a row, waits until it is durable, and inserts the next.
async fn write(store: &Store, clock: &Clock, writers: usize) -> Result<Vec<Duration>, StateError> {
    let end = clock.monotonic() + Duration::from_secs(SECONDS);
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let (store, timing) = (store.clone(), clock.clone());
            clock.spawn("writer", async move {
                let mut times = Vec::new();
                while timing.monotonic() < end {
                    let row = row(timing.random_u64());
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

fn report(what: &str, times: &[Duration], took: Duration) {
    let mut sorted = times.to_vec();
    sorted.sort();
    let micros = |part: usize| sorted[(sorted.len() - 1) * part / 100].as_micros();
    let took = if took.is_zero() {
        times.iter().sum()
    } else {
        took
    };
    println!(
        "{what:>28}: p50 {:>6} µs, p99 {:>6} µs, {:>6.0}/s",
        micros(50),
        micros(99),
        times.len() as f64 / took.as_secs_f64()
    );
}

fn size(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = path.read_dir().ok();
    match entries {
        Some(entries) => entries.flatten().map(|entry| size(&entry.path())).sum(),
        None => path
            .metadata()
            .map_or(0, |metadata| metadata.blocks() * 512),
    }
}
