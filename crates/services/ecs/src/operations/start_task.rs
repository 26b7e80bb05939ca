//! StartTask: as RunTask, but on the container instances that the request names.

use api_ecs::{
    errors, operations,
    types::{Failure, LaunchType, RunTaskRequest, StartTaskRequest, StartTaskResponse},
};
use limits::CONTAINER_INSTANCES_PER_START_TASK;
use state::Tx;
use wire::{Access, Caller, Error, Handle};

use super::{
    container_instances::{self, arn_of},
    refused::{self, START_TASK},
    run_task::Request,
};
use crate::{
    Ecs, access,
    answer::Refusal,
    records::{ContainerInstanceStatus, TaskRecord},
    render,
    tasks::{self, Launch, StartedOn},
};

impl Handle<operations::StartTask> for Ecs {
    fn access(&self, caller: &Caller, input: &StartTaskRequest) -> Access {
        let definition = input.task_definition.as_deref().unwrap_or_default();
        let cluster = access::cluster_of(input.cluster.as_deref());
        let mut access = access::in_cluster(
            "ecs:StartTask",
            caller,
            input.cluster.as_deref(),
            |scope, _| access::task_definition(scope, definition),
        );
        for instance in input.container_instances.iter().flatten() {
            let arn = arn_of(caller, &cluster, instance);
            access = access.condition("ecs:container-instances", arn);
        }
        let exec = input.enable_execute_command.unwrap_or_default();
        access = access.condition("ecs:enable-execute-command", exec.to_string());
        let tasks = access::scope_of(caller).task(&cluster, "*");
        let access = self.with_tags_of_creation(caller, access, "StartTask", tasks, &input.tags);
        let Some(overrides) = &input.overrides else {
            return access;
        };
        let roles = [&overrides.task_role_arn, &overrides.execution_role_arn];
        access::passing(access, caller, &roles, access::TASKS)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: StartTaskRequest,
    ) -> Result<StartTaskResponse, Error> {
        refused::check(START_TASK, &input)?;
        let instances = input.container_instances.clone().unwrap_or_default();
        if instances.is_empty() {
            return Err(errors::invalid_parameter_exception(
                "Container instances cannot be empty.",
            ));
        }
        if instances.len() > CONTAINER_INSTANCES_PER_START_TASK {
            return Err(errors::invalid_parameter_exception(format!(
                "Container instances cannot have more than {CONTAINER_INSTANCES_PER_START_TASK} elements."
            )));
        }
        let as_run_task = as_run_task(input);
        let (made, failures) = self
            .transact(|tx| {
                let request = Request::check(tx, caller, &as_run_task)?;
                let (mut made, mut failures) = (vec![], vec![]);
                for instance in &instances {
                    match self.start_on(tx, &request, instance)? {
                        Ok(task) => made.push(render::task::task(&task, true)),
                        Err(failure) => failures.push(failure),
                    }
                }
                Ok::<_, Refusal>((made, failures))
            })
            .await?;
        Ok(StartTaskResponse {
            tasks: Some(made),
            failures: Some(failures),
        })
    }
}

impl Ecs {
    fn start_on(
        &self,
        tx: &mut Tx<'_>,
        request: &Request<'_>,
        instance: &str,
    ) -> Result<Result<TaskRecord, Failure>, Refusal> {
        let cluster = &request.cluster.name;
        let found = container_instances::find(tx, request.caller, cluster, instance);
        let Some(node) = found else {
            let arn = arn_of(request.caller, cluster, instance);
            return Ok(Err(render::missing(arn)));
        };
        let failure = |reason: &str, detail: Option<String>| Failure {
            arn: Some(node.arn()),
            reason: Some(reason.to_owned()),
            detail,
        };
        if node.status == ContainerInstanceStatus::Inactive {
            return Ok(Err(failure("INACTIVE", None)));
        }
        let new = request.new_task(Launch {
            launch_type: "EC2".into(),
            capacity_provider: None,
            platform_version: None,
        });
        Ok(match tasks::create_on(self, tx, &new, &node)? {
            StartedOn::Placed(task) => Ok(*task),
            StartedOn::Refused(filter) => Err(failure(filter.failure_reason(), None)),
            StartedOn::NoAddress(why) => Err(failure("RESOURCE:ENI", Some(why))),
        })
    }
}

/// What the two operations have in common. The cluster's capacity provider strategy has no say in it.
fn as_run_task(input: StartTaskRequest) -> RunTaskRequest {
    RunTaskRequest {
        cluster: input.cluster,
        task_definition: input.task_definition,
        launch_type: Some(LaunchType::EC2),
        enable_ecs_managed_tags: input.enable_ecs_managed_tags,
        enable_execute_command: input.enable_execute_command,
        group: input.group,
        network_configuration: input.network_configuration,
        overrides: input.overrides,
        propagate_tags: input.propagate_tags,
        reference_id: input.reference_id,
        started_by: input.started_by,
        tags: input.tags,
        volume_configurations: input.volume_configurations,
        ..RunTaskRequest::default()
    }
}
