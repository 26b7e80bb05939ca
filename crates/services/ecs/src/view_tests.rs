//! The views are derived: whatever the transactions were, and whichever were undone, they must equal a recount.

use std::{collections::BTreeMap, sync::Arc};

use clock::{Clock, UnixMillis};
use proptest::prelude::*;
use state::{Head, MemoryEngine, Record, Schema, StateError, Store};
use wire::Stored;

use crate::{
    Ecs, NodeUsage,
    counts::{ClusterCounts, Counts, Kind},
    records::*,
    usage::Used,
};

const CLUSTERS: [&str; 2] = ["a", "b"];
const STATUSES: [TaskStatus; 8] = [
    TaskStatus::Provisioning,
    TaskStatus::Pending,
    TaskStatus::Activating,
    TaskStatus::Running,
    TaskStatus::Deactivating,
    TaskStatus::Stopping,
    TaskStatus::Deprovisioning,
    TaskStatus::Stopped,
];

#[derive(Debug, Clone)]
enum Step {
    PutTask {
        id: usize,
        status: usize,
        fargate: bool,
        node: Option<usize>,
        port: Option<u16>,
    },
    DeleteTask {
        id: usize,
    },
    PutInstance {
        id: usize,
        serverless: bool,
        status: usize,
    },
    PutService {
        name: usize,
        status: usize,
        launch: usize,
    },
}

/// One transaction, and whether it fails in the end.
type Transaction = (Vec<Step>, bool);

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6usize, 0..STATUSES.len(), any::<bool>(), proptest::option::of(0..2usize), proptest::option::of(80..82u16))
            .prop_map(|(id, status, fargate, node, port)| Step::PutTask { id, status, fargate, node, port }),
        1 => (0..6usize).prop_map(|id| Step::DeleteTask { id }),
        1 => (0..3usize, any::<bool>(), 0..3usize)
            .prop_map(|(id, serverless, status)| Step::PutInstance { id, serverless, status }),
        1 => (0..3usize, 0..3usize, 0..4usize)
            .prop_map(|(name, status, launch)| Step::PutService { name, status, launch }),
    ]
}

fn transactions() -> impl Strategy<Value = Vec<Transaction>> {
    let transaction = (
        proptest::collection::vec(step(), 1..5),
        proptest::bool::weighted(0.3),
    );
    proptest::collection::vec(transaction, 1..25)
}

fn task(
    id: usize,
    status: TaskStatus,
    fargate: bool,
    node: Option<usize>,
    port: Option<u16>,
) -> TaskRecord {
    TaskRecord {
        account: "1".into(),
        region: "r".into(),
        cluster: CLUSTERS[id % 2].into(),
        id: id.to_string(),
        family: "web".into(),
        revision: 1,
        group: format!("family:{}", id % 3),
        service: None,
        deployment_id: None,
        started_by: None,
        launch_type: if fargate { "FARGATE" } else { "EC2" }.into(),
        capacity_provider: None,
        platform_version: None,
        last_status: status,
        desired_status: DesiredStatus::Running,
        health: HealthStatus::Unknown,
        containers: vec![],
        cpu_units: 10 + id as i64,
        memory_mib: 100 + id as i64,
        host_ports: port
            .map(|port| (port, "tcp".to_owned()))
            .into_iter()
            .collect(),
        ephemeral_storage_gib: None,
        enable_execute_command: false,
        overrides: None,
        network_configuration: None,
        network_interface: None,
        container_instance_key: node.map(|node| format!("node-{node}")),
        availability_zone: None,
        cpu_architecture: None,
        stop_code: None,
        stopped_reason: None,
        placement: None,
        placing: None,
        reference_id: None,
        protection_ends_at: None,
        tags: vec![],
        version: 1,
        created_at: UnixMillis::EPOCH,
        connected_at: None,
        pull_started_at: None,
        pull_stopped_at: None,
        started_at: None,
        stopping_at: None,
        execution_stopped_at: None,
        stopped_at: None,
    }
}

fn instance(id: usize, serverless: bool, status: usize) -> ContainerInstanceRecord {
    use ContainerInstanceStatus::{Active, Draining, Inactive};
    ContainerInstanceRecord {
        account: "1".into(),
        region: "r".into(),
        // The key must not change with the capacity here, so that one record goes from one to the other.
        cluster: CLUSTERS[id % 2].into(),
        id: id.to_string(),
        node_id: format!("node-{id}"),
        capacity: if serverless {
            Capacity::Serverless
        } else {
            Capacity::ContainerInstance
        },
        status: [Active, Draining, Inactive][status],
        status_reason: None,
        cpu_units: 0,
        memory_mib: 0,
        reserved_tcp_ports: vec![],
        reserved_udp_ports: vec![],
        gpu_ids: vec![],
        attributes: vec![],
        own_attributes: vec![],
        availability_zone: String::new(),
        agent_version: String::new(),
        agent_hash: String::new(),
        docker_version: String::new(),
        connection: AgentConnection {
            connected: false,
            changed_at: UnixMillis::EPOCH,
        },
        awaited_daemons: vec![],
        tags: vec![],
        registered_at: UnixMillis::EPOCH,
        deregistered_at: None,
        version: 0,
    }
}

fn service(name: usize, status: usize, launch: usize) -> ServiceRecord {
    use ServiceStatus::{Active, Draining, Inactive};
    let provider = |name: &str| StrategyItem {
        capacity_provider: name.into(),
        weight: 1,
        base: 0,
    };
    let (launch_type, strategy) = match launch {
        0 => (Some("EC2".to_owned()), vec![]),
        1 => (Some("FARGATE".to_owned()), vec![]),
        2 => (None, vec![provider("FARGATE_SPOT")]),
        _ => (None, vec![provider("mine")]),
    };
    ServiceRecord {
        account: "1".into(),
        region: "r".into(),
        cluster: CLUSTERS[name % 2].into(),
        name: name.to_string(),
        status: [Active, Draining, Inactive][status],
        desired_count: 1,
        task_spec: TaskSpec {
            family: "web".into(),
            revision: 1,
            launch_type,
            capacity_provider_strategy: strategy,
            platform_version: None,
            network_configuration: None,
            placement_constraints: vec![],
            placement_strategy: vec![],
            daemon: None,
        },
        deployment_configuration: Stored::default(),
        daemon_configuration: None,
        scheduling_strategy: "REPLICA".into(),
        deployment_controller: "ECS".into(),
        availability_zone_rebalancing: "DISABLED".into(),
        health_check_grace_period_seconds: None,
        enable_ecs_managed_tags: false,
        enable_execute_command: false,
        propagate_tags: "NONE".into(),
        role_arn: None,
        deployments: vec![],
        task_sets: vec![],
        zone_move: None,
        service_deployment: None,
        rollback_candidate: None,
        steady_state_reported_at: None,
        first_event: 0,
        creation_fingerprint: String::new(),
        tags: vec![],
        created_by: String::new(),
        created_at: UnixMillis::EPOCH,
        updated_at: UnixMillis::EPOCH,
        version: 0,
    }
}

fn apply(store: &Store, (steps, fails): &Transaction) {
    let outcome = store.transact(|tx| {
        for step in steps.clone() {
            match step {
                Step::PutTask {
                    id,
                    status,
                    fargate,
                    node,
                    port,
                } => {
                    tx.put(task(id, STATUSES[status], fargate, node, port));
                }
                Step::DeleteTask { id } => {
                    tx.delete::<TaskRecord>(&task(id, STATUSES[0], true, None, None).key());
                }
                Step::PutInstance {
                    id,
                    serverless,
                    status,
                } => tx.put(instance(id, serverless, status)),
                Step::PutService {
                    name,
                    status,
                    launch,
                } => tx.put(service(name, status, launch)),
            }
        }
        if *fails {
            Err(StateError::Closed)
        } else {
            Ok(())
        }
    });
    assert_eq!(outcome.is_err(), *fails);
}

/// From the tables alone, the slow way.
fn recount_cluster(head: &Head, cluster: &str) -> Counts {
    let mut counts = Counts::default();
    let kind = |launch_type: &str| match launch_type {
        "FARGATE" => Kind::Fargate as usize,
        _ => Kind::Ec2 as usize,
    };
    for task in head.scan::<TaskRecord>(&format!("1/r/{cluster}/")) {
        counts.live_tasks += i32::from(task.last_status != TaskStatus::Stopped);
        counts.running_tasks[kind(&task.launch_type)] +=
            i32::from(task.last_status == TaskStatus::Running);
        counts.pending_tasks[kind(&task.launch_type)] +=
            i32::from(task.last_status < TaskStatus::Running);
    }
    for instance in head.scan::<ContainerInstanceRecord>(&format!("1/r/{cluster}/")) {
        let is_live = instance.status != ContainerInstanceStatus::Inactive;
        counts.container_instances +=
            i32::from(is_live && instance.capacity == Capacity::ContainerInstance);
    }
    for service in head.scan::<ServiceRecord>(&format!("1/r/{cluster}/")) {
        let spec = &service.task_spec;
        let on_fargate = spec
            .capacity_provider_strategy
            .iter()
            .any(|item| item.capacity_provider == "FARGATE_SPOT");
        let kind =
            kind(
                spec.launch_type
                    .as_deref()
                    .unwrap_or(if on_fargate { "FARGATE" } else { "EC2" }),
            );
        counts.active_services[kind] += i32::from(service.status == ServiceStatus::Active);
        counts.draining_services[kind] += i32::from(service.status == ServiceStatus::Draining);
    }
    counts
}

fn recount_node(head: &Head, node: &str) -> Used {
    let mut used = Used::default();
    let live = head.scan::<TaskRecord>("").filter(|task| {
        task.container_instance_key.as_deref() == Some(node)
            && task.last_status != TaskStatus::Stopped
    });
    let (mut ports, mut groups) = (BTreeMap::new(), BTreeMap::new());
    for task in live {
        used.cpu_units += task.cpu_units;
        used.memory_mib += task.memory_mib;
        used.tasks += 1;
        used.running_tasks += usize::from(task.last_status == TaskStatus::Running);
        used.pending_tasks += usize::from(task.last_status < TaskStatus::Running);
        for port in &task.host_ports {
            *ports.entry(port.clone()).or_insert(0) += 1;
        }
        if task.desired_status == DesiredStatus::Running {
            *groups.entry(Arc::from(task.group.as_str())).or_insert(0) += 1;
        }
    }
    (used.host_ports, used.groups) = (ports, groups);
    used
}

proptest! {
    #[test]
    fn views_equal_a_recount(transactions in transactions()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let engine = Arc::new(MemoryEngine::new());
            let store = Store::open(engine, Ecs::schema(Schema::new()), Clock::system()).await.unwrap();
            for transaction in &transactions {
                apply(&store, transaction);
                let check = |head: &Head| {
                    for cluster in CLUSTERS {
                        let seen = head.view::<ClusterCounts>().of(&format!("1/r/{cluster}"));
                        assert_eq!(seen, recount_cluster(head, cluster), "cluster {cluster}");
                    }
                    for node in ["node-0", "node-1"] {
                        assert_eq!(head.view::<NodeUsage>().of(node), recount_node(head, node), "{node}");
                    }
                };
                store.read(check).head();
            }
        });
    }
}
