//! PlanUpdateService: what UpdateService would lead to, without doing it.

use api_ecs::types::{
    CapacityProviderStrategyItem, DeploymentCircuitBreaker, DeploymentConfiguration,
    PlacementConstraint, PlacementStrategy, UpdateServiceRequest,
};
use api_gantry::operations::PlanUpdateService;
use api_gantry::types::{
    PlanOutcome, PlanUpdateServiceRequest, PlanUpdateServiceResponse, PlannedAction,
    PlannedActionKind, PlannedCapacityProvider, PlannedCircuitBreaker, PlannedPlacementConstraint,
    PlannedPlacementStrategy,
};
use service_ecs::records::TaskRecord;
use service_ecs::rehearsal::{Action, Outcome, What};
use state::Head;
use wire::{Access, Caller, Error, Handle};

use super::count;
use crate::{Control, events};

impl Handle<PlanUpdateService> for Control {
    fn access(&self, caller: &Caller, _input: &PlanUpdateServiceRequest) -> Access {
        super::access("gantry:PlanUpdateService", caller, "plan")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: PlanUpdateServiceRequest,
    ) -> Result<PlanUpdateServiceResponse, Error> {
        let request = request(input);
        let rehearsal = self.ecs.rehearse_update_service(caller, &request).await?;
        let (outcome, waits_for) = match rehearsal.outcome {
            Outcome::Steady => (PlanOutcome::STEADY, None),
            Outcome::Waiting(waits_for) => (PlanOutcome::WAITING, Some(waits_for)),
            Outcome::Cut => (PlanOutcome::CUT, None),
        };
        let actions = self.store.read(|head| {
            let actions = rehearsal.actions.iter();
            actions.map(|action| shown(head, action)).collect()
        });
        Ok(PlanUpdateServiceResponse {
            actions: Some(actions.head()),
            outcome: Some(outcome),
            waits_for,
            desired_count: Some(rehearsal.desired_count),
            most_running: count(rehearsal.most_running),
            fewest_running: count(rehearsal.fewest_running),
        })
    }
}

/// The request of UpdateService with the same members.
fn request(input: PlanUpdateServiceRequest) -> UpdateServiceRequest {
    let constraint = |own: PlannedPlacementConstraint| PlacementConstraint {
        r#type: own.r#type.as_deref().map(Into::into),
        expression: own.expression,
    };
    let strategy = |own: PlannedPlacementStrategy| PlacementStrategy {
        r#type: own.r#type.as_deref().map(Into::into),
        field: own.field,
    };
    let provider = |own: PlannedCapacityProvider| CapacityProviderStrategyItem {
        capacity_provider: own.capacity_provider,
        weight: own.weight,
        base: own.base,
    };
    let breaker = |own: PlannedCircuitBreaker| DeploymentCircuitBreaker {
        enable: own.enable,
        rollback: own.rollback,
        ..DeploymentCircuitBreaker::default()
    };
    let configuration = DeploymentConfiguration {
        minimum_healthy_percent: input.minimum_healthy_percent,
        maximum_percent: input.maximum_percent,
        strategy: input.strategy.as_deref().map(Into::into),
        bake_time_in_minutes: input.bake_time_in_minutes,
        deployment_circuit_breaker: input.deployment_circuit_breaker.map(breaker),
        ..DeploymentConfiguration::default()
    };
    let constraints = input.placement_constraints;
    let strategies = input.placement_strategy;
    let providers = input.capacity_provider_strategy;
    UpdateServiceRequest {
        cluster: input.cluster,
        service: input.service,
        task_definition: input.task_definition,
        desired_count: input.desired_count,
        force_new_deployment: input.force_new_deployment,
        deployment_configuration: (configuration != DeploymentConfiguration::default())
            .then_some(configuration),
        placement_constraints: constraints.map(|all| all.into_iter().map(constraint).collect()),
        placement_strategy: strategies.map(|all| all.into_iter().map(strategy).collect()),
        capacity_provider_strategy: providers.map(|all| all.into_iter().map(provider).collect()),
        ..UpdateServiceRequest::default()
    }
}

fn shown(head: &Head, action: &Action) -> PlannedAction {
    let of_task = |kind, task: &TaskRecord| PlannedAction {
        kind: Some(kind),
        task_id: Some(task.id.clone()),
        task_definition: Some(format!("{}:{}", task.family, task.revision)),
        node_name: task
            .container_instance_key
            .as_ref()
            .and_then(|key| events::node_name(head, key)),
        message: task.stopped_reason.clone(),
        ..PlannedAction::default()
    };
    let shown = match &action.what {
        What::Start(task) => of_task(PlannedActionKind::START, task),
        What::Stop(task) => of_task(PlannedActionKind::STOP, task),
        What::Event(text) => PlannedAction {
            kind: Some(PlannedActionKind::EVENT),
            message: Some(text.clone()),
            ..PlannedAction::default()
        },
    };
    PlannedAction {
        after_seconds: Some(action.after.as_secs_f64()),
        ..shown
    }
}
