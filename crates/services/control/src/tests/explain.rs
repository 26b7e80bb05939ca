//! Explanations, and plans, as the operations give them.

use api_gantry::types::{
    ExplainRequest, ExplainResponse, ExplainedKind, FindingTopic, PlanOutcome,
    PlanUpdateServiceRequest,
};
use service_ecs::records::{
    Attribute, Capacity, ContainerInstanceRecord, ContainerInstanceStatus, TaskRecord,
};
use state::StateError;

use super::*;

/// A world whose loops run, with two nodes: the second is too small for a task.
async fn two_nodes() -> (World, Vec<JoinHandle<()>>) {
    let world = World::new().await;
    let running = loops(&world).await;
    named_node(&world, "large", 1024, 2048).await;
    named_node(&world, "small", 1024, 256).await;
    change_nodes(&world, |node| node.connection.connected = true).await;
    definition(&world).await;
    (world, running)
}

/// As if agents did it.
async fn change_nodes(world: &World, change: impl Fn(&mut ContainerInstanceRecord)) {
    let done = world.store.transact(|tx| {
        let nodes: Vec<_> = tx.scan::<ContainerInstanceRecord>("").cloned().collect();
        for node in nodes {
            let mut node = ContainerInstanceRecord::clone(&node);
            change(&mut node);
            tx.put(node);
        }
        Ok::<_, StateError>(())
    });
    done.expect("changed").durable().await.expect("durable");
}

async fn service(world: &World, desired: i32) {
    let request = CreateServiceRequest {
        service_name: Some("web".into()),
        task_definition: Some("web".into()),
        desired_count: Some(desired),
        launch_type: Some(LaunchType::FARGATE),
        network_configuration: Some(network(world).await),
        ..CreateServiceRequest::default()
    };
    world.ecs::<ecs::CreateService>(request).await;
    world.clock.sleep(Duration::from_secs(1)).await;
}

async fn explain(world: &World, what: &str) -> ExplainResponse {
    let request = ExplainRequest {
        resource: Some(what.into()),
        node_by_node: Some(true),
        ..ExplainRequest::default()
    };
    world.call::<op::Explain>(request).await.expect(what)
}

async fn refusal(world: &World, what: &str) -> (String, String) {
    let request = ExplainRequest {
        resource: Some(what.into()),
        ..ExplainRequest::default()
    };
    let error = world.call::<op::Explain>(request).await.expect_err(what);
    (error.code.to_string(), error.message)
}

fn told(answer: &ExplainResponse, topic: FindingTopic) -> Vec<String> {
    let findings = answer.findings.iter().flatten();
    findings
        .filter(|finding| finding.topic.as_ref() == Some(&topic))
        .filter_map(|finding| finding.message.clone())
        .collect()
}

fn tasks(world: &World) -> Vec<TaskRecord> {
    let tasks = world.store.read(|head| {
        let tasks = head.scan::<TaskRecord>("");
        tasks.map(|task| TaskRecord::clone(task)).collect()
    });
    tasks.head()
}

#[tokio::test(start_paused = true)]
async fn a_placed_task_says_why_there_and_what_the_others_lacked() {
    let (world, _running) = two_nodes().await;
    service(&world, 1).await;
    let task = tasks(&world).remove(0);
    let answer = explain(&world, &task.id[..12]).await;
    assert_eq!(answer.kind, Some(ExplainedKind::TASK));
    assert_eq!(answer.resource_arn, Some(task.arn()));
    let expected = [
        "it asks for 256 CPU units and 512 MiB",
        "1 of 2 nodes could take it",
        "1 node: too little memory free",
        "small came nearest: 256 MiB of memory short",
    ];
    assert_eq!(told(&answer, FindingTopic::PLACEMENT), expected);
    let cause = told(&answer, FindingTopic::CAUSE);
    assert!(
        cause[0].starts_with("service web started it for deployment ecs-svc/"),
        "{cause:?}"
    );
    let placement = answer.placement.expect("kept");
    assert_eq!(
        (placement.considered, placement.fitting),
        (Some(2), Some(1))
    );
    let nearest = placement.nearest_miss.expect("the small one");
    assert_eq!(nearest.node_name.as_deref(), Some("small"));
    assert_eq!(nearest.filter.as_deref(), Some("RESOURCE:MEMORY"));
    assert_eq!(nearest.lacking, Some(256));
    let nodes = answer.nodes.expect("asked for");
    assert_eq!(nodes[0].node_name.as_deref(), Some("large"));
    assert_eq!(nodes[0].fits, Some(true));
    let lacks = nodes[1].lacks.clone().expect("what it lacks");
    assert_eq!(lacks, ["512 MiB of memory are wanted, 256 are free"]);
    let by_arn = explain(&world, &task.arn()).await;
    assert_eq!(by_arn.resource_arn, Some(task.arn()));
}

#[tokio::test(start_paused = true)]
async fn a_task_without_a_node_and_one_that_stopped_say_why() {
    let (world, _running) = two_nodes().await;
    change_nodes(&world, |node| node.connection.connected = false).await;
    let stopped = run_and_stop(&world).await;
    let answer = explain(&world, &stopped).await;
    assert_eq!(answer.status.as_deref(), Some("STOPPED"));
    assert_eq!(
        told(&answer, FindingTopic::CAUSE),
        [
            "it was asked for by RunTask or StartTask",
            "enough",
            "somebody called StopTask"
        ]
    );
    service(&world, 1).await;
    let waiting = tasks(&world)
        .into_iter()
        .find(|task| task.service.is_some());
    let answer = explain(&world, &waiting.expect("a task").id).await;
    assert!(told(&answer, FindingTopic::WAITS_FOR)[0].starts_with("no node could take it yet"));
    let placement = told(&answer, FindingTopic::PLACEMENT);
    assert!(
        placement.contains(&"none of 2 nodes could take it".to_owned()),
        "{placement:?}"
    );
    assert!(
        placement.contains(&"2 nodes: agent disconnected".to_owned()),
        "{placement:?}"
    );
    // Long after it left the tables.
    for _ in 0..100 {
        world.clock.sleep(LATER).await;
        std::thread::sleep(PATIENCE);
        if tasks(&world).iter().all(|task| task.arn() != stopped) {
            break;
        }
    }
    assert!(tasks(&world).iter().all(|task| task.arn() != stopped));
    let id = stopped.rsplit('/').next().expect("an id");
    let answer = explain(&world, &format!("task/{}", &id[..8])).await;
    assert_eq!(answer.resource_arn, Some(stopped));
}

#[tokio::test(start_paused = true)]
async fn decisions_are_in_the_history_of_tasks_and_events() {
    let (world, _running) = two_nodes().await;
    let stopped = run_and_stop(&world).await;
    let list = gantry::ListTaskHistoryRequest::default();
    // The node is connected, and nobody there says that the task ended.
    let live = explain(&world, &stopped).await;
    assert_eq!(live.status.as_deref(), Some("STOPPING"));
    change_nodes(&world, |node| node.connection.connected = false).await;
    let second = run_and_stop(&world).await;
    let answer = world
        .call::<op::ListTaskHistory>(list)
        .await
        .expect("listed");
    let tasks = answer.tasks.expect("tasks");
    assert_eq!(tasks[0].task_arn.as_deref(), Some(second.as_str()));
    let reasons = tasks[0].placement_reasons.clone().expect("kept");
    assert_eq!(
        reasons,
        [
            "none of 2 nodes could take it",
            "2 nodes: agent disconnected",
            &reasons[2]
        ]
    );
    let kept = tasks[0].placement.clone().expect("kept");
    assert_eq!((kept.considered, kept.fitting), (Some(2), Some(0)));
    let events = told_until(&world, oldest_first(), "STOPPED").await;
    assert!(events.contains(&"PROVISIONING".to_owned()));
    let told = super::events(&world, oldest_first()).await;
    let told = told.events.expect("events").into_iter();
    let placed: Vec<String> = told
        .filter(|event| event.status.as_deref() == Some("PROVISIONING"))
        .filter_map(|event| event.message)
        .collect();
    let expected = "web:1 goes to large: 1 of 2 nodes could take it; 1 node: too little memory free; small came nearest: 256 MiB of memory short";
    assert_eq!(placed[0], expected);
}

#[tokio::test(start_paused = true)]
async fn a_service_and_its_deployment_say_what_they_wait_for() {
    let (world, _running) = two_nodes().await;
    // The large node holds four of them.
    service(&world, 5).await;
    let answer = explain(&world, "web").await;
    assert_eq!(answer.kind, Some(ExplainedKind::SERVICE));
    let waits = told(&answer, FindingTopic::WAITS_FOR);
    assert!(
        waits.contains(&"a node with room for its tasks".to_owned()),
        "{waits:?}"
    );
    assert!(
        waits.contains(&"5 tasks to become RUNNING (and healthy)".to_owned()),
        "{waits:?}"
    );
    let placement = told(&answer, FindingTopic::PLACEMENT);
    assert_eq!(
        placement,
        [
            "one more of its tasks (256 CPU units and 512 MiB) would find no node",
            "none of 2 nodes could take it",
            "2 nodes: too little memory free",
            "small came nearest: 256 MiB of memory short",
        ]
    );
    let current = world.store.read(|head| {
        let mut all = head.scan::<service_ecs::records::ServiceDeploymentRecord>("");
        all.next()
            .map(|record| (record.arn(), record.target.deployment_id.clone()))
    });
    let (arn, started_by) = current.head().expect("a deployment");
    for name in [&arn, &started_by] {
        let answer = explain(&world, name).await;
        assert_eq!(answer.kind, Some(ExplainedKind::SERVICE_DEPLOYMENT));
        assert_eq!(answer.status.as_deref(), Some("IN_PROGRESS"));
        assert_eq!(told(&answer, FindingTopic::WAITS_FOR), waits);
        let status = told(&answer, FindingTopic::STATUS);
        assert!(
            status.iter().any(|line| line.ends_with("(web:1)")),
            "{status:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_daemon_says_node_by_node_where_it_runs_and_why_not_elsewhere() {
    let (world, _running) = two_nodes().await;
    // As if they had joined as container instances, one of them with the attribute.
    change_nodes(&world, |node| {
        node.cluster = "default".into();
        node.capacity = Capacity::ContainerInstance;
        if node.memory_mib > 1000 {
            node.own_attributes.push(Attribute {
                name: "rack".into(),
                value: Some("a".into()),
            });
        }
    })
    .await;
    let request = CreateServiceRequest {
        service_name: Some("log".into()),
        task_definition: Some("web".into()),
        scheduling_strategy: Some(SchedulingStrategy::DAEMON),
        network_configuration: Some(network(&world).await),
        placement_constraints: Some(vec![PlacementConstraint {
            r#type: Some(PlacementConstraintType::MEMBER_OF),
            expression: Some("attribute:rack == a".into()),
        }]),
        ..CreateServiceRequest::default()
    };
    world.ecs::<ecs::CreateService>(request).await;
    world.clock.sleep(Duration::from_secs(1)).await;
    let answer = explain(&world, "log").await;
    let told = told(&answer, FindingTopic::PLACEMENT);
    let on = |node: &str| {
        let start = format!("{node}: ");
        let line = told.iter().find(|line| line.starts_with(&start));
        line.unwrap_or_else(|| panic!("{node} in {told:?}")).clone()
    };
    assert!(on("large").starts_with("large: task "), "{told:?}");
    assert!(on("large").contains("of web:1 P"), "{told:?}");
    assert!(on("small").starts_with("small: none: "), "{told:?}");
    assert!(on("small").contains("rack"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_node_says_what_it_runs_what_it_could_take_and_why_nothing() {
    let (world, _running) = two_nodes().await;
    service(&world, 1).await;
    let answer = explain(&world, "large").await;
    assert_eq!(answer.kind, Some(ExplainedKind::NODE));
    assert_eq!(told(&answer, FindingTopic::STATUS), ["it takes tasks"]);
    assert_eq!(told(&answer, FindingTopic::TASK).len(), 1);
    assert_eq!(
        told(&answer, FindingTopic::ROOM),
        [
            "768 of 1024 CPU units and 1536 of 2048 MiB are free",
            "service web (256 CPU units and 512 MiB a task): 3 more",
        ]
    );
    let small = explain(&world, "node/small").await;
    let room = told(&small, FindingTopic::ROOM);
    assert!(
        room[1].ends_with("none: 512 MiB of memory are wanted, 256 are free"),
        "{room:?}"
    );
    change_nodes(&world, |node| {
        node.status = ContainerInstanceStatus::Draining
    })
    .await;
    let draining = told(&explain(&world, "large").await, FindingTopic::STATUS);
    assert!(draining[0].starts_with("it is DRAINING"), "{draining:?}");
    change_nodes(&world, |node| {
        node.status = ContainerInstanceStatus::Active;
        node.connection.connected = false;
    })
    .await;
    let away = told(&explain(&world, "large").await, FindingTopic::STATUS);
    assert!(away[0].starts_with("its agent is disconnected"), "{away:?}");
}

#[tokio::test(start_paused = true)]
async fn names_that_mean_nothing_or_too_much_are_refused() {
    let (world, _running) = two_nodes().await;
    named_node(&world, "web", 1024, 256).await;
    service(&world, 0).await;
    let (code, message) = refusal(&world, "nobody").await;
    assert_eq!(code, "ResourceNotFoundException");
    assert!(message.contains("nobody in cluster default"), "{message}");
    let (code, message) = refusal(&world, "web").await;
    assert_eq!(code, "InvalidParameterException");
    assert!(
        message.contains("node/") && message.contains("service/web"),
        "{message}"
    );
    assert_eq!(
        explain(&world, "node/web").await.kind,
        Some(ExplainedKind::NODE)
    );
    assert_eq!(
        explain(&world, "service/web").await.kind,
        Some(ExplainedKind::SERVICE)
    );
    let unknown = refusal(&world, "arn:aws:ecs:us-east-1:123456789012:cluster/x").await;
    assert_eq!(unknown.0, "InvalidParameterException");
}

#[tokio::test(start_paused = true)]
async fn a_plan_tells_starts_and_stops_and_changes_nothing() {
    let (world, _running) = two_nodes().await;
    service(&world, 2).await;
    let before = world.store.read(|head| head.revision()).head();
    let plan = |desired_count| PlanUpdateServiceRequest {
        service: Some("web".into()),
        desired_count: Some(desired_count),
        ..PlanUpdateServiceRequest::default()
    };
    let planned = world
        .call::<op::PlanUpdateService>(plan(3))
        .await
        .expect("planned");
    assert_eq!(planned.outcome, Some(PlanOutcome::STEADY));
    let actions = planned.actions.expect("actions");
    let starts = actions.iter().filter(|action| action.task_id.is_some());
    let nodes: Vec<_> = starts.map(|action| action.node_name.clone()).collect();
    assert_eq!(nodes, [Some("large".to_owned())]);
    let planned = world
        .call::<op::PlanUpdateService>(plan(6))
        .await
        .expect("planned");
    assert_eq!(planned.outcome, Some(PlanOutcome::WAITING));
    assert_eq!(
        planned.waits_for.as_deref(),
        Some("a node with room, 2 to start")
    );
    assert_eq!(planned.most_running, Some(4));
    assert_eq!(world.store.read(|head| head.revision()).head(), before);
    let nobody = PlanUpdateServiceRequest {
        service: Some("nobody".into()),
        ..PlanUpdateServiceRequest::default()
    };
    let error = world
        .call::<op::PlanUpdateService>(nobody)
        .await
        .expect_err("no service");
    assert_eq!(error.code, "ServiceNotFoundException");
}
