//! DeleteTaskDefinitions, and the loop that deletes what nothing uses any more.

use std::time::Duration;

use api_ecs::{operations as op, types::*};
use tokio::sync::watch;

use crate::world::{World, agent::Agent, agent::container_change, refused};

fn delete(names: &[&str]) -> DeleteTaskDefinitionsRequest {
    DeleteTaskDefinitionsRequest {
        task_definitions: Some(names.iter().map(|name| name.to_string()).collect()),
    }
}

async fn deregister(world: &World, name: &str) {
    let request = DeregisterTaskDefinitionRequest {
        task_definition: Some(name.into()),
    };
    world
        .call::<op::DeregisterTaskDefinition>(request)
        .await
        .unwrap();
}

async fn status(world: &World, name: &str) -> Option<String> {
    let request = DescribeTaskDefinitionRequest {
        task_definition: Some(name.into()),
        include: None,
    };
    let answer = world.call::<op::DescribeTaskDefinition>(request).await;
    let definition = answer.ok()?.task_definition?;
    Some(definition.status?.to_string())
}

async fn families(world: &World) -> Vec<String> {
    let request = ListTaskDefinitionFamiliesRequest::default();
    let answer = world.call::<op::ListTaskDefinitionFamilies>(request).await;
    answer.unwrap().families.unwrap()
}

#[tokio::test]
async fn only_inactive_revisions_are_marked() {
    let world = World::new().await;
    for _ in 0..2 {
        world.fargate_definition("web").await;
    }
    deregister(&world, "web:1").await;
    let answer = world
        .call::<op::DeleteTaskDefinitions>(delete(&["web:1", "web:2", "web:3", "web", "?"]))
        .await
        .unwrap();
    let marked = answer.task_definitions.unwrap();
    assert_eq!(marked.len(), 1);
    assert_eq!(marked[0].revision, Some(1));
    assert_eq!(
        marked[0].status,
        Some(TaskDefinitionStatus::DELETE_IN_PROGRESS)
    );
    let failures: Vec<(String, String)> = answer
        .failures
        .unwrap()
        .into_iter()
        .map(|failure| (failure.arn.unwrap(), failure.reason.unwrap()))
        .collect();
    let invalid = "The specified task definition identifier is invalid. Specify a valid name or ARN and try again.";
    let expected = [
        ("web:2", "The specified task definition is still in ACTIVE status. Please deregister the target and try again."),
        ("web:3", "The specified task definition does not exist. Specify a valid account, family, revision and try again."),
        ("web", invalid),
        ("?", invalid),
    ]
    .map(|(arn, reason)| (arn.to_owned(), reason.to_owned()));
    assert_eq!(failures, expected);
    // Nothing new may use it; another DeleteTaskDefinitions changes nothing.
    let run = RunTaskRequest {
        task_definition: Some("web:1".into()),
        ..RunTaskRequest::default()
    };
    assert!(world.call::<op::RunTask>(run).await.is_err());
    let again = world
        .call::<op::DeleteTaskDefinitions>(delete(&["web:1"]))
        .await
        .unwrap();
    assert_eq!(again.task_definitions.unwrap().len(), 1);
    let listed = ListTaskDefinitionsRequest {
        status: Some(TaskDefinitionStatus::DELETE_IN_PROGRESS),
        ..ListTaskDefinitionsRequest::default()
    };
    let answer = world.call::<op::ListTaskDefinitions>(listed).await.unwrap();
    assert_eq!(answer.task_definition_arns.unwrap().len(), 1);
    let (_, message) = refused(world.call::<op::DeleteTaskDefinitions>(delete(&[])).await);
    assert_eq!(message, "Task definitions cannot be empty.");
    let many = refused(
        world
            .call::<op::DeleteTaskDefinitions>(delete(&["a:1"; 11]))
            .await,
    );
    assert_eq!(
        many.1,
        "Task definitions cannot have more than 10 elements."
    );
}

#[tokio::test(start_paused = true)]
async fn a_definition_goes_when_its_last_task_has() {
    let world = World::simulated().await;
    let (_stop, shutdown) = watch::channel(false);
    world.ecs.spawn_loops(&shutdown);
    let node = world.serverless_node("n", 1024, 4096).await;
    let agent = Agent::connect(&world, "n", &node).await;
    let definition = world.fargate_definition("web").await;
    let other = world.fargate_definition("other").await;
    let run = RunTaskRequest {
        task_definition: Some(definition.clone()),
        launch_type: Some(LaunchType::FARGATE),
        network_configuration: Some(crate::run_task::network(&world)),
        ..RunTaskRequest::default()
    };
    let task = world.call::<op::RunTask>(run).await.unwrap();
    let task = task.tasks.unwrap()[0].task_arn.clone().unwrap();
    for name in [&definition, &other] {
        deregister(&world, name).await;
    }
    world
        .call::<op::DeleteTaskDefinitions>(delete(&[&definition, &other]))
        .await
        .unwrap();
    world.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(status(&world, &other).await, None);
    assert_eq!(families(&world).await, ["web"]);
    assert_eq!(
        status(&world, &definition).await.as_deref(),
        Some("DELETE_IN_PROGRESS")
    );
    let stopped = vec![container_change("app", "STOPPED")];
    agent
        .submit(&world, &task, "STOPPED", stopped)
        .await
        .unwrap();
    world.clock.sleep(Duration::from_secs(61)).await;
    assert_eq!(status(&world, &definition).await, None);
    assert!(families(&world).await.is_empty());
    // Numbers are never used again.
    assert_eq!(world.fargate_definition("web").await, "web:2");
}
