//! The server's process: the real `Ecs` with its loops, on the simulated disk. A kill ends every task of it where it
//! waits; what the disk has is all that the next incarnation knows.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Process};
use history::History;
use service_ecs::{Config, Ecs, records::ContainerInstanceRecord};
use state::{Schema, Store};
use tokio::sync::watch;
use wire::{Caller, Error, Handle, Operation, Principal};

use crate::disk::Disk;

pub const ACCOUNT: &str = "123456789012";
pub const REGION: &str = "us-east-1";

pub struct Server {
    pub ecs: Arc<Ecs>,
    pub store: Store,
    /// What is spawned through it ends with the server.
    pub clock: Clock,
    pub subnet_id: String,
    process: Process,
    _stop: watch::Sender<bool>,
}

/// Where a server runs, and what its operator set.
pub struct Place<'a> {
    pub disk: &'a Disk,
    pub history_directory: &'a Path,
    pub node_lost_after: Option<Duration>,
}

impl Server {
    /// Opens what the disk has. `opened` sees the store before anything is changed.
    pub async fn start(
        world_clock: &Clock,
        place: Place<'_>,
        opened: impl FnOnce(&Store),
    ) -> anyhow::Result<Self> {
        let process = Process::new();
        let clock = world_clock.of_process(&process);
        let history = History::open(
            place.history_directory,
            history::Options::default(),
            clock.clone(),
        )?;
        let engine = place.disk.engine(clock.clone());
        let store = Store::open(engine, Ecs::schema(Schema::new()), clock.clone()).await?;
        opened(&store);
        let config = Config {
            account: ACCOUNT.into(),
            region: REGION.into(),
            endpoint: "http://127.0.0.1:4580".into(),
            default_subnet_cidr: "172.31.0.0/20".into(),
            availability_zone: format!("{REGION}a"),
            node_lost_after: place.node_lost_after,
        };
        let ecs = Ecs::new(store.clone(), Arc::new(history), clock.clone(), config);
        let defaults = ecs.bootstrap().await?;
        let (stop, stopping) = watch::channel(false);
        drop(ecs.spawn_loops(&stopping));
        Ok(Self {
            ecs,
            store,
            clock,
            subnet_id: defaults.subnet_id,
            process,
            _stop: stop,
        })
    }

    /// Handles a request in the server's process; nothing if that was killed meanwhile.
    pub async fn handle<O: Operation>(
        &self,
        caller: Caller,
        input: O::Input,
    ) -> Option<Result<O::Output, Error>>
    where
        Ecs: Handle<O>,
    {
        let ecs = Arc::clone(&self.ecs);
        let handling = self.clock.spawn("request", async move {
            // What a call asks to be allowed is worked out for every request, so that a panic in it is seen.
            let _ = Handle::<O>::access(&*ecs, &caller, &input);
            Handle::<O>::handle(&*ecs, &caller, input).await
        });
        handling.await.ok()
    }

    /// Takes the Spot capacity of a node back, by its ARN, and gives the tasks that were told; nothing if the process was
    /// killed meanwhile.
    pub async fn interrupt_spot(&self, node_arn: &str) -> Option<Result<Vec<String>, Error>> {
        let id = node_arn.rsplit('/').next().unwrap_or_default();
        let key = ContainerInstanceRecord::key_of(ACCOUNT, REGION, "", id);
        let ecs = Arc::clone(&self.ecs);
        let interrupting =
            self.clock.spawn(
                "request",
                async move { ecs.interrupt_spot_tasks(&key).await },
            );
        interrupting.await.ok()
    }

    /// As `kill -9` does.
    pub async fn kill(&self) {
        self.process.kill().await;
    }
}

/// The account's root.
pub fn root() -> Caller {
    caller(Principal::Root)
}

/// A node's own principal.
pub fn node(node_id: &str) -> Caller {
    caller(Principal::Node {
        node_id: node_id.to_owned(),
    })
}

fn caller(principal: Principal) -> Caller {
    Caller {
        account: ACCOUNT.into(),
        region: REGION.into(),
        principal,
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        request_id: "00000000-0000-4000-8000-000000000000".into(),
        source_ip: None,
        user_agent: "sim".into(),
    }
}
