//! Pages of searches hold each match once, in order, whatever lies across whichever blocks.

use clock::Clock;
use log_store::{LogStore, Matcher, NewEvent, SearchRequest, StreamSelection};
use proptest::prelude::*;

struct Needle(&'static str);

impl Matcher for Needle {
    fn matches(&self, message: &str) -> bool {
        message.contains(self.0)
    }

    fn needle(&self) -> Option<&str> {
        Some(self.0)
    }
}

/// Per stream batches of times; a fold after each batch makes it a block.
async fn run(streams: Vec<Vec<Vec<i64>>>, max_events: usize, max_bytes: usize) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = LogStore::open(directory.path(), Clock::system()).expect("opens");
    store.create_group("g").await.expect("created");
    let mut wanted = Vec::new();
    let mut count = 0;
    for (index, batches) in streams.iter().enumerate() {
        let stream = format!("s{index}");
        store.create_stream("g", &stream).await.expect("created");
        let last = batches.len().saturating_sub(1);
        for (at, batch) in batches.iter().enumerate() {
            let mut events = Vec::new();
            for time in batch {
                count += 1;
                let message = format!("{} {count}", if count % 3 == 0 { "no" } else { "yes" });
                if count % 3 != 0 {
                    wanted.push((*time, index, message.clone()));
                }
                events.push(NewEvent {
                    timestamp: *time,
                    message,
                });
            }
            store.append("g", &stream, events).await.expect("written");
            if at != last {
                store.fold().await.expect("folded");
            }
        }
    }
    wanted.sort_by_key(|(time, stream, _)| (*time, *stream));
    let mut found = Vec::new();
    let mut request = SearchRequest {
        streams: StreamSelection::All,
        start: i64::MIN,
        end: i64::MAX,
        after: None,
        max_events,
        max_bytes,
    };
    loop {
        let page = store
            .search("g", request.clone(), Needle("yes"))
            .await
            .expect("a page");
        assert!(page.events.len() <= max_events);
        found.extend(
            page.events
                .iter()
                .map(|(_, place, event)| (place.timestamp, event.message.to_string())),
        );
        match page.next {
            Some(next) => assert!(request.after.replace(next) < Some(next), "it goes on"),
            None => break,
        }
    }
    let wanted: Vec<_> = wanted
        .into_iter()
        .map(|(time, _, message)| (time, message))
        .collect();
    assert_eq!(found, wanted);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn pages_are_the_whole(
        streams in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(0..30_i64, 1..6), 0..4), 1..4),
        max_events in 1..6_usize,
        max_bytes in prop_oneof![Just(1_usize), 1..40_usize, Just(100_000)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(run(streams, max_events, max_bytes));
    }
}
