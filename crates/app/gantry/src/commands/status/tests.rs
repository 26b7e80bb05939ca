use api_ecs::types::{Cluster, Deployment, DeploymentRolloutState, Service, ServiceEvent};
use api_gantry::types::{DescribeServerResponse, Node, NodeCapacity};
use clock::UnixMillis;
use wire::Timestamp;

use super::{gather::Snapshot, problems, text};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn seen() -> Snapshot {
    Snapshot {
        server: DescribeServerResponse {
            version: Some("0.1.0".into()),
            started_at: Timestamp::from_seconds_f64(NOW.as_seconds_f64() - 7200.0),
            account: Some("123456789012".into()),
            region: Some("us-east-1".into()),
            endpoint: Some("http://127.0.0.1:4580".into()),
            resident_memory_bytes: Some(24 * 1024 * 1024),
            disk_bytes_available: Some(50 * 1024 * 1024 * 1024),
            history_days: Some(30),
            ..DescribeServerResponse::default()
        },
        nodes: vec![node("one", true), node("two", false)],
        clusters: vec![Cluster {
            cluster_name: Some("default".into()),
            running_tasks_count: Some(3),
            pending_tasks_count: Some(1),
            active_services_count: Some(2),
            registered_container_instances_count: Some(0),
            ..Cluster::default()
        }],
        services: vec![
            service("hello", 2, 2, DeploymentRolloutState::COMPLETED),
            service("web", 1, 3, DeploymentRolloutState::IN_PROGRESS),
        ],
    }
}

fn node(name: &str, connected: bool) -> Node {
    Node {
        node_name: Some(name.into()),
        capacity: Some(NodeCapacity::SERVERLESS),
        status: Some("ACTIVE".into()),
        agent_connected: Some(connected),
        cpu_units: Some(16_384),
        memory_mib: Some(12_000),
        reserved_cpu_units: Some(1024),
        reserved_memory_mib: Some(2048),
        running_tasks: Some(3),
        pending_tasks: Some(1),
        ..Node::default()
    }
}

fn service(name: &str, running: i32, desired: i32, state: DeploymentRolloutState) -> Service {
    Service {
        service_name: Some(name.into()),
        cluster_arn: Some("arn:aws:ecs:us-east-1:123456789012:cluster/default".into()),
        status: Some("ACTIVE".into()),
        running_count: Some(running),
        pending_count: Some(0),
        desired_count: Some(desired),
        deployments: Some(vec![Deployment {
            status: Some("PRIMARY".into()),
            rollout_state: Some(state),
            task_definition: Some(
                "arn:aws:ecs:us-east-1:123456789012:task-definition/app:4".into(),
            ),
            running_count: Some(running),
            desired_count: Some(desired),
            ..Deployment::default()
        }]),
        events: Some(vec![ServiceEvent {
            message: Some("(service web) was unable to place a task.".into()),
            ..ServiceEvent::default()
        }]),
        ..Service::default()
    }
}

#[test]
fn everything_is_told_at_a_glance() {
    let expected = "\
Gantry 0.1.0 at http://127.0.0.1:4580, up 2 hours, account 123456789012, region us-east-1
24 MiB of memory, 50.0 GiB left on disk, history of 30 days

NODE  CAPACITY  STATUS        CPU         MEMORY          TASKS
one   Fargate   ready         1024/16384  2048/12000 MiB  3 + 1 pending
two   Fargate   disconnected  1024/16384  2048/12000 MiB  3 + 1 pending

CLUSTER  TASKS          SERVICES  INSTANCES
default  3 + 1 pending  2         0

SERVICE        TASKS  DEFINITION  DEPLOYMENT
default/hello  2/2    app:4       COMPLETED
default/web    1/3    app:4       IN_PROGRESS

2 things are wrong:
- the agent of node two is not connected: its 4 tasks are not heard of
  next: start `gantry agent` (or `gantry up`) there again
- service default/web runs 1 of 3 tasks: (service web) was unable to place a task.
  next: gantry events --cluster default --service web
";
    assert_eq!(text(&seen(), NOW), expected);
}

#[test]
fn where_nothing_is_wrong_that_is_said() {
    let mut seen = seen();
    seen.nodes.pop();
    seen.services.pop();
    assert_eq!(problems::find(&seen), []);
    assert!(text(&seen, NOW).ends_with("\nNothing is wrong.\n"));
    seen.services.clear();
    assert!(!text(&seen, NOW).contains("SERVICE "));
}

#[test]
fn a_rollout_on_its_way_is_no_problem_and_one_that_fails_is() {
    let mut on_its_way = service("web", 1, 3, DeploymentRolloutState::IN_PROGRESS);
    on_its_way.pending_count = Some(2);
    let mut crashing = on_its_way.clone();
    crashing.deployments.as_mut().expect("deployments")[0].failed_tasks = Some(4);
    let mut failed = service("web", 3, 3, DeploymentRolloutState::FAILED);
    let reason = "ECS deployment circuit breaker: tasks failed to start.";
    failed.deployments.as_mut().expect("deployments")[0].rollout_state_reason = Some(reason.into());
    let seen = |service: Service| Snapshot {
        services: vec![service],
        nodes: vec![node("one", true)],
        ..Snapshot::default()
    };
    assert_eq!(problems::find(&seen(on_its_way)), []);
    let found = problems::find(&seen(crashing));
    assert_eq!(
        found[0].what,
        "service default/web runs 1 of 3 tasks: 4 tasks of its deployment failed"
    );
    assert_eq!(
        found[0].next,
        "gantry history tasks --cluster default --service web --limit 5"
    );
    let found = problems::find(&seen(failed));
    assert!(found[0].what.ends_with(reason), "{found:?}");
}

#[test]
fn without_nodes_or_room_the_next_step_is_named() {
    let mut empty = Snapshot::default();
    empty.server.disk_bytes_available = Some(5 * 1024 * 1024);
    let found = problems::find(&empty);
    assert!(found[0].what.contains("5 MiB left"), "{found:?}");
    assert!(found[1].next.contains("gantry agent"), "{found:?}");
}
