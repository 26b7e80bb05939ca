//! What every engine must do, as one function that each engine's tests run.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};

use crate::engine::{Batch, Engine, EngineError, Fence, FollowError, Revision, Row, Write};

/// Runs every case on an engine of its own. Panics, as tests do, when the engine breaks a promise.
pub async fn run(new_engine: impl Fn() -> Arc<dyn Engine>) {
    starts_empty(&*new_engine()).await;
    loads_what_was_committed(&*new_engine()).await;
    commits_whole_groups_only(&*new_engine()).await;
    refuses_gaps(&*new_engine()).await;
    fences_the_older_writer(&*new_engine()).await;
    follows_in_order(&*new_engine()).await;
    tells_when_batches_are_gone(&*new_engine()).await;
    keeps_large_and_odd_rows(&*new_engine()).await;
    agrees_with_a_model(&*new_engine()).await;
}

/// Every row of the engine, and the revision; checks that they come in order.
pub async fn load_all(engine: &dyn Engine) -> (Revision, Vec<Row>) {
    let loaded = engine.load().await.expect("the engine loads");
    let chunks: Vec<Vec<Row>> = loaded
        .rows
        .try_collect()
        .await
        .expect("the rows can be read");
    let rows: Vec<Row> = chunks.into_iter().flatten().collect();
    let is_ordered = |pair: &[Row]| (&pair[0].table, &pair[0].key) < (&pair[1].table, &pair[1].key);
    assert!(
        rows.windows(2).all(is_ordered),
        "rows come in the order of table and key, each once"
    );
    (loaded.revision, rows)
}

/// A batch of one write to table `t`.
pub fn batch(revision: Revision, key: &str, value: Option<&[u8]>) -> Batch {
    Batch {
        revision,
        writes: vec![write("t", key, value)],
    }
}

fn write(table: &'static str, key: &str, value: Option<&[u8]>) -> Write {
    Write {
        table: Cow::Borrowed(table),
        key: Arc::from(key),
        value: value.map(<[u8]>::to_vec),
    }
}

fn row(table: &str, key: &str, value: &[u8]) -> Row {
    Row {
        table: table.to_owned(),
        key: key.to_owned(),
        value: value.to_vec(),
    }
}

async fn lead(engine: &dyn Engine) -> Fence {
    engine.lead("suite").await.expect("nobody else leads")
}

async fn starts_empty(engine: &dyn Engine) {
    assert_eq!(load_all(engine).await, (0, vec![]));
    let fence = lead(engine).await;
    assert_eq!(
        engine.commit(fence, vec![]).await,
        Ok(0),
        "an empty group changes nothing"
    );
}

async fn loads_what_was_committed(engine: &dyn Engine) {
    let fence = lead(engine).await;
    let first = Batch {
        revision: 1,
        writes: vec![
            write("b", "k", Some(b"1")),
            write("a", "z", Some(b"2")),
            write("a", "y", Some(b"3")),
        ],
    };
    let second = Batch {
        revision: 2,
        writes: vec![write("a", "z", None), write("b", "k", Some(b"4"))],
    };
    assert_eq!(engine.commit(fence, vec![first, second]).await, Ok(2));
    assert_eq!(
        load_all(engine).await,
        (2, vec![row("a", "y", b"3"), row("b", "k", b"4")])
    );
    let missing = batch(3, "was never there", None);
    assert_eq!(
        engine.commit(fence, vec![missing]).await,
        Ok(3),
        "deleting nothing is no error"
    );
}

async fn commits_whole_groups_only(engine: &dyn Engine) {
    let fence = lead(engine).await;
    let group = vec![batch(1, "a", Some(b"1")), batch(3, "b", Some(b"2"))];
    assert_eq!(
        engine.commit(fence, group).await,
        Err(EngineError::Conflict { at: 1, group: 3 })
    );
    assert_eq!(
        load_all(engine).await,
        (0, vec![]),
        "nothing of a refused group stays"
    );
}

async fn refuses_gaps(engine: &dyn Engine) {
    let fence = lead(engine).await;
    let conflict = |group| Err(EngineError::Conflict { at: 1, group });
    assert_eq!(
        engine.commit(fence, vec![batch(1, "a", Some(b"1"))]).await,
        Ok(1)
    );
    assert_eq!(
        engine.commit(fence, vec![batch(1, "a", Some(b"2"))]).await,
        conflict(1)
    );
    assert_eq!(
        engine.commit(fence, vec![batch(3, "a", Some(b"3"))]).await,
        conflict(3)
    );
    assert_eq!(load_all(engine).await, (1, vec![row("t", "a", b"1")]));
    assert_eq!(
        engine.commit(fence, vec![batch(2, "a", Some(b"4"))]).await,
        Ok(2),
        "a refusal breaks nothing"
    );
}

async fn fences_the_older_writer(engine: &dyn Engine) {
    let older = lead(engine).await;
    assert_eq!(
        engine
            .commit(older, vec![batch(1, "a", Some(b"older"))])
            .await,
        Ok(1)
    );
    let newer = lead(engine).await;
    assert!(newer > older, "fences rise");
    let fenced = EngineError::Fenced {
        ours: older.0,
        newest: newer.0,
    };
    assert_eq!(
        engine
            .commit(older, vec![batch(2, "a", Some(b"late"))])
            .await,
        Err(fenced)
    );
    assert_eq!(load_all(engine).await, (1, vec![row("t", "a", b"older")]));
    assert_eq!(
        engine
            .commit(newer, vec![batch(2, "a", Some(b"newer"))])
            .await,
        Ok(2)
    );
}

async fn follows_in_order(engine: &dyn Engine) {
    let fence = lead(engine).await;
    let group = vec![batch(1, "a", Some(b"1")), batch(2, "b", Some(b"2"))];
    assert_eq!(engine.commit(fence, group.clone()).await, Ok(2));
    let from_start = engine.follow(0);
    let from_one = engine.follow(1);
    let last = batch(3, "a", None);
    let (committed, followed, followed_later) = tokio::join!(
        engine.commit(fence, vec![last.clone()]),
        from_start.take(3).collect::<Vec<_>>(),
        from_one.take(2).collect::<Vec<_>>(),
    );
    assert_eq!(committed, Ok(3));
    let expected: Vec<_> = group
        .into_iter()
        .chain([last])
        .map(|batch| Ok(Arc::new(batch)))
        .collect();
    assert_eq!(followed, expected);
    assert_eq!(followed_later, expected[1..]);
}

async fn tells_when_batches_are_gone(engine: &dyn Engine) {
    let fence = lead(engine).await;
    let newest = limits::FOLLOW_BATCHES as u64 + 10;
    let group = (1..=newest)
        .map(|revision| batch(revision, "a", Some(b"1")))
        .collect();
    assert_eq!(engine.commit(fence, group).await, Ok(newest));
    // An engine with a longer log answers the batch; one that lost it must say so, and never skip.
    let mut follow = engine.follow(0);
    match follow.next().await {
        Some(Ok(batch)) => assert_eq!(batch.revision, 1),
        Some(Err(FollowError::Compacted { from, oldest })) => {
            assert!(from == 0 && oldest > 1, "from {from}, oldest {oldest}");
            assert!(
                follow.next().await.is_none(),
                "the stream ends after it told"
            );
        }
        None => panic!("the stream ended without a word"),
    }
    let batch = engine.follow(newest - 1).next().await;
    assert_eq!(
        batch.and_then(Result::ok).map(|batch| batch.revision),
        Some(newest)
    );
}

async fn keeps_large_and_odd_rows(engine: &dyn Engine) {
    let fence = lead(engine).await;
    let large = vec![0xab; limits::TRANSACTION_BYTES];
    let writes = vec![
        write("t", "", Some(b"no key")),
        write("t", "ä/☃", Some(b"")),
        write("t", "large", Some(&large)),
        write("t2", "", Some(b"a table that starts like another")),
    ];
    assert_eq!(
        engine
            .commit(
                fence,
                vec![Batch {
                    revision: 1,
                    writes
                }]
            )
            .await,
        Ok(1)
    );
    let (_, rows) = load_all(engine).await;
    let expected = [
        row("t", "", b"no key"),
        row("t", "large", &large),
        row("t", "ä/☃", b""),
        row("t2", "", b"a table that starts like another"),
    ];
    assert!(rows == expected, "{} rows", rows.len());
}

/// Many groups of overlapping writes, against a map.
async fn agrees_with_a_model(engine: &dyn Engine) {
    let fence = lead(engine).await;
    let mut model = BTreeMap::new();
    let mut revision = 0;
    for round in 0..20_u64 {
        let mut group = Vec::new();
        for step in 0..round % 7 {
            revision += 1;
            let key = format!("key-{}", (round * 5 + step * 3) % 11);
            let value = (step % 3 != 2).then(|| format!("{round}/{step}").into_bytes());
            group.push(batch(revision, &key, value.as_deref()));
            match value {
                Some(value) => model.insert(key, value),
                None => model.remove(&key),
            };
        }
        assert_eq!(engine.commit(fence, group).await, Ok(revision));
        let expected: Vec<Row> = model
            .iter()
            .map(|(key, value)| row("t", key, value))
            .collect();
        assert_eq!(load_all(engine).await, (revision, expected));
    }
}
