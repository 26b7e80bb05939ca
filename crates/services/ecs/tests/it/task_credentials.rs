//! Credentials of tasks' roles, from whoever issues them to the node.

use std::{sync::Arc, time::Duration};

use api_ecs::{operations as op, types::*};
use clock::Clock;
use link::acs;
use service_ecs::{IssueCredentials, IssuedCredentials, WantedCredentials};
use tokio::sync::watch;
use wire::Error;

use crate::world::{World, agent::Agent, container};

const TASK_ROLE: &str = "arn:aws:iam::123456789012:role/task";
const EXECUTION_ROLE: &str = "arn:aws:iam::123456789012:role/execution";
const LIFETIME: Duration = Duration::from_secs(600);

/// Issues for two roles, and says in the key id which and when.
struct Issuer(Clock);

impl IssueCredentials for Issuer {
    fn issue(&self, wanted: &WantedCredentials<'_>) -> Result<IssuedCredentials, Error> {
        if ![TASK_ROLE, EXECUTION_ROLE].contains(&wanted.role_arn) {
            return Err(Error::client("AccessDeniedException", "no such role"));
        }
        let now = self.0.now();
        let kind = wanted.role_type.as_str();
        Ok(IssuedCredentials {
            credentials_id: format!("{} {kind}", wanted.task_id),
            access_key_id: format!("{kind} {}", now.as_seconds()),
            secret_access_key: "secret".into(),
            session_token: "token".into(),
            expires_at: now + LIFETIME,
            refresh_at: now + LIFETIME / 2,
        })
    }
}

async fn run(world: &World, task_role: Option<&str>, execution_role: Option<&str>) -> String {
    let request = RegisterTaskDefinitionRequest {
        family: Some("roles".into()),
        task_role_arn: task_role.map(str::to_owned),
        execution_role_arn: execution_role.map(str::to_owned),
        container_definitions: Some(vec![ContainerDefinition {
            memory: Some(64),
            ..container("app")
        }]),
        ..RegisterTaskDefinitionRequest::default()
    };
    world
        .call::<op::RegisterTaskDefinition>(request)
        .await
        .unwrap();
    let run = RunTaskRequest {
        launch_type: Some(LaunchType::EC2),
        task_definition: Some("roles".into()),
        ..RunTaskRequest::default()
    };
    let answer = world.call::<op::RunTask>(run).await.unwrap();
    assert_eq!(answer.failures, Some(vec![]));
    answer.tasks.unwrap()[0].task_arn.clone().unwrap()
}

#[tokio::test(start_paused = true)]
async fn credentials_come_with_the_task_and_newer_ones_in_time() {
    let world = World::simulated().await;
    let (_stop, stopping) = watch::channel(false);
    world.ecs.spawn_loops(&stopping);
    world
        .ecs
        .issue_credentials_with(Arc::new(Issuer(world.clock.clone())));
    let instance = world
        .container_instance("node-1", "default", 1024, 2048)
        .await;
    let mut agent = Agent::connect(&world, "node-1", &instance).await;
    let task = run(&world, Some(TASK_ROLE), Some(EXECUTION_ROLE)).await;
    let told = agent.payload(&world).await.remove(0);
    let (own, execution) = (
        told.role_credentials.unwrap(),
        told.execution_role_credentials.unwrap(),
    );
    assert_eq!(own.role_arn.as_deref(), Some(TASK_ROLE));
    assert_eq!(execution.role_arn.as_deref(), Some(EXECUTION_ROLE));
    assert_ne!(own.credentials_id, execution.credentials_id);

    let mut renewed = Vec::new();
    for _ in 0..2 {
        match agent.hear_within(&world, LIFETIME).await {
            Some(acs::Message::IamRoleCredentials(message)) => renewed.push(message),
            other => panic!("no credentials: {other:?}"),
        }
    }
    for (message, (kind, old)) in renewed
        .into_iter()
        .zip([("TaskApplication", &own), ("TaskExecution", &execution)])
    {
        assert_eq!(message.task_arn.as_deref(), Some(task.as_str()));
        assert_eq!(message.role_type.as_deref(), Some(kind));
        let new = message.role_credentials.unwrap();
        assert_eq!(new.credentials_id, old.credentials_id);
        assert!(new.access_key_id > old.access_key_id, "{new:?}");
    }
    // A session that is new has been told nothing.
    agent.disconnect().await;
    let mut agent = Agent::connect(&world, "node-1", &instance).await;
    let told = agent.payload(&world).await.remove(0);
    let again = told.role_credentials.unwrap();
    assert_eq!(again.credentials_id, own.credentials_id);
}

#[tokio::test(start_paused = true)]
async fn a_role_that_nobody_may_have_gives_none() {
    let world = World::simulated().await;
    let (_stop, stopping) = watch::channel(false);
    world.ecs.spawn_loops(&stopping);
    world
        .ecs
        .issue_credentials_with(Arc::new(Issuer(world.clock.clone())));
    let instance = world
        .container_instance("node-1", "default", 1024, 2048)
        .await;
    let mut agent = Agent::connect(&world, "node-1", &instance).await;
    // By name, as ECS takes roles too.
    run(&world, Some("missing"), Some("execution")).await;
    let told = agent.payload(&world).await.remove(0);
    assert_eq!(told.role_credentials, None);
    let execution = told.execution_role_credentials.unwrap();
    assert_eq!(execution.role_arn.as_deref(), Some(EXECUTION_ROLE));
}
