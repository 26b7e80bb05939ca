//! What a service deployment waits for, and why it ended as it did.

use api_gantry::types::{ExplainResponse, ExplainedKind, FindingTopic};
use service_ecs::records::{
    HookStatus, ServiceDeploymentRecord, ServiceRecord, ServiceRevisionRecord, TaskRecord,
};
use state::Record;

use super::{
    Explainer, Findings, counted, response,
    service::{add_failures, add_wait},
};

impl Explainer<'_> {
    pub fn deployment(
        &self,
        service: &ServiceRecord,
        deployment: &ServiceDeploymentRecord,
        failures: &[TaskRecord],
    ) -> ExplainResponse {
        let mut findings = Findings(vec![]);
        self.course(&mut findings, service, deployment);
        let is_current = service.service_deployment.as_deref() == Some(deployment.id.as_str());
        if !deployment.status.is_over() {
            let now = is_current
                .then(|| self.control.ecs.explain_service(self.head, &service.key()))
                .flatten();
            match &now {
                Some(now) => {
                    for wait in &now.waits_for {
                        add_wait(&mut findings, wait);
                    }
                    let message = format!("the scheduler would now: {}", now.plan);
                    findings.add_at(FindingTopic::NEXT, "PLAN", message, now.look_again);
                }
                None => {
                    for wait in &deployment.waits_for {
                        add_wait(&mut findings, wait);
                    }
                }
            }
            open_hooks(&mut findings, deployment);
        }
        let target = deployment.target.deployment_id.as_str();
        let own = failures
            .iter()
            .filter(|task| task.deployment_id.as_deref() == Some(target));
        add_failures(&mut findings, &own.cloned().collect::<Vec<_>>());
        timeline(&mut findings, deployment);
        let summary = format!(
            "Deployment {} of service {} in cluster {} is {}.",
            deployment.id,
            service.name,
            service.cluster,
            deployment.status.as_str()
        );
        response(
            ExplainedKind::SERVICE_DEPLOYMENT,
            deployment.arn(),
            &service.cluster,
            deployment.status.as_str(),
            summary,
            findings,
        )
    }

    fn course(
        &self,
        findings: &mut Findings,
        service: &ServiceRecord,
        deployment: &ServiceDeploymentRecord,
    ) {
        let status = FindingTopic::STATUS;
        if let Some(reason) = &deployment.status_reason {
            let code = deployment.status.as_str();
            findings.add_at(status.clone(), code, reason, deployment.finished_at);
        }
        let key = service.key();
        let runs = |revision: &str| {
            let key = ServiceRevisionRecord::key_of(&key, revision);
            match self.head.get::<ServiceRevisionRecord>(&key) {
                Some(known) => {
                    let spec = &known.task_spec;
                    format!("revision {revision} ({}:{})", spec.family, spec.revision)
                }
                None => format!("revision {revision}"),
            }
        };
        let target = format!("it deploys {}", runs(&deployment.target.revision));
        findings.add(status.clone(), "TARGET", target);
        for source in &deployment.sources {
            let message = format!("it replaces {}", runs(&source.revision));
            findings.add(status.clone(), "SOURCE", message);
        }
        if let Some(state) = &deployment.stages {
            let message = format!(
                "it is in the stage {}, with {} % of production traffic on the new revision",
                state.stage.as_str(),
                f64::from(state.production_permille) / 10.0
            );
            let since = Some(state.entered_at);
            findings.add_at(status.clone(), "STAGE", message, since);
        }
        let breaker = &deployment.breaker;
        let code = breaker.status.as_str();
        if code != "DISABLED" {
            let is_primary = service
                .primary()
                .filter(|own| own.id == deployment.target.deployment_id);
            let failures = match is_primary {
                Some(primary) if !deployment.status.is_over() => primary.breaker_failures,
                _ => breaker.failures,
            };
            let message = format!(
                "the circuit breaker is {code}: {} of the {} at which it trips",
                counted(i64::from(failures), "failure"),
                breaker.threshold
            );
            findings.add(status.clone(), "CIRCUIT_BREAKER", message);
        }
        if !deployment.alarms.triggered.is_empty() {
            let message = format!("alarms: {}", deployment.alarms.triggered.join(", "));
            findings.add(status.clone(), "ALARMS", message);
        }
        if let Some(rollback) = &deployment.rollback {
            let to = match &rollback.revision {
                Some(revision) => format!(" to {}", runs(revision)),
                None => String::new(),
            };
            let message = format!("it is rolled back{to}: {}", rollback.reason);
            findings.add_at(status, "ROLLBACK", message, Some(rollback.started_at));
        }
    }
}

fn open_hooks(findings: &mut Findings, deployment: &ServiceDeploymentRecord) {
    let hooks = deployment.stages.iter().flat_map(|state| &state.hooks);
    let open = hooks.filter(|hook| hook.status == HookStatus::AwaitingAction);
    for hook in open {
        let message = format!(
            "aws ecs continue-service-deployment --service-deployment-arn {} --hook-id {}",
            deployment.arn(),
            hook.id
        );
        findings.add_at(FindingTopic::NEXT, "HOOK", message, Some(hook.expires_at));
    }
}

fn timeline(findings: &mut Findings, deployment: &ServiceDeploymentRecord) {
    let steps = [
        ("asked for", Some(deployment.created_at)),
        ("began", deployment.started_at),
        (
            "its goal is reached, and it is watched",
            deployment.baking_since,
        ),
        ("told to stop", deployment.stopped_at),
        ("over", deployment.finished_at),
    ];
    for (message, at) in steps {
        if at.is_some() {
            findings.add_at(FindingTopic::TIMELINE, "STEP", message, at);
        }
    }
}
