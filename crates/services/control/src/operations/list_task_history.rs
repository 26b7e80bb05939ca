//! ListTaskHistory: tasks that stopped, by the time they did.

use api_gantry::operations::ListTaskHistory;
use api_gantry::types::{
    ContainerHistory, ListTaskHistoryRequest, ListTaskHistoryResponse, TaskHistory,
};
use service_ecs::records::TaskRecord;
use state::{Head, Record};
use wire::{Access, Caller, Error, Handle};

use super::{
    given,
    history_list::{Asked, List},
    timestamp,
};
use crate::{Control, events, explain::placement};

impl Handle<ListTaskHistory> for Control {
    fn access(&self, caller: &Caller, _input: &ListTaskHistoryRequest) -> Access {
        super::access("gantry:ListTaskHistory", caller, "history")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListTaskHistoryRequest,
    ) -> Result<ListTaskHistoryResponse, Error> {
        let mut list = List::new(
            caller,
            &Asked {
                since: input.since,
                until: input.until,
                cluster: input.cluster.as_ref(),
                service: input.service.as_ref(),
                max_results: input.max_results,
                next_token: input.next_token.as_ref(),
            },
        )?;
        let service = given(input.service.as_ref());
        while list.goes_on() {
            let tasks = self.ecs.stopped_tasks(&list.query()).await?;
            let placed = tasks.into_iter().map(|task| {
                let stopped_at = task.stopped_at.unwrap_or(task.created_at);
                (stopped_at, task.key(), task)
            });
            list.take(placed.collect(), |task| {
                service.is_none() || task.service.as_deref() == service
            });
        }
        let (found, next_token) = list.finish();
        let shown = self.store.read(|head| {
            let tasks = found.iter();
            tasks.map(|task| self.shown(head, task)).collect()
        });
        Ok(ListTaskHistoryResponse {
            tasks: Some(shown.head()),
            next_token,
        })
    }
}

impl Control {
    fn shown(&self, head: &Head, task: &TaskRecord) -> TaskHistory {
        let containers = task.containers.iter().map(|container| ContainerHistory {
            name: Some(container.name.clone()),
            exit_code: container.exit_code,
            reason: container.reason.clone(),
        });
        let node = task
            .container_instance_key
            .as_ref()
            .and_then(|key| events::node_name(head, key));
        let decided = task.placement.as_ref().zip(self.ecs.wanted_by(head, task));
        let decided = decided.as_ref();
        TaskHistory {
            placement: decided.map(|(kept, wanted)| placement::data(head, wanted, kept)),
            placement_reasons: decided
                .map(|(kept, wanted)| placement::sentences(head, wanted, kept)),
            task_arn: Some(task.arn()),
            cluster: Some(task.cluster.clone()),
            service: task.service.clone(),
            group: Some(task.group.clone()),
            task_definition: Some(format!("{}:{}", task.family, task.revision)),
            launch_type: Some(task.launch_type.clone()),
            started_by: task.started_by.clone(),
            node_name: node,
            created_at: timestamp(task.created_at),
            started_at: task.started_at.and_then(timestamp),
            stopped_at: task.stopped_at.and_then(timestamp),
            stop_code: task.stop_code.clone(),
            stopped_reason: task.stopped_reason.clone(),
            containers: Some(containers.collect()),
        }
    }
}
