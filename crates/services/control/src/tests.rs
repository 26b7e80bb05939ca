//! What happened, as the operations tell it: through the real ECS, its loops and the files of the history.

mod explain;

use std::time::Duration;

use api_ecs::{operations as ecs, types::*};
use api_gantry::{operations as op, types as gantry};
use state::ciborium;
use tokio::task::JoinHandle;
use wire::Principal;

use crate::{
    events::Event,
    record_events::Batch,
    testing::{World, caller},
};

/// Longer than events are gathered, and than a stopped task stays in the tables.
const LATER: Duration = Duration::from_secs(30);
/// Files take real time, of which a test under virtual time has to give them some.
const PATIENCE: Duration = Duration::from_millis(5);

/// Registers a serverless node whose agent never connects: tasks wait for it in PROVISIONING.
async fn node(world: &World) {
    named_node(world, "one", 4096, 8192).await;
}

async fn named_node(world: &World, name: &str, cpu: i32, memory: i32) {
    let integer = |name: &str, value: i32| Resource {
        name: Some(name.into()),
        r#type: Some("INTEGER".into()),
        integer_value: Some(value),
        ..Resource::default()
    };
    let attribute = |name: &str, value: Option<&str>| Attribute {
        name: Some(name.into()),
        value: value.map(Into::into),
        ..Attribute::default()
    };
    let mut attributes = vec![
        attribute("gantry.capacity", Some("serverless")),
        attribute("ecs.os-type", Some("linux")),
        attribute("ecs.cpu-architecture", Some("x86_64")),
        attribute("ecs.capability.task-eni", None),
    ];
    for minor in 17..=32 {
        let name = format!("com.amazonaws.ecs.capability.docker-remote-api.1.{minor}");
        attributes.push(attribute(&name, None));
    }
    let joined = world
        .call::<op::JoinNode>(gantry::JoinNodeRequest {
            node_name: Some(name.into()),
            capacity: Some(gantry::NodeCapacity::SERVERLESS),
            cluster: None,
        })
        .await
        .expect("joins");
    let node_id = joined.node_id.expect("an id");
    let request = RegisterContainerInstanceRequest {
        total_resources: Some(vec![integer("CPU", cpu), integer("MEMORY", memory)]),
        attributes: Some(attributes),
        ..RegisterContainerInstanceRequest::default()
    };
    let agent = caller(Principal::Node { node_id });
    world
        .ecs_as::<ecs::RegisterContainerInstance>(&agent, request)
        .await;
}

async fn definition(world: &World) {
    let request = RegisterTaskDefinitionRequest {
        family: Some("web".into()),
        requires_compatibilities: Some(vec![Compatibility::FARGATE]),
        network_mode: Some(NetworkMode::AWSVPC),
        cpu: Some("256".into()),
        memory: Some("512".into()),
        container_definitions: Some(vec![ContainerDefinition {
            name: Some("app".into()),
            image: Some("demo:1".into()),
            ..ContainerDefinition::default()
        }]),
        ..RegisterTaskDefinitionRequest::default()
    };
    world.ecs::<ecs::RegisterTaskDefinition>(request).await;
}

async fn network(world: &World) -> NetworkConfiguration {
    let defaults = world.ecs.bootstrap().await.expect("defaults");
    NetworkConfiguration {
        awsvpc_configuration: Some(AwsVpcConfiguration {
            subnets: Some(vec![defaults.subnet_id]),
            ..AwsVpcConfiguration::default()
        }),
    }
}

/// Runs a task, stops it, and gives its ARN.
async fn run_and_stop(world: &World) -> String {
    let request = RunTaskRequest {
        task_definition: Some("web".into()),
        network_configuration: Some(network(world).await),
        launch_type: Some(LaunchType::FARGATE),
        ..RunTaskRequest::default()
    };
    let answer = world.ecs::<ecs::RunTask>(request).await;
    assert_eq!(answer.failures, Some(vec![]));
    let arn = answer.tasks.expect("a task")[0].task_arn.clone();
    let stop = StopTaskRequest {
        task: arn.clone(),
        reason: Some("enough".into()),
        ..StopTaskRequest::default()
    };
    world.clock.sleep(Duration::from_secs(1)).await;
    world.ecs::<ecs::StopTask>(stop).await;
    arn.expect("an ARN")
}

async fn events(world: &World, request: gantry::ListEventsRequest) -> gantry::ListEventsResponse {
    world.call::<op::ListEvents>(request).await.expect("listed")
}

/// The statuses of the events, once this one is among them.
async fn told_until(
    world: &World,
    request: gantry::ListEventsRequest,
    status: &str,
) -> Vec<String> {
    for _ in 0..2000 {
        let told = statuses(&events(world, request.clone()).await);
        if told.iter().any(|told| told == status) {
            return told;
        }
        world.clock.sleep(Duration::from_millis(100)).await;
        std::thread::sleep(PATIENCE);
    }
    panic!("no event says {status}");
}

/// The events, once there are as many as these.
async fn told(
    world: &World,
    request: gantry::ListEventsRequest,
    expected: &[&str],
) -> gantry::ListEventsResponse {
    let mut told = events(world, request.clone()).await;
    for _ in 0..2000 {
        if statuses(&told).len() >= expected.len() {
            break;
        }
        world.clock.sleep(Duration::from_millis(100)).await;
        std::thread::sleep(PATIENCE);
        told = events(world, request.clone()).await;
    }
    assert_eq!(statuses(&told), expected);
    told
}

fn oldest_first() -> gantry::ListEventsRequest {
    gantry::ListEventsRequest {
        order: Some(gantry::EventOrder::OLDEST_FIRST),
        ..gantry::ListEventsRequest::default()
    }
}

fn statuses(events: &gantry::ListEventsResponse) -> Vec<String> {
    let events = events.events.iter().flatten();
    events
        .map(|event| event.status.clone().unwrap_or_default())
        .collect()
}

async fn loops(world: &World) -> Vec<JoinHandle<()>> {
    let stopping = world.stop.subscribe();
    let running = world.control.spawn_loops(&stopping).await;
    let mut running = running.expect("the history is readable");
    running.extend(world.ecs.spawn_loops(&stopping));
    running
}

const A_TASKS_LIFE: [&str; 4] = ["REGISTERED", "PROVISIONING", "STOPPING", "STOPPED"];

#[tokio::test(start_paused = true)]
async fn what_happens_is_told_in_order_and_can_be_followed() {
    let world = World::new().await;
    let _running = loops(&world).await;
    node(&world).await;
    definition(&world).await;
    let before = told(&world, oldest_first(), &A_TASKS_LIFE[..1]).await;
    assert_eq!(before.next_token, None);

    let arn = run_and_stop(&world).await;
    let all = told(&world, oldest_first(), &A_TASKS_LIFE).await;
    let told = all.events.clone().expect("events");
    assert_eq!(
        told[0].message.as_deref(),
        Some("one registered as Fargate capacity")
    );
    assert_eq!(
        told[1].message.as_deref(),
        Some(
            "web:1 waits for a node: the only node could not take it; 1 node: agent disconnected; one came nearest: agent disconnected"
        )
    );
    assert_eq!(told[3].message.as_deref(), Some("enough"));
    assert_eq!(told[3].resource_arn.as_deref(), Some(arn.as_str()));
    let numbers: Vec<_> = told.iter().map(|event| event.sequence).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");

    for token in [before.follow_token, None] {
        let followed = gantry::ListEventsRequest {
            next_token: token.clone(),
            since: told[1].at,
            ..oldest_first()
        };
        let followed = events(&world, followed).await;
        assert_eq!(statuses(&followed), A_TASKS_LIFE[1..], "{token:?}");
        let nothing = gantry::ListEventsRequest {
            next_token: followed.follow_token,
            ..oldest_first()
        };
        assert_eq!(statuses(&events(&world, nothing).await), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn pages_add_up_both_ways_and_filters_hold() {
    let world = World::new().await;
    let _running = loops(&world).await;
    node(&world).await;
    definition(&world).await;
    let arn = run_and_stop(&world).await;
    told(&world, oldest_first(), &A_TASKS_LIFE).await;
    for order in ["OLDEST_FIRST", "NEWEST_FIRST"] {
        let mut request = gantry::ListEventsRequest {
            order: Some(gantry::EventOrder::from(order)),
            max_results: Some(1),
            ..gantry::ListEventsRequest::default()
        };
        let mut seen = vec![];
        loop {
            let page = events(&world, request.clone()).await;
            assert!(page.events.as_ref().is_some_and(|events| events.len() <= 1));
            seen.extend(statuses(&page));
            request.next_token = page.next_token;
            if request.next_token.is_none() {
                break;
            }
        }
        if order == "NEWEST_FIRST" {
            seen.reverse();
        }
        assert_eq!(seen, A_TASKS_LIFE, "{order}");
    }
    let id = arn.rsplit('/').next().expect("an id");
    let of_task = gantry::ListEventsRequest {
        resource: Some(id[..8].to_owned()),
        ..oldest_first()
    };
    assert_eq!(statuses(&events(&world, of_task).await), A_TASKS_LIFE[1..]);
    let of_nodes = gantry::ListEventsRequest {
        sources: Some(vec![gantry::EventSource::NODE]),
        ..oldest_first()
    };
    assert_eq!(statuses(&events(&world, of_nodes).await), A_TASKS_LIFE[..1]);
    let elsewhere = gantry::ListEventsRequest {
        cluster: Some("other".into()),
        ..oldest_first()
    };
    assert_eq!(
        statuses(&events(&world, elsewhere).await),
        A_TASKS_LIFE[..1]
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_not_written_before_the_end_is_found_at_the_next_start() {
    let first = World::new().await;
    node(&first).await;
    definition(&first).await;
    first.clock.sleep(Duration::from_secs(1)).await;
    // Nothing records: as if the server had been killed before anything was written.
    run_and_stop(&first).await;
    // The second time nothing is missing.
    for _ in 0..2 {
        let again = World::on(
            first.store.clone(),
            first.clock.clone(),
            first.directory.clone(),
        );
        let again = again.await;
        let running = loops(&again).await;
        let mut told = told_until(&again, oldest_first(), "STOPPED").await;
        // Nobody holds the node's connection here, and a server says so in time.
        told.retain(|status| status != "DISCONNECTED");
        assert_eq!(told, A_TASKS_LIFE);
        again.clock.sleep(LATER).await;
        again.stop.send_replace(true);
        for task in running {
            task.await.expect("ends");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn stopped_tasks_are_listed_by_time_before_and_after_they_leave_the_tables() {
    let world = World::new().await;
    let _running = loops(&world).await;
    node(&world).await;
    definition(&world).await;
    let mut arns = vec![];
    for _ in 0..3 {
        arns.push(run_and_stop(&world).await);
        world.clock.sleep(Duration::from_secs(60)).await;
    }
    arns.push(run_and_stop(&world).await);
    arns.reverse();
    let list = |request: gantry::ListTaskHistoryRequest| async {
        let answer = world.call::<op::ListTaskHistory>(request).await;
        let answer = answer.expect("listed");
        let tasks = answer.tasks.expect("tasks").into_iter();
        let arns: Vec<_> = tasks.filter_map(|task| task.task_arn).collect();
        (arns, answer.next_token)
    };
    // The last one is still in the tables.
    let (all, token) = list(gantry::ListTaskHistoryRequest::default()).await;
    assert_eq!((&all, token), (&arns, None));
    let mut seen = vec![];
    let mut token = None;
    loop {
        let request = gantry::ListTaskHistoryRequest {
            max_results: Some(3),
            next_token: token.take(),
            ..gantry::ListTaskHistoryRequest::default()
        };
        let (page, next) = list(request).await;
        seen.extend(page);
        token = next;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, arns);
    let now = world.clock.now() - Duration::from_secs(30);
    let until = wire::Timestamp::from_seconds_f64(now.as_seconds_f64());
    let earlier = gantry::ListTaskHistoryRequest {
        until,
        ..gantry::ListTaskHistoryRequest::default()
    };
    assert_eq!(list(earlier).await.0, arns[1..]);
    let of_nobody = gantry::ListTaskHistoryRequest {
        cluster: Some("default".into()),
        service: Some("nobody".into()),
        ..gantry::ListTaskHistoryRequest::default()
    };
    assert_eq!(list(of_nobody).await, (vec![], None));
}

#[tokio::test(start_paused = true)]
async fn deployments_stay_known_after_their_service_is_gone() {
    let world = World::new().await;
    let _running = loops(&world).await;
    definition(&world).await;
    let create = CreateServiceRequest {
        service_name: Some("shop".into()),
        task_definition: Some("web".into()),
        desired_count: Some(0),
        launch_type: Some(LaunchType::FARGATE),
        network_configuration: Some(network(&world).await),
        ..CreateServiceRequest::default()
    };
    world.ecs::<ecs::CreateService>(create).await;
    let of_service = gantry::ListEventsRequest {
        service: Some("shop".into()),
        cluster: Some("default".into()),
        ..oldest_first()
    };
    told_until(&world, of_service.clone(), "COMPLETED").await;
    let delete = DeleteServiceRequest {
        service: Some("shop".into()),
        force: Some(true),
        ..DeleteServiceRequest::default()
    };
    world.ecs::<ecs::DeleteService>(delete).await;
    let told = told_until(&world, of_service, "INACTIVE").await;
    for status in ["ACTIVE", "IN_PROGRESS"] {
        assert!(told.iter().any(|told| told == status), "{told:?}");
    }
    let request = gantry::ListDeploymentHistoryRequest {
        cluster: Some("default".into()),
        service: Some("shop".into()),
        ..gantry::ListDeploymentHistoryRequest::default()
    };
    let answer = world.call::<op::ListDeploymentHistory>(request).await;
    let deployments = answer.expect("listed").deployments.expect("deployments");
    assert_eq!(deployments.len(), 1, "{deployments:?}");
    assert_eq!(deployments[0].task_definition.as_deref(), Some("web:1"));
    assert_eq!(deployments[0].rollout_state.as_deref(), Some("COMPLETED"));
}

#[tokio::test(start_paused = true)]
async fn nodes_and_tasks_are_listed_with_what_they_hold() {
    let world = World::new().await;
    node(&world).await;
    definition(&world).await;
    run_and_stop(&world).await;
    let nodes = world.call::<op::ListNodes>(gantry::ListNodesRequest::default());
    let nodes = nodes.await.expect("listed").nodes.expect("nodes");
    assert_eq!(nodes.len(), 1);
    assert_eq!(nodes[0].node_name.as_deref(), Some("one"));
    assert_eq!(nodes[0].cpu_units, Some(4096));
    assert_eq!(nodes[0].agent_connected, Some(false));
    assert_eq!(nodes[0].used_cpu_percent, None, "nothing was measured");
    let usage = world.call::<op::ListTaskUsage>(gantry::ListTaskUsageRequest::default());
    let usage = usage.await.expect("listed");
    assert_eq!(usage.tasks, Some(vec![]), "the task was stopped");
    let server = world.call::<op::DescribeServer>(gantry::DescribeServerRequest {});
    let server = server.await.expect("described");
    assert_eq!(server.history_days, Some(30));
    assert!(server.disk_bytes_available.is_some_and(|bytes| bytes > 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_token_order_or_source_is_refused() {
    let world = World::new().await;
    let refused = |request: gantry::ListEventsRequest| async {
        let error = world.call::<op::ListEvents>(request).await;
        error.expect_err("refused").code.to_string()
    };
    for token in ["%%%", "YQ", "eCB5IHo"] {
        let request = gantry::ListEventsRequest {
            next_token: Some(token.into()),
            ..oldest_first()
        };
        assert_eq!(
            refused(request).await,
            "InvalidParameterException",
            "{token}"
        );
        let request = gantry::ListTaskHistoryRequest {
            next_token: Some(token.into()),
            ..gantry::ListTaskHistoryRequest::default()
        };
        let error = world.call::<op::ListTaskHistory>(request).await;
        assert_eq!(
            error.expect_err("refused").code,
            "InvalidParameterException"
        );
    }
    let request = gantry::ListEventsRequest {
        order: Some(gantry::EventOrder::from("SIDEWAYS")),
        ..gantry::ListEventsRequest::default()
    };
    assert_eq!(refused(request).await, "InvalidParameterException");
    let request = gantry::ListEventsRequest {
        sources: Some(vec![gantry::EventSource::from("WEATHER")]),
        ..oldest_first()
    };
    assert_eq!(refused(request).await, "InvalidParameterException");
    let of_no_cluster = gantry::ListTaskHistoryRequest {
        service: Some("web".into()),
        ..gantry::ListTaskHistoryRequest::default()
    };
    let error = world.call::<op::ListTaskHistory>(of_no_cluster).await;
    assert!(error.expect_err("refused").message.contains("cluster"));
}

#[tokio::test(start_paused = true)]
async fn old_history_goes() {
    let world = World::new().await;
    let running = loops(&world).await;
    node(&world).await;
    told(&world, oldest_first(), &A_TASKS_LIFE[..1]).await;
    assert_eq!(world.history.count(history::EVENTS), 1);
    world.stop.send_replace(true);
    for task in running {
        task.await.expect("ends");
    }
    let day = Duration::from_secs(24 * 3600);
    world.clock.sleep(day * 29).await;
    crate::expire_history::expire(&world.control).await;
    assert_eq!(world.history.count(history::EVENTS), 1);
    world.clock.sleep(day * 2).await;
    crate::expire_history::expire(&world.control).await;
    assert_eq!(world.history.count(history::EVENTS), 0);
}

#[test]
fn a_batch_of_today_is_read_by_its_names() {
    // The form on disk: a change of it needs a new version.
    let text = r#"{"version": 1, "first": 7, "from": 5, "events": [{"id": "a/RUNNING", "at": 5, "source": "Task",
        "account": "1", "region": "r", "cluster": "c", "service": null, "resource": "arn", "status": "RUNNING",
        "message": "m"}]}"#;
    let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let mut payload = vec![];
    ciborium::into_writer(&value, &mut payload).expect("CBOR");
    let entry = history::Entry {
        key: Batch::key(7),
        at: clock::UnixMillis(5),
        payload,
    };
    let batch = Batch::decode(&entry).expect("decodes");
    let (number, event): (u64, &Event) = batch.numbered().next().expect("an event");
    assert_eq!((number, event.id.as_str()), (7, "a/RUNNING"));
}
