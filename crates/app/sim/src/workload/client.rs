//! A client: one thing after the other, as a deployment script or a person does.

use std::collections::BTreeMap;
use std::sync::Arc;

use service_ecs::Ecs;
use wire::{Handle, Operation};

use super::{
    behaviour::{self, Behaviour},
    daemons::Daemon,
    definitions::{FIXED_PORTS, Kind},
    services::Service,
};
use crate::{lot::Lot, network::CallError, server, world::World};

/// Services that one client has at most.
const SERVICES: u64 = 3;

pub struct Client {
    pub world: Arc<World>,
    pub name: String,
    pub number: u64,
    pub lot: Lot,
    /// What the client knows of its services, by name: nobody else changes them.
    pub services: BTreeMap<String, Service>,
    pub requests: u64,
    /// Task definitions that nobody else knows.
    pub own_definitions: Vec<(Kind, String)>,
    pub daemon: Option<Daemon>,
}

impl Client {
    pub fn new(world: &Arc<World>, number: u64) -> Self {
        Self {
            world: Arc::clone(world),
            name: format!("client-{number}"),
            number,
            lot: world.lot(100 + number),
            services: BTreeMap::new(),
            requests: 0,
            own_definitions: vec![],
            daemon: None,
        }
    }

    /// Works until the unrest ends.
    pub async fn work(mut self) -> Self {
        let (least, most) = self.world.profile.client_pause;
        while self.world.pause(self.lot.duration(least, most)).await {
            if self.lot.percent(20) {
                self.use_a_feature().await;
                continue;
            }
            match self.lot.below(100) {
                0..20 => self.run_task().await,
                20..35 => self.stop_task().await,
                35..50 => self.describe_tasks().await,
                50..60 => self.list_tasks().await,
                60..90 => self.change_service().await,
                _ => self.describe_service().await,
            }
        }
        self
    }

    /// One of those that the seed knows.
    async fn use_a_feature(&mut self) {
        let features = &self.world.profile.features;
        match self.lot.below(4) {
            0 if features.meddling => self.meddle_with_deployment().await,
            1 if features.protection => self.protect_tasks().await,
            2 if features.deletions => self.change_definition().await,
            3 if features.managed_daemons => self.change_daemon().await,
            _ => {}
        }
    }

    async fn change_service(&mut self) {
        let name = format!("{}-{}", self.name, self.lot.below(SERVICES));
        match self.services.get(&name) {
            None => self.create_service(name).await,
            Some(_) if self.lot.percent(12) => self.delete_service(&name).await,
            Some(known) if known.task_sets.is_some() && self.lot.percent(75) => {
                self.change_task_sets(&name).await;
            }
            Some(_) => self.update_service(&name).await,
        }
    }

    async fn describe_service(&mut self) {
        let names: Vec<String> = self.services.keys().cloned().collect();
        if let Some(name) = self.lot.pick(&names) {
            self.look_at_service(name).await;
        }
    }

    pub async fn call<O: Operation>(&self, input: O::Input) -> Result<O::Output, CallError>
    where
        Ecs: Handle<O>,
    {
        let operation = O::SCHEMA.name;
        let trace = &self.world.trace;
        trace.note(format_args!("{}: {operation}", self.name));
        let answer = self.world.call::<O>(&server::root(), input).await;
        match &answer {
            Ok(_) => trace.note(format_args!("{}: {operation} done", self.name)),
            Err(error) => trace.note(format_args!("{}: {operation}: {error}", self.name)),
        }
        answer
    }

    pub fn draw_behaviour(&self) -> Behaviour {
        if !self.world.profile.bad_tasks || self.lot.percent(40) {
            return Behaviour::Stable;
        }
        *self.lot.pick(&behaviour::ALL).unwrap_or(&Behaviour::Stable)
    }

    pub fn draw_kind_of_service(&self) -> Kind {
        let profile = &self.world.profile;
        if profile.features.daemons && profile.container_instances > 0 && self.lot.percent(25) {
            return Kind::Daemon;
        }
        self.draw_kind()
    }

    pub fn draw_kind(&self) -> Kind {
        if self.world.profile.container_instances == 0 || self.lot.percent(50) {
            return Kind::Fargate;
        }
        if self.lot.percent(60) {
            return Kind::Bridge;
        }
        Kind::FixedPort(*self.lot.pick(&FIXED_PORTS).unwrap_or(&FIXED_PORTS[0]))
    }
}
