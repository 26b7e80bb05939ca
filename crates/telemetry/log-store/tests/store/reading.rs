//! Groups, streams, pages, searches.

use clock::Clock;
use log_store::{
    Direction, LogStore, LogStoreError, NewEvent, ReadRequest, SearchRequest, StreamSelection,
};

pub fn events(times: impl IntoIterator<Item = i64>) -> Vec<NewEvent> {
    times
        .into_iter()
        .map(|timestamp| NewEvent {
            timestamp,
            message: format!("at {timestamp}"),
        })
        .collect()
}

async fn store_with(streams: &[&str]) -> (tempfile::TempDir, LogStore) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = LogStore::open(directory.path(), Clock::system()).expect("opens");
    store.create_group("g").await.expect("created");
    for stream in streams {
        store.create_stream("g", stream).await.expect("created");
    }
    (directory, store)
}

fn everything() -> SearchRequest {
    SearchRequest {
        streams: StreamSelection::All,
        start: i64::MIN,
        end: i64::MAX,
        after: None,
        max_events: 10_000,
        max_bytes: 1024 * 1024,
    }
}

#[tokio::test]
async fn names_are_unique_and_must_exist() {
    let (_directory, store) = store_with(&["s"]).await;
    let err = |result: Result<(), LogStoreError>| result.expect_err("refused");
    assert_eq!(
        err(store.create_group("g").await),
        LogStoreError::GroupExists
    );
    let again = store.create_stream("g", "s").await;
    assert_eq!(err(again), LogStoreError::StreamExists);
    let nowhere = store.create_stream("x", "s").await;
    assert_eq!(err(nowhere), LogStoreError::GroupNotFound);
    let missing = store.append("g", "x", events([1])).await;
    assert_eq!(err(missing), LogStoreError::StreamNotFound);
    store.delete_stream("g", "s").await.expect("deleted");
    let gone = store.read("g", "s", ReadRequest::default()).await;
    assert_eq!(gone, Err(LogStoreError::StreamNotFound));
    store.delete_group("g").await.expect("deleted");
    assert_eq!(
        err(store.delete_group("g").await),
        LogStoreError::GroupNotFound
    );
    store.create_group("g").await.expect("again");
    assert_eq!(store.streams("g", ""), Ok(Vec::new()));
}

#[tokio::test]
async fn what_arrives_together_is_kept_in_order() {
    let (_directory, store) = store_with(&[]).await;
    // A group, its stream and its events, submitted at once: names made by one batch wait for the next.
    let (group, stream, append, again) = tokio::join!(
        store.create_group("h"),
        store.create_stream("h", "s"),
        store.append("h", "s", events([1, 2])),
        store.create_group("h"),
    );
    assert_eq!((group, stream, append), (Ok(()), Ok(()), Ok(())));
    assert_eq!(again, Err(LogStoreError::GroupExists));
    let read = store.read("h", "s", ReadRequest::default()).await;
    assert_eq!(read.expect("read").len(), 2);
}

#[tokio::test]
async fn many_writers_share_commits() {
    let (_directory, store) = store_with(&["s"]).await;
    let before = *store.changes().borrow();
    let writers = (0..200).map(|n| store.append("g", "s", events([n])));
    for written in futures_util::future::join_all(writers).await {
        written.expect("written");
    }
    let commits = *store.changes().borrow() - before;
    assert!(commits < 50, "{commits} commits for 200 appends");
    let read = store.read("g", "s", ReadRequest::default()).await;
    assert_eq!(read.expect("read").len(), 200);
}

#[tokio::test]
async fn pages_lead_forward_and_backward_through_everything() {
    let (_directory, store) = store_with(&["s"]).await;
    // Out of order, over several blocks and the tail.
    for round in 0..5 {
        let times = (0..100).map(|n| (n * 37 + round * 11) % 300);
        store
            .append("g", "s", events(times))
            .await
            .expect("written");
        if round < 3 {
            store.fold().await.expect("folded");
        }
    }
    let all = store
        .read("g", "s", ReadRequest::default())
        .await
        .expect("read");
    assert_eq!(all.len(), 500);
    assert!(all.is_sorted_by_key(|event| event.cursor()));
    for direction in [Direction::Forward, Direction::Backward] {
        let mut cursor = None;
        let mut pages = Vec::new();
        loop {
            let request = ReadRequest {
                direction,
                cursor,
                max_events: 7,
                ..ReadRequest::default()
            };
            let page = store.read("g", "s", request).await.expect("read");
            let edge = match direction {
                Direction::Forward => page.last(),
                Direction::Backward => page.first(),
            };
            let Some(edge) = edge else { break };
            cursor = Some(edge.cursor());
            pages.push(page);
        }
        if direction == Direction::Backward {
            pages.reverse();
        }
        assert_eq!(pages.concat(), all, "{direction:?}");
    }
    let request = ReadRequest {
        start: 100,
        end: 110,
        ..ReadRequest::default()
    };
    let some = store.read("g", "s", request).await.expect("read");
    let wanted = all.iter().filter(|it| (100..110).contains(&it.timestamp));
    assert_eq!(some, wanted.cloned().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_search_merges_streams_by_time() {
    let (_directory, store) = store_with(&["a", "b", "c", "other"]).await;
    for (stream, times) in [("a", [1, 4, 4]), ("b", [2, 4, 6]), ("c", [3, 4, 9])] {
        store
            .append("g", stream, events(times))
            .await
            .expect("written");
    }
    let whole = store
        .search("g", everything(), |_: &str| true)
        .await
        .expect("found");
    let times: Vec<_> = whole.events.iter().map(|(_, _, it)| it.timestamp).collect();
    assert_eq!(times, [1, 2, 3, 4, 4, 4, 4, 6, 9]);
    assert_eq!(whole.next, None);

    for max_events in 1..5 {
        let mut request = SearchRequest {
            max_events,
            ..everything()
        };
        let mut found = Vec::new();
        loop {
            let page = store.search("g", request.clone(), |_: &str| true).await;
            let page = page.expect("found");
            assert!(page.events.len() <= max_events);
            found.extend(page.events);
            request.after = page.next;
            if page.next.is_none() {
                break;
            }
        }
        assert_eq!(found, whole.events, "pages of {max_events}");
    }
    let request = SearchRequest {
        streams: StreamSelection::Named(vec!["b".to_owned(), "c".to_owned()]),
        start: 4,
        end: 9,
        ..everything()
    };
    let page = store
        .search("g", request, |message: &str| message != "at 6")
        .await;
    let page = page.expect("found");
    let names: Vec<_> = page.events.iter().map(|(name, ..)| name.as_ref()).collect();
    assert_eq!(names, ["b", "c"]);
    let unknown = SearchRequest {
        streams: StreamSelection::Named(vec!["nope".to_owned()]),
        ..everything()
    };
    let refused = store.search("g", unknown, |_: &str| true).await;
    assert_eq!(refused, Err(LogStoreError::StreamNotFound));
}

#[tokio::test]
async fn listings_go_by_prefix() {
    let (_directory, store) = store_with(&["web/1", "web/2", "x"]).await;
    for group in ["g/a", "g/b", "h"] {
        store.create_group(group).await.expect("created");
    }
    let names = |prefix: &str, after: Option<&str>, limit| {
        let groups = store.groups(prefix, after, limit).into_iter();
        groups.map(|group| group.name).collect::<Vec<_>>()
    };
    assert_eq!(names("", None, 10), ["g", "g/a", "g/b", "h"]);
    assert_eq!(names("g", Some("g"), 1), ["g/a"]);
    assert_eq!(names("g/", Some("a"), 10), ["g/a", "g/b"]);
    store
        .append("g", "web/2", events([5, 3]))
        .await
        .expect("written");
    let streams = store.streams("g", "web/").expect("listed");
    let times: Vec<_> = streams
        .iter()
        .map(|stream| {
            (
                stream.name.as_str(),
                stream.first_event_at,
                stream.last_event_at,
            )
        })
        .collect();
    assert_eq!(times, [("web/1", None, None), ("web/2", Some(3), Some(5))]);
}
