//! The operations as clients use them, over a store on disk.

use std::sync::Arc;

use api_logs::operations as op;
use api_logs::types::*;
use clock::Clock;
use log_store::LogStore;
use service_logs::Logs;
use state::{Schema, Store};
use wire::{Caller, Error, Handle, Operation, Principal, Unit};

mod groups;
mod insights;

pub(crate) struct World {
    logs: Arc<Logs>,
    now: i64,
    _directory: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::system();
        let store = LogStore::open(&directory.path().join("logs"), clock.clone()).expect("opens");
        let engine = engine_log::LogEngine::open(directory.path().join("state")).expect("opens");
        let schema = Logs::schema(Schema::new());
        let state = Store::open(Arc::new(engine), schema, clock.clone());
        let state = state.await.expect("opens");
        let world = Self {
            now: clock.now().as_millis(),
            logs: Logs::new(store, state, clock),
            _directory: directory,
        };
        world.create_group("/ecs/demo").await.expect("created");
        world
    }

    async fn call<O: Operation>(&self, input: O::Input) -> Result<O::Output, Error>
    where
        Logs: Handle<O>,
    {
        let caller = caller();
        Handle::<O>::handle(&*self.logs, &caller, input).await
    }

    async fn create_group(&self, name: &str) -> Result<(), Error> {
        let input = CreateLogGroupRequest {
            log_group_name: Some(name.to_owned()),
            ..Default::default()
        };
        self.call::<op::CreateLogGroup>(input).await.map(|_| ())
    }

    async fn create_stream(&self, name: &str) -> Result<(), Error> {
        let input = CreateLogStreamRequest {
            log_group_name: Some("/ecs/demo".to_owned()),
            log_stream_name: Some(name.to_owned()),
        };
        self.call::<op::CreateLogStream>(input).await.map(|_| ())
    }

    /// Times are seconds before now.
    async fn put(
        &self,
        stream: &str,
        events: &[(i64, &str)],
    ) -> Result<PutLogEventsResponse, Error> {
        let events = events.iter().map(|(ago, message)| InputLogEvent {
            timestamp: Some(self.now - ago * 1000),
            message: Some((*message).to_owned()),
        });
        let input = PutLogEventsRequest {
            log_group_name: Some("/ecs/demo".to_owned()),
            log_stream_name: Some(stream.to_owned()),
            log_events: Some(events.collect()),
            ..Default::default()
        };
        self.call::<op::PutLogEvents>(input).await
    }

    async fn get(&self, input: GetLogEventsRequest) -> GetLogEventsResponse {
        let input = GetLogEventsRequest {
            log_group_name: Some("/ecs/demo".to_owned()),
            log_stream_name: Some("web/1".to_owned()),
            ..input
        };
        self.call::<op::GetLogEvents>(input).await.expect("events")
    }

    async fn filter(&self, input: FilterLogEventsRequest) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        let mut input = FilterLogEventsRequest {
            log_group_name: Some("/ecs/demo".to_owned()),
            ..input
        };
        loop {
            let page = self.call::<op::FilterLogEvents>(input.clone()).await?;
            found.extend(page.events.expect("a list").into_iter().map(|event| {
                assert_eq!(event.event_id.expect("an id").len(), 56);
                event.message.expect("a message")
            }));
            input.next_token = page.next_token;
            if input.next_token.is_none() {
                return Ok(found);
            }
        }
    }
}

fn caller() -> Caller {
    Caller {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        principal: Principal::Root,
        access_key_id: "AKIA".to_owned(),
        request_id: "id".to_owned(),
        source_ip: None,
        user_agent: String::new(),
    }
}

fn messages(response: &GetLogEventsResponse) -> Vec<&str> {
    let events = response.events.as_ref().expect("a list").iter();
    events
        .map(|event| event.message.as_deref().expect("a message"))
        .collect()
}

#[tokio::test]
async fn refusals_are_awss() {
    let world = World::new().await;
    let text = |result: Result<(), Error>| result.expect_err("refused").to_string();
    assert_eq!(
        text(world.create_group("/ecs/demo").await),
        "ResourceAlreadyExistsException: The specified log group already exists"
    );
    assert_eq!(
        text(world.create_group("a b").await),
        "InvalidParameterException: 1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy \
         constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"
    );
    world.create_stream("web/1").await.expect("created");
    assert_eq!(
        text(world.create_stream("web/1").await),
        "ResourceAlreadyExistsException: The specified log stream already exists"
    );
    let put = world.put("nope", &[(1, "x")]).await.map(|_| ());
    assert_eq!(
        text(put),
        "ResourceNotFoundException: The specified log stream does not exist."
    );
    let encrypted = CreateLogGroupRequest {
        log_group_name: Some("x".to_owned()),
        kms_key_id: Some("key".to_owned()),
        ..Default::default()
    };
    let refused = world.call::<op::CreateLogGroup>(encrypted).await;
    let refused = refused.expect_err("refused");
    assert_eq!(refused.code, "UnsupportedFeatureException");
    assert!(refused.message.contains("kmsKeyId"));
}

#[tokio::test]
async fn tokens_lead_to_the_end_and_wait_there() {
    let world = World::new().await;
    world.create_stream("web/1").await.expect("created");
    let from_head = || GetLogEventsRequest {
        start_from_head: Some(true),
        limit: Some(2),
        ..Default::default()
    };
    let empty = world.get(from_head()).await;
    assert_eq!(messages(&empty), [""; 0]);

    world
        .put("web/1", &[(5, "1"), (4, "2"), (3, "3")])
        .await
        .expect("put");
    let after_empty = world
        .get(GetLogEventsRequest {
            next_token: empty.next_forward_token,
            ..from_head()
        })
        .await;
    assert_eq!(
        messages(&after_empty),
        ["1", "2"],
        "what comes later is seen"
    );

    let follow = |token: Option<String>| GetLogEventsRequest {
        next_token: token,
        ..from_head()
    };
    let second = world.get(follow(after_empty.next_forward_token)).await;
    assert_eq!(messages(&second), ["3"]);
    let token = second.next_forward_token.clone();
    let end = world.get(follow(token.clone())).await;
    assert_eq!(messages(&end), [""; 0]);
    assert_eq!(end.next_forward_token, token, "the same token at the end");
    let back = world.get(follow(end.next_backward_token)).await;
    assert_eq!(messages(&back), ["2", "3"]);
    let back = world.get(follow(back.next_backward_token)).await;
    assert_eq!(messages(&back), ["1"]);

    world.put("web/1", &[(2, "4")]).await.expect("put");
    let more = world.get(follow(token)).await;
    assert_eq!(messages(&more), ["4"]);
    let latest = world
        .get(GetLogEventsRequest {
            limit: Some(2),
            ..Default::default()
        })
        .await;
    assert_eq!(
        messages(&latest),
        ["3", "4"],
        "the latest unless told otherwise"
    );
}

#[tokio::test]
async fn searches_find_terms_in_all_streams() {
    let world = World::new().await;
    for stream in ["web/1", "web/2", "job/1"] {
        world.create_stream(stream).await.expect("created");
    }
    world
        .put("web/1", &[(9, "GET /a ERROR"), (5, "GET /b")])
        .await
        .expect("put");
    world
        .put("web/2", &[(7, "GET /c ERROR")])
        .await
        .expect("put");
    world
        .put("job/1", &[(6, "ERROR in job")])
        .await
        .expect("put");
    let pattern = |pattern: &str| FilterLogEventsRequest {
        filter_pattern: Some(pattern.to_owned()),
        limit: Some(1),
        ..Default::default()
    };
    let found = world.filter(pattern("ERROR")).await.expect("found");
    assert_eq!(found, ["GET /a ERROR", "GET /c ERROR", "ERROR in job"]);
    let prefixed = FilterLogEventsRequest {
        log_stream_name_prefix: Some("web/".to_owned()),
        ..pattern("ERROR")
    };
    let found = world.filter(prefixed).await.expect("found");
    assert_eq!(found, ["GET /a ERROR", "GET /c ERROR"]);
    let timed = FilterLogEventsRequest {
        start_time: Some(world.now - 7000),
        end_time: Some(world.now - 6000),
        ..Default::default()
    };
    let found = world.filter(timed).await.expect("found");
    assert_eq!(
        found,
        ["GET /c ERROR", "ERROR in job"],
        "the end is inclusive"
    );
    let fields = world
        .filter(pattern("[method = GET, path = /c, ...]"))
        .await;
    assert_eq!(fields.expect("found"), ["GET /c ERROR"]);
    let refused = world.filter(pattern("{ $.a = }")).await;
    let refused = refused.expect_err("refused");
    assert_eq!(refused.code, "InvalidParameterException");
}

#[tokio::test]
async fn streams_are_listed_by_their_last_event() {
    let world = World::new().await;
    for stream in ["a", "b", "c", "d"] {
        world.create_stream(stream).await.expect("created");
    }
    for (stream, ago) in [("a", 5), ("b", 1), ("c", 9)] {
        world.put(stream, &[(ago, "x")]).await.expect("put");
    }
    let mut input = DescribeLogStreamsRequest {
        log_group_identifier: Some(
            "arn:aws:logs:us-east-1:123456789012:log-group:/ecs/demo:*".to_owned(),
        ),
        order_by: Some(OrderBy::LAST_EVENT_TIME),
        descending: Some(true),
        limit: Some(1),
        ..Default::default()
    };
    let mut names = Vec::new();
    loop {
        let page = world.call::<op::DescribeLogStreams>(input.clone()).await;
        let page = page.expect("listed");
        let streams = page.log_streams.expect("a list").into_iter();
        names.extend(streams.map(|stream| stream.log_stream_name.expect("a name")));
        input.next_token = page.next_token;
        if input.next_token.is_none() {
            break;
        }
    }
    assert_eq!(names, ["b", "a", "c", "d"]);
    input.log_stream_name_prefix = Some("a".to_owned());
    let refused = world.call::<op::DescribeLogStreams>(input).await;
    assert_eq!(
        refused.expect_err("refused").message,
        "Cannot order by LastEventTime with a logStreamNamePrefix."
    );
}

#[tokio::test]
async fn groups_are_listed_by_prefix_and_gone_when_deleted() {
    let world = World::new().await;
    for name in ["/ecs/other", "app"] {
        world.create_group(name).await.expect("created");
    }
    let list = |prefix: &str, limit| DescribeLogGroupsRequest {
        log_group_name_prefix: Some(prefix.to_owned()),
        limit,
        ..Default::default()
    };
    let page = world
        .call::<op::DescribeLogGroups>(list("/ecs", Some(1)))
        .await;
    let page = page.expect("listed");
    let first = &page.log_groups.expect("a list")[0];
    assert_eq!(
        first.arn.as_deref(),
        Some("arn:aws:logs:us-east-1:123456789012:log-group:/ecs/demo:*")
    );
    assert_eq!(
        first.log_group_arn.as_deref(),
        Some("arn:aws:logs:us-east-1:123456789012:log-group:/ecs/demo")
    );
    let next = DescribeLogGroupsRequest {
        next_token: page.next_token,
        ..list("/ecs", Some(1))
    };
    let page = world
        .call::<op::DescribeLogGroups>(next)
        .await
        .expect("listed");
    let second = &page.log_groups.expect("a list")[0];
    assert_eq!(second.log_group_name.as_deref(), Some("/ecs/other"));
    assert_eq!(page.next_token, None);

    let delete = DeleteLogGroupRequest {
        log_group_name: Some("/ecs/demo".to_owned()),
    };
    let deleted = world.call::<op::DeleteLogGroup>(delete.clone()).await;
    deleted.expect("deleted");
    let again = world.call::<op::DeleteLogGroup>(delete).await;
    assert_eq!(
        again.expect_err("refused").message,
        "The specified log group does not exist."
    );
}
