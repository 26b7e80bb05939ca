//! Why a service is not (yet) as it should be.

use api_gantry::types::{ExplainResponse, ExplainedKind, FindingTopic};
use ecs_rules::deployment::Wait;
use service_ecs::records::{
    DAEMON, DesiredStatus, ServiceRecord, ServiceStatus, TaskRecord, TaskStatus,
};
use state::Record;

mod daemon;

use super::{Explainer, Findings, counted, placement::size, response, short, task::how_it_ended};

impl Explainer<'_> {
    pub fn service(&self, service: &ServiceRecord, failures: &[TaskRecord]) -> ExplainResponse {
        let mut findings = Findings(vec![]);
        let tasks = self.head.index::<TaskRecord>("by_service", &service.key());
        let wanted = tasks
            .iter()
            .filter(|task| task.desired_status == DesiredStatus::Running);
        let running = wanted
            .clone()
            .filter(|task| task.last_status == TaskStatus::Running)
            .count();
        let pending = wanted.count() - running;
        let desired = service.desired_count;
        self.deployments(&mut findings, service);
        let explained = self.control.ecs.explain_service(self.head, &service.key());
        if let Some(explained) = &explained {
            for wait in &explained.waits_for {
                add_wait(&mut findings, wait);
            }
            if explained.waits_for.is_empty() && running == count_of(desired) {
                let message = "everything is as desired";
                findings.add(FindingTopic::STATUS, "STEADY", message);
            }
            let message = format!("the scheduler would now: {}", explained.plan);
            findings.add_at(FindingTopic::NEXT, "PLAN", message, explained.look_again);
        }
        add_failures(&mut findings, failures);
        let is_daemon = service.scheduling_strategy == DAEMON;
        if is_daemon {
            self.daemon(&mut findings, service, &tasks);
        }
        let next = (service.status == ServiceStatus::Active && !is_daemon)
            .then(|| self.control.ecs.wanted_next(self.head, service))
            .flatten();
        let placed = next.as_ref().map(|wanted| {
            let placed = wanted.place(self.head, 0);
            let asked = match &placed.chosen {
                Some(_) => format!(
                    "one more of its tasks ({}) would find a node",
                    size(wanted.need())
                ),
                None => format!(
                    "one more of its tasks ({}) would find no node",
                    size(wanted.need())
                ),
            };
            findings.add(FindingTopic::PLACEMENT, "NEEDS", asked);
            self.tell(&mut findings, wanted, &placed.explanation);
            placed.explanation
        });
        let summary = format!(
            "Service {} in cluster {} is {}: {running} of {desired} tasks run, {pending} more start.",
            service.name,
            service.cluster,
            service.status.as_str(),
        );
        let mut response = response(
            ExplainedKind::SERVICE,
            service.arn(),
            &service.cluster,
            service.status.as_str(),
            summary,
            findings,
        );
        if let Some(wanted) = &next {
            self.show(&mut response, wanted, placed.as_ref());
        }
        response
    }

    fn deployments(&self, findings: &mut Findings, service: &ServiceRecord) {
        for deployment in &service.deployments {
            let role = match Some(&deployment.id) == service.primary().map(|own| &own.id) {
                true => "PRIMARY",
                false => "ACTIVE",
            };
            let reason = &deployment.rollout_state_reason;
            let message = format!(
                "{role} deployment {} of {}:{} is {}{}",
                deployment.id,
                deployment.task_spec.family,
                deployment.task_spec.revision,
                deployment.rollout_state.as_str(),
                if reason.is_empty() {
                    String::new()
                } else {
                    format!(": {reason}")
                }
            );
            let at = Some(deployment.created_at);
            findings.add_at(FindingTopic::STATUS, role, message, at);
        }
    }
}

/// Tasks that ended although nobody wanted it.
pub(super) fn add_failures(findings: &mut Findings, failures: &[TaskRecord]) {
    for task in failures {
        let mut parts = vec![task.stopped_reason.clone().unwrap_or_default()];
        parts.extend(task.containers.iter().filter_map(how_it_ended));
        let message = format!(
            "task {} ({}:{}): {}",
            short(&task.id),
            task.family,
            task.revision,
            parts.join("; ")
        );
        let code = task.stop_code.as_deref().unwrap_or("STOPPED");
        findings.add_at(FindingTopic::FAILURE, code, message, task.stopped_at);
    }
}

pub(super) fn add_wait(findings: &mut Findings, wait: &Wait) {
    let tasks = |count: i32| counted(i64::from(count), "task");
    let (code, message, at) = match wait {
        Wait::TasksToStart(count) => (
            "TASKS_TO_START",
            format!("{} to become RUNNING (and healthy)", tasks(*count)),
            None,
        ),
        Wait::TasksToStop(count) => {
            ("TASKS_TO_STOP", format!("{} to end", tasks(*count)), None)
        }
        Wait::Percentages => (
            "PERCENTAGES",
            "minimumHealthyPercent and maximumPercent let it neither start nor stop a task: update one of them".into(),
            None,
        ),
        Wait::ProtectedTasks => (
            "PROTECTED_TASKS",
            "more tasks are protected (UpdateTaskProtection) than are desired".into(),
            None,
        ),
        Wait::Throttled { failed_tasks } => (
            "THROTTLED",
            format!("{} in a row did not start, so that the next one is delayed", tasks(*failed_tasks)),
            None,
        ),
        Wait::Paced { short_runs } => (
            "PACED",
            format!("{} in a row ended within seconds, so that the next one is delayed", tasks(*short_runs)),
            None,
        ),
        Wait::Rebalancing => (
            "REBALANCING",
            "a task in another Availability Zone, before one of the fullest zone is stopped for it"
                .into(),
            None,
        ),
        Wait::Room => ("ROOM", "a node with room for its tasks".into(), None),
        Wait::Failed => (
            "FAILED",
            "another deployment: this one failed or was stopped, and starts nothing more".into(),
            None,
        ),
        Wait::BakeTime { until } => (
            "BAKE_TIME",
            "its bake time to pass, until then".into(),
            Some(*until),
        ),
        Wait::Hooks { stage, expires } => (
            "HOOKS",
            format!("hooks of {} to be answered (ContinueServiceDeployment), until then", stage.as_str()),
            Some(*expires),
        ),
        Wait::Traffic { until } => (
            "TRAFFIC",
            "the next step of traffic, due then".into(),
            Some(*until),
        ),
    };
    findings.add_at(FindingTopic::WAITS_FOR, code, message, at);
}

fn count_of(desired: i32) -> usize {
    usize::try_from(desired).unwrap_or(0)
}
