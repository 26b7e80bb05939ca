//! Where the tasks of a DAEMON service are to be, and how they get there.

use std::{collections::BTreeSet, sync::Arc};

use clock::UnixMillis;
use ecs_rules::deployment::NodeView;
use kit::LoopError;
use placement::Standing;
use state::{Head, Record, Tx};

use super::act::Batch;
use crate::{
    Ecs, daemons,
    records::{
        ClusterRecord, ContainerInstanceRecord, ContainerInstanceStatus, DAEMON, ServiceRecord,
        ServiceStatus, TaskRecord, TaskStatus,
    },
    service_events as events,
    tasks::{self, Launch, StartedOn},
};

/// Tasks begun in one transaction.
const STARTS_AT_ONCE: usize = 25;

/// None of a REPLICA service. In the order of their keys.
pub(crate) fn nodes(head: &Head, service: &ServiceRecord) -> Option<Vec<NodeView>> {
    if service.scheduling_strategy != DAEMON {
        return None;
    }
    let Some(batch) = service
        .primary()
        .and_then(|primary| Batch::of(head, service, primary).ok())
    else {
        return Some(vec![]);
    };
    let matching = tasks::matching_nodes(
        head,
        &service.account,
        &service.region,
        &service.cluster,
        &batch.definition,
        &batch.placing,
        false,
    );
    let spec = service
        .primary()
        .and_then(|primary| primary.task_spec.daemon.as_ref());
    let is_of_provider = |key: &str| {
        let node = || head.get::<ContainerInstanceRecord>(key);
        spec.is_none_or(|spec| {
            node().is_some_and(|node| daemons::provider_of(spec, &node).is_some())
        })
    };
    let matching = matching.into_iter().filter(|(key, _)| is_of_provider(key));
    let nodes = matching.filter_map(|(key, standing)| {
        let is_wanted = match standing {
            Standing::Ready => true,
            // A daemon is what such a node waits for; a service of the strategy DAEMON waits as others do.
            Standing::AwaitsDaemons => spec.is_some(),
            Standing::Disconnected => false,
            Standing::Draining if has_other_tasks(head, &key) => false,
            Standing::Draining | Standing::Inactive => return None,
        };
        Some(NodeView { key, is_wanted })
    });
    Some(nodes.collect())
}

/// Whether a node has what the service's tasks ask for, full or not; `None` if placement does not know the node.
pub(crate) fn takes(
    head: &Head,
    service: &ServiceRecord,
    node: &ContainerInstanceRecord,
) -> Option<bool> {
    let batch = Batch::of(head, service, service.primary()?).ok()?;
    tasks::node_matches(head, node, &batch.definition, &batch.placing)
}

/// Of a daemon, what its drainPercent leaves; a service says it itself.
pub(super) fn minimum_healthy_percent(service: &ServiceRecord, nodes: i32) -> Option<i32> {
    let configuration = service.daemon_configuration.as_ref()?;
    Some(ecs_rules::daemon::least_healthy_percent(
        configuration,
        nodes,
    ))
}

/// What DescribeServices shows as desired: the nodes that have, or are to have, a task.
pub(super) fn desired_count(nodes: &[NodeView], tasks: &[Arc<TaskRecord>]) -> i32 {
    let occupied: BTreeSet<&str> = tasks
        .iter()
        .filter(|task| task.last_status != TaskStatus::Stopped)
        .filter_map(|task| task.container_instance_key.as_deref())
        .collect();
    let counted = nodes
        .iter()
        .filter(|node| node.is_wanted || occupied.contains(node.key.as_str()));
    i32::try_from(counted.count()).unwrap_or(i32::MAX)
}

/// Starts a task of the primary deployment on each of the nodes, as far as one transaction reaches.
pub(super) fn start_on(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    service: &mut ServiceRecord,
    nodes: &[String],
    now: UnixMillis,
) -> Result<(), LoopError> {
    let Some(deployment) = service.primary().cloned() else {
        return Ok(());
    };
    let batch = Batch::of(tx, service, &deployment)?;
    let (mut started, mut refused) = (vec![], None);
    for key in nodes {
        if started.len() == STARTS_AT_ONCE {
            break;
        }
        let Some(node) = tx.get::<ContainerInstanceRecord>(key) else {
            continue;
        };
        let launch = Launch {
            launch_type: "EC2".into(),
            capacity_provider: deployment
                .task_spec
                .daemon
                .as_ref()
                .and_then(|spec| daemons::provider_of(spec, &node)),
            platform_version: None,
        };
        let new = batch.task(service, &deployment, launch);
        match tasks::create_on(ecs, tx, &new, &node)? {
            StartedOn::Placed(task) => started.push(task.id),
            StartedOn::Refused(filter) => {
                refused.get_or_insert_with(|| events::no_room_on(&node.id, filter));
            }
            StartedOn::NoAddress(why) => {
                refused.get_or_insert_with(|| events::no_address(&why));
            }
        }
    }
    if !started.is_empty() {
        events::add(ecs, tx, service, &events::started(&started));
    }
    if let Some(text) = &refused {
        events::add_once(ecs, tx, service, text);
    }
    if let Some(primary) = service.primary_mut()
        && primary.without_room != refused.is_some()
    {
        primary.without_room = refused.is_some();
        primary.updated_at = now;
    }
    Ok(())
}

/// The DAEMON services that a change of this node concerns.
pub(super) fn services_of(head: &Head, node: &ContainerInstanceRecord) -> BTreeSet<String> {
    let cluster = ClusterRecord::key_of(&node.account, &node.region, &node.cluster);
    let daemons = head.index::<ServiceRecord>("by_daemon_cluster", &cluster);
    let active = daemons
        .iter()
        .filter(|service| service.status == ServiceStatus::Active);
    active.map(|service| service.key()).collect()
}

/// Whether a change of the node is one that a daemon's place may depend on.
pub(super) fn concerns(
    before: Option<&ContainerInstanceRecord>,
    after: &ContainerInstanceRecord,
) -> bool {
    let seen = |node: &ContainerInstanceRecord| {
        (
            node.status,
            node.connection.connected,
            node.attributes.clone(),
            node.own_attributes.clone(),
            node.awaited_daemons.is_empty(),
        )
    };
    before.map(seen) != Some(seen(after))
}

/// Whether a task that ended was on a node that drains: daemons leave when the others have left.
pub(super) fn draining_node(
    head: &Head,
    task: &TaskRecord,
) -> Option<Arc<ContainerInstanceRecord>> {
    let node = head.get::<ContainerInstanceRecord>(task.container_instance_key.as_ref()?)?;
    (node.status == ContainerInstanceStatus::Draining).then_some(node)
}

/// Whether tasks run there that are no daemon's.
pub(crate) fn has_other_tasks(head: &Head, container_instance_key: &str) -> bool {
    let tasks = head.index::<TaskRecord>("by_container_instance", container_instance_key);
    let living = tasks
        .iter()
        .filter(|task| task.last_status != TaskStatus::Stopped);
    living.into_iter().any(|task| {
        let service = task.service.as_ref().and_then(|service| {
            let key = ServiceRecord::key_of(&task.account, &task.region, &task.cluster, service);
            head.get::<ServiceRecord>(&key)
        });
        service.is_none_or(|service| service.scheduling_strategy != DAEMON)
    })
}
