//! Services, each of one client, which therefore knows what must be true of it.

use std::collections::BTreeSet;

use api_ecs::{
    operations as op,
    types::{Service as Shown, *},
};

use super::{
    behaviour::Behaviour, client::Client, definitions::Kind, deployments, task_sets::TaskSets,
};
use crate::network::CallError;

const DESIRED_MOST: u64 = 5;
/// A port of the host is one a node.
const DESIRED_MOST_OF_PORTS: u64 = 2;
const PERCENTAGES: [(i32, i32); 7] = [
    (100, 200),
    (50, 200),
    (0, 100),
    (50, 100),
    (100, 150),
    (0, 200),
    (75, 125),
];

/// What a client knows of its service. What a request without an answer asked for may be so or not.
#[derive(Debug, Clone)]
pub struct Service {
    pub kind: Kind,
    pub behaviour: Behaviour,
    pub desired: BTreeSet<u64>,
    /// Its making, or its end, was not answered.
    pub may_be_missing: bool,
    /// Its deployments neither fail nor wait for anybody: what was asked for comes to be.
    pub is_plain: bool,
    /// One task a node.
    pub is_distinct: bool,
    /// Of a service with the EXTERNAL deployment controller.
    pub task_sets: Option<TaskSets>,
}

impl Client {
    pub async fn create_service(&mut self, name: String) {
        let (kind, behaviour) = (self.draw_kind_of_service(), self.draw_behaviour());
        let desired = self.draw_desired(kind);
        self.requests += 1;
        let is_external = self.world.profile.features.task_sets
            && matches!(kind, Kind::Fargate | Kind::Bridge)
            && self.lot.percent(40);
        let configuration = self.lot.percent(70).then(|| match is_external {
            true => self.draw_percentages(),
            false => self.draw_configuration(kind),
        });
        let places = self.draw_places(kind);
        let is_daemon = kind == Kind::Daemon;
        let service = Service {
            kind,
            behaviour,
            desired: [desired].into(),
            may_be_missing: false,
            is_plain: configuration.as_ref().is_none_or(deployments::is_plain),
            is_distinct: places.is_distinct(),
            task_sets: is_external.then(TaskSets::new),
        };
        let request = CreateServiceRequest {
            service_name: Some(name.clone()),
            task_definition: Some(kind.family(behaviour)).filter(|_| !is_external),
            desired_count: i32::try_from(desired).ok().filter(|_| !is_daemon),
            scheduling_strategy: is_daemon.then_some(SchedulingStrategy::DAEMON),
            deployment_controller: is_external.then_some(DeploymentController {
                r#type: Some(DeploymentControllerType::EXTERNAL),
            }),
            launch_type: places.launch_type(kind).filter(|_| !is_external),
            capacity_provider_strategy: places.providers.filter(|_| !is_external),
            placement_constraints: places.constraints,
            placement_strategy: places.strategies,
            availability_zone_rebalancing: self.draw_rebalancing(),
            network_configuration: kind.network(&self.world).filter(|_| !is_external),
            deployment_configuration: configuration,
            client_token: Some(format!("{name}/{}", self.requests)),
            ..CreateServiceRequest::default()
        };
        for _ in 0..self.lot.between(1, 3) {
            match self.call::<op::CreateService>(request.clone()).await {
                Ok(_) => {
                    self.services.insert(name, service);
                    return;
                }
                Err(CallError::Refused(_)) => return,
                Err(CallError::Unknown) => {
                    let service = Service {
                        may_be_missing: true,
                        ..service.clone()
                    };
                    self.services.insert(name.clone(), service);
                }
            }
        }
    }

    pub async fn update_service(&mut self, name: &str) {
        let Some(service) = self.services.get(name).cloned() else {
            return;
        };
        let desired = self
            .lot
            .percent(60)
            .then(|| self.draw_desired(service.kind))
            .filter(|_| service.kind != Kind::Daemon);
        let is_external = service.task_sets.is_some();
        let behaviour = (!is_external && self.lot.percent(50)).then(|| self.draw_behaviour());
        let configuration = self.lot.percent(15).then(|| match is_external {
            true => self.draw_percentages(),
            false => self.draw_configuration(service.kind),
        });
        if let Some(service) = self.services.get_mut(name)
            && let Some(configuration) = &configuration
        {
            service.is_plain &= deployments::is_plain(configuration);
        }
        let mut request = UpdateServiceRequest {
            service: Some(name.to_owned()),
            desired_count: desired.and_then(|desired| i32::try_from(desired).ok()),
            task_definition: behaviour.map(|behaviour| service.kind.family(behaviour)),
            force_new_deployment: (!is_external && self.lot.percent(15)).then_some(true),
            deployment_configuration: configuration,
            ..UpdateServiceRequest::default()
        };
        if self.world.profile.features.everything && self.lot.percent(50) {
            self.change_everything(name, &service, &mut request);
        }
        self.ask_update(name, request, desired, behaviour).await;
    }

    /// Whatever else UpdateService takes, each now and then.
    fn change_everything(
        &mut self,
        name: &str,
        service: &Service,
        request: &mut UpdateServiceRequest,
    ) {
        let is_external = service.task_sets.is_some();
        let places = self.draw_places(service.kind);
        if self.lot.percent(50) {
            // An empty list takes back what was there.
            request.placement_constraints = Some(places.constraints.clone().unwrap_or_default());
            if places.is_distinct()
                && let Some(known) = self.services.get_mut(name)
            {
                known.is_distinct = true;
            }
        }
        if self.lot.percent(50) && service.kind != Kind::Daemon {
            request.placement_strategy = Some(places.strategies.unwrap_or_default());
        }
        if is_external {
            return;
        }
        if self.lot.percent(40) && service.kind != Kind::Daemon {
            request.capacity_provider_strategy = Some(places.providers.unwrap_or_default());
        }
        if self.lot.percent(20) && service.kind == Kind::Fargate {
            let platform = *self.lot.pick(&["1.4.0", "LATEST"]).unwrap_or(&"LATEST");
            request.platform_version = Some(platform.to_owned());
            request.network_configuration = service.kind.network(&self.world);
        }
        if self.lot.percent(20) {
            request.health_check_grace_period_seconds = Some(self.lot.between(0, 60) as i32);
        }
        request.availability_zone_rebalancing = self.draw_rebalancing();
    }

    fn draw_rebalancing(&self) -> Option<AvailabilityZoneRebalancing> {
        let drawn = self.world.profile.features.zones && self.lot.percent(60);
        drawn.then(|| match self.lot.percent(75) {
            true => AvailabilityZoneRebalancing::ENABLED,
            false => AvailabilityZoneRebalancing::DISABLED,
        })
    }

    /// Sends an update and notes what is known then. True if it was done.
    pub async fn ask_update(
        &mut self,
        name: &str,
        request: UpdateServiceRequest,
        desired: Option<u64>,
        behaviour: Option<Behaviour>,
    ) -> bool {
        let answer = self.call::<op::UpdateService>(request).await;
        let Some(service) = self.services.get_mut(name) else {
            return false;
        };
        match answer {
            Ok(answer) => {
                if let Some(desired) = desired {
                    service.desired = [desired].into();
                }
                if let Some(behaviour) = behaviour {
                    service.behaviour = behaviour;
                }
                service.may_be_missing = false;
                self.check_shown(name, answer.service.as_ref());
                true
            }
            Err(CallError::Refused(error)) => {
                let is_gone = matches!(
                    &*error.code,
                    "ServiceNotFoundException" | "ServiceNotActiveException"
                );
                if is_gone && service.may_be_missing {
                    self.services.remove(name);
                } else if is_gone {
                    self.world
                        .trace
                        .violated(format_args!("service {name} is gone: {}", error.message));
                }
                false
            }
            Err(CallError::Unknown) => {
                service.desired.extend(desired);
                if let Some(behaviour) = behaviour.filter(|behaviour| !behaviour.is_good()) {
                    service.behaviour = behaviour;
                }
                false
            }
        }
    }

    pub async fn delete_service(&mut self, name: &str) {
        let request = DeleteServiceRequest {
            service: Some(name.to_owned()),
            force: Some(true),
            ..DeleteServiceRequest::default()
        };
        match self.call::<op::DeleteService>(request).await {
            Ok(_) | Err(CallError::Refused(_)) => {
                self.services.remove(name);
            }
            Err(CallError::Unknown) => {
                if let Some(service) = self.services.get_mut(name) {
                    service.may_be_missing = true;
                }
            }
        }
    }

    /// The service as it is shown now, if there was an answer and it is there.
    pub async fn look_at_service(&mut self, name: &str) -> Option<Shown> {
        let request = DescribeServicesRequest {
            services: Some(vec![name.to_owned()]),
            ..DescribeServicesRequest::default()
        };
        let answer = self.call::<op::DescribeServices>(request).await.ok()?;
        let shown = answer.services.unwrap_or_default().into_iter().next();
        let shown = shown.filter(|shown| shown.status.as_deref() == Some("ACTIVE"));
        let service = self.services.get(name)?;
        if shown.is_none() {
            if service.may_be_missing {
                self.services.remove(name);
            } else {
                self.world.trace.violated(format_args!(
                    "service {name} was acknowledged and is missing"
                ));
            }
            return None;
        }
        self.check_shown(name, shown.as_ref());
        shown
    }

    /// Narrows what is known to what is shown.
    fn check_shown(&mut self, name: &str, answer: Option<&Shown>) {
        let shown = answer
            .and_then(|shown| shown.desired_count)
            .and_then(|count| u64::try_from(count).ok());
        let (Some(service), Some(shown)) = (self.services.get_mut(name), shown) else {
            return;
        };
        let sets = answer.and_then(|shown| shown.task_sets.as_deref());
        if let Some(known) = &mut service.task_sets
            && let Some(wrong) = known.learn(sets.unwrap_or_default(), shown)
        {
            self.world
                .trace
                .violated(format_args!("service {name}: {wrong}"));
        }
        service.may_be_missing = false;
        // Of a daemon it is the nodes that say how many.
        if service.kind == Kind::Daemon {
            return;
        }
        if service.desired.contains(&shown) {
            service.desired = [shown].into();
            return;
        }
        self.world.trace.violated(format_args!(
            "service {name}: desiredCount is {shown}, {:?} was asked for",
            service.desired
        ));
    }

    fn draw_desired(&self, kind: Kind) -> u64 {
        let most = match kind {
            Kind::FixedPort(_) => DESIRED_MOST_OF_PORTS,
            _ => DESIRED_MOST,
        };
        self.lot.between(0, most)
    }

    pub fn draw_percentages(&self) -> DeploymentConfiguration {
        let (minimum, maximum) = *self.lot.pick(&PERCENTAGES).unwrap_or(&PERCENTAGES[0]);
        percentages(minimum, maximum)
    }
}

pub fn percentages(minimum: i32, maximum: i32) -> DeploymentConfiguration {
    DeploymentConfiguration {
        minimum_healthy_percent: Some(minimum),
        maximum_percent: Some(maximum),
        ..DeploymentConfiguration::default()
    }
}
