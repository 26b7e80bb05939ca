//! The disk fails at every write and every sync, once each; what was acknowledged must be there, whole.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;

use engine_log::{LogEngine, Options};
use state::engine_suite::{batch, load_all};
use state::{Batch, Engine, EngineError, Fence, Revision, Row};

use crate::faulty_disk::{Fault, FaultyDisk};

/// Small, so that a short history has many files; and without threads, so that it is the same each time.
const OPTIONS: Options = Options {
    snapshot_after_bytes: 700,
    reserve_bytes: 256,
    background: false,
};
const GROUPS: u64 = 30;
const SEEDS: u64 = 3;

type Model = BTreeMap<String, Vec<u8>>;

/// What the rows were after each group, by revision.
struct History {
    states: BTreeMap<Revision, Model>,
    acknowledged: Revision,
    refused: u64,
}

impl History {
    fn new() -> Self {
        Self {
            states: BTreeMap::from([(0, Model::new())]),
            acknowledged: 0,
            refused: 0,
        }
    }

    /// The next group, noted as attempted.
    fn next(&mut self, round: u64) -> Vec<Batch> {
        self.states.split_off(&(self.acknowledged + 1));
        let mut model = self.states[&self.acknowledged].clone();
        let mut revision = self.acknowledged;
        let mut group = Vec::new();
        for step in 0..=round % 3 {
            revision += 1;
            let key = format!("key-{}", (round * 7 + step * 3) % 13);
            let value = (round + step) % 5 != 4;
            let value = value.then(|| vec![round as u8; (round * 11 % 90) as usize]);
            group.push(batch(revision, &key, value.as_deref()));
            match value {
                Some(value) => model.insert(key, value),
                None => model.remove(&key),
            };
        }
        self.states.insert(revision, model);
        group
    }

    fn acknowledge(&mut self, revision: Revision) {
        self.acknowledged = revision;
    }

    /// The engine has everything acknowledged and nothing by halves; what it has counts from now on.
    async fn check(&mut self, engine: &dyn Engine, what: &str) {
        let (revision, rows) = load_all(engine).await;
        assert!(
            revision >= self.acknowledged,
            "{what}: acknowledged is lost"
        );
        let model = self.states.get(&revision);
        let model = model.unwrap_or_else(|| panic!("{what}: half a group, {revision}"));
        assert_eq!(rows, rows_of(model), "{what}: at revision {revision}");
        self.acknowledged = revision;
    }
}

fn rows_of(model: &Model) -> Vec<Row> {
    let row = |(key, value): (&String, &Vec<u8>)| Row {
        table: "t".to_owned(),
        key: key.clone(),
        value: value.clone(),
    };
    model.iter().map(row).collect()
}

fn open(disk: &FaultyDisk) -> Result<LogEngine, EngineError> {
    LogEngine::open_on(Arc::new(disk.clone()), OPTIONS)
}

/// Writes groups until all are written or the engine gives up. A full disk is tried again.
async fn write(disk: &FaultyDisk, history: &mut History, rounds: u64) -> Result<(), EngineError> {
    let engine = open(disk)?;
    let mut fence = lead(&engine, history).await?;
    for round in 0..rounds {
        if round % 10 == 9 {
            fence = lead(&engine, history).await?;
        }
        loop {
            let group = history.next(round);
            match engine.commit(fence, group).await {
                Ok(revision) => break history.acknowledge(revision),
                Err(EngineError::Full { .. }) => {
                    history.refused += 1;
                    history.states.split_off(&(history.acknowledged + 1));
                    history.check(&engine, "after a full disk").await;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

async fn lead(engine: &LogEngine, history: &mut History) -> Result<Fence, EngineError> {
    match engine.lead("writer").await {
        Err(EngineError::Full { .. }) => {
            history.refused += 1;
            engine.lead("writer").await
        }
        other => other,
    }
}

/// Runs with one fault at each point, and answers how many points there were.
async fn at_every_point(fault: Fault, seed: u64) -> u64 {
    for point in 0.. {
        let what = format!("{fault:?} at point {point} with seed {seed}");
        let disk = FaultyDisk::new(seed * 1000 + point);
        let mut history = History::new();
        disk.fail_after(point, fault);
        let ended = write(&disk, &mut history, GROUPS).await;
        if !disk.has_failed() {
            ended.unwrap_or_else(|error| panic!("{what}: {error}"));
            return point;
        }
        disk.restart();
        // The next start may be cut short as well.
        disk.fail_after(point % 7, Fault::Crash);
        if let Ok(engine) = open(&disk) {
            drop(engine);
        }
        disk.restart();
        let engine = open(&disk).unwrap_or_else(|error| panic!("{what}: {error}"));
        history.check(&engine, &what).await;
        drop(engine);
        let again = write(&disk, &mut history, 5).await;
        again.unwrap_or_else(|error| panic!("{what}, going on: {error}"));
        let engine = open(&disk).unwrap_or_else(|error| panic!("{what}, going on: {error}"));
        history.check(&engine, &what).await;
    }
    unreachable!("the writer ends")
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_in_a_crash_at_any_write_or_sync() {
    for seed in 0..SEEDS {
        let points = at_every_point(Fault::Crash, seed).await;
        assert!(points > 100, "only {points} points");
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_disk_fails_once() {
    for seed in 0..SEEDS {
        at_every_point(Fault::Error(ErrorKind::Other), seed).await;
        at_every_point(Fault::Error(ErrorKind::StorageFull), seed).await;
    }
}

#[tokio::test]
async fn a_full_disk_refuses_whole_groups_and_goes_on_when_there_is_room() {
    let mut refused = 0;
    for point in 0..150 {
        let disk = FaultyDisk::new(point);
        let mut history = History::new();
        disk.fail_after(point, Fault::Error(ErrorKind::StorageFull));
        // A sync that fails is not a full disk that can be tried again: then the engine gives up.
        if write(&disk, &mut history, GROUPS).await.is_ok() {
            refused += history.refused;
        }
    }
    assert!(refused > 10, "{refused} groups met the full disk");
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_written() {
    let disk = FaultyDisk::new(1);
    let engine = open(&disk).expect("opens");
    let fence = engine.lead("writer").await.expect("leads");
    let group = |revision| vec![batch(revision, "a", Some(b"1"))];
    engine.commit(fence, group(1)).await.expect("commits");
    // The write succeeds, the sync after it does not.
    disk.fail_after(1, Fault::Error(ErrorKind::Other));
    for _ in 0..2 {
        let refused = engine.commit(fence, group(2)).await;
        assert!(
            matches!(&refused, Err(EngineError::Unavailable(_))),
            "{refused:?}"
        );
    }
    assert!(disk.has_failed() && !disk.has_crashed());
}

#[tokio::test]
async fn damage_before_the_end_is_an_error_and_never_skipped() {
    let disk = FaultyDisk::new(1);
    let roomy = Options {
        snapshot_after_bytes: 1 << 20,
        ..OPTIONS
    };
    let engine = LogEngine::open_on(Arc::new(disk.clone()), roomy).expect("opens");
    let fence = engine.lead("writer").await.expect("leads");
    for revision in 1..=3 {
        let group = vec![batch(revision, "a", Some(&[7; 64]))];
        engine.commit(fence, group).await.expect("commits");
    }
    drop(engine);
    let name = "log-0000000001";
    let content = disk.content(name);
    let places: Vec<_> = (0..content.len())
        .filter(|at| content[*at..].starts_with(&[7; 64]))
        .collect();
    assert_eq!(places.len(), 3);
    for (place, is_refused) in [(places[0], true), (places[1], true), (places[2], false)] {
        disk.flip(name, place);
        let opened = LogEngine::open_on(Arc::new(disk.clone()), roomy).map(drop);
        let is_corrupt = matches!(&opened, Err(EngineError::Corrupt { .. }));
        assert_eq!(is_corrupt, is_refused, "{opened:?}");
        if is_refused {
            disk.flip(name, place);
        }
    }
}
