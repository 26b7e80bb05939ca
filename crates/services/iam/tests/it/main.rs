//! IAM and STS through their handlers, as the gateway calls them: authorised, then handled.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod enforcement;
mod entities;
mod sessions;

use std::sync::Arc;

use api_iam::operations as iam;
use api_iam::types::*;
use clock::Clock;
use identity::{AccessKeyRecord, AccessKeys, FindAccessKey, SessionSeal};
use serde_json::{Value, json};
use service_iam::Iam;
use state::{MemoryEngine, Schema, Store};
use wire::{Access, Authorizer, Caller, Error, Handle, Operation, Principal};

pub const ACCOUNT: &str = "123456789012";

pub struct World {
    pub iam: Arc<Iam>,
    pub keys: AccessKeys,
    pub clock: Clock,
}

impl World {
    pub async fn new() -> Self {
        let clock = Clock::system();
        let schema = Iam::schema(Schema::new().table::<AccessKeyRecord>());
        let engine = Arc::new(MemoryEngine::default());
        let store = Store::open(engine, schema, clock.clone()).await.unwrap();
        let seal = SessionSeal::open_key(&store, &clock).await.unwrap();
        let keys = AccessKeys::fixed([])
            .and_store(store.clone())
            .and_sessions(seal.clone());
        Self {
            iam: Arc::new(Iam::new(store, clock.clone(), seal)),
            keys,
            clock,
        }
    }

    pub async fn call<O: Operation>(
        &self,
        caller: &Caller,
        input: O::Input,
    ) -> Result<O::Output, Error>
    where
        Iam: Handle<O>,
    {
        let access = Handle::<O>::access(&*self.iam, caller, &input);
        self.iam.authorize(caller, &access)?;
        Handle::<O>::handle(&*self.iam, caller, input).await
    }

    pub async fn root<O: Operation>(&self, input: O::Input) -> Result<O::Output, Error>
    where
        Iam: Handle<O>,
    {
        self.call::<O>(&caller(Principal::Root), input).await
    }

    /// A user with an inline policy, as its access key makes it.
    pub async fn user(&self, name: &str, statements: Value) -> Caller {
        let input = CreateUserRequest {
            user_name: text(name),
            ..Default::default()
        };
        self.root::<iam::CreateUser>(input).await.unwrap();
        let input = PutUserPolicyRequest {
            user_name: text(name),
            policy_name: text("own"),
            policy_document: document(statements),
        };
        self.root::<iam::PutUserPolicy>(input).await.unwrap();
        let input = CreateAccessKeyRequest {
            user_name: text(name),
        };
        let key = self.root::<iam::CreateAccessKey>(input).await.unwrap();
        let id = key.access_key.unwrap().access_key_id.unwrap();
        let found = self.keys.find_access_key(&id).unwrap();
        Caller {
            access_key_id: id,
            ..caller(found.owner.principal())
        }
    }

    pub async fn role(&self, name: &str, trust: Value, statements: Value) -> String {
        let trust = json!({"Effect": "Allow", "Principal": trust, "Action": ["sts:AssumeRole", "sts:TagSession"]});
        let input = CreateRoleRequest {
            role_name: text(name),
            assume_role_policy_document: document(trust),
            ..Default::default()
        };
        let role = self.root::<iam::CreateRole>(input).await.unwrap();
        let input = PutRolePolicyRequest {
            role_name: text(name),
            policy_name: text("own"),
            policy_document: document(statements),
        };
        self.root::<iam::PutRolePolicy>(input).await.unwrap();
        role.role.unwrap().arn.unwrap()
    }

    pub fn may(&self, caller: &Caller, action: &'static str, resource: &str) -> Result<(), Error> {
        let access = Access::action(action).resource(resource);
        self.iam.authorize(caller, &access)
    }
}

pub fn caller(principal: Principal) -> Caller {
    Caller {
        account: ACCOUNT.into(),
        region: "us-east-1".into(),
        principal,
        access_key_id: String::new(),
        request_id: "request-1".into(),
        source_ip: Some("10.0.0.1".parse().unwrap()),
        user_agent: "test".into(),
    }
}

pub fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

pub fn document(statements: Value) -> Option<String> {
    Some(json!({"Version": "2012-10-17", "Statement": statements}).to_string())
}
