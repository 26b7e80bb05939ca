use api_ecs::{
    errors,
    operations::CreateTaskSet,
    types::{CreateTaskSetRequest, CreateTaskSetResponse},
};
use ecs_rules::task_set;
use limits::TASK_SETS_PER_SERVICE;
use state::{Head, Record};
use wire::{Access, Caller, Error, Handle};

use super::{
    refused::{self, CREATE_TASK_SET},
    run_task,
    services::{self, Asked},
    task_sets,
};
use crate::{
    Ecs, access,
    answer::Refusal,
    client_token::{Claim, Seen},
    launch::Plan,
    lookup,
    records::{
        DeploymentRecord, RolloutState, ServiceRecord, Stability, TaskSetRecord, TaskSetStatus,
        TaskSpec,
    },
    render,
};

impl Handle<CreateTaskSet> for Ecs {
    fn access(&self, caller: &Caller, input: &CreateTaskSetRequest) -> Access {
        let scope = access::scope_of(caller);
        let definition = input.task_definition.as_deref().unwrap_or_default();
        let mut access = task_sets::access(
            "ecs:CreateTaskSet",
            caller,
            input.cluster.as_deref(),
            input.service.as_deref(),
            &["*"],
        )
        .condition(
            "ecs:task-definition",
            access::task_definition(&scope, definition),
        );
        let providers = input.capacity_provider_strategy.iter().flatten();
        for provider in providers.filter_map(|item| item.capacity_provider.as_deref()) {
            access = access.condition("ecs:capacity-provider", scope.capacity_provider(provider));
        }
        access = services::with_network(access, input.network_configuration.as_ref());
        let cluster = access::cluster_of(input.cluster.as_deref());
        let service = input.service.as_deref().unwrap_or_default();
        let made = scope.task_set(&cluster, service, "*");
        self.with_tags_of_creation(caller, access, "CreateTaskSet", made, &input.tags)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: CreateTaskSetRequest,
    ) -> Result<CreateTaskSetResponse, Error> {
        refused::check(CREATE_TASK_SET, &input)?;
        let request = CreateTaskSetRequest {
            client_token: None,
            ..input.clone()
        };
        let claim = Claim::new(input.client_token.as_deref(), &request)?;
        let set = self
            .transact(|tx| {
                let now = self.clock.now();
                let (cluster, service) = (input.cluster.as_deref(), input.service.as_deref());
                let known = task_sets::service(tx, caller, cluster, service)?;
                let scope = format!("{}/CreateTaskSet", known.key());
                match claim.look(tx, &scope, now) {
                    Seen::Never => {}
                    Seen::Same(ids) => {
                        let mut ids = ids.iter();
                        if let Some(set) = ids.find_map(|id| known.task_set(id)) {
                            return Ok(render::task_set::task_set(tx, &known, set, true));
                        }
                    }
                    Seen::Other(_) => {
                        return Err(errors::invalid_parameter_exception(
                            "Creation of TaskSet was not idempotent.",
                        )
                        .into());
                    }
                }
                check_quota(&known)?;
                let mut record = ServiceRecord::clone(&known);
                let set = self.new_task_set(tx, caller, &record, &input)?;
                let id = set.id().to_owned();
                record.task_sets.push(set);
                claim.keep(tx, &scope, id.clone(), now);
                let (service, set) =
                    task_sets::put(tx, record, &id, now).expect("the set was put there just now");
                Ok::<_, Refusal>(render::task_set::task_set(tx, &service, &set, true))
            })
            .await?;
        Ok(CreateTaskSetResponse {
            task_set: Some(set),
        })
    }
}

impl Ecs {
    fn new_task_set(
        &self,
        head: &Head,
        caller: &Caller,
        service: &ServiceRecord,
        input: &CreateTaskSetRequest,
    ) -> Result<TaskSetRecord, Refusal> {
        task_set::check_external_id(input.external_id.as_deref())?;
        let scale_percent = task_set::check_scale(input.scale.as_ref())?;
        let cluster = lookup::cluster(head, caller, input.cluster.as_deref())?;
        let definition = run_task::definition(head, caller, input.task_definition.as_deref())?;
        let constraints = service.task_spec.placement_constraints.iter();
        let strategy = service.task_spec.placement_strategy.iter();
        let asked = Asked {
            cluster: &cluster,
            definition: &definition,
            plan: Plan::of_request(
                head,
                &cluster,
                input.launch_type.as_ref(),
                input.capacity_provider_strategy.as_deref(),
            )?,
            platform_version: input.platform_version.as_deref(),
            network_configuration: input.network_configuration.clone(),
            placement_constraints: constraints.map(|stored| stored.0.clone()).collect(),
            placement_strategy: strategy.map(|stored| stored.0.clone()).collect(),
        };
        let spec = services::task_spec(head, asked)?;
        let platform_version = spec
            .plan()
            .platform_version(spec.platform_version.as_deref())?;
        let now = self.clock.now();
        let id = names::deployment_id(&self.clock);
        let task_spec = TaskSpec {
            platform_version,
            ..spec
        };
        let count = task_set::computed_desired_count(service.desired_count, scale_percent);
        Ok(TaskSetRecord {
            deployment: DeploymentRecord {
                // Nothing is rolled out: whoever made the set says what becomes of it.
                revision: None,
                rollout_state: RolloutState::Completed,
                ..DeploymentRecord::new(id, String::new(), task_spec, count, String::new(), now)
            },
            status: TaskSetStatus::Active,
            scale_percent,
            external_id: input.external_id.clone().filter(|id| !id.is_empty()),
            stability: Stability::Stabilizing,
            stability_at: now,
            tags: render::tags::parse(input.tags.clone())?,
        })
    }
}

fn check_quota(service: &ServiceRecord) -> Result<(), Error> {
    let count = service.task_sets.len();
    if count < TASK_SETS_PER_SERVICE {
        return Ok(());
    }
    Err(errors::invalid_parameter_exception(format!(
        "{count} deployments exist on the service. Unable to create new TaskSet since this exceeds the maximum limit."
    )))
}
