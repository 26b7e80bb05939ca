//! Ways to deploy: circuit breaker, bake time, BLUE_GREEN, LINEAR and CANARY with hooks; and stopping and continuing a deployment.

use api_ecs::{operations as op, types::*};

use super::{client::Client, definitions::Kind, services::percentages};

const HOOK_STAGES: [&str; 5] = [
    "PRE_SCALE_UP",
    "POST_SCALE_UP",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
];

impl Client {
    /// How a service deploys: what the seed knows, and none of it where the service shall be plain.
    pub fn draw_configuration(&self, kind: Kind) -> DeploymentConfiguration {
        let features = &self.world.profile.features;
        if kind == Kind::Daemon {
            return percentages(if self.lot.percent(50) { 0 } else { 50 }, 100);
        }
        let mut drawn = self.draw_percentages();
        if features.circuit_breaker && self.lot.percent(60) {
            drawn.deployment_circuit_breaker = Some(self.draw_breaker());
        }
        if features.bake_time && self.lot.percent(50) {
            drawn.bake_time_in_minutes = Some(self.lot.between(0, 2) as i32);
        }
        if features.traffic {
            self.draw_strategy(&mut drawn);
        }
        drawn
    }

    fn draw_strategy(&self, drawn: &mut DeploymentConfiguration) {
        let minutes = Some(self.lot.between(0, 1) as i32);
        let strategy = match self.lot.below(10) {
            0..4 => DeploymentStrategy::ROLLING,
            4..7 => DeploymentStrategy::BLUE_GREEN,
            7 | 8 => {
                drawn.linear_configuration = Some(LinearConfiguration {
                    step_percent: self.lot.pick(&[20.0, 34.5, 50.0]).copied(),
                    step_bake_time_in_minutes: minutes,
                });
                DeploymentStrategy::LINEAR
            }
            _ => {
                drawn.canary_configuration = Some(CanaryConfiguration {
                    canary_percent: self.lot.pick(&[0.1, 10.0, 50.0]).copied(),
                    canary_bake_time_in_minutes: minutes,
                });
                DeploymentStrategy::CANARY
            }
        };
        if strategy != DeploymentStrategy::ROLLING && self.lot.percent(40) {
            drawn.lifecycle_hooks = Some(vec![self.draw_hook()]);
        }
        drawn.strategy = Some(strategy);
    }

    fn draw_breaker(&self) -> DeploymentCircuitBreaker {
        let threshold = self.lot.percent(60).then(|| ThresholdConfiguration {
            r#type: Some(ThresholdType::COUNT),
            value: Some(self.lot.between(1, 5) as i32),
        });
        DeploymentCircuitBreaker {
            enable: Some(self.lot.percent(85)),
            rollback: Some(self.lot.percent(70)),
            reset_on_healthy_task: self.lot.percent(30).then(|| self.lot.percent(50)),
            threshold_configuration: threshold,
        }
    }

    fn draw_hook(&self) -> DeploymentLifecycleHook {
        let stage = *self.lot.pick(&HOOK_STAGES).unwrap_or(&HOOK_STAGES[0]);
        let action = if self.lot.percent(50) {
            DeploymentLifecycleHookAction::CONTINUE
        } else {
            DeploymentLifecycleHookAction::ROLLBACK
        };
        DeploymentLifecycleHook {
            target_type: Some(DeploymentLifecycleHookTargetType::PAUSE),
            lifecycle_stages: Some(vec![DeploymentLifecycleHookStage::from(stage)]),
            timeout_configuration: Some(DeploymentLifecycleHookTimeoutConfiguration {
                timeout_in_minutes: Some(self.lot.between(1, 3) as i32),
                action: Some(action),
            }),
            ..DeploymentLifecycleHook::default()
        }
    }

    /// Stops or continues what one of the client's services has under way.
    pub async fn meddle_with_deployment(&mut self) {
        let names: Vec<String> = self.services.keys().cloned().collect();
        let Some(name) = self.lot.pick(&names).cloned() else {
            return;
        };
        let Some(arn) = self.deployment_under_way(&name).await else {
            return;
        };
        if self.lot.percent(50) && self.continue_deployment(&arn).await {
            return;
        }
        let stop_type = if self.lot.percent(60) {
            StopServiceDeploymentStopType::ROLLBACK
        } else {
            StopServiceDeploymentStopType::ABORT
        };
        if let Some(service) = self.services.get_mut(&name) {
            service.is_plain = false;
        }
        let request = StopServiceDeploymentRequest {
            service_deployment_arn: Some(arn),
            stop_type: Some(stop_type),
        };
        let _ = self.call::<op::StopServiceDeployment>(request).await;
    }

    async fn deployment_under_way(&self, service: &str) -> Option<String> {
        let request = ListServiceDeploymentsRequest {
            service: Some(service.to_owned()),
            status: Some(vec![ServiceDeploymentStatus::IN_PROGRESS]),
            ..ListServiceDeploymentsRequest::default()
        };
        let answer = self
            .call::<op::ListServiceDeployments>(request)
            .await
            .ok()?;
        let listed = answer.service_deployments?;
        if listed.len() > 1 {
            self.world.trace.violated(format_args!(
                "service {service} has {} deployments IN_PROGRESS",
                listed.len()
            ));
        }
        listed.into_iter().next()?.service_deployment_arn
    }

    /// Answers a hook that waits; false if none does.
    async fn continue_deployment(&mut self, arn: &str) -> bool {
        let request = DescribeServiceDeploymentsRequest {
            service_deployment_arns: Some(vec![arn.to_owned()]),
        };
        let Ok(answer) = self.call::<op::DescribeServiceDeployments>(request).await else {
            return true;
        };
        let shown = answer.service_deployments.unwrap_or_default();
        let mut hooks = shown
            .into_iter()
            .flat_map(|shown| shown.lifecycle_hook_details.unwrap_or_default());
        let Some(hook) =
            hooks.find(|hook| hook.status == Some(DeploymentLifecycleHookStatus::AWAITING_ACTION))
        else {
            return false;
        };
        let action = if self.lot.percent(70) {
            DeploymentLifecycleHookAction::CONTINUE
        } else {
            DeploymentLifecycleHookAction::ROLLBACK
        };
        let request = ContinueServiceDeploymentRequest {
            service_deployment_arn: Some(arn.to_owned()),
            hook_id: hook.hook_id,
            action: Some(action),
        };
        let _ = self.call::<op::ContinueServiceDeployment>(request).await;
        true
    }
}

/// At rest: no more failures are counted, and no hook waits for anybody.
pub fn without_surprises(mut configuration: DeploymentConfiguration) -> DeploymentConfiguration {
    configuration.deployment_circuit_breaker = Some(DeploymentCircuitBreaker {
        enable: Some(false),
        rollback: Some(false),
        ..DeploymentCircuitBreaker::default()
    });
    configuration.lifecycle_hooks = Some(vec![]);
    configuration
}

/// Whether a deployment may fail, or wait for somebody.
pub fn is_plain(configuration: &DeploymentConfiguration) -> bool {
    configuration.deployment_circuit_breaker.is_none()
        && configuration.lifecycle_hooks.iter().flatten().count() == 0
}
