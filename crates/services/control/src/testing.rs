//! A service with what it administers, in memory and a temporary directory.

use std::sync::Arc;

use clock::{Clock, UnixMillis};
use history::History;
use service_ecs::Ecs;
use state::{MemoryEngine, Schema, Store};
use tempfile::TempDir;
use tokio::sync::watch;
use wire::{Ask, Authorizer, Caller, Error, Handle, Operation, Principal};

use crate::{Backups, Control, ExecutionRoles, Parts, SecretSources, Settings};

struct EveryoneMay;

impl Authorizer for EveryoneMay {
    fn allow(&self, _caller: &Caller, _ask: &Ask) -> Result<(), Error> {
        Ok(())
    }
}

impl ExecutionRoles for EveryoneMay {
    fn assume(&self, _account: &str, _role_arn: &str, _task_arn: &str) -> Result<Principal, Error> {
        Ok(Principal::Root)
    }
}

pub(crate) struct World {
    pub control: Arc<Control>,
    pub ecs: Arc<Ecs>,
    pub store: Store,
    pub history: Arc<History>,
    pub clock: Clock,
    pub directory: Arc<TempDir>,
    pub stop: watch::Sender<bool>,
}

impl World {
    pub async fn new() -> Self {
        let clock = Clock::simulated(UnixMillis(1_800_000_000_000), 7);
        let schema = vault::Vault::schema(Schema::new());
        let schema = service_ssm::Ssm::schema(schema);
        let schema = service_secretsmanager::SecretsManager::schema(schema);
        let schema = Control::schema(Ecs::schema(schema));
        let engine = Arc::new(MemoryEngine::default());
        let store = Store::open(engine, schema, clock.clone())
            .await
            .expect("opens");
        let directory = TempDir::new().expect("a directory");
        Self::on(store, clock, Arc::new(directory)).await
    }

    /// As after a restart, on what another world left.
    pub async fn on(store: Store, clock: Clock, directory: Arc<TempDir>) -> Self {
        let path = directory.path().join("history");
        let history = History::open(path, history::Options::default(), clock.clone());
        let history = Arc::new(history.expect("opens"));
        let config = service_ecs::Config {
            account: root().account,
            region: root().region,
            endpoint: "http://127.0.0.1:4580".into(),
            default_subnet_cidr: "172.31.0.0/20".into(),
            availability_zone: "us-east-1a".into(),
            node_lost_after: None,
        };
        let ecs = Ecs::new(store.clone(), Arc::clone(&history), clock.clone(), config);
        ecs.bootstrap().await.expect("a default cluster");
        let vault = vault::Vault::open(store.clone(), clock.clone(), directory.path());
        let vault = vault.await.expect("a vault");
        let ssm = service_ssm::Ssm::new(store.clone(), clock.clone(), Arc::clone(&vault));
        let secrets_manager = service_secretsmanager::SecretsManager::new(
            store.clone(),
            clock.clone(),
            Arc::clone(&vault),
        );
        let control = Control::new(Parts {
            secrets: SecretSources {
                ssm: Arc::new(api_ssm::Server(ssm)),
                secrets_manager: Arc::new(api_secretsmanager::Server(secrets_manager)),
                authorizer: Arc::new(EveryoneMay),
                roles: Arc::new(EveryoneMay),
            },
            store: store.clone(),
            clock: clock.clone(),
            vault,
            ecs: Arc::clone(&ecs),
            history: Arc::clone(&history),
            backups: Backups {
                directory: directory.path().join("backups"),
                files: [].into(),
            },
            settings: Settings {
                version: "0.0.0",
                endpoint: "http://127.0.0.1:4580".into(),
                data_directory: directory.path().to_owned(),
                history_days: 30,
            },
        });
        Self {
            control,
            ecs,
            store,
            history,
            clock,
            directory,
            stop: watch::channel(false).0,
        }
    }

    pub async fn call<O: Operation>(&self, input: O::Input) -> Result<O::Output, Error>
    where
        Control: Handle<O>,
    {
        let access = Handle::<O>::access(&*self.control, &root(), &input);
        let mut asks = access.asks().iter();
        assert!(
            asks.all(|ask| ask.action.starts_with("gantry:")),
            "{access:?}"
        );
        Handle::<O>::handle(&*self.control, &root(), input).await
    }

    pub async fn ecs<O: Operation>(&self, input: O::Input) -> O::Output
    where
        Ecs: Handle<O>,
    {
        self.ecs_as::<O>(&root(), input).await
    }

    pub async fn ecs_as<O: Operation>(&self, caller: &Caller, input: O::Input) -> O::Output
    where
        Ecs: Handle<O>,
    {
        let answer = Handle::<O>::handle(&*self.ecs, caller, input).await;
        answer.expect("is answered")
    }
}

pub(crate) fn root() -> Caller {
    caller(Principal::Root)
}

pub(crate) fn caller(principal: Principal) -> Caller {
    Caller {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        principal,
        access_key_id: "AKIA".to_owned(),
        request_id: "id".to_owned(),
        source_ip: None,
        user_agent: String::new(),
    }
}
