//! What is set of log groups.

use std::collections::BTreeMap;

use super::*;

fn group() -> Option<String> {
    Some("/ecs/demo".to_owned())
}

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    result.expect_err("refused").code.to_string()
}

impl World {
    async fn described(&self) -> LogGroup {
        let input = DescribeLogGroupsRequest::default();
        let groups = self
            .call::<op::DescribeLogGroups>(input)
            .await
            .expect("groups");
        groups.log_groups.expect("a list").remove(0)
    }

    async fn retention(&self, days: i32) -> Result<Unit, Error> {
        let input = PutRetentionPolicyRequest {
            log_group_name: group(),
            retention_in_days: Some(days),
        };
        self.call::<op::PutRetentionPolicy>(input).await
    }
}

fn tags(pairs: &[(&str, &str)]) -> Option<BTreeMap<String, String>> {
    let pairs = pairs
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()));
    Some(pairs.collect())
}

#[tokio::test]
async fn retention_hides_what_is_older() {
    let world = World::new().await;
    world.create_stream("web/1").await.expect("created");
    let hours = |hours: i64| hours * 3600;
    world
        .put("web/1", &[(hours(30), "old")])
        .await
        .expect("put");
    world.put("web/1", &[(hours(1), "new")]).await.expect("put");
    assert_eq!(world.described().await.retention_in_days, None);
    world.retention(1).await.expect("set");
    assert_eq!(world.described().await.retention_in_days, Some(1));
    let page = world.get(GetLogEventsRequest::default()).await;
    assert_eq!(messages(&page), ["new"]);
    let found = world.filter(FilterLogEventsRequest::default()).await;
    assert_eq!(found.expect("found"), ["new"]);
    let input = DeleteRetentionPolicyRequest {
        log_group_name: group(),
    };
    world
        .call::<op::DeleteRetentionPolicy>(input)
        .await
        .expect("deleted");
    let page = world.get(GetLogEventsRequest::default()).await;
    assert_eq!(messages(&page), ["old", "new"]);

    let refused = world.retention(2).await.expect_err("refused");
    assert!(
        refused.message.contains("Value '2' at 'retentionInDays'"),
        "{}",
        refused.message
    );
    let input = PutRetentionPolicyRequest {
        log_group_name: Some("nope".to_owned()),
        retention_in_days: Some(1),
    };
    assert_eq!(
        code(world.call::<op::PutRetentionPolicy>(input).await),
        "ResourceNotFoundException"
    );
}

#[tokio::test]
async fn both_kinds_of_tags_are_the_same_tags() {
    let world = World::new().await;
    let arn = world.described().await.arn;
    let input = TagLogGroupRequest {
        log_group_name: group(),
        tags: tags(&[("a", "1"), ("b", "2")]),
    };
    world.call::<op::TagLogGroup>(input).await.expect("tagged");
    let input = TagResourceRequest {
        resource_arn: arn.clone(),
        tags: tags(&[("b", "3"), ("c", "")]),
    };
    world.call::<op::TagResource>(input).await.expect("tagged");
    let input = UntagLogGroupRequest {
        log_group_name: group(),
        tags: Some(vec!["a".to_owned()]),
    };
    world
        .call::<op::UntagLogGroup>(input)
        .await
        .expect("untagged");
    let listed = ListTagsForResourceRequest {
        resource_arn: arn.map(|arn| arn.replace(":*", "")),
    };
    let listed = world
        .call::<op::ListTagsForResource>(listed)
        .await
        .expect("listed");
    assert_eq!(listed.tags, tags(&[("b", "3"), ("c", "")]));
    let input = ListTagsLogGroupRequest {
        log_group_name: group(),
    };
    let listed = world
        .call::<op::ListTagsLogGroup>(input)
        .await
        .expect("listed");
    assert_eq!(listed.tags, tags(&[("b", "3"), ("c", "")]));

    let many: BTreeMap<String, String> = (0..50).map(|n| (n.to_string(), String::new())).collect();
    let input = TagLogGroupRequest {
        log_group_name: group(),
        tags: Some(many),
    };
    assert_eq!(
        code(world.call::<op::TagLogGroup>(input).await),
        "TooManyTagsException"
    );
    let other = Some("arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/demo".to_owned());
    let input = ListTagsForResourceRequest {
        resource_arn: other,
    };
    assert_eq!(
        code(world.call::<op::ListTagsForResource>(input).await),
        "InvalidParameterException"
    );
}

#[tokio::test]
async fn a_protected_group_stays() {
    let world = World::new().await;
    let protect = |is_protected| PutLogGroupDeletionProtectionRequest {
        log_group_identifier: group(),
        deletion_protection_enabled: Some(is_protected),
    };
    let delete = DeleteLogGroupRequest {
        log_group_name: group(),
    };
    let protected = world
        .call::<op::PutLogGroupDeletionProtection>(protect(true))
        .await;
    protected.expect("protected");
    assert_eq!(
        world.described().await.deletion_protection_enabled,
        Some(true)
    );
    let refused = world.call::<op::DeleteLogGroup>(delete.clone()).await;
    assert_eq!(code(refused), "ValidationException");
    let protected = world
        .call::<op::PutLogGroupDeletionProtection>(protect(false))
        .await;
    protected.expect("not protected");
    world
        .call::<op::DeleteLogGroup>(delete)
        .await
        .expect("deleted");
}

#[tokio::test]
async fn groups_are_found_by_class_pattern_and_identifier() {
    let world = World::new().await;
    let rare = CreateLogGroupRequest {
        log_group_name: Some("/rare".to_owned()),
        log_group_class: Some(LogGroupClass::INFREQUENT_ACCESS),
        tags: tags(&[("k", "v")]),
        ..Default::default()
    };
    world
        .call::<op::CreateLogGroup>(rare)
        .await
        .expect("created");
    let names = |input: DescribeLogGroupsRequest| async {
        let groups = world
            .call::<op::DescribeLogGroups>(input)
            .await
            .expect("groups");
        let groups = groups.log_groups.expect("a list").into_iter();
        groups
            .map(|group| group.log_group_name.expect("a name"))
            .collect::<Vec<_>>()
    };
    let by_class = DescribeLogGroupsRequest {
        log_group_class: Some(LogGroupClass::INFREQUENT_ACCESS),
        ..Default::default()
    };
    assert_eq!(names(by_class).await, ["/rare"]);
    let by_identifier = DescribeLogGroupsRequest {
        log_group_identifiers: Some(vec![
            "arn:aws:logs:us-east-1:123456789012:log-group:/rare".to_owned(),
            "/none".to_owned(),
        ]),
        ..Default::default()
    };
    assert_eq!(names(by_identifier).await, ["/rare"]);
    let listed = |pattern: &str| {
        let input = ListLogGroupsRequest {
            log_group_name_pattern: Some(pattern.to_owned()),
            ..Default::default()
        };
        async {
            let groups = world
                .call::<op::ListLogGroups>(input)
                .await
                .expect("groups");
            groups.log_groups.expect("a list").len()
        }
    };
    assert_eq!(listed("ecs|rare").await, 2);
    assert_eq!(listed("^/rare").await, 1);
    assert_eq!(listed("^demo").await, 0);
    let filter = |group: &str| PutMetricFilterRequest {
        log_group_name: Some(group.to_owned()),
        filter_name: Some("f".to_owned()),
        filter_pattern: Some("ERROR".to_owned()),
        metric_transformations: Some(vec![MetricTransformation {
            metric_value: Some("$.ms".to_owned()),
            ..Default::default()
        }]),
        ..Default::default()
    };
    let refused = world.call::<op::PutMetricFilter>(filter("/rare")).await;
    assert_eq!(code(refused), "InvalidOperationException");
}

#[tokio::test]
async fn metric_filters_are_kept_in_order_and_go_with_their_group() {
    let world = World::new().await;
    let put = |name: &str, pattern: &str, metric: &str| {
        let input = PutMetricFilterRequest {
            log_group_name: group(),
            filter_name: Some(name.to_owned()),
            filter_pattern: Some(pattern.to_owned()),
            metric_transformations: Some(vec![MetricTransformation {
                metric_name: Some(metric.to_owned()),
                metric_namespace: Some("n".to_owned()),
                metric_value: Some("1".to_owned()),
                ..Default::default()
            }]),
            ..Default::default()
        };
        world.call::<op::PutMetricFilter>(input)
    };
    put("b", "ERROR", "m").await.expect("put");
    put("a", "{ $.level = \"ERROR\" }", "m").await.expect("put");
    put("b", "WARN", "other").await.expect("put");
    assert_eq!(
        code(put("c", "{ $.x = }", "m").await),
        "InvalidParameterException"
    );
    assert_eq!(world.described().await.metric_filter_count, Some(2));
    let described = |input: DescribeMetricFiltersRequest| async {
        let found = world
            .call::<op::DescribeMetricFilters>(input)
            .await
            .expect("filters");
        let filters = found.metric_filters.expect("a list").into_iter();
        let texts = filters.map(|it| {
            format!(
                "{} {}",
                it.filter_name.expect("a name"),
                it.filter_pattern.expect("one")
            )
        });
        (texts.collect::<Vec<_>>(), found.next_token)
    };
    let (all, _) = described(DescribeMetricFiltersRequest::default()).await;
    assert_eq!(all, ["a { $.level = \"ERROR\" }", "b WARN"]);
    let (first, token) = described(DescribeMetricFiltersRequest {
        limit: Some(1),
        log_group_name: group(),
        ..Default::default()
    })
    .await;
    assert_eq!(first.len(), 1);
    let (second, token) = described(DescribeMetricFiltersRequest {
        limit: Some(1),
        next_token: token,
        ..Default::default()
    })
    .await;
    assert_eq!((second, token), (vec!["b WARN".to_owned()], None));
    let (of_metric, _) = described(DescribeMetricFiltersRequest {
        metric_name: Some("other".to_owned()),
        metric_namespace: Some("n".to_owned()),
        ..Default::default()
    })
    .await;
    assert_eq!(of_metric, ["b WARN"]);
    let delete = DeleteMetricFilterRequest {
        log_group_name: group(),
        filter_name: Some("a".to_owned()),
    };
    world
        .call::<op::DeleteMetricFilter>(delete.clone())
        .await
        .expect("deleted");
    assert_eq!(
        code(world.call::<op::DeleteMetricFilter>(delete).await),
        "ResourceNotFoundException"
    );
}

#[tokio::test]
async fn a_metric_filter_can_be_tried() {
    let world = World::new().await;
    let input = TestMetricFilterRequest {
        filter_pattern: Some("[ip, ..., status = 4*]".to_owned()),
        log_event_messages: Some(vec![
            "1.1.1.1 GET 200".to_owned(),
            "2.2.2.2 GET 404".to_owned(),
        ]),
    };
    let tried = world
        .call::<op::TestMetricFilter>(input)
        .await
        .expect("tried");
    let matches = tried.matches.expect("a list");
    assert_eq!(matches.len(), 1);
    assert_eq!(matches[0].event_number, Some(2));
    assert_eq!(
        matches[0].extracted_values,
        tags(&[("$ip", "2.2.2.2"), ("$2", "GET"), ("$status", "404")])
    );
}
