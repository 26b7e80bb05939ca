//! Why a service is not (yet) as it should be: the planner's own words, as data.

use clock::UnixMillis;
use ecs_rules::deployment::stages::Stage;
use state::Head;

use crate::{
    Ecs, deployments,
    loops::service_scheduler::{act, look},
    records::{RolloutStatus, ServiceRecord, ServiceStatus, TaskRecord, Wait},
    tasks::{self, Wanted},
};

/// What the scheduler would do for a service now, and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceExplanation {
    /// ARN of the service deployment that is under way, or was the last.
    pub service_deployment: Option<String>,
    pub status: Option<RolloutStatus>,
    pub status_reason: Option<String>,
    /// Of a deployment that shifts traffic.
    pub stage: Option<Stage>,
    pub waits_for: Vec<Wait>,
    /// When time alone changes that.
    pub look_again: Option<UnixMillis>,
    /// The plan in words; `nothing` when there is nothing to do.
    pub plan: String,
}

impl Ecs {
    /// Explains the service of this key ([`ServiceRecord::key_of`]); none if there is no such service, or it is gone.
    pub fn explain_service(&self, head: &Head, key: &str) -> Option<ServiceExplanation> {
        let service = head.get::<ServiceRecord>(key)?;
        if service.status == ServiceStatus::Inactive {
            return None;
        }
        let plan = look::look(head, &service, self.clock.now()).plan;
        let deployment = deployments::current(head, &service);
        let deployment = deployment.as_deref();
        Some(ServiceExplanation {
            service_deployment: deployment.map(|record| record.arn()),
            status: deployment.map(|record| record.status),
            status_reason: deployment.and_then(|record| record.status_reason.clone()),
            stage: deployment
                .and_then(|record| record.stages.as_ref())
                .map(|stages| stages.stage),
            plan: plan.to_string(),
            look_again: plan.look_again,
            waits_for: plan.waits_for,
        })
    }

    /// What placement is asked about a task: put to the nodes anew, it says what each answers now.
    pub fn wanted_by(&self, head: &Head, task: &TaskRecord) -> Option<Wanted> {
        tasks::wanted(head, task)
    }

    /// What placement would be asked about the next task of a service.
    pub fn wanted_next(&self, head: &Head, service: &ServiceRecord) -> Option<Wanted> {
        act::next_task(self, head, service)
    }
}
