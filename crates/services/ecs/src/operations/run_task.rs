//! RunTask: makes tasks and places them in one transaction.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use api_ecs::{
    errors, operations,
    types::{
        ConflictException, Failure, PropagateTags, RunTaskRequest, RunTaskResponse, Task,
        TaskOverride,
    },
};
use ecs_rules::{execute_command, task_overrides};
use limits::{
    GROUP_CHARACTERS, REFERENCE_ID_CHARACTERS, STARTED_BY_CHARACTERS, TASKS_PER_RUN_TASK,
};
use placement::Filter;
use state::{Head, Tx};
use wire::{Access, Caller, Error, Handle, Stored};

use super::refused::{self, RUN_TASK};
use crate::{
    Ecs, access,
    answer::Refusal,
    client_token::{self, Seen},
    launch::{self, Placing, Plan},
    lookup,
    records::{ClusterRecord, Tags, TaskDefinitionRecord, TaskDefinitionStatus, TaskRecord},
    render,
    tasks::{self, Creation, Launch, NewTask, NoRoom, capacity},
};

impl Handle<operations::RunTask> for Ecs {
    fn access(&self, caller: &Caller, input: &RunTaskRequest) -> Access {
        let definition = input.task_definition.as_deref().unwrap_or_default();
        let mut access = access::in_cluster(
            "ecs:RunTask",
            caller,
            input.cluster.as_deref(),
            |scope, _| access::task_definition(scope, definition),
        );
        let providers = input.capacity_provider_strategy.iter().flatten();
        for provider in providers.filter_map(|item| item.capacity_provider.as_deref()) {
            let arn = access::scope_of(caller).capacity_provider(provider);
            access = access.condition("ecs:capacity-provider", arn);
        }
        let exec = input.enable_execute_command.unwrap_or_default();
        access = access.condition("ecs:enable-execute-command", exec.to_string());
        let cluster = access::cluster_of(input.cluster.as_deref());
        let tasks = access::scope_of(caller).task(&cluster, "*");
        let access = self.with_tags_of_creation(caller, access, "RunTask", tasks, &input.tags);
        let Some(overrides) = &input.overrides else {
            return access;
        };
        let roles = [&overrides.task_role_arn, &overrides.execution_role_arn];
        access::passing(access, caller, &roles, access::TASKS)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: RunTaskRequest,
    ) -> Result<RunTaskResponse, Error> {
        refused::check(RUN_TASK, &input)?;
        let token = client_token::of_request(input.client_token.as_deref())?;
        let token = token.map(|token| {
            let request = RunTaskRequest {
                client_token: None,
                ..input.clone()
            };
            (token, kit::token::fingerprint(&request))
        });
        let outcome = self
            .transact(|tx| {
                let request = Request::check(tx, caller, &input)?;
                let (account, region) = (&caller.account, &caller.region);
                let scope = format!("{account}/{region}/RunTask/{}", request.cluster.name);
                if let Some((token, fingerprint)) = &token {
                    match client_token::look(tx, &scope, token, fingerprint, self.clock.now()) {
                        Seen::Never => {}
                        Seen::Same(keys) => return Ok(Outcome::Again(keys)),
                        Seen::Other(keys) => return Err(conflict(&keys).into()),
                    }
                }
                let (made, response) = self.run(tx, &request)?;
                if let Some((token, fingerprint)) = &token {
                    client_token::keep(tx, &scope, token, fingerprint, made, self.clock.now());
                }
                Ok::<_, Refusal>(Outcome::Made(response))
            })
            .await?;
        match outcome {
            Outcome::Made(response) => Ok(response),
            Outcome::Again(keys) => self.answer_again(&keys).await,
        }
    }
}

/// Of the container instances that did not take a task, at most so many are told.
const FAILURES_PER_ANSWER: usize = 1000;

enum Outcome {
    Made(RunTaskResponse),
    /// The request was seen before and made these.
    Again(Vec<String>),
}

/// A request that was checked: everything it names is there.
pub(super) struct Request<'a> {
    pub caller: &'a Caller,
    pub cluster: Arc<ClusterRecord>,
    definition: Arc<TaskDefinitionRecord>,
    plan: Plan,
    platform_version: Option<String>,
    placing: Placing,
    overrides: Option<TaskOverride>,
    tags: Tags,
    count: i32,
    input: &'a RunTaskRequest,
}

impl<'a> Request<'a> {
    pub fn check(
        head: &Head,
        caller: &'a Caller,
        input: &'a RunTaskRequest,
    ) -> Result<Self, Refusal> {
        let cluster = lookup::cluster(head, caller, input.cluster.as_deref())?;
        let definition = definition(head, caller, input.task_definition.as_deref())?;
        let count = input.count.unwrap_or(1);
        if !(1..=TASKS_PER_RUN_TASK).contains(&count) {
            return Err(
                invalid(format!("Count must be between 1 and {TASKS_PER_RUN_TASK}.")).into(),
            );
        }
        check_texts(input)?;
        let plan = Plan::of_request(
            head,
            &cluster,
            input.launch_type.as_ref(),
            input.capacity_provider_strategy.as_deref(),
        )?;
        let shape = &definition.definition;
        plan.check_definition(shape)?;
        let platform_version = plan.platform_version(input.platform_version.as_deref())?;
        launch::check_network(
            head,
            &caller.account,
            &caller.region,
            &plan,
            shape,
            input.network_configuration.as_ref(),
        )?;
        let placing = launch::placing(
            &plan,
            shape,
            input.placement_constraints.as_deref().unwrap_or_default(),
            input.placement_strategy.as_deref().unwrap_or_default(),
        )?;
        let overrides = input.overrides.clone();
        let overrides = overrides
            .map(|own| task_overrides::normalise(shape, own, plan.is_serverless()))
            .transpose()?;
        execute_command::check_task(
            input.enable_execute_command.unwrap_or_default(),
            shape,
            overrides.as_ref(),
        )?;
        let tags = tags(input, &cluster, &definition)?;
        Ok(Self {
            caller,
            cluster,
            definition,
            plan,
            platform_version,
            placing,
            overrides,
            tags,
            count,
            input,
        })
    }

    /// What one of its tasks is made of.
    pub fn new_task(&self, launch: Launch) -> NewTask<'_> {
        NewTask {
            account: &self.caller.account,
            region: &self.caller.region,
            cluster: &self.cluster.name,
            definition: &self.definition,
            launch,
            group: self.group(),
            service: None,
            deployment_id: None,
            started_by: self.input.started_by.clone(),
            network_configuration: self.input.network_configuration.clone().map(Stored),
            overrides: self.overrides.clone().map(Stored),
            placing: self.placing.clone(),
            enable_execute_command: self.input.enable_execute_command.unwrap_or_default(),
            reference_id: self.input.reference_id.clone(),
            tags: self.tags.clone(),
        }
    }

    fn group(&self) -> String {
        let own = self.input.group.clone().filter(|group| !group.is_empty());
        own.unwrap_or_else(|| format!("family:{}", self.definition.family))
    }
}

impl Ecs {
    fn run(
        &self,
        tx: &mut Tx<'_>,
        request: &Request<'_>,
    ) -> Result<(Vec<String>, RunTaskResponse), Refusal> {
        let mut made: Vec<TaskRecord> = vec![];
        let mut failures: Vec<Failure> = vec![];
        let mut on_provider: HashMap<String, u64> = HashMap::new();
        let mut refused_launches = BTreeSet::new();
        for _ in 0..request.count {
            let launch = request
                .plan
                .next(request.platform_version.as_deref(), |provider| {
                    on_provider.get(provider).copied().unwrap_or_default()
                });
            if let Some(provider) = &launch.capacity_provider {
                *on_provider.entry(provider.clone()).or_default() += 1;
            }
            let new = request.new_task(launch);
            match tasks::create(self, tx, &new)? {
                Creation::Placed(task) | Creation::Waiting(task) => made.push(task),
                Creation::NoRoom(no_room) => {
                    refuse_without_instances(&request.plan, &no_room)?;
                    match failure_without_instance(&request.plan, &no_room) {
                        Some(failure) => failures.push(failure),
                        // Those of a launch once, however many of its tasks found no room.
                        None if refused_launches.insert(new.launch.capacity_provider.clone()) => {
                            let refused = tasks::refusals(
                                self,
                                tx,
                                &new,
                                FAILURES_PER_ANSWER.saturating_sub(failures.len()),
                            );
                            add_failures(&mut failures, refused);
                        }
                        None => {}
                    }
                }
            }
        }
        let keys = made.iter().map(state::Record::key).collect();
        Ok((keys, response(made.iter(), failures)))
    }

    /// The tasks of the first request with the same token, as they are now.
    async fn answer_again(&self, keys: &[String]) -> Result<RunTaskResponse, Error> {
        let mut tasks = vec![];
        for key in keys {
            tasks.extend(self.task_anywhere(key).await?);
        }
        Ok(response(tasks.iter().map(|task| &**task), vec![]))
    }
}

fn response<'a>(
    tasks: impl Iterator<Item = &'a TaskRecord>,
    failures: Vec<Failure>,
) -> RunTaskResponse {
    let tasks: Vec<Task> = tasks.map(|task| render::task::task(task, true)).collect();
    RunTaskResponse {
        tasks: Some(tasks),
        failures: Some(failures),
    }
}

/// The definition that new tasks may be made of.
pub(super) fn definition(
    head: &Head,
    caller: &Caller,
    argument: Option<&str>,
) -> Result<Arc<TaskDefinitionRecord>, Error> {
    let Some(argument) = argument.filter(|text| !text.is_empty()) else {
        return Err(errors::client_exception(
            "Task definition can not be blank.",
        ));
    };
    lookup::check_scope(caller, argument)?;
    let definition = lookup::task_definition(head, caller, argument)
        .ok_or_else(|| errors::client_exception("TaskDefinition not found."))?;
    if definition.status != TaskDefinitionStatus::Active {
        return Err(errors::client_exception("TaskDefinition is inactive"));
    }
    Ok(definition)
}

fn check_texts(input: &RunTaskRequest) -> Result<(), Error> {
    let too_long = |text: &Option<String>, most: usize| {
        text.as_ref()
            .is_some_and(|text| text.chars().count() > most)
    };
    if too_long(&input.started_by, STARTED_BY_CHARACTERS) {
        return Err(invalid(format!(
            "startedBy can be at most {STARTED_BY_CHARACTERS} characters long."
        )));
    }
    if too_long(&input.group, GROUP_CHARACTERS) {
        return Err(invalid(format!(
            "group can be at most {GROUP_CHARACTERS} characters long."
        )));
    }
    if too_long(&input.reference_id, REFERENCE_ID_CHARACTERS) {
        return Err(invalid(format!(
            "referenceId can be at most {REFERENCE_ID_CHARACTERS} characters long."
        )));
    }
    Ok(())
}

/// The request's own tags win over those that it takes from the definition.
fn tags(
    input: &RunTaskRequest,
    cluster: &ClusterRecord,
    definition: &TaskDefinitionRecord,
) -> Result<Tags, Error> {
    let own = render::tags::parse(input.tags.clone())?;
    let mut tags = match input.propagate_tags.as_ref().map(PropagateTags::as_str) {
        None | Some("NONE" | "") => vec![],
        Some("TASK_DEFINITION") => definition.tags.clone(),
        Some("SERVICE") => {
            return Err(invalid(
                "The propagateTags value SERVICE is not valid for RunTask.",
            ));
        }
        Some(_) => {
            return Err(invalid(
                "Invalid propagateTags value. Valid values are TASK_DEFINITION and NONE.",
            ));
        }
    };
    kit::tags::merge(&mut tags, &own).map_err(render::tags::refuse)?;
    if input.enable_ecs_managed_tags == Some(true) {
        tags.push(("aws:ecs:clusterName".into(), cluster.name.clone()));
    }
    Ok(tags)
}

/// On an empty cluster AWS answers an error instead of failures.
fn refuse_without_instances(plan: &Plan, no_room: &NoRoom) -> Result<(), Error> {
    let is_of_provider = matches!(plan, Plan::Strategy(_));
    if !plan.is_serverless() && !is_of_provider && no_room.explanation.considered == 0 {
        return Err(invalid(
            "No Container Instances were found in your cluster.",
        ));
    }
    Ok(())
}

/// Where no container instance is to blame: there was no address, or nobody sees the nodes.
fn failure_without_instance(plan: &Plan, no_room: &NoRoom) -> Option<Failure> {
    let (reason, detail) = match &no_room.no_address {
        Some(no_address) => (capacity::NO_ADDRESS, no_address.clone()),
        None if no_room.is_provider_empty => (
            capacity::EMPTY_CAPACITY_PROVIDER,
            "The capacity provider has no container instances in this cluster. A node says that it is one of its instances: gantry agent --capacity ec2 --capacity-provider NAME.".to_owned(),
        ),
        None if plan.is_serverless() => (
            capacity::FARGATE_UNAVAILABLE,
            detail(no_room),
        ),
        None => return None,
    };
    Some(Failure {
        arn: None,
        reason: Some(reason.into()),
        detail: Some(detail),
    })
}

fn add_failures(failures: &mut Vec<Failure>, refused: Vec<(String, Filter)>) {
    let known: BTreeSet<String> = failures
        .iter()
        .filter_map(|failure| failure.arn.clone())
        .collect();
    let new = refused.into_iter().filter(|(arn, _)| !known.contains(arn));
    failures.extend(new.map(|(arn, filter)| Failure {
        arn: Some(arn),
        reason: Some(filter.failure_reason().into()),
        detail: None,
    }));
}

/// In our words: what the nodes lacked, and which was nearest.
fn detail(no_room: &NoRoom) -> String {
    let explanation = &no_room.explanation;
    if explanation.considered == 0 {
        return "No node offers serverless capacity. Start one: gantry agent --capacity serverless."
            .into();
    }
    let counts: Vec<String> = explanation
        .refused
        .iter()
        .map(|(filter, count)| format!("{} on {count}", filter.failure_reason()))
        .collect();
    let nearest = explanation
        .nearest_miss
        .as_ref()
        .map(|miss| match miss.filter {
            Filter::Cpu => format!("; the nearest lacks {} CPU units", miss.lacking),
            Filter::Memory => format!("; the nearest lacks {} MiB of memory", miss.lacking),
            _ => String::new(),
        });
    format!(
        "Of {} nodes none fits: {}{}.",
        explanation.considered,
        counts.join(", "),
        nearest.unwrap_or_default()
    )
}

fn conflict(keys: &[String]) -> Error {
    let arns = keys.iter().filter_map(|key| {
        let mut parts = key.split('/');
        let (account, region) = (parts.next()?, parts.next()?);
        let (cluster, id) = (parts.next()?, parts.next()?);
        Some(names::Scope::new(account, region).task(cluster, id))
    });
    errors::conflict_exception("The clientToken is already in use with a different request.")
        .with_details(ConflictException {
            message: None,
            resource_ids: Some(arns.collect()),
        })
}

fn invalid(message: impl Into<String>) -> Error {
    errors::invalid_parameter_exception(message)
}
