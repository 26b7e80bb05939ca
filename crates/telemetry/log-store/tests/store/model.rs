//! Any sequence of changes, folds and restarts leaves what a plain map would hold.

use std::collections::BTreeMap;

use clock::Clock;
use log_store::{LogStore, NewEvent, ReadRequest};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    CreateGroup(u8),
    DeleteGroup(u8),
    CreateStream(u8, u8),
    DeleteStream(u8, u8),
    Append(u8, u8, Vec<i64>),
    Fold,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let (group, stream) = (0..2_u8, 0..2_u8);
    prop_oneof![
        3 => group.clone().prop_map(Step::CreateGroup),
        1 => group.clone().prop_map(Step::DeleteGroup),
        4 => (group.clone(), stream.clone()).prop_map(|(g, s)| Step::CreateStream(g, s)),
        1 => (group.clone(), stream.clone()).prop_map(|(g, s)| Step::DeleteStream(g, s)),
        8 => (group, stream, prop::collection::vec(-50..50_i64, 1..5))
            .prop_map(|(g, s, times)| Step::Append(g, s, times)),
        2 => Just(Step::Fold),
        2 => Just(Step::Restart),
    ]
}

type Model = BTreeMap<String, BTreeMap<String, Vec<(i64, String)>>>;

async fn check(store: &LogStore, model: &Model) {
    let groups: Vec<_> = store
        .groups("", None, 10)
        .into_iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(groups, model.keys().cloned().collect::<Vec<_>>());
    for (group, streams) in model {
        let names = store.streams(group, "").expect("listed").into_iter();
        let names: Vec<_> = names.map(|it| it.name).collect();
        assert_eq!(names, streams.keys().cloned().collect::<Vec<_>>());
        for (stream, events) in streams {
            let mut wanted = events.clone();
            wanted.sort_by_key(|(time, _)| *time);
            let read = store.read(group, stream, ReadRequest::default()).await;
            let read = read.expect("read").into_iter();
            let read: Vec<_> = read
                .map(|event| (event.timestamp, event.message.to_string()))
                .collect();
            assert_eq!(read, wanted);
        }
    }
}

async fn run(steps: Vec<Step>) {
    let directory = tempfile::tempdir().expect("a directory");
    let open = || LogStore::open(directory.path(), Clock::system()).expect("opens");
    let mut store = open();
    let mut model = Model::new();
    let mut count = 0;
    for step in steps {
        match step {
            Step::CreateGroup(group) => {
                let group = group.to_string();
                let is_new = !model.contains_key(&group);
                assert_eq!(store.create_group(&group).await.is_ok(), is_new);
                model.entry(group).or_default();
            }
            Step::DeleteGroup(group) => {
                let group = group.to_string();
                let deleted = store.delete_group(&group).await.is_ok();
                assert_eq!(deleted, model.remove(&group).is_some());
            }
            Step::CreateStream(group, stream) => {
                let (group, stream) = (group.to_string(), stream.to_string());
                let created = store.create_stream(&group, &stream).await.is_ok();
                let streams = model.get_mut(&group);
                let is_new = streams.is_some_and(|streams| {
                    let is_new = !streams.contains_key(&stream);
                    streams.entry(stream).or_default();
                    is_new
                });
                assert_eq!(created, is_new);
            }
            Step::DeleteStream(group, stream) => {
                let (group, stream) = (group.to_string(), stream.to_string());
                let deleted = store.delete_stream(&group, &stream).await.is_ok();
                let streams = model.get_mut(&group);
                let was_there = streams
                    .and_then(|streams| streams.remove(&stream))
                    .is_some();
                assert_eq!(deleted, was_there);
            }
            Step::Append(group, stream, times) => {
                let (group, stream) = (group.to_string(), stream.to_string());
                let events: Vec<_> = times
                    .into_iter()
                    .map(|time| {
                        count += 1;
                        (time, format!("event {count}"))
                    })
                    .collect();
                let new = events
                    .iter()
                    .cloned()
                    .map(|(timestamp, message)| NewEvent { timestamp, message });
                let appended = store.append(&group, &stream, new.collect()).await.is_ok();
                let known = model.get_mut(&group).and_then(|it| it.get_mut(&stream));
                assert_eq!(appended, known.is_some());
                if let Some(known) = known {
                    known.extend(events);
                }
            }
            Step::Fold => store.fold().await.expect("folded"),
            Step::Restart => {
                drop(store);
                store = open();
            }
        }
    }
    check(&store, &model).await;
    drop(store);
    check(&open(), &model).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_store_is_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(run(steps));
    }
}
