use std::sync::Arc;

use api_secretsmanager::operations as op;
use api_secretsmanager::types::*;
use clock::{Clock, UnixMillis};
use service_secretsmanager::SecretsManager;
use state::{MemoryEngine, Schema, Store};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use vault::Vault;
use wire::{Caller, Error, Handle, Operation, Principal};

pub struct World {
    pub service: Arc<SecretsManager>,
    pub store: Store,
    pub clock: Clock,
    pub loops: Vec<JoinHandle<()>>,
    _stop: watch::Sender<bool>,
    _directory: tempfile::TempDir,
}

impl World {
    /// Time is virtual: it passes when all wait.
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::simulated(UnixMillis(1_790_000_000_000), 1);
        let schema = SecretsManager::schema(Vault::schema(Schema::new()));
        let engine = Arc::new(MemoryEngine::new());
        let store = Store::open(engine, schema, clock.clone())
            .await
            .expect("opens");
        let vault = Vault::open(store.clone(), clock.clone(), directory.path());
        let vault = vault.await.expect("a vault");
        let service = SecretsManager::new(store.clone(), clock.clone(), vault);
        let (stop, stopping) = watch::channel(false);
        Self {
            loops: service.spawn_loops(&stopping),
            service,
            store,
            clock,
            _stop: stop,
            _directory: directory,
        }
    }

    pub async fn call<O: Operation>(&self, input: O::Input) -> Result<O::Output, Error>
    where
        SecretsManager: Handle<O>,
    {
        Handle::<O>::handle(&*self.service, &caller(), input).await
    }

    pub async fn create(
        &self,
        name: &str,
        value: Option<&str>,
    ) -> Result<CreateSecretResponse, Error> {
        let input = CreateSecretRequest {
            name: Some(name.into()),
            secret_string: value.map(str::to_owned),
            ..Default::default()
        };
        self.call::<op::CreateSecret>(input).await
    }

    pub async fn put(&self, id: &str, value: &str, stages: &[&str]) -> Result<String, Error> {
        let input = PutSecretValueRequest {
            secret_id: Some(id.into()),
            secret_string: Some(value.into()),
            version_stages: (!stages.is_empty())
                .then(|| stages.iter().map(|it| (*it).to_owned()).collect()),
            ..Default::default()
        };
        let put = self.call::<op::PutSecretValue>(input).await?;
        Ok(put.version_id.expect("a version"))
    }

    pub async fn get(&self, id: &str, stage: Option<&str>) -> Result<String, Error> {
        let input = GetSecretValueRequest {
            secret_id: Some(id.into()),
            version_stage: stage.map(str::to_owned),
            ..Default::default()
        };
        let got = self.call::<op::GetSecretValue>(input).await?;
        Ok(got.secret_string.expect("a string"))
    }
}

pub fn caller() -> Caller {
    Caller {
        account: "123456789012".into(),
        region: "us-east-1".into(),
        principal: Principal::Root,
        access_key_id: String::new(),
        request_id: String::new(),
        source_ip: None,
        user_agent: String::new(),
    }
}
