//! Appending, finding, reopening, damage and retention, over real files.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use clock::{Clock, UnixMillis};
use history::{Entry, History, HistoryError, Options, Order, Query, TASKS};
use proptest::prelude::*;

const SMALL: Options = Options {
    segment_bytes: 300,
    segment_age_seconds: 3600,
};

fn open(directory: &Path, options: Options) -> History {
    History::open(directory, options, Clock::system()).expect("opens")
}

fn entry(key: &str, at: i64, payload: &str) -> Entry {
    Entry {
        key: key.to_owned(),
        at: UnixMillis(at),
        payload: payload.as_bytes().to_vec(),
    }
}

async fn append(history: &History, entry: &Entry) {
    let Entry { key, at, payload } = entry.clone();
    history
        .append(TASKS, key, at, payload)
        .await
        .expect("durable");
}

async fn all(history: &History) -> Vec<Entry> {
    history.list(TASKS, &everything()).await.expect("readable")
}

fn everything() -> Query<'static> {
    Query {
        since: UnixMillis(i64::MIN),
        limit: usize::MAX,
        ..Query::default()
    }
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory.join(TASKS)).expect("a directory");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn entries_are_found_by_key_prefix_and_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let history = open(directory.path(), Options::default());
    assert_eq!(history.get(TASKS, "a/1").await, Ok(None));
    assert_eq!(all(&history).await, []);
    let entries = [
        entry("a/1", 10, "one"),
        entry("b/1", 20, "two"),
        entry("a/2", 30, "three"),
        entry("a/3", 30, ""),
    ];
    history
        .append_all(TASKS, entries.to_vec())
        .await
        .expect("durable");
    let [a1, b1, a2, a3] = entries;
    assert_eq!(history.get(TASKS, "b/1").await, Ok(Some(b1.clone())));
    assert_eq!(
        all(&history).await,
        [a3.clone(), a2.clone(), b1, a1.clone()]
    );
    let query = |query| {
        history
            .list_keys(TASKS, &query)
            .into_iter()
            .map(|(key, _)| key)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        query(Query {
            prefix: "a/",
            limit: 9,
            ..Query::default()
        }),
        ["a/3", "a/2", "a/1"]
    );
    assert_eq!(
        query(Query {
            prefix: "a/",
            since: UnixMillis(11),
            limit: 9,
            ..Query::default()
        }),
        ["a/3", "a/2"]
    );
    let page = Query {
        prefix: "a/",
        limit: 1,
        ..Query::default()
    };
    assert_eq!(query(page.clone()), ["a/3"]);
    assert_eq!(
        query(Query {
            after: Some((a3.at, &a3.key)),
            ..page.clone()
        }),
        ["a/2"]
    );
    assert_eq!(
        query(Query {
            after: Some((a2.at, &a2.key)),
            ..page.clone()
        }),
        ["a/1"]
    );
    assert!(
        query(Query {
            after: Some((a1.at, &a1.key)),
            ..page.clone()
        })
        .is_empty()
    );
    assert!(
        query(Query {
            after: Some((a1.at, &a1.key)),
            since: UnixMillis(11),
            ..page
        })
        .is_empty()
    );
    let forward = Query {
        order: Order::OldestFirst,
        limit: 9,
        ..Query::default()
    };
    assert_eq!(query(forward.clone()), ["a/1", "b/1", "a/2", "a/3"]);
    let until = Query {
        until: Some(UnixMillis(20)),
        ..forward.clone()
    };
    assert_eq!(query(until.clone()), ["a/1", "b/1"]);
    let from_before = Query {
        since: UnixMillis(20),
        after: Some((a1.at, &a1.key)),
        ..forward.clone()
    };
    assert_eq!(query(from_before), ["b/1", "a/2", "a/3"]);
    let behind = Query {
        after: Some((a2.at, &a2.key)),
        ..until.clone()
    };
    assert!(query(behind).is_empty());
    let back_from_behind = Query {
        after: Some((a3.at, &a3.key)),
        order: Order::NewestFirst,
        ..until
    };
    assert_eq!(query(back_from_behind), ["b/1", "a/1"]);
    let nothing = Query {
        since: UnixMillis(2),
        until: Some(UnixMillis(1)),
        ..forward
    };
    assert!(query(nothing).is_empty());
    assert!(history.contains(TASKS, "a/1") && !history.contains("deployments", "a/1"));
    assert_eq!(history.count(TASKS), 4);
}

#[tokio::test]
async fn the_same_entry_again_costs_nothing_and_another_replaces_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let history = open(directory.path(), Options::default());
    let first = entry("a", 10, "one");
    history
        .append_all(TASKS, vec![first.clone(), first.clone()])
        .await
        .expect("durable");
    let size = || {
        files(directory.path(), "seg")[0]
            .metadata()
            .expect("a file")
            .len()
    };
    let size_once = size();
    append(&history, &first).await;
    assert_eq!(size(), size_once);
    let other = entry("a", 5, "two");
    append(&history, &other).await;
    assert!(size() > size_once);
    assert_eq!(all(&history).await, std::slice::from_ref(&other));
    drop(history);
    assert_eq!(
        all(&open(directory.path(), Options::default())).await,
        [other]
    );
}

#[tokio::test]
async fn appends_at_once_are_all_durable() {
    let directory = tempfile::tempdir().expect("a directory");
    let clock = Clock::system();
    let history = open(
        directory.path(),
        Options {
            segment_bytes: 2000,
            ..SMALL
        },
    );
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let history = history.clone();
            clock.spawn("append", async move {
                append(&history, &entry(&number.to_string(), number, "x")).await
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("durable");
    }
    drop(history);
    assert!(files(directory.path(), "seg").len() > 2, "several segments");
    assert_eq!(open(directory.path(), SMALL).count(TASKS), 200);
}

#[tokio::test]
async fn a_torn_tail_is_cut_wherever_it_tears() {
    let directory = tempfile::tempdir().expect("a directory");
    let (kept, torn) = (
        entry("kept", 1, "kept payload"),
        entry("torn", 2, "torn payload"),
    );
    let history = open(directory.path(), Options::default());
    append(&history, &kept).await;
    let segment = files(directory.path(), "seg").remove(0);
    let good = std::fs::read(&segment).expect("readable");
    append(&history, &torn).await;
    drop(history);
    let whole = std::fs::read(&segment).expect("readable");
    for length in good.len() + 1..whole.len() {
        std::fs::write(&segment, &whole[..length]).expect("written");
        let history = open(directory.path(), Options::default());
        assert_eq!(
            all(&history).await,
            std::slice::from_ref(&kept),
            "cut at {length}"
        );
        assert_eq!(std::fs::read(&segment).expect("readable"), good);
        assert_eq!(
            std::fs::read(segment.with_extension("torn")).expect("set aside"),
            whole[good.len()..length]
        );
        append(&history, &torn).await;
        assert_eq!(all(&history).await, [torn.clone(), kept.clone()]);
    }
    // What a file system may leave after a loss of power: the length, but not the bytes.
    std::fs::write(&segment, [&good[..], &[0; 500]].concat()).expect("written");
    assert_eq!(
        all(&open(directory.path(), Options::default())).await,
        [kept]
    );
}

#[tokio::test]
async fn a_damaged_entry_is_an_error_by_name_and_a_damaged_index_is_made_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let history = open(directory.path(), SMALL);
    let entries: Vec<_> = (0..20)
        .map(|number| entry(&format!("key-{number:02}"), number, "some payload"))
        .collect();
    history
        .append_all(TASKS, entries.clone())
        .await
        .expect("durable");
    drop(history);
    let indexes = files(directory.path(), "idx");
    assert!(indexes.len() > 1, "segments were sealed");
    std::fs::write(&indexes[0], "nonsense").expect("written");
    std::fs::remove_file(&indexes[1]).expect("removed");
    let mut newest_first = entries.clone();
    newest_first.reverse();
    let history = open(directory.path(), SMALL);
    assert_eq!(all(&history).await, newest_first);
    append(&history, &entry("later", 99, "x")).await;
    drop(history);

    // The last byte of the first entry's payload, in a sealed segment.
    let last_byte = 8 + 18 + "key-00".len() + "some payload".len() - 1;
    let first = files(directory.path(), "seg").remove(0);
    // Its index is whole again, so that the entry is found and its damage noticed.
    let restored = open(directory.path(), SMALL);
    let file = OpenOptions::new().write(true).open(&first).expect("opens");
    file.write_all_at(b"?", last_byte as u64).expect("written");
    let damaged = restored.get(TASKS, "key-00").await;
    assert!(
        matches!(&damaged, Err(HistoryError::Damaged { key, .. }) if key == "key-00"),
        "{damaged:?}"
    );
    assert_eq!(
        restored.get(TASKS, "key-01").await,
        Ok(Some(entries[1].clone()))
    );
}

#[tokio::test]
async fn only_whole_old_segments_expire() {
    let directory = tempfile::tempdir().expect("a directory");
    let history = open(directory.path(), SMALL);
    for number in 0..20 {
        append(
            &history,
            &entry(&number.to_string(), number, "some payload"),
        )
        .await;
    }
    let segments = files(directory.path(), "seg").len();
    let gone = history
        .expire(TASKS, UnixMillis(10))
        .await
        .expect("expires");
    let left = all(&history).await;
    assert!(
        gone > 0 && gone + left.len() == 20,
        "{gone} gone, {} left",
        left.len()
    );
    assert!(
        left.iter()
            .filter(|entry| entry.at >= UnixMillis(10))
            .count()
            == 10,
        "nothing young goes"
    );
    assert!(files(directory.path(), "seg").len() < segments);
    drop(history);
    let history = open(directory.path(), SMALL);
    assert_eq!(all(&history).await, left);
    assert_eq!(
        history.expire(TASKS, UnixMillis(i64::MAX)).await,
        Ok(left.len())
    );
    assert!(files(directory.path(), "seg").is_empty() && files(directory.path(), "idx").is_empty());
    append(&history, &entry("new", 1, "x")).await;
    assert_eq!(all(&history).await, [entry("new", 1, "x")]);
    assert_eq!(history.expire("never-seen", UnixMillis(1)).await, Ok(0));
}

#[tokio::test]
async fn expiry_brings_no_replaced_entry_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let history = open(directory.path(), SMALL);
    let payload = "x".repeat(120);
    for entry in [
        entry("c", 50, &payload),
        entry("d", 100, &payload),
        entry("c", 17, "replaced"),
    ] {
        append(&history, &entry).await;
    }
    assert_eq!(files(directory.path(), "seg").len(), 2);
    // All of the second segment is old enough, but an older one stays, with what it replaced.
    assert_eq!(history.expire(TASKS, UnixMillis(60)).await, Ok(0));
    drop(history);
    let found = open(directory.path(), SMALL).get(TASKS, "c").await;
    assert_eq!(found, Ok(Some(entry("c", 17, "replaced"))));
}

#[tokio::test]
async fn old_and_young_entries_do_not_share_a_segment() {
    let directory = tempfile::tempdir().expect("a directory");
    let history = open(
        directory.path(),
        Options {
            segment_age_seconds: 1,
            ..Options::default()
        },
    );
    for (key, at) in [("a", 0), ("b", 1000), ("c", 1001)] {
        append(&history, &entry(key, at, "x")).await;
    }
    assert_eq!(history.expire(TASKS, UnixMillis(1001)).await, Ok(2));
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let history = open(directory.path(), Options::default());
    let large = history
        .append(
            TASKS,
            "a",
            UnixMillis(1),
            vec![0; limits::HISTORY_ENTRY_BYTES],
        )
        .await;
    assert!(matches!(large, Err(HistoryError::TooLarge { .. })));
    for kind in ["", "..", "a/b", "Tasks"] {
        let refused = history.append(kind, "a", UnixMillis(1), Vec::new()).await;
        assert_eq!(
            refused,
            Err(HistoryError::Kind {
                kind: kind.to_owned()
            })
        );
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<(String, i64, String)>),
    Reopen,
    /// Reopen, with the index files gone.
    ReopenBare,
    Expire(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let entries = proptest::collection::vec(("[a-f]", 0..100_i64, "[x-z]{0,40}"), 1..6);
    let step = prop_oneof![
        6 => entries.prop_map(Step::Append),
        2 => Just(Step::Reopen),
        1 => Just(Step::ReopenBare),
        1 => (0..60_i64).prop_map(Step::Expire),
    ];
    proptest::collection::vec(step, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn agrees_with_a_map(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(play(&steps));
    }
}

async fn play(steps: &[Step]) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut history = open(directory.path(), SMALL);
    let mut model: BTreeMap<String, Entry> = BTreeMap::new();
    for step in steps {
        match step {
            Step::Append(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(key, at, payload)| entry(key, *at, payload))
                    .collect();
                history
                    .append_all(TASKS, entries.clone())
                    .await
                    .expect("durable");
                model.extend(entries.into_iter().map(|entry| (entry.key.clone(), entry)));
            }
            Step::Reopen | Step::ReopenBare => {
                drop(history);
                if matches!(step, Step::ReopenBare) && directory.path().join(TASKS).exists() {
                    files(directory.path(), "idx")
                        .iter()
                        .for_each(|path| std::fs::remove_file(path).expect("removed"));
                }
                history = open(directory.path(), SMALL);
            }
            Step::Expire(older_than) => {
                let before = model.len();
                let gone = history
                    .expire(TASKS, UnixMillis(*older_than))
                    .await
                    .expect("expires");
                // Which old entries go depends on the segments; no young one may.
                let left = |entry: &Entry| history.contains(TASKS, &entry.key);
                model.retain(|_, entry| left(entry) || entry.at >= UnixMillis(*older_than));
                assert_eq!(before - model.len(), gone);
            }
        }
        let mut expected: Vec<Entry> = model.values().cloned().collect();
        expected.sort_by(|one, other| (other.at, &other.key).cmp(&(one.at, &one.key)));
        assert_eq!(all(&history).await, expected);
        assert_eq!(history.count(TASKS), expected.len());
    }
}
