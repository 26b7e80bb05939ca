//! The task definitions of a run, one for each behaviour and each way to run it.

use std::sync::Arc;
use std::time::Duration;

use api_ecs::{operations as op, types::*};

use super::{
    behaviour::{self, Behaviour},
    placing::{GROUP, PROVIDERS},
};
use crate::{network::CallError, server, world::World};

/// On whose nodes, and with what they hold there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Serverless, with an address of its own.
    Fargate,
    /// On container instances, with any port.
    Bridge,
    /// On container instances, with a port of the host: one a node.
    FixedPort(u16),
    /// On every container instance, and small enough for each.
    Daemon,
}

/// Host ports that definitions ask for.
pub const FIXED_PORTS: [u16; 3] = [8001, 8002, 8003];

impl Kind {
    pub fn family(self, behaviour: Behaviour) -> String {
        match self {
            Self::Fargate => format!("fargate-{}", behaviour.name()),
            Self::Bridge => format!("bridge-{}", behaviour.name()),
            Self::FixedPort(port) => format!("port-{port}-{}", behaviour.name()),
            Self::Daemon => format!("daemon-{}", behaviour.name()),
        }
    }

    pub fn launch_type(self) -> LaunchType {
        match self {
            Self::Fargate => LaunchType::FARGATE,
            Self::Bridge | Self::FixedPort(_) | Self::Daemon => LaunchType::EC2,
        }
    }

    pub fn network(self, world: &World) -> Option<NetworkConfiguration> {
        let subnet = world.server().map(|server| server.subnet_id.clone());
        (self == Self::Fargate).then(|| NetworkConfiguration {
            awsvpc_configuration: Some(AwsVpcConfiguration {
                subnets: Some(subnet.into_iter().collect()),
                ..AwsVpcConfiguration::default()
            }),
        })
    }

    pub fn request(self, behaviour: Behaviour) -> RegisterTaskDefinitionRequest {
        let health_check = behaviour.has_health_check().then(|| HealthCheck {
            command: Some(vec!["CMD-SHELL".into(), "true".into()]),
            ..HealthCheck::default()
        });
        let container = ContainerDefinition {
            name: Some("app".into()),
            image: Some(format!("{}:1", behaviour.name())),
            health_check,
            ..ContainerDefinition::default()
        };
        let request = RegisterTaskDefinitionRequest {
            family: Some(self.family(behaviour)),
            ..RegisterTaskDefinitionRequest::default()
        };
        if self == Self::Fargate {
            return RegisterTaskDefinitionRequest {
                requires_compatibilities: Some(vec![Compatibility::FARGATE]),
                network_mode: Some(NetworkMode::AWSVPC),
                cpu: Some("256".into()),
                memory: Some("512".into()),
                container_definitions: Some(vec![container]),
                ..request
            };
        }
        let host_port = match self {
            Self::FixedPort(port) => i32::from(port),
            _ => 0,
        };
        let mapping = PortMapping {
            container_port: Some(80),
            host_port: Some(host_port),
            ..PortMapping::default()
        };
        let (cpu_units, memory_mib) = match self {
            Self::Daemon => (10, 10),
            _ => (256, 512),
        };
        RegisterTaskDefinitionRequest {
            container_definitions: Some(vec![ContainerDefinition {
                cpu: Some(cpu_units),
                memory: Some(memory_mib),
                port_mappings: Some(vec![mapping]),
                ..container
            }]),
            ..request
        }
    }
}

/// Lets the cluster use the providers, trying again until that is answered.
pub async fn add_capacity_providers(world: &Arc<World>) {
    let features = &world.profile.features;
    let mut providers = vec![];
    if features.capacity_providers {
        providers.extend(PROVIDERS);
    }
    if features.groups || features.managed_daemons {
        add_group(world).await;
        providers.push(GROUP);
    }
    if providers.is_empty() {
        return;
    }
    let request = PutClusterCapacityProvidersRequest {
        cluster: Some("default".into()),
        capacity_providers: Some(providers.into_iter().map(str::to_owned).collect()),
        default_capacity_provider_strategy: Some(vec![]),
    };
    loop {
        let answer = world
            .call::<op::PutClusterCapacityProviders>(&server::root(), request.clone())
            .await;
        match answer {
            Ok(_) => return,
            Err(error) => world
                .trace
                .note(format_args!("setup: PutClusterCapacityProviders: {error}")),
        }
        world.clock.sleep(Duration::from_secs(1)).await;
    }
}

/// A capacity provider with managed scaling.
async fn add_group(world: &Arc<World>) {
    let managed_scaling = ManagedScaling {
        status: Some(ManagedScalingStatus::ENABLED),
        ..ManagedScaling::default()
    };
    let request = CreateCapacityProviderRequest {
        name: Some(GROUP.to_owned()),
        auto_scaling_group_provider: Some(AutoScalingGroupProvider {
            auto_scaling_group_arn: Some("group".into()),
            managed_scaling: Some(managed_scaling),
            ..AutoScalingGroupProvider::default()
        }),
        ..CreateCapacityProviderRequest::default()
    };
    loop {
        let answer = world
            .call::<op::CreateCapacityProvider>(&server::root(), request.clone())
            .await;
        match answer {
            // It is there already, when an answer was lost.
            Ok(_) | Err(CallError::Refused(_)) => return,
            Err(error) => world
                .trace
                .note(format_args!("setup: CreateCapacityProvider: {error}")),
        }
        world.clock.sleep(Duration::from_secs(1)).await;
    }
}

/// Registers all, trying again until each is answered.
pub async fn register_all(world: &Arc<World>) {
    let kinds = [Kind::Fargate, Kind::Bridge].into_iter();
    let kinds = kinds.chain(FIXED_PORTS.map(Kind::FixedPort));
    for kind in kinds.chain(world.profile.features.daemons.then_some(Kind::Daemon)) {
        for behaviour in behaviour::ALL {
            loop {
                let request = kind.request(behaviour);
                let answer = world
                    .call::<op::RegisterTaskDefinition>(&server::root(), request)
                    .await;
                match answer {
                    Ok(_) => break,
                    Err(error) => world
                        .trace
                        .note(format_args!("setup: RegisterTaskDefinition: {error}")),
                }
                world.clock.sleep(Duration::from_secs(1)).await;
            }
        }
    }
}
