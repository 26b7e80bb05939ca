//! ListTaskUsage: the tasks that live, with what their nodes told of their CPU and memory (TCS).

use api_gantry::operations::ListTaskUsage;
use api_gantry::types::{ListTaskUsageRequest, ListTaskUsageResponse, TaskUsage};
use service_ecs::records::{ContainerInstanceRecord, TaskRecord, TaskStatus};
use state::{Head, Record};
use wire::{Access, Caller, Error, Handle};

use super::{given, timestamp};
use crate::{Control, events};

impl Handle<ListTaskUsage> for Control {
    fn access(&self, caller: &Caller, _input: &ListTaskUsageRequest) -> Access {
        super::access("gantry:ListTaskUsage", caller, "task-usage")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListTaskUsageRequest,
    ) -> Result<ListTaskUsageResponse, Error> {
        let page = super::page(input.max_results, input.next_token.as_deref())?;
        let service = given(input.service.as_ref());
        let mut prefix = format!("{}/{}/", caller.account, caller.region);
        if let Some(cluster) = given(input.cluster.as_ref()) {
            prefix.push_str(&format!("{cluster}/"));
        }
        kit::answer::look(&self.store, |head| {
            let after = page.after.clone().unwrap_or_default();
            let living = head
                .scan_after::<TaskRecord>(&prefix, &after)
                .filter(|task| task.last_status != TaskStatus::Stopped)
                .filter(|task| service.is_none() || task.service.as_deref() == service);
            let (tasks, next_token) = kit::paginate(&page, living, |task| task.key());
            Ok(ListTaskUsageResponse {
                tasks: Some(tasks.iter().map(|task| self.used(head, task)).collect()),
                next_token,
            })
        })
        .await
    }
}

impl Control {
    fn used(&self, head: &Head, task: &TaskRecord) -> TaskUsage {
        let node = task
            .container_instance_key
            .as_ref()
            .and_then(|key| head.get::<ContainerInstanceRecord>(key));
        let usage = self.ecs.latest_usage(&task.arn());
        TaskUsage {
            task_arn: Some(task.arn()),
            cluster: Some(task.cluster.clone()),
            service: task.service.clone(),
            group: Some(task.group.clone()),
            task_definition: Some(format!("{}:{}", task.family, task.revision)),
            last_status: Some(task.last_status.as_str().to_owned()),
            node_name: node.as_ref().map(|node| events::name_of(head, node)),
            container_instance_arn: node.as_ref().map(|node| node.arn()),
            cpu_units: Some(task.cpu_units),
            memory_mib: Some(task.memory_mib),
            used_cpu_percent: usage.map(|usage| usage.cpu_percent_of_node),
            used_memory_mib: usage.map(|usage| usage.memory_mib),
            measured_at: usage.and_then(|usage| timestamp(usage.at)),
            started_at: task.started_at.and_then(timestamp),
        }
    }
}
