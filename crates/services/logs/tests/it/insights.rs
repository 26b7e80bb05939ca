//! Queries from start to results.

use super::*;

fn query(text: &str, now: i64) -> StartQueryRequest {
    StartQueryRequest {
        log_group_names: Some(vec!["/ecs/demo".to_owned()]),
        start_time: Some(now / 1000 - 3600),
        end_time: Some(now / 1000 + 60),
        query_string: Some(text.to_owned()),
        ..Default::default()
    }
}

impl World {
    async fn results(&self, id: &str) -> GetQueryResultsResponse {
        for _ in 0..500 {
            let input = GetQueryResultsRequest {
                query_id: Some(id.to_owned()),
                ..Default::default()
            };
            let answer = self
                .call::<op::GetQueryResults>(input)
                .await
                .expect("an answer");
            if answer.status == Some(QueryStatus::COMPLETE) {
                return answer;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the query does not end");
    }

    /// Rows as `name=value|…`.
    async fn ask(&self, text: &str) -> Vec<String> {
        let started = self
            .call::<op::StartQuery>(query(text, self.now))
            .await
            .expect("started");
        let answer = self.results(&started.query_id.expect("an id")).await;
        let rows = answer.results.expect("a list").into_iter();
        rows.map(|row| {
            let fields = row.into_iter().map(|it| {
                format!(
                    "{}={}",
                    it.field.expect("a name"),
                    it.value.expect("a value")
                )
            });
            fields.collect::<Vec<_>>().join("|")
        })
        .collect()
    }
}

async fn filled() -> World {
    let world = World::new().await;
    world.create_stream("web/1").await.expect("created");
    let events = [
        (9, r#"{"level":"INFO","ms":10}"#),
        (8, r#"{"level":"ERROR","ms":200}"#),
        (7, "plain"),
        (6, r#"{"level":"INFO","ms":30}"#),
    ];
    world.put("web/1", &events).await.expect("put");
    world
        .put("web/1", &[(2 * 3600, "long ago")])
        .await
        .expect("put");
    world
}

#[tokio::test]
async fn a_query_finds_counts_and_points_to_records() {
    let world = filled().await;
    let rows = world
        .ask("filter ispresent(level) | stats count(*) as n, max(ms) by level | sort n desc")
        .await;
    assert_eq!(
        rows,
        ["level=INFO|n=2|max(ms)=30", "level=ERROR|n=1|max(ms)=200"]
    );
    let rows = world
        .ask("fields @message, @logStream, @log | filter @message like 'plain'")
        .await;
    let pointer = rows[0].split("@ptr=").nth(1).expect("a pointer");
    assert!(rows[0].starts_with("@message=plain|@logStream=web/1|@log=123456789012:/ecs/demo|"));
    let input = GetLogRecordRequest {
        log_record_pointer: Some(pointer.to_owned()),
        ..Default::default()
    };
    let record = world
        .call::<op::GetLogRecord>(input)
        .await
        .expect("a record");
    let record = record.log_record.expect("a map");
    assert_eq!(
        (record["@message"].as_str(), record["@logStream"].as_str()),
        ("plain", "web/1")
    );
    assert_eq!(
        world.ask("fields @message").await.len(),
        4,
        "the time range holds"
    );
}

#[tokio::test]
async fn a_malformed_query_says_where() {
    let world = filled().await;
    let refused = world
        .call::<op::StartQuery>(query("filter level = ", world.now))
        .await;
    let refused = refused.expect_err("refused");
    assert_eq!(refused.code, "MalformedQueryException");
    let details: &dyn std::any::Any = &**refused.details.as_ref().expect("details");
    let details = details
        .downcast_ref::<MalformedQueryException>()
        .expect("the shape");
    let error = details.query_compile_error.as_ref().expect("an error");
    let location = error.location.as_ref().expect("a place");
    assert_eq!(
        (location.start_char_offset, location.end_char_offset),
        (Some(15), Some(15))
    );
    let mut nowhere = query("fields @message", world.now);
    nowhere.log_group_names = Some(vec!["/none".to_owned()]);
    let refused = world
        .call::<op::StartQuery>(nowhere)
        .await
        .expect_err("refused");
    assert_eq!(refused.code, "ResourceNotFoundException");
}

#[tokio::test]
async fn queries_are_described_and_results_paged() {
    let world = filled().await;
    let started = world
        .call::<op::StartQuery>(query("fields @message", world.now))
        .await
        .expect("started");
    let id = started.query_id.expect("an id");
    world.results(&id).await;
    let mut token = None;
    let mut count = 0;
    loop {
        let input = GetQueryResultsRequest {
            query_id: Some(id.clone()),
            max_items: Some(3),
            next_token: token,
        };
        let page = world
            .call::<op::GetQueryResults>(input)
            .await
            .expect("a page");
        count += page.results.expect("a list").len();
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(count, 4);
    let described = world
        .call::<op::DescribeQueries>(DescribeQueriesRequest::default())
        .await
        .expect("described");
    let queries = described.queries.expect("a list");
    assert_eq!(queries[0].query_id.as_deref(), Some(id.as_str()));
    assert_eq!(queries[0].status, Some(QueryStatus::COMPLETE));
    let input = StopQueryRequest { query_id: Some(id) };
    let refused = world
        .call::<op::StopQuery>(input)
        .await
        .expect_err("refused");
    assert_eq!(refused.code, "InvalidParameterException");
}

#[tokio::test]
async fn fields_of_a_group_are_found() {
    let world = filled().await;
    let input = GetLogGroupFieldsRequest {
        log_group_name: Some("/ecs/demo".to_owned()),
        ..Default::default()
    };
    let found = world
        .call::<op::GetLogGroupFields>(input)
        .await
        .expect("fields");
    let fields = found.log_group_fields.expect("a list").into_iter();
    let fields: Vec<String> = fields
        .map(|it| {
            format!(
                "{}={}",
                it.name.expect("a name"),
                it.percent.expect("a number")
            )
        })
        .collect();
    assert_eq!(
        fields,
        [
            "@ingestionTime=100",
            "@log=100",
            "@logStream=100",
            "@message=100",
            "@timestamp=100",
            "level=75",
            "ms=75"
        ]
    );
}

#[tokio::test]
async fn queries_can_be_saved() {
    let world = World::new().await;
    let put = |name: &str, id: Option<String>| PutQueryDefinitionRequest {
        name: Some(name.to_owned()),
        query_string: Some("fields @message".to_owned()),
        query_definition_id: id,
        ..Default::default()
    };
    let id = world
        .call::<op::PutQueryDefinition>(put("b", None))
        .await
        .expect("put")
        .query_definition_id;
    world
        .call::<op::PutQueryDefinition>(put("a", None))
        .await
        .expect("put");
    world
        .call::<op::PutQueryDefinition>(put("c", id.clone()))
        .await
        .expect("changed");
    let names = |input| async {
        let found = world
            .call::<op::DescribeQueryDefinitions>(input)
            .await
            .expect("found");
        let definitions = found.query_definitions.expect("a list").into_iter();
        definitions
            .map(|it| it.name.expect("a name"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(DescribeQueryDefinitionsRequest::default()).await,
        ["a", "c"]
    );
    let delete = DeleteQueryDefinitionRequest {
        query_definition_id: id,
    };
    world
        .call::<op::DeleteQueryDefinition>(delete.clone())
        .await
        .expect("deleted");
    assert_eq!(
        names(DescribeQueryDefinitionsRequest::default()).await,
        ["a"]
    );
    let again = world
        .call::<op::DeleteQueryDefinition>(delete)
        .await
        .expect_err("refused");
    assert_eq!(again.code, "ResourceNotFoundException");
}
