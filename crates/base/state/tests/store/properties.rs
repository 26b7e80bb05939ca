//! Random histories: indexes and views equal a rebuild, undo restores, a reload finds the durable prefix, the feed
//! tells every revision in order.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use state::{FeedEvent, Head, MemoryEngine, StateError, Store, Tx};

use crate::common::*;

#[derive(Clone, Debug)]
enum Step {
    Put(Item),
    Resize(String, i64),
    Delete(String),
}

/// A transaction's steps, and whether it fails at its end.
type Transaction = (Vec<Step>, bool);

fn steps() -> impl Strategy<Value = Step> {
    let put = (
        "[a-e]",
        "[x-z]",
        proptest::collection::vec("[p-r]", 0..3),
        1..4_i64,
    );
    prop_oneof![
        3 => put.prop_map(|(id, group, tags, size)| Step::Put(Item { id, group, tags, size })),
        2 => ("[a-e]", 1..4_i64).prop_map(|(id, size)| Step::Resize(id, size)),
        1 => "[a-e]".prop_map(Step::Delete),
    ]
}

fn histories() -> impl Strategy<Value = Vec<Transaction>> {
    let transaction = (
        proptest::collection::vec(steps(), 0..6),
        proptest::bool::weighted(0.3),
    );
    proptest::collection::vec(transaction, 0..12)
}

fn perform(tx: &mut Tx<'_>, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Put(item) => tx.put(item.clone()),
            Step::Resize(id, size) => drop(tx.update::<Item>(id, |item| item.size = *size)),
            Step::Delete(id) => drop(tx.delete::<Item>(id)),
        }
    }
}

/// Everything that can be asked of a head.
#[derive(Debug, PartialEq)]
struct Answers {
    items: Vec<Item>,
    by_group: BTreeMap<String, BTreeSet<String>>,
    by_tag: BTreeMap<String, BTreeSet<String>>,
    sizes: Sizes,
}

fn answers(head: &Head) -> Answers {
    let asked = |index: &str, keys: &[&str]| {
        let mut found = BTreeMap::new();
        for key in keys {
            let rows = head.index::<Item>(index, key);
            assert_eq!(rows.len(), head.index_len::<Item>(index, key));
            if !rows.is_empty() {
                found.insert(
                    (*key).to_owned(),
                    rows.iter().map(|item| item.id.clone()).collect(),
                );
            }
        }
        found
    };
    Answers {
        items: items(head),
        by_group: asked("by_group", &["x", "y", "z"]),
        by_tag: asked("by_tag", &["p", "q", "r"]),
        sizes: head.view::<Sizes>().clone(),
    }
}

/// The same, from the rows alone.
fn rebuilt(items: Vec<Item>) -> Answers {
    let (mut by_group, mut by_tag) = (
        BTreeMap::<_, BTreeSet<_>>::new(),
        BTreeMap::<_, BTreeSet<_>>::new(),
    );
    let mut sizes = BTreeMap::new();
    for item in &items {
        by_group
            .entry(item.group.clone())
            .or_default()
            .insert(item.id.clone());
        for tag in &item.tags {
            by_tag
                .entry(tag.clone())
                .or_default()
                .insert(item.id.clone());
        }
        *sizes.entry(item.group.clone()).or_default() += item.size;
    }
    Answers {
        items,
        by_group,
        by_tag,
        sizes: Sizes(sizes),
    }
}

/// Runs the history and checks after each transaction; answers the model after each revision.
async fn play(store: &Store, history: &[Transaction]) -> Vec<Vec<Item>> {
    let mut model: BTreeMap<String, Item> = BTreeMap::new();
    let mut revisions = vec![Vec::new()];
    for (steps, fails) in history {
        let result = store.transact(|tx| {
            perform(tx, steps);
            if *fails {
                Err(StateError::Closed)
            } else {
                Ok(())
            }
        });
        assert_eq!(result.is_err(), *fails);
        if !fails {
            model_steps(&mut model, steps);
        }
        let now: Vec<Item> = model.values().cloned().collect();
        let (seen, revision) = store.read(|head| (answers(head), head.revision())).head();
        assert_eq!(seen, rebuilt(now.clone()));
        if revisions.last() != Some(&now) {
            revisions.push(now);
        }
        assert_eq!(
            revision as usize + 1,
            revisions.len(),
            "one revision for each transaction that changed something"
        );
        assert!(store.durable_revision() <= revision);
        // Lets the committer run, or not: groups of all sizes occur.
        if steps.len() % 2 == 0 {
            tokio::task::yield_now().await;
        }
    }
    revisions
}

fn model_steps(model: &mut BTreeMap<String, Item>, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Put(item) => drop(model.insert(item.id.clone(), item.clone())),
            Step::Resize(id, size) => drop(model.get_mut(id).map(|item| item.size = *size)),
            Step::Delete(id) => drop(model.remove(id)),
        }
    }
}

fn run<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(test);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_head_equals_a_rebuild_and_reloads(history in histories()) {
        run(async {
            let engine = MemoryEngine::new();
            let store = open(&engine).await;
            let revisions = play(&store, &history).await;
            store.close().await.expect("clean");
            assert_eq!(store.durable_revision() as usize + 1, revisions.len());
            let reloaded = open(&engine).await.read(answers).head();
            assert_eq!(reloaded, rebuilt(revisions.last().cloned().unwrap_or_default()));
        });
    }

    #[test]
    fn a_crash_leaves_the_durable_prefix(history in histories(), last in 0..12_usize) {
        run(async {
            let engine = MemoryEngine::new();
            let store = open(&engine).await;
            let cut = last.min(history.len());
            let _ = play(&store, &history[..cut]).await;
            // From here on nothing reaches the engine any more.
            engine.break_commits();
            let durable = store.durable_revision();
            let revisions = {
                let engine = MemoryEngine::new();
                play(&open(&engine).await, &history[..cut]).await
            };
            tokio::task::yield_now().await;
            let loaded = open(&engine).await.read(|head| (items(head), head.revision())).head();
            assert!(loaded.1 >= durable, "the watermark is never ahead of the engine");
            assert_eq!(loaded.0, revisions[loaded.1 as usize]);
        });
    }

    #[test]
    fn the_feed_tells_every_revision_in_order(history in histories()) {
        run(async {
            let store = open(&MemoryEngine::new()).await;
            let mut feed = store.feed();
            let revisions = play(&store, &history).await;
            let mut model: BTreeMap<String, Item> = BTreeMap::new();
            for (number, expected) in revisions.iter().enumerate().skip(1) {
                let FeedEvent::Changes(set) = feed.next().await else { panic!("not lagged") };
                assert_eq!(set.revision as usize, number);
                for change in &set.changes {
                    let (before, after) = change.of::<Item>().expect("only items change");
                    let was = match after {
                        Some(item) => model.insert(change.key.to_string(), item.clone()),
                        None => model.remove(&*change.key),
                    };
                    assert_eq!(was.as_ref(), before);
                }
                assert_eq!(&model.values().cloned().collect::<Vec<_>>(), expected);
            }
            assert!(feed.try_next().is_none());
        });
    }
}
