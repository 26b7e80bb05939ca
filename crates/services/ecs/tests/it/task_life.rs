//! A task from payload to history, as its node reports it.

use std::time::Duration;

use api_ecs::{operations as op, types::*};
use link::acs;
use tokio::sync::watch;

use crate::{
    run_task::{ready, request},
    world::{
        NODE_LOST_AFTER, World,
        agent::{Agent, container_change},
        node, refused,
    },
};

async fn run(world: &World, definition: &str) -> String {
    let answer = world
        .call::<op::RunTask>(request(world, definition))
        .await
        .unwrap();
    answer.tasks.unwrap().remove(0).task_arn.unwrap()
}

async fn describe(world: &World, task: &str) -> Task {
    let answer = world
        .call::<op::DescribeTasks>(DescribeTasksRequest {
            tasks: Some(vec![task.into()]),
            ..DescribeTasksRequest::default()
        })
        .await
        .unwrap();
    answer.tasks.unwrap().remove(0)
}

async fn list(world: &World, request: ListTasksRequest) -> Vec<String> {
    let answer = world.call::<op::ListTasks>(request).await.unwrap();
    answer.task_arns.unwrap()
}

/// A virtual-time world with its loops running, one connected node and a definition.
async fn looping() -> (World, Agent, String, watch::Sender<bool>) {
    let world = World::simulated().await;
    let (stop, stopping) = watch::channel(false);
    world.ecs.spawn_loops(&stopping);
    let arn = world.serverless_node("node-1", 4096, 8192).await;
    let agent = Agent::connect(&world, "node-1", &arn).await;
    let definition = world.fargate_definition("web").await;
    (world, agent, definition, stop)
}

#[tokio::test(start_paused = true)]
async fn the_whole_life() {
    let (world, mut agent, definition, _stop) = looping().await;
    let arn = run(&world, &definition).await;
    let payload = agent.payload(&world).await;
    assert_eq!(payload[0].arn.as_ref(), Some(&arn));
    assert_eq!(payload[0].desired_status.as_deref(), Some("RUNNING"));
    assert_eq!(payload[0].elastic_network_interfaces.len(), 1);
    let gateway = payload[0].elastic_network_interfaces[0]
        .subnet_gateway_ipv4_address
        .clone();
    assert_eq!(gateway.as_deref(), Some("172.31.0.1/20"));

    let running = ContainerStateChange {
        runtime_id: Some("rt-1".into()),
        image_digest: Some("sha256:abc".into()),
        ..container_change("app", "RUNNING")
    };
    agent
        .submit(&world, &arn, "RUNNING", vec![running])
        .await
        .unwrap();
    let task = describe(&world, &arn).await;
    assert_eq!(task.last_status.as_deref(), Some("RUNNING"));
    assert!(task.started_at.is_some());
    assert_eq!(task.connectivity, Some(Connectivity::CONNECTED));
    assert_eq!(
        task.containers.as_ref().unwrap()[0].runtime_id.as_deref(),
        Some("rt-1")
    );
    let attachment = &task.attachments.as_ref().unwrap()[0];
    assert_eq!(attachment.status.as_deref(), Some("ATTACHED"));
    assert_eq!(attachment.details.as_ref().unwrap().len(), 5);

    let stopped = world
        .call::<op::StopTask>(StopTaskRequest {
            task: Some(arn.clone()),
            reason: Some("enough".into()),
            ..StopTaskRequest::default()
        })
        .await
        .unwrap()
        .task
        .unwrap();
    assert_eq!(stopped.desired_status.as_deref(), Some("STOPPED"));
    assert_eq!(stopped.stop_code, Some(TaskStopCode::USER_INITIATED));
    assert_eq!(stopped.stopped_reason.as_deref(), Some("enough"));
    let payload = agent.payload(&world).await;
    assert_eq!(payload[0].desired_status.as_deref(), Some("STOPPED"));

    let exited = ContainerStateChange {
        exit_code: Some(143),
        ..container_change("app", "STOPPED")
    };
    agent
        .submit(&world, &arn, "STOPPED", vec![exited.clone()])
        .await
        .unwrap();
    let task = describe(&world, &arn).await;
    assert_eq!(task.last_status.as_deref(), Some("STOPPED"));
    assert_eq!(
        task.stopped_reason.as_deref(),
        Some("enough"),
        "the first cause is kept"
    );
    assert_eq!(task.containers.as_ref().unwrap()[0].exit_code, Some(143));
    assert_eq!(
        task.attachments.as_ref().unwrap()[0].status.as_deref(),
        Some("DELETED")
    );

    // A minute later it is history, and everything still finds it.
    world.clock.sleep(Duration::from_secs(60)).await;
    wait_for_archive(&world).await;
    assert_eq!(describe(&world, &arn).await, task);
    let stopped_tasks = ListTasksRequest {
        desired_status: Some(DesiredStatus::STOPPED),
        ..ListTasksRequest::default()
    };
    assert_eq!(
        list(&world, stopped_tasks.clone()).await,
        std::slice::from_ref(&arn)
    );
    agent
        .submit(&world, &arn, "STOPPED", vec![exited])
        .await
        .unwrap();
    world
        .call::<op::StopTask>(StopTaskRequest {
            task: Some(arn.clone()),
            ..StopTaskRequest::default()
        })
        .await
        .unwrap();
    // After an hour it is listed no more, and still described.
    world.clock.sleep(Duration::from_secs(3600)).await;
    assert!(list(&world, stopped_tasks).await.is_empty());
    assert_eq!(describe(&world, &arn).await, task);
}

#[tokio::test]
async fn a_bad_image_and_an_exit_have_their_stop_codes() {
    let (world, agent, definition) = ready().await;
    let arn = run(&world, &definition).await;
    let failed = ContainerStateChange {
        reason: Some("CannotPullContainerError: no such image".into()),
        ..container_change("app", "STOPPED")
    };
    agent
        .submit(&world, &arn, "STOPPED", vec![failed])
        .await
        .unwrap();
    let task = describe(&world, &arn).await;
    assert_eq!(task.stop_code, Some(TaskStopCode::TASK_FAILED_TO_START));
    assert_eq!(task.started_at, None);
    let reason = task.containers.unwrap().remove(0).reason.unwrap();
    assert!(reason.starts_with("CannotPullContainerError"));

    let arn = run(&world, &definition).await;
    agent
        .submit(
            &world,
            &arn,
            "RUNNING",
            vec![container_change("app", "RUNNING")],
        )
        .await
        .unwrap();
    let exited = ContainerStateChange {
        exit_code: Some(0),
        ..container_change("app", "STOPPED")
    };
    agent
        .submit(&world, &arn, "STOPPED", vec![exited])
        .await
        .unwrap();
    let task = describe(&world, &arn).await;
    assert_eq!(
        task.stop_code,
        Some(TaskStopCode::ESSENTIAL_CONTAINER_EXITED)
    );
    assert_eq!(
        task.stopped_reason.as_deref(),
        Some("Essential container in task exited")
    );
}

#[tokio::test]
async fn only_the_owner_may_report() {
    let (world, agent, definition) = ready().await;
    let arn = run(&world, &definition).await;
    let report = SubmitTaskStateChangeRequest {
        task: Some(arn.clone()),
        status: Some("RUNNING".into()),
        ..SubmitTaskStateChangeRequest::default()
    };
    let stranger = world
        .call_as::<op::SubmitTaskStateChange>(&node("stranger"), report.clone())
        .await;
    assert_eq!(refused(stranger).0, "AccessDeniedException");
    assert_eq!(
        describe(&world, &arn).await.last_status.as_deref(),
        Some("PROVISIONING")
    );
    let nonsense = SubmitTaskStateChangeRequest {
        status: Some("HAPPY".into()),
        ..report
    };
    let answer = world
        .call_as::<op::SubmitTaskStateChange>(&agent.caller, nonsense)
        .await;
    assert_eq!(refused(answer).1, "Invalid status: HAPPY.");
    let unknown = agent
        .submit(
            &world,
            &arn.replace(&arn[arn.len() - 4..], "0000"),
            "RUNNING",
            vec![],
        )
        .await;
    assert_eq!(refused(unknown).1, "The referenced task was not found.");
}

#[tokio::test(start_paused = true)]
async fn what_an_agent_missed_it_hears_when_it_is_back() {
    let (world, mut agent, definition, _stop) = looping().await;
    let first = run(&world, &definition).await;
    assert_eq!(agent.payload(&world).await.len(), 1);
    let caller_arn = instance_arn(&world).await;
    agent.disconnect().await;
    // Nobody is there: it waits, unplaced.
    let second = run(&world, &definition).await;
    let mut agent = Agent::open(&world, "node-1", &caller_arn).await;
    let acs::Message::TaskManifest(manifest) = agent.hear(&world).await else {
        panic!("the manifest comes first");
    };
    assert_eq!(manifest.tasks[0].task_arn.as_ref(), Some(&first));
    let mut told: Vec<String> = vec![];
    while told.len() < 2 {
        let tasks = agent.payload(&world).await;
        told.extend(tasks.into_iter().filter_map(|task| task.arn));
    }
    assert_eq!(told, [first, second]);
}

#[tokio::test(start_paused = true)]
async fn tasks_of_a_node_that_stays_away_are_lost() {
    let (world, mut agent, definition, _stop) = looping().await;
    let task = run(&world, &definition).await;
    agent.payload(&world).await;
    let running = vec![container_change("app", "RUNNING")];
    agent
        .submit(&world, &task, "RUNNING", running)
        .await
        .unwrap();
    let instance = instance_arn(&world).await;
    let almost = NODE_LOST_AFTER - Duration::from_secs(1);
    // It comes back in time, once; its time begins anew when it goes again.
    agent.disconnect().await;
    world.clock.sleep(almost).await;
    let agent = Agent::connect(&world, "node-1", &instance).await;
    agent.disconnect().await;
    world.clock.sleep(almost).await;
    let shown = describe(&world, &task).await;
    assert_eq!(shown.last_status.as_deref(), Some("RUNNING"));
    world.clock.sleep(Duration::from_secs(2)).await;
    let shown = describe(&world, &task).await;
    assert_eq!(shown.last_status.as_deref(), Some("STOPPED"));
    assert_eq!(
        shown.stop_code.as_ref().map(|code| code.as_str()),
        Some("InfrastructureHealth")
    );
    assert_eq!(
        shown.stopped_reason.as_deref(),
        Some("The host of the task was lost: its agent has been disconnected for 300 seconds.")
    );

    // Back, it still runs the task, and is told to stop it.
    let mut agent = Agent::open(&world, "node-1", &instance).await;
    let acs::Message::TaskManifest(manifest) = agent.hear(&world).await else {
        panic!("the manifest comes first");
    };
    assert!(manifest.tasks.is_empty());
    let question = acs::TaskStopVerificationMessage {
        message_id: manifest.message_id,
        stop_candidates: vec![acs::TaskIdentifier {
            task_arn: Some(task.clone()),
            ..acs::TaskIdentifier::default()
        }],
    };
    agent.say(question.into()).await;
    let acs::Message::TaskStopVerificationAck(answer) = agent.hear(&world).await else {
        panic!("the question is answered");
    };
    assert_eq!(answer.stop_tasks[0].task_arn.as_ref(), Some(&task));
}

/// The history writes with a thread of its own, which virtual time does not wait for; a blocking task makes it wait.
async fn wait_for_archive(world: &World) {
    let hot = || {
        let counted = world
            .store
            .read(|head| head.len::<service_ecs::records::TaskRecord>());
        counted.head()
    };
    for _ in 0..1000 {
        if hot() == 0 {
            return;
        }
        let pause = || std::thread::sleep(Duration::from_millis(2));
        world.clock.spawn_blocking(pause).await.unwrap();
    }
    panic!("{} tasks are still in the table", hot());
}

/// The only node's container instance.
async fn instance_arn(world: &World) -> String {
    let found = world.store.read(|head| {
        let mut nodes = head.scan::<service_ecs::records::ContainerInstanceRecord>("");
        nodes.next().map(|node| node.arn())
    });
    found.head().unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_unacknowledged_payload_is_sent_again() {
    let (world, mut agent, definition, _stop) = looping().await;
    let arn = run(&world, &definition).await;
    let acs::Message::Payload(first) = agent.hear(&world).await else {
        panic!("a payload");
    };
    let again = agent.payload(&world).await;
    assert_eq!(again[0].arn.as_ref(), Some(&arn));
    assert_eq!(first.tasks, again);
    let more = agent.hear_within(&world, Duration::from_secs(60)).await;
    assert_eq!(more, None, "now it is acknowledged");
}

#[tokio::test(start_paused = true)]
async fn tasks_that_should_not_run_are_to_be_stopped() {
    let (world, mut agent, definition, _stop) = looping().await;
    let mine = run(&world, &definition).await;
    agent.payload(&world).await;
    let stranger = mine.replace(&mine[mine.len() - 4..], "0000");
    let candidate = |arn: &str| acs::TaskIdentifier {
        task_arn: Some(arn.into()),
        ..acs::TaskIdentifier::default()
    };
    let asked = acs::TaskStopVerificationMessage {
        message_id: Some("m1".into()),
        stop_candidates: vec![candidate(&mine), candidate(&stranger)],
    };
    agent.say(asked.into()).await;
    let acs::Message::TaskStopVerificationAck(ack) = agent.hear(&world).await else {
        panic!("an answer");
    };
    assert_eq!(ack.message_id.as_deref(), Some("m1"));
    assert_eq!(ack.stop_tasks.len(), 1);
    assert_eq!(ack.stop_tasks[0].task_arn.as_ref(), Some(&stranger));
    assert_eq!(ack.stop_tasks[0].desired_status.as_deref(), Some("STOPPED"));
}

#[tokio::test(start_paused = true)]
async fn a_second_connection_replaces_the_first() {
    let (world, mut first, definition, _stop) = looping().await;
    let arn = instance_arn(&world).await;
    let mut second = Agent::connect(&world, "node-1", &arn).await;
    assert_eq!(
        first.hear_within(&world, Duration::from_secs(5)).await,
        None
    );
    first.disconnect().await;
    // The end of the first must not make the second look disconnected.
    run(&world, &definition).await;
    assert_eq!(second.payload(&world).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_answers_no_heartbeat_is_given_up() {
    let (world, agent, _, _stop) = looping().await;
    assert!(world.ecs.has_serverless_capacity());
    world.clock.sleep(Duration::from_secs(95)).await;
    assert!(!world.ecs.has_serverless_capacity());
    agent.disconnect().await;
}

#[tokio::test(start_paused = true)]
async fn the_tasks_of_a_deregistered_node_end() {
    let (world, mut agent, definition, _stop) = looping().await;
    let arn = run(&world, &definition).await;
    agent.payload(&world).await;
    let request = DeregisterContainerInstanceRequest {
        container_instance: Some(instance_arn(&world).await),
        force: Some(true),
        ..DeregisterContainerInstanceRequest::default()
    };
    world
        .call_as::<op::DeregisterContainerInstance>(&agent.caller, request)
        .await
        .unwrap();
    assert_eq!(
        agent.hear_within(&world, Duration::from_secs(5)).await,
        None,
        "its session ends"
    );
    let task = describe(&world, &arn).await;
    assert_eq!(task.last_status.as_deref(), Some("STOPPED"));
    assert_eq!(task.stop_code, Some(TaskStopCode::INFRASTRUCTURE_HEALTH));
    let query = link::AcsQuery {
        container_instance_arn: instance_arn(&world).await,
        ..link::AcsQuery::default()
    };
    let (code, _) = refused(world.ecs.admit_acs(&agent.caller, &query.encode()));
    assert_eq!(code, "InactiveInstanceException");
}

#[tokio::test]
async fn every_filter_of_list_tasks() {
    let (world, agent, web) = ready().await;
    let db = world.fargate_definition("db").await;
    let first = run(&world, &web).await;
    let second = world
        .call::<op::RunTask>(RunTaskRequest {
            started_by: Some("cron".into()),
            ..request(&world, &db)
        })
        .await
        .unwrap()
        .tasks
        .unwrap()
        .remove(0)
        .task_arn
        .unwrap();
    let default = ListTasksRequest::default;
    let mut both = vec![first.clone(), second.clone()];
    both.sort();
    assert_eq!(list(&world, default()).await, both);
    let family = |family: &str| ListTasksRequest {
        family: Some(family.into()),
        ..default()
    };
    assert_eq!(
        list(&world, family("web")).await,
        std::slice::from_ref(&first)
    );
    assert!(list(&world, family("nothing")).await.is_empty());
    let started_by = ListTasksRequest {
        started_by: Some("cron".into()),
        ..default()
    };
    assert_eq!(
        list(&world, started_by.clone()).await,
        std::slice::from_ref(&second)
    );
    let fargate = ListTasksRequest {
        launch_type: Some(LaunchType::FARGATE),
        ..default()
    };
    assert_eq!(list(&world, fargate).await.len(), 2);
    let ec2 = ListTasksRequest {
        launch_type: Some(LaunchType::EC2),
        ..default()
    };
    assert!(list(&world, ec2).await.is_empty());
    let pending = ListTasksRequest {
        desired_status: Some(DesiredStatus::PENDING),
        ..default()
    };
    assert!(list(&world, pending).await.is_empty());
    let service = ListTasksRequest {
        service_name: Some("web".into()),
        ..default()
    };
    assert!(list(&world, service).await.is_empty());
    let both_filters = ListTasksRequest {
        family: Some("web".into()),
        ..started_by
    };
    let (_, message) = refused(world.call::<op::ListTasks>(both_filters).await);
    assert_eq!(message, "startedBy must be the only filter.");

    let page = world
        .call::<op::ListTasks>(ListTasksRequest {
            max_results: Some(1),
            ..default()
        })
        .await
        .unwrap();
    assert_eq!(page.task_arns.unwrap(), both[..1]);
    let rest = ListTasksRequest {
        next_token: page.next_token,
        ..default()
    };
    assert_eq!(list(&world, rest).await, both[1..]);

    agent
        .submit(&world, &first, "STOPPED", vec![])
        .await
        .unwrap();
    let stopped = ListTasksRequest {
        desired_status: Some(DesiredStatus::STOPPED),
        ..default()
    };
    assert_eq!(list(&world, stopped).await, [first]);
    assert_eq!(list(&world, default()).await, [second]);
}

#[tokio::test]
async fn missing_tasks_are_failures_and_stopping_one_is_an_error() {
    let (world, _agent, definition) = ready().await;
    let arn = run(&world, &definition).await;
    let unknown = "0".repeat(32);
    let answer = world
        .call::<op::DescribeTasks>(DescribeTasksRequest {
            tasks: Some(vec![
                unknown.clone(),
                arn.rsplit('/').next().unwrap().into(),
            ]),
            include: Some(vec![TaskField::TAGS]),
            ..DescribeTasksRequest::default()
        })
        .await
        .unwrap();
    assert_eq!(
        answer.tasks.unwrap()[0].task_arn.as_ref(),
        Some(&arn),
        "a short id does"
    );
    let failure = &answer.failures.unwrap()[0];
    assert_eq!(failure.reason.as_deref(), Some("MISSING"));
    assert_eq!(
        failure.arn.as_deref(),
        Some(format!("arn:aws:ecs:us-east-1:123456789012:task/default/{unknown}").as_str())
    );
    let stop = StopTaskRequest {
        task: Some(unknown),
        ..StopTaskRequest::default()
    };
    let (code, message) = refused(world.call::<op::StopTask>(stop).await);
    assert_eq!(
        (code.as_str(), message.as_str()),
        (
            "InvalidParameterException",
            "The referenced task was not found."
        )
    );
    let (_, message) = refused(
        world
            .call::<op::DescribeTasks>(DescribeTasksRequest::default())
            .await,
    );
    assert_eq!(message, "Tasks cannot be empty.");
}

#[tokio::test(start_paused = true)]
async fn health_comes_over_tcs_and_makes_the_tasks_health() {
    let (world, agent, _, _stop) = looping().await;
    let definition = RegisterTaskDefinitionRequest {
        container_definitions: Some(vec![ContainerDefinition {
            health_check: Some(HealthCheck {
                command: Some(vec!["CMD".into(), "true".into()]),
                ..HealthCheck::default()
            }),
            ..crate::world::container("app")
        }]),
        ..crate::world::fargate_request("checked")
    };
    world
        .call::<op::RegisterTaskDefinition>(definition)
        .await
        .unwrap();
    let arn = run(&world, "checked").await;
    agent
        .submit(
            &world,
            &arn,
            "RUNNING",
            vec![container_change("app", "RUNNING")],
        )
        .await
        .unwrap();
    assert_eq!(
        describe(&world, &arn).await.health_status,
        Some(HealthStatus::UNKNOWN)
    );

    let mut tcs =
        crate::world::agent::Tcs::connect(&world, "node-1", &instance_arn(&world).await).await;
    let health = link::tcs::PublishHealthRequest {
        tasks: vec![link::tcs::TaskHealth {
            task_arn: Some(arn.clone()),
            containers: vec![link::tcs::ContainerHealth {
                container_name: Some("app".into()),
                health_status: Some("HEALTHY".into()),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = tcs.ask(&world, health.into()).await;
    assert!(matches!(answer, link::tcs::Message::AckPublishHealth(_)));
    assert_eq!(
        describe(&world, &arn).await.health_status,
        Some(HealthStatus::HEALTHY)
    );

    let set = |sum| {
        Some(link::tcs::CwStatsSet {
            sample_count: Some(2),
            sum: Some(sum),
            ..Default::default()
        })
    };
    let metrics = link::tcs::PublishMetricsRequest {
        task_metrics: vec![link::tcs::TaskMetric {
            task_arn: Some(arn.clone()),
            container_metrics: vec![link::tcs::ContainerMetric {
                cpu_stats_set: set(50.0),
                memory_stats_set: set(256.0),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = tcs.ask(&world, metrics.into()).await;
    assert!(matches!(answer, link::tcs::Message::AckPublishMetric(_)));
    let usage = world.ecs.latest_usage(&arn).unwrap();
    assert_eq!((usage.cpu_percent_of_node, usage.memory_mib), (25.0, 128.0));
}
