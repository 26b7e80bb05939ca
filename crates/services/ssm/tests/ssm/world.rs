use std::sync::Arc;

use api_ssm::operations as op;
use api_ssm::types::*;
use clock::Clock;
use service_ssm::Ssm;
use state::{MemoryEngine, Schema, Store};
use vault::Vault;
use wire::{Caller, Error, Handle, Operation, Principal};

pub struct World {
    pub ssm: Arc<Ssm>,
    pub store: Store,
    _directory: tempfile::TempDir,
}

impl World {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::system();
        let schema = Ssm::schema(Vault::schema(Schema::new()));
        let engine = Arc::new(MemoryEngine::new());
        let store = Store::open(engine, schema, clock.clone())
            .await
            .expect("opens");
        let vault = Vault::open(store.clone(), clock.clone(), directory.path());
        let vault = vault.await.expect("a vault");
        Self {
            ssm: Ssm::new(store.clone(), clock, vault),
            store,
            _directory: directory,
        }
    }

    pub async fn call<O: Operation>(&self, input: O::Input) -> Result<O::Output, Error>
    where
        Ssm: Handle<O>,
    {
        Handle::<O>::handle(&*self.ssm, &caller(), input).await
    }

    pub async fn put(&self, name: &str, kind: &str, value: &str) -> Result<i64, Error> {
        self.write(name, kind, value, false).await
    }

    pub async fn write(
        &self,
        name: &str,
        kind: &str,
        value: &str,
        overwrite: bool,
    ) -> Result<i64, Error> {
        let input = PutParameterRequest {
            name: Some(name.into()),
            r#type: Some(kind.into()),
            value: Some(value.into()),
            overwrite: Some(overwrite),
            ..Default::default()
        };
        let put = self.call::<op::PutParameter>(input).await?;
        Ok(put.version.expect("a version"))
    }

    pub async fn get(&self, name: &str) -> Result<Parameter, Error> {
        let input = GetParameterRequest {
            name: Some(name.into()),
            with_decryption: Some(true),
        };
        let got = self.call::<op::GetParameter>(input).await?;
        Ok(got.parameter.expect("a parameter"))
    }

    pub async fn value(&self, name: &str) -> String {
        self.get(name).await.expect("found").value.expect("a value")
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
