use api_ecs::{
    errors,
    operations::CreateService,
    types::{ConflictException, CreateServiceRequest, CreateServiceResponse, Service},
};
use ecs_rules::{
    deployment_configuration::{MAXIMUM_PERCENT, deployment_configuration},
    execute_command,
    service::{self, Movable},
    task_set,
};
use limits::SERVICES_PER_CLUSTER;
use state::{Head, Record, Tx};
use wire::{Access, Caller, Error, Handle, Stored};

use super::{
    refused::{self, CREATE_SERVICE},
    run_task,
    services::{self, Asked},
    task_sets,
};
use crate::{
    Ecs, access,
    answer::Refusal,
    client_token::{Claim, Seen},
    counts::ClusterCounts,
    deployments,
    launch::Plan,
    lookup,
    records::{ClusterRecord, DAEMON, EXTERNAL, REPLICA, ServiceRecord, ServiceStatus, TaskSpec},
    render, service_events,
};

impl Handle<CreateService> for Ecs {
    fn access(&self, caller: &Caller, input: &CreateServiceRequest) -> Access {
        let scope = access::scope_of(caller);
        let definition = input.task_definition.as_deref().unwrap_or_default();
        let mut access = services::access(
            "ecs:CreateService",
            caller,
            input.cluster.as_deref(),
            input.service_name.as_deref(),
        )
        .condition(
            "ecs:task-definition",
            access::task_definition(&scope, definition),
        );
        let providers = input.capacity_provider_strategy.iter().flatten();
        for provider in providers.filter_map(|item| item.capacity_provider.as_deref()) {
            access = access.condition("ecs:capacity-provider", scope.capacity_provider(provider));
        }
        let exec = input.enable_execute_command.unwrap_or_default();
        let managed_tags = input.enable_ecs_managed_tags.unwrap_or_default();
        access = access
            .condition("ecs:enable-execute-command", exec.to_string())
            .condition("ecs:enable-ecs-managed-tags", managed_tags.to_string());
        access = services::with_network(access, input.network_configuration.as_ref());
        let name = input.service_name.as_deref().unwrap_or_default();
        let service = scope.service(&access::cluster_of(input.cluster.as_deref()), name);
        let access =
            self.with_tags_of_creation(caller, access, "CreateService", service, &input.tags);
        access::passing(access, caller, &[&input.role], access::ECS)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: CreateServiceRequest,
    ) -> Result<CreateServiceResponse, Error> {
        refused::check(CREATE_SERVICE, &input)?;
        let request = CreateServiceRequest {
            client_token: None,
            ..input.clone()
        };
        let claim = Claim::new(input.client_token.as_deref(), &request)?;
        let service = self
            .transact(|tx| {
                let cluster = lookup::cluster(tx, caller, input.cluster.as_deref())?;
                let name = service::check_name(input.service_name.as_deref())?;
                let key =
                    ServiceRecord::key_of(&caller.account, &caller.region, &cluster.name, name);
                let scope = format!("{}/CreateService", cluster.key());
                let known = tx.get::<ServiceRecord>(&key);
                match claim.look(tx, &scope, self.clock.now()) {
                    Seen::Never => {}
                    Seen::Same(_) => {
                        if let Some(known) = &known {
                            return Ok(render::service::service(tx, known, true));
                        }
                    }
                    Seen::Other(arns) => return Err(conflict(arns).into()),
                }
                if let Some(answer) = existing(tx, known.as_deref(), claim.fingerprint())? {
                    return Ok(answer);
                }
                let fingerprint = claim.fingerprint().to_owned();
                let mut record =
                    self.new_service(tx, caller, &cluster, name, &input, fingerprint)?;
                if !record.is_external() {
                    deployments::begin(&self.clock, tx, &mut record)?;
                }
                tx.put(record.clone());
                claim.keep(tx, &scope, record.arn(), self.clock.now());
                Ok::<_, Refusal>(render::service::service(tx, &record, true))
            })
            .await?;
        Ok(CreateServiceResponse {
            service: Some(service),
        })
    }
}

impl Ecs {
    fn new_service(
        &self,
        tx: &Tx<'_>,
        caller: &Caller,
        cluster: &ClusterRecord,
        name: &str,
        input: &CreateServiceRequest,
        creation_fingerprint: String,
    ) -> Result<ServiceRecord, Refusal> {
        check_quota(tx, cluster)?;
        let controller = service::deployment_controller(input.deployment_controller.as_ref())?;
        let is_external = controller == EXTERNAL;
        if is_external {
            task_set::check_creation_of_service(input)?;
        }
        let is_daemon = service::is_daemon(input)?;
        check_role(input)?;
        let desired_count = match (is_daemon, is_external) {
            // Of a daemon the scheduler says it: as many as there are nodes.
            (true, _) => 0,
            (_, true) => service::check_desired_count(input.desired_count.unwrap_or(0))?,
            _ => service::required_desired_count(input.desired_count)?,
        };
        let task_spec = match is_external {
            true => task_sets::placement_only(input)?,
            false => asked_spec(tx, caller, cluster, input, is_daemon)?,
        };
        let mut configuration = deployment_configuration(
            None,
            service::with_daemon_defaults(is_daemon, input.deployment_configuration.clone()),
        )?;
        if is_external {
            configuration = task_sets::percentages_only(configuration);
        }
        services::check_alarms(tx, caller, &configuration)?;
        services::check_functions(tx, &configuration)?;
        let rebalancing = service::zone_rebalancing(
            input.availability_zone_rebalancing.as_ref(),
            &Movable {
                is_daemon,
                is_external,
                maximum_percent: configuration.maximum_percent.unwrap_or(MAXIMUM_PERCENT),
                placement_strategy: input.placement_strategy.as_deref().unwrap_or_default(),
                placement_constraints: input.placement_constraints.as_deref().unwrap_or_default(),
            },
        )?;
        let now = self.clock.now();
        let key = ServiceRecord::key_of(&caller.account, &caller.region, &cluster.name, name);
        Ok(ServiceRecord {
            account: caller.account.clone(),
            region: caller.region.clone(),
            cluster: cluster.name.clone(),
            name: name.to_owned(),
            status: ServiceStatus::Active,
            desired_count,
            deployments: vec![],
            task_sets: vec![],
            service_deployment: None,
            rollback_candidate: None,
            zone_move: None,
            task_spec,
            deployment_configuration: Stored(configuration),
            daemon_configuration: None,
            scheduling_strategy: if is_daemon { DAEMON } else { REPLICA }.into(),
            deployment_controller: controller.into(),
            availability_zone_rebalancing: rebalancing.into(),
            health_check_grace_period_seconds: service::check_grace_period(
                input.health_check_grace_period_seconds,
            )?,
            enable_ecs_managed_tags: input.enable_ecs_managed_tags.unwrap_or_default(),
            enable_execute_command: input.enable_execute_command.unwrap_or_default(),
            propagate_tags: service::propagate_tags(input.propagate_tags.as_ref())?.into(),
            role_arn: None,
            steady_state_reported_at: None,
            first_event: service_events::next_sequence(tx, &key),
            creation_fingerprint,
            tags: render::tags::parse(input.tags.clone())?,
            created_by: caller.principal.arn(&caller.account),
            created_at: now,
            updated_at: now,
            version: 1,
        })
    }
}

/// What the tasks of a service with deployments of its own shall be made of.
fn asked_spec(
    head: &Head,
    caller: &Caller,
    cluster: &ClusterRecord,
    input: &CreateServiceRequest,
    is_daemon: bool,
) -> Result<TaskSpec, Refusal> {
    let definition = run_task::definition(head, caller, input.task_definition.as_deref())?;
    let exec = input.enable_execute_command.unwrap_or_default();
    execute_command::check_service(exec, &definition.definition, "created")?;
    let asked = Asked {
        cluster,
        definition: &definition,
        plan: match is_daemon {
            true => Plan::LaunchType("EC2".into()),
            false => Plan::of_request(
                head,
                cluster,
                input.launch_type.as_ref(),
                input.capacity_provider_strategy.as_deref(),
            )?,
        },
        platform_version: input.platform_version.as_deref(),
        network_configuration: input.network_configuration.clone(),
        placement_constraints: input.placement_constraints.clone().unwrap_or_default(),
        placement_strategy: input.placement_strategy.clone().unwrap_or_default(),
    };
    services::task_spec(head, asked)
}

/// The answer of a request that was answered before; an error if the name is taken otherwise.
fn existing(
    head: &Head,
    known: Option<&ServiceRecord>,
    fingerprint: &str,
) -> Result<Option<Service>, Error> {
    match known {
        None => Ok(None),
        Some(known) => match known.status {
            ServiceStatus::Inactive => Ok(None),
            ServiceStatus::Draining => Err(errors::invalid_parameter_exception(
                "Unable to Start a service that is still Draining.",
            )),
            ServiceStatus::Active if known.creation_fingerprint == fingerprint => {
                Ok(Some(render::service::service(head, known, true)))
            }
            ServiceStatus::Active => Err(errors::invalid_parameter_exception(
                "Creation of service was not idempotent.",
            )),
        },
    }
}

fn check_quota(head: &Head, cluster: &ClusterRecord) -> Result<(), Error> {
    let counts = head.view::<ClusterCounts>().of(&cluster.key());
    let services: i32 = counts
        .active_services
        .iter()
        .chain(&counts.draining_services)
        .sum();
    if usize::try_from(services).unwrap_or(0) < SERVICES_PER_CLUSTER {
        return Ok(());
    }
    Err(errors::limit_exceeded_exception(
        "The maximum number of services for this cluster has been exceeded.",
    ))
}

/// AWS takes a role only for classic load balancers.
fn check_role(input: &CreateServiceRequest) -> Result<(), Error> {
    if input.role.as_ref().is_some_and(|role| !role.is_empty()) {
        return Err(errors::invalid_parameter_exception(
            "You cannot specify an IAM role for services that do not use a load balancer.",
        ));
    }
    Ok(())
}

fn conflict(arns: Vec<String>) -> Error {
    errors::conflict_exception("The clientToken is already in use with a different request.")
        .with_details(ConflictException {
            message: None,
            resource_ids: Some(arns),
        })
}
