//! Does what the file says: through the API, or to the machines.

use std::collections::BTreeMap;
use std::sync::Arc;

use api_ecs::{operations as op, types::*};
use ecs_rules::{capacity_strategy::FARGATE_SPOT, node::CAPACITY_PROVIDER_ATTRIBUTE};
use service_ecs::records::ContainerInstanceRecord;
use state::Record;
use wire::{Handle, Operation};

use super::file::{
    CapacityProvider, CircuitBreaker, Deploy, Event, LaunchType as Launch, Nodes, Scale,
    ScenarioError, Service, Tasks,
};
use crate::{
    network::CallError,
    node::{
        agent,
        machine::{Machine, Offer},
    },
    server,
    workload::{behaviour::Script, operator},
    world::World,
};

/// Who carries the file out.
pub(super) struct Stage {
    pub world: Arc<World>,
    nodes: BTreeMap<String, Placed>,
    services: BTreeMap<String, Service>,
}

struct Placed {
    machine: Arc<Machine>,
    zone: String,
}

impl Stage {
    pub fn new(world: &Arc<World>) -> Self {
        Self {
            world: Arc::clone(world),
            nodes: BTreeMap::new(),
            services: BTreeMap::new(),
        }
    }

    /// Nodes whose agents start now.
    pub fn add_nodes(&mut self, nodes: &Nodes) {
        let zone = ("ecs.availability-zone".to_owned(), nodes.zone.clone());
        let own = nodes.attributes.clone().into_iter();
        let provider = nodes.capacity_provider.iter().cloned();
        let provider = provider.map(|name| (CAPACITY_PROVIDER_ATTRIBUTE.to_owned(), name));
        let attributes: Vec<(String, String)> = own.chain([zone]).chain(provider).collect();
        for name in nodes.names() {
            let offer = Offer {
                is_serverless: nodes.launch_type == Launch::Fargate,
                cpu_units: nodes.cpu,
                memory_mib: nodes.memory,
                attributes: attributes.clone(),
            };
            let lot = self.world.lot(1_000 + self.nodes.len() as u64);
            let machine = Machine::new(name.clone(), offer, lot);
            self.world.add_machine(Arc::clone(&machine));
            agent::start(&self.world, &machine);
            let zone = nodes.zone.clone();
            self.nodes.insert(name, Placed { machine, zone });
        }
    }

    pub fn are_all_connected(&self) -> bool {
        let mut nodes = self.nodes.values();
        nodes.all(|node| node.machine.held().is_connected)
    }

    /// The providers of the file, and Fargate's, for the cluster.
    pub async fn add_providers(
        &self,
        providers: impl Iterator<Item = &CapacityProvider>,
    ) -> Result<(), ScenarioError> {
        let mut names = vec!["FARGATE".to_owned(), FARGATE_SPOT.to_owned()];
        for provider in providers {
            let scaling = match provider.managed_scaling {
                true => ManagedScalingStatus::ENABLED,
                false => ManagedScalingStatus::DISABLED,
            };
            let request = CreateCapacityProviderRequest {
                name: Some(provider.name.clone()),
                auto_scaling_group_provider: Some(AutoScalingGroupProvider {
                    auto_scaling_group_arn: Some(provider.name.clone()),
                    managed_scaling: Some(ManagedScaling {
                        status: Some(scaling),
                        ..ManagedScaling::default()
                    }),
                    ..AutoScalingGroupProvider::default()
                }),
                ..CreateCapacityProviderRequest::default()
            };
            let what = format!("capacity provider {}", provider.name);
            self.call::<op::CreateCapacityProvider>(&what, request)
                .await?;
            names.push(provider.name.clone());
        }
        let request = PutClusterCapacityProvidersRequest {
            cluster: Some("default".into()),
            capacity_providers: Some(names),
            default_capacity_provider_strategy: Some(vec![]),
        };
        let what = "the capacity providers of the cluster";
        self.call::<op::PutClusterCapacityProviders>(what, request)
            .await?;
        Ok(())
    }

    pub async fn create(&mut self, service: &Service) -> Result<(), ScenarioError> {
        self.register(service).await?;
        let strategies = service
            .placement_strategy
            .iter()
            .map(|own| PlacementStrategy {
                r#type: Some(own.r#type.as_str().into()),
                field: own.field.clone(),
            });
        let constraints = service.placement_constraints.iter();
        let constraints = constraints.map(|own| PlacementConstraint {
            r#type: Some(own.r#type.as_str().into()),
            expression: own.expression.clone(),
        });
        let providers = service.capacity_provider_strategy.iter();
        let providers = providers.map(|own| CapacityProviderStrategyItem {
            capacity_provider: Some(own.capacity_provider.clone()),
            weight: own.weight,
            base: own.base,
        });
        let has_providers = !service.capacity_provider_strategy.is_empty();
        let request = CreateServiceRequest {
            service_name: Some(service.name.clone()),
            task_definition: Some(service.name.clone()),
            desired_count: service.desired_count,
            scheduling_strategy: service.is_daemon().then_some(SchedulingStrategy::DAEMON),
            launch_type: (!has_providers).then(|| launch_type(service)),
            capacity_provider_strategy: has_providers.then(|| providers.collect()),
            network_configuration: service.is_on_fargate().then(|| self.network()),
            deployment_configuration: Some(configuration(service)),
            placement_strategy: Some(strategies.collect()),
            placement_constraints: Some(constraints.collect()),
            ..CreateServiceRequest::default()
        };
        let what = format!("service {}", service.name);
        self.call::<op::CreateService>(&what, request).await?;
        self.services.insert(service.name.clone(), service.clone());
        Ok(())
    }

    /// Makes an event happen and says what it was.
    pub async fn perform(&mut self, event: &Event) -> Result<String, ScenarioError> {
        if let Some(deploy) = &event.deploy {
            return self.deploy(deploy).await;
        }
        if let Some(scale) = &event.scale {
            return self.scale(scale).await;
        }
        if let Some(nodes) = &event.add_nodes {
            self.add_nodes(&nodes.value);
            return Ok(format!("add {}", nodes.value.names().join(", ")));
        }
        if let Some(zone) = &event.lose_zone {
            let lost = self.in_zone(&zone.value);
            for name in &lost {
                self.lose(name).await;
            }
            return Ok(format!("lose zone {} ({})", zone.value, lost.join(", ")));
        }
        if let Some(zone) = &event.restore_zone {
            let back = self.in_zone(&zone.value);
            for name in &back {
                self.restore(name);
            }
            return Ok(format!("restore zone {} ({})", zone.value, back.join(", ")));
        }
        if let Some(node) = &event.lose_node {
            self.lose(&node.value).await;
            return Ok(format!("lose {}", node.value));
        }
        if let Some(node) = &event.restore_node {
            self.restore(&node.value);
            return Ok(format!("restore {}", node.value));
        }
        if let Some(node) = &event.drain {
            self.set_state(&node.value, ContainerInstanceStatus::DRAINING)
                .await;
            return Ok(format!("drain {}", node.value));
        }
        if let Some(node) = &event.activate {
            self.set_state(&node.value, ContainerInstanceStatus::ACTIVE)
                .await;
            return Ok(format!("activate {}", node.value));
        }
        if let Some(node) = &event.interrupt_spot {
            let tasks = self.interrupt_spot(&node.value).await?;
            return Ok(format!(
                "interrupt {} ({tasks} FARGATE_SPOT tasks)",
                node.value
            ));
        }
        Ok(String::new())
    }

    async fn deploy(&mut self, deploy: &Deploy) -> Result<String, ScenarioError> {
        let name = &deploy.service.value;
        let Some(mut service) = self.services.get(name).cloned() else {
            return Ok(String::new());
        };
        service.tasks = deploy.tasks.unwrap_or(service.tasks);
        service.cpu = deploy.cpu.unwrap_or(service.cpu);
        service.memory = deploy.memory.unwrap_or(service.memory);
        let said = deploy.minimum_healthy_percent;
        service.minimum_healthy_percent = said.or(service.minimum_healthy_percent);
        service.maximum_percent = deploy.maximum_percent.or(service.maximum_percent);
        let revision = self.register(&service).await?;
        let request = UpdateServiceRequest {
            service: Some(name.clone()),
            task_definition: Some(name.clone()),
            deployment_configuration: Some(configuration(&service)),
            ..UpdateServiceRequest::default()
        };
        let what = format!("the update of service {name}");
        self.call::<op::UpdateService>(&what, request).await?;
        self.services.insert(name.clone(), service);
        Ok(format!("deploy {name}:{revision}"))
    }

    async fn scale(&mut self, scale: &Scale) -> Result<String, ScenarioError> {
        let name = &scale.service.value;
        let request = UpdateServiceRequest {
            service: Some(name.clone()),
            desired_count: Some(scale.desired_count),
            ..UpdateServiceRequest::default()
        };
        let what = format!("the update of service {name}");
        self.call::<op::UpdateService>(&what, request).await?;
        Ok(format!("scale {name} to {}", scale.desired_count))
    }

    fn in_zone(&self, zone: &str) -> Vec<String> {
        let nodes = self.nodes.iter().filter(|(_, node)| node.zone == zone);
        nodes.map(|(name, _)| name.clone()).collect()
    }

    /// Power off, and nobody is told.
    async fn lose(&self, name: &str) {
        let Some(node) = self.nodes.get(name) else {
            return;
        };
        node.machine.held().is_lost = true;
        self.world.network.darken(name, true);
        node.machine.stop_agent().await;
        node.machine.lose_containers();
    }

    /// As after a reboot: its containers are gone.
    fn restore(&self, name: &str) {
        let Some(node) = self.nodes.get(name) else {
            return;
        };
        node.machine.held().is_lost = false;
        self.world.network.darken(name, false);
        agent::start(&self.world, &node.machine);
    }

    async fn set_state(&self, name: &str, status: ContainerInstanceStatus) {
        if let Some(node) = self.nodes.get(name) {
            operator::set_state(&self.world, &node.machine, status).await;
        }
    }

    /// As `gantry node interrupt`; how many tasks have to go.
    async fn interrupt_spot(&self, name: &str) -> Result<usize, ScenarioError> {
        let Some(server) = self.world.server() else {
            return Ok(0);
        };
        let found = server.store.read(|head| {
            let mut nodes = head.scan::<ContainerInstanceRecord>("");
            let node = nodes.find(|node| node.node_id == name);
            node.map(|node| node.key())
        });
        let Some(key) = found.head() else {
            return Ok(0);
        };
        let interrupted = server.ecs.interrupt_spot_tasks(&key).await;
        let interrupted = interrupted.map_err(|error| ScenarioError::Refused {
            what: format!("the interruption of {name}"),
            reason: format!("{}: {}", error.code, error.message),
        })?;
        Ok(interrupted.len())
    }

    /// A new revision of the service's task definition; its number.
    async fn register(&self, service: &Service) -> Result<i32, ScenarioError> {
        let what = format!("the task definition of service {}", service.name);
        let request = definition(service);
        let answer = self
            .call::<op::RegisterTaskDefinition>(&what, request)
            .await?;
        let definition = answer.task_definition.unwrap_or_default();
        Ok(definition.revision.unwrap_or_default())
    }

    fn network(&self) -> NetworkConfiguration {
        let subnet = self.world.server().map(|server| server.subnet_id.clone());
        NetworkConfiguration {
            awsvpc_configuration: Some(AwsVpcConfiguration {
                subnets: Some(subnet.into_iter().collect()),
                ..AwsVpcConfiguration::default()
            }),
        }
    }

    async fn call<O: Operation>(
        &self,
        what: &str,
        input: O::Input,
    ) -> Result<O::Output, ScenarioError>
    where
        service_ecs::Ecs: Handle<O>,
    {
        let answer = self.world.call::<O>(&server::root(), input).await;
        answer.map_err(|error| ScenarioError::Refused {
            what: what.to_owned(),
            reason: match error {
                CallError::Refused(error) => format!("{}: {}", error.code, error.message),
                CallError::Unknown => "the server did not answer".to_owned(),
            },
        })
    }
}

fn launch_type(service: &Service) -> LaunchType {
    match service.launch_type {
        Launch::Ec2 => LaunchType::EC2,
        Launch::Fargate => LaunchType::FARGATE,
    }
}

fn configuration(service: &Service) -> DeploymentConfiguration {
    let breaker = service.deployment_circuit_breaker;
    DeploymentConfiguration {
        minimum_healthy_percent: service.minimum_healthy_percent,
        maximum_percent: service.maximum_percent,
        strategy: service.strategy.as_deref().map(Into::into),
        bake_time_in_minutes: service.bake_time_in_minutes,
        deployment_circuit_breaker: breaker.map(|CircuitBreaker { enable, rollback }| {
            DeploymentCircuitBreaker {
                enable: Some(enable),
                rollback: Some(rollback),
                ..DeploymentCircuitBreaker::default()
            }
        }),
        ..DeploymentConfiguration::default()
    }
}

fn definition(service: &Service) -> RegisterTaskDefinitionRequest {
    let script = script(&service.tasks);
    let health_check = script.has_health_check().then(|| HealthCheck {
        command: Some(vec!["CMD-SHELL".into(), "true".into()]),
        ..HealthCheck::default()
    });
    let container = ContainerDefinition {
        name: Some("main".into()),
        image: Some(script.image()),
        health_check,
        ..ContainerDefinition::default()
    };
    let request = RegisterTaskDefinitionRequest {
        family: Some(service.name.clone()),
        ..RegisterTaskDefinitionRequest::default()
    };
    if service.is_on_fargate() {
        return RegisterTaskDefinitionRequest {
            requires_compatibilities: Some(vec![Compatibility::FARGATE]),
            network_mode: Some(NetworkMode::AWSVPC),
            cpu: Some(service.cpu.to_string()),
            memory: Some(service.memory.to_string()),
            container_definitions: Some(vec![container]),
            ..request
        };
    }
    let mapping = PortMapping {
        container_port: Some(80),
        host_port: Some(i32::from(service.host_port.unwrap_or(0))),
        ..PortMapping::default()
    };
    RegisterTaskDefinitionRequest {
        container_definitions: Some(vec![ContainerDefinition {
            cpu: Some(service.cpu),
            memory: Some(service.memory),
            port_mappings: Some(vec![mapping]),
            ..container
        }]),
        ..request
    }
}

fn script(tasks: &Tasks) -> Script {
    Script {
        starts_after: tasks.starts_after,
        fails_to_start: tasks.fails_to_start,
        ends_after: tasks.crashes_after,
        exit_code: tasks.exit_code,
        healthy_after: tasks.healthy_after,
        sick_after: tasks.sick_after,
        stops_after: tasks.stops_after,
    }
}
