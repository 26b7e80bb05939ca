//! ListNodes: every node that is registered, serverless ones too, with what its tasks hold and use.

use api_gantry::operations::ListNodes;
use api_gantry::types::{ListNodesRequest, ListNodesResponse, Node, NodeCapacity};
use service_ecs::NodeUsage;
use service_ecs::records::{
    Capacity, ContainerInstanceRecord, ContainerInstanceStatus, TaskRecord,
};
use state::{Head, Record};
use wire::{Access, Caller, Error, Handle};

use super::{count, timestamp};
use crate::{Control, events};

impl Handle<ListNodes> for Control {
    fn access(&self, caller: &Caller, _input: &ListNodesRequest) -> Access {
        super::access("gantry:ListNodes", caller, "node")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListNodesRequest,
    ) -> Result<ListNodesResponse, Error> {
        let page = super::page(input.max_results, input.next_token.as_deref())?;
        kit::answer::look(&self.store, |head| {
            let prefix = format!("{}/{}/", caller.account, caller.region);
            let after = page.after.clone().unwrap_or_default();
            let registered = head
                .scan_after::<ContainerInstanceRecord>(&prefix, &after)
                .filter(|node| node.status != ContainerInstanceStatus::Inactive);
            let (nodes, next_token) = kit::paginate(&page, registered, |node| node.key());
            Ok(ListNodesResponse {
                nodes: Some(nodes.iter().map(|node| self.node(head, node)).collect()),
                next_token,
            })
        })
        .await
    }
}

impl Control {
    fn node(&self, head: &Head, node: &ContainerInstanceRecord) -> Node {
        let held = head.view::<NodeUsage>().of(&node.key());
        let mut shown = Node {
            node_name: Some(events::name_of(head, node)),
            node_id: Some(node.node_id.clone()),
            container_instance_arn: Some(node.arn()),
            capacity: Some(match node.capacity {
                Capacity::Serverless => NodeCapacity::SERVERLESS,
                Capacity::ContainerInstance => NodeCapacity::CONTAINER_INSTANCE,
            }),
            cluster: Some(node.cluster.clone()).filter(|cluster| !cluster.is_empty()),
            status: Some(node.status.as_str().to_owned()),
            agent_connected: Some(node.connection.connected),
            connection_changed_at: timestamp(node.connection.changed_at),
            registered_at: timestamp(node.registered_at),
            availability_zone: Some(node.availability_zone.clone()),
            agent_version: Some(node.agent_version.clone()),
            cpu_units: Some(node.cpu_units),
            memory_mib: Some(node.memory_mib),
            reserved_cpu_units: Some(held.cpu_units),
            reserved_memory_mib: Some(held.memory_mib),
            running_tasks: count(held.running_tasks),
            pending_tasks: count(held.pending_tasks),
            ..Node::default()
        };
        let tasks = head.index::<TaskRecord>("by_container_instance", &node.key());
        let measured: Vec<_> = tasks
            .iter()
            .filter_map(|task| self.ecs.latest_usage(&task.arn()))
            .collect();
        shown.measured_tasks = count(measured.len());
        if !measured.is_empty() {
            let cpu = measured.iter().map(|usage| usage.cpu_percent_of_node);
            let memory = measured.iter().map(|usage| usage.memory_mib);
            shown.used_cpu_percent = Some(cpu.sum());
            shown.used_memory_mib = Some(memory.sum());
        }
        shown
    }
}
