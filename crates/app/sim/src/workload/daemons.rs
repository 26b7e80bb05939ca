//! Daemons (CreateDaemon): one of each of the first clients, on the instances of the Auto Scaling group's provider and on
//! those that name none.

use std::sync::Arc;
use std::time::Duration;

use api_ecs::{operations as op, types::*};

use super::{
    behaviour::{self, Behaviour},
    client::Client,
    placing::GROUP,
};
use crate::{
    network::CallError,
    server::{self, ACCOUNT, REGION},
    world::World,
};

/// Clients that have one: there is room for these on every node.
const CLIENTS: u64 = 2;
const DRAIN_PERCENTS: [f64; 4] = [10.0, 25.0, 50.0, 100.0];

/// What a client knows of its daemon.
#[derive(Debug, Clone)]
pub struct Daemon {
    /// Its making, or its end, was not answered.
    may_be_missing: bool,
}

fn family(behaviour: Behaviour) -> String {
    format!("agent-{}", behaviour.name())
}

/// Registers a definition for each behaviour, trying again until each is answered.
pub async fn register_all(world: &Arc<World>) {
    for behaviour in behaviour::ALL {
        let health_check = behaviour.has_health_check().then(|| HealthCheck {
            command: Some(vec!["CMD-SHELL".into(), "true".into()]),
            ..HealthCheck::default()
        });
        let container = DaemonContainerDefinition {
            name: Some("app".into()),
            image: Some(format!("{}:1", behaviour.name())),
            cpu: Some(10),
            memory: Some(10),
            health_check,
            ..DaemonContainerDefinition::default()
        };
        let request = RegisterDaemonTaskDefinitionRequest {
            family: Some(family(behaviour)),
            container_definitions: Some(vec![container]),
            ..RegisterDaemonTaskDefinitionRequest::default()
        };
        loop {
            let answer = world
                .call::<op::RegisterDaemonTaskDefinition>(&server::root(), request.clone())
                .await;
            match answer {
                Ok(_) => break,
                Err(error) => world
                    .trace
                    .note(format_args!("setup: RegisterDaemonTaskDefinition: {error}")),
            }
            world.clock.sleep(Duration::from_secs(1)).await;
        }
    }
}

impl Client {
    pub async fn change_daemon(&mut self) {
        if self.number >= CLIENTS {
            return;
        }
        match (&self.daemon, self.lot.below(100)) {
            (None, _) => self.create_daemon().await,
            (Some(_), 0..55) => {
                let behaviour = self.draw_behaviour();
                self.update_daemon(behaviour, self.draw_daemon_configuration())
                    .await;
            }
            (Some(_), 55..70) => {
                self.delete_daemon().await;
            }
            (Some(_), _) => self.look_at_daemon().await,
        }
    }

    fn daemon_arn(&self) -> Option<String> {
        let (region, account, name) = (REGION, ACCOUNT, &self.name);
        Some(format!(
            "arn:aws:ecs:{region}:{account}:daemon/default/{name}-agent"
        ))
    }

    fn draw_daemon_configuration(&self) -> DaemonDeploymentConfiguration {
        DaemonDeploymentConfiguration {
            drain_percent: self.lot.pick(&DRAIN_PERCENTS).copied(),
            bake_time_in_minutes: Some(self.lot.between(0, 1) as i32),
            ..DaemonDeploymentConfiguration::default()
        }
    }

    async fn create_daemon(&mut self) {
        self.requests += 1;
        let configuration = self
            .lot
            .percent(60)
            .then(|| self.draw_daemon_configuration());
        let request = CreateDaemonRequest {
            daemon_name: Some(format!("{}-agent", self.name)),
            daemon_task_definition_arn: Some(family(self.draw_behaviour())),
            capacity_provider_arns: Some(vec![GROUP.into()]),
            critical: self.lot.percent(50).then(|| self.lot.percent(50)),
            deployment_configuration: configuration,
            client_token: Some(format!("{}/daemon/{}", self.name, self.requests)),
            ..CreateDaemonRequest::default()
        };
        for _ in 0..self.lot.between(1, 3) {
            match self.call::<op::CreateDaemon>(request.clone()).await {
                Ok(_) => {
                    self.daemon = Some(Daemon {
                        may_be_missing: false,
                    });
                    return;
                }
                Err(CallError::Refused(_)) => return,
                Err(CallError::Unknown) => {
                    self.daemon = Some(Daemon {
                        may_be_missing: true,
                    });
                }
            }
        }
    }

    /// True once there is an answer.
    async fn update_daemon(
        &mut self,
        behaviour: Behaviour,
        configuration: DaemonDeploymentConfiguration,
    ) -> bool {
        let request = UpdateDaemonRequest {
            daemon_arn: self.daemon_arn(),
            daemon_task_definition_arn: Some(family(behaviour)),
            capacity_provider_arns: Some(vec![GROUP.into()]),
            critical: self.lot.percent(30).then(|| self.lot.percent(60)),
            deployment_configuration: Some(configuration),
            ..UpdateDaemonRequest::default()
        };
        match self.call::<op::UpdateDaemon>(request).await {
            Ok(_) => {
                self.daemon = Some(Daemon {
                    may_be_missing: false,
                });
                true
            }
            Err(CallError::Refused(error)) => {
                self.check_daemon_gone(&error);
                true
            }
            Err(CallError::Unknown) => false,
        }
    }

    /// True once there is an answer.
    async fn delete_daemon(&mut self) -> bool {
        let request = DeleteDaemonRequest {
            daemon_arn: self.daemon_arn(),
        };
        match self.call::<op::DeleteDaemon>(request).await {
            Ok(_) => {
                self.daemon = None;
                true
            }
            Err(CallError::Refused(error)) => {
                self.check_daemon_gone(&error);
                true
            }
            Err(CallError::Unknown) => {
                self.daemon = Some(Daemon {
                    may_be_missing: true,
                });
                false
            }
        }
    }

    async fn look_at_daemon(&mut self) {
        let request = DescribeDaemonRequest {
            daemon_arn: self.daemon_arn(),
        };
        match self.call::<op::DescribeDaemon>(request).await {
            Ok(_) | Err(CallError::Unknown) => {}
            Err(CallError::Refused(error)) => self.check_daemon_gone(&error),
        }
    }

    fn check_daemon_gone(&mut self, error: &wire::Error) {
        let is_gone = matches!(
            &*error.code,
            "DaemonNotFoundException" | "DaemonNotActiveException"
        );
        let Some(known) = self.daemon.as_ref() else {
            return;
        };
        if !is_gone || !known.may_be_missing {
            let (code, message) = (&error.code, &error.message);
            self.world.trace.violated(format_args!(
                "the daemon of {} was acknowledged and is {code}: {message}",
                self.name
            ));
        }
        self.daemon = None;
    }

    /// At rest it runs what can run, or is gone. False if it is to be tried again.
    pub async fn settle_daemon(&mut self) -> bool {
        if self.daemon.is_none() {
            return true;
        }
        if self.lot.percent(25) {
            return self.delete_daemon().await;
        }
        let configuration = DaemonDeploymentConfiguration {
            bake_time_in_minutes: Some(0),
            ..self.draw_daemon_configuration()
        };
        self.update_daemon(Behaviour::Stable, configuration).await
    }
}
