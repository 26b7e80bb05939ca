//! One service with nothing around it: a store in memory, a history in a temporary directory, no gateway and no agents.

pub mod agent;

use std::sync::Arc;

use api_ecs::{operations as op, types::*};
use clock::{Clock, UnixMillis};
use history::History;
use service_ecs::{Config, Defaults, Ecs};
use state::{MemoryEngine, Schema, Store};
use tempfile::TempDir;
use wire::{Caller, Error, Handle, Operation, Principal};

pub const ACCOUNT: &str = "123456789012";
pub const REGION: &str = "us-east-1";
pub const NODE_LOST_AFTER: std::time::Duration = std::time::Duration::from_secs(300);

pub struct World {
    pub ecs: Arc<Ecs>,
    pub store: Store,
    pub clock: Clock,
    /// What the first start made.
    pub defaults: Defaults,
    /// The account's root.
    pub root: Caller,
    _directory: TempDir,
}

impl World {
    pub async fn new() -> Self {
        Self::with_clock(Clock::system()).await
    }

    /// Under virtual time: for tests with `#[tokio::test(start_paused = true)]`.
    #[allow(dead_code, reason = "for tests of loops")]
    pub async fn simulated() -> Self {
        Self::with_clock(Clock::simulated(UnixMillis(1_800_000_000_000), 7)).await
    }

    pub async fn with_clock(clock: Clock) -> Self {
        Self::with_engine(clock, MemoryEngine::new()).await
    }

    pub async fn with_engine(clock: Clock, engine: MemoryEngine) -> Self {
        Self::with_shared_engine(clock, Arc::new(engine)).await
    }

    /// On an engine that the test does something to.
    pub async fn with_shared_engine(clock: Clock, engine: Arc<MemoryEngine>) -> Self {
        let directory = TempDir::new().unwrap();
        let history =
            History::open(directory.path(), history::Options::default(), clock.clone()).unwrap();
        let store = Store::open(engine, Ecs::schema(Schema::new()), clock.clone())
            .await
            .unwrap();
        let config = Config {
            account: ACCOUNT.into(),
            region: REGION.into(),
            endpoint: "http://127.0.0.1:4580".into(),
            default_subnet_cidr: "172.31.0.0/20".into(),
            availability_zone: format!("{REGION}a"),
            node_lost_after: Some(NODE_LOST_AFTER),
        };
        let ecs = Ecs::new(store.clone(), Arc::new(history), clock.clone(), config);
        let defaults = ecs.bootstrap().await.unwrap();
        Self {
            ecs,
            store,
            clock,
            defaults,
            root: caller(Principal::Root),
            _directory: directory,
        }
    }

    /// As root.
    pub async fn call<O: Operation>(&self, input: O::Input) -> Result<O::Output, Error>
    where
        Ecs: Handle<O>,
    {
        self.call_as::<O>(&self.root, input).await
    }

    pub async fn call_as<O: Operation>(
        &self,
        caller: &Caller,
        input: O::Input,
    ) -> Result<O::Output, Error>
    where
        Ecs: Handle<O>,
    {
        // Access is declared for every request that a test makes, so that a panic in it is seen.
        let access = Handle::<O>::access(&*self.ecs, caller, &input);
        let is_ours =
            |ask: &wire::Ask| ask.action.starts_with("ecs:") || ask.action == "iam:PassRole";
        assert!(access.asks().iter().all(is_ours), "{access:?}");
        Handle::<O>::handle(&*self.ecs, caller, input).await
    }

    /// A serverless node of the given size, registered but not connected; its container instance's ARN.
    #[allow(dead_code, reason = "for tests that place tasks")]
    pub async fn serverless_node(&self, node_id: &str, cpu_units: i32, memory_mib: i32) -> String {
        let request = registration("", "serverless", cpu_units, memory_mib);
        self.register(node_id, request).await
    }

    /// A container instance of a cluster; its ARN.
    pub async fn container_instance(
        &self,
        node_id: &str,
        cluster: &str,
        cpu_units: i32,
        memory_mib: i32,
    ) -> String {
        let request = registration(cluster, "container-instance", cpu_units, memory_mib);
        self.register(node_id, request).await
    }

    pub async fn register(
        &self,
        node_id: &str,
        request: RegisterContainerInstanceRequest,
    ) -> String {
        let answer = self
            .call_as::<op::RegisterContainerInstance>(&node(node_id), request)
            .await
            .unwrap();
        answer
            .container_instance
            .unwrap()
            .container_instance_arn
            .unwrap()
    }

    /// Registers a Fargate definition of one container, 256 CPU units and 512 MiB; `family:revision`.
    pub async fn fargate_definition(&self, family: &str) -> String {
        let answer = self
            .call::<op::RegisterTaskDefinition>(fargate_request(family))
            .await
            .unwrap();
        let definition = answer.task_definition.unwrap();
        format!("{family}:{}", definition.revision.unwrap())
    }
}

pub fn caller(principal: Principal) -> Caller {
    Caller {
        account: ACCOUNT.into(),
        region: REGION.into(),
        principal,
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        request_id: "00000000-0000-4000-8000-000000000000".into(),
        source_ip: None,
        user_agent: "test".into(),
    }
}

/// A node's own principal.
pub fn node(node_id: &str) -> Caller {
    caller(Principal::Node {
        node_id: node_id.into(),
    })
}

/// What an agent sends; the attributes are those that Fargate definitions of these tests need.
pub fn registration(
    cluster: &str,
    capacity: &str,
    cpu_units: i32,
    memory_mib: i32,
) -> RegisterContainerInstanceRequest {
    let integer = |name: &str, value: i32| Resource {
        name: Some(name.into()),
        r#type: Some("INTEGER".into()),
        integer_value: Some(value),
        ..Resource::default()
    };
    let attribute = |name: &str, value: Option<&str>| Attribute {
        name: Some(name.into()),
        value: value.map(Into::into),
        ..Attribute::default()
    };
    let mut attributes = vec![
        attribute("gantry.capacity", Some(capacity)),
        attribute("ecs.os-type", Some("linux")),
        attribute("ecs.cpu-architecture", Some("x86_64")),
        attribute("ecs.capability.task-eni", None),
        attribute("ecs.capability.container-ordering", None),
        attribute("ecs.capability.container-health-check", None),
        attribute("ecs.capability.execution-role-awslogs", None),
        attribute("com.amazonaws.ecs.capability.logging-driver.awslogs", None),
    ];
    for minor in 17..=32 {
        let name = format!("com.amazonaws.ecs.capability.docker-remote-api.1.{minor}");
        attributes.push(attribute(&name, None));
    }
    RegisterContainerInstanceRequest {
        cluster: (!cluster.is_empty()).then(|| cluster.to_owned()),
        total_resources: Some(vec![
            integer("CPU", cpu_units),
            integer("MEMORY", memory_mib),
        ]),
        attributes: Some(attributes),
        ..RegisterContainerInstanceRequest::default()
    }
}

pub fn container(name: &str) -> ContainerDefinition {
    ContainerDefinition {
        name: Some(name.into()),
        image: Some("demo:1".into()),
        ..ContainerDefinition::default()
    }
}

pub fn fargate_request(family: &str) -> RegisterTaskDefinitionRequest {
    RegisterTaskDefinitionRequest {
        family: Some(family.into()),
        requires_compatibilities: Some(vec![Compatibility::FARGATE]),
        network_mode: Some(NetworkMode::AWSVPC),
        cpu: Some("256".into()),
        memory: Some("512".into()),
        container_definitions: Some(vec![container("app")]),
        ..RegisterTaskDefinitionRequest::default()
    }
}

/// Code and message of the error that a call must have ended with.
pub fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> (String, String) {
    let error = result.unwrap_err();
    (error.code.to_string(), error.message)
}

pub fn tag(key: &str, value: &str) -> Tag {
    Tag {
        key: Some(key.into()),
        value: Some(value.into()),
    }
}
