//! What a follower is given: each event that came after its beginning, once and in order of arrival.

use clock::Clock;
use log_store::{LogStore, NewEvent};
use proptest::prelude::*;

use super::reading::events;

#[tokio::test]
async fn only_what_comes_after_the_beginning() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = LogStore::open(directory.path(), Clock::system()).expect("opens");
    store.create_group("g").await.expect("created");
    store.create_stream("g", "a").await.expect("created");
    store.append("g", "a", events([5])).await.expect("written");
    let mut place = store.arrivals_from_now("g").expect("a place");
    assert!(
        store
            .arrivals("g", &mut place)
            .await
            .expect("given")
            .is_empty()
    );
    store.create_stream("g", "new").await.expect("created");
    store
        .append("g", "new", events([3]))
        .await
        .expect("written");
    // Earlier by its time, later by its arrival.
    store.append("g", "a", events([1])).await.expect("written");
    let arrived = store.arrivals("g", &mut place).await.expect("given");
    let arrived: Vec<_> = arrived
        .iter()
        .map(|(stream, event)| (&**stream, event.timestamp))
        .collect();
    assert_eq!(arrived, [("a", 1), ("new", 3)]);
    assert!(
        store
            .arrivals("g", &mut place)
            .await
            .expect("given")
            .is_empty()
    );
    store.delete_group("g").await.expect("deleted");
    assert!(store.arrivals("g", &mut place).await.is_err());
}

/// Batches of long lines, folds and looks in any order.
async fn follow(steps: Vec<(u8, usize)>) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = LogStore::open(directory.path(), Clock::system()).expect("opens");
    store.create_group("g").await.expect("created");
    store.create_stream("g", "s").await.expect("created");
    let mut place = store.arrivals_from_now("g").expect("a place");
    let (mut written, mut seen) = (0, Vec::new());
    for (what, count) in steps {
        match what {
            0 => store.fold().await.expect("folded"),
            1 => seen.extend(store.arrivals("g", &mut place).await.expect("given")),
            _ => {
                let new = (0..count).map(|n| NewEvent {
                    timestamp: 0,
                    message: format!("{} {}", written + n, "x".repeat(3000)),
                });
                store
                    .append("g", "s", new.collect())
                    .await
                    .expect("written");
                written += count;
            }
        }
    }
    seen.extend(store.arrivals("g", &mut place).await.expect("given"));
    let numbers = seen.iter().map(|(_, event)| {
        event
            .message
            .split(' ')
            .next()
            .and_then(|it| it.parse::<usize>().ok())
    });
    assert_eq!(
        numbers.collect::<Option<Vec<_>>>(),
        Some((0..written).collect())
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, ..ProptestConfig::default() })]

    #[test]
    fn each_event_is_given_once(steps in prop::collection::vec((0..4_u8, 1..80_usize), 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(follow(steps));
    }
}
