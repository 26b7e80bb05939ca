//! Services on nodes that are drained, and services whose tasks crash.

use std::time::Duration;

use api_ecs::{operations as op, types::*};

use super::{Cluster, QUIET, Start, counts, create, describe, looping, request};
use crate::{
    run_task::ec2_definition,
    world::{
        World,
        agent::{Agent, container_change},
        refused,
    },
};

pub(super) async fn set_state(
    world: &World,
    arn: &str,
    status: &str,
) -> Result<UpdateContainerInstancesStateResponse, wire::Error> {
    let request = UpdateContainerInstancesStateRequest {
        cluster: None,
        container_instances: Some(vec![arn.into()]),
        status: Some(status.into()),
    };
    world
        .call::<op::UpdateContainerInstancesState>(request)
        .await
}

async fn submit(world: &World, agent: &Agent, task: &str, status: &str) {
    let change = container_change("app", status);
    agent
        .submit(world, task, status, vec![change])
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn draining_moves_a_services_tasks_and_leaves_others() {
    let (world, _stop) = looping().await;
    let definition = ec2_definition(&world, "web", 0).await;
    let first = world
        .container_instance("node-1", "default", 4096, 8192)
        .await;
    let mut old = Agent::connect(&world, "node-1", &first).await;
    let on_ec2 = CreateServiceRequest {
        launch_type: Some(LaunchType::EC2),
        network_configuration: None,
        ..request(&world, "web", &definition, 1)
    };
    create(&world, on_ec2).await;
    let served = old.payload(&world).await.remove(0).arn.unwrap();
    submit(&world, &old, &served, "RUNNING").await;
    let run = RunTaskRequest {
        launch_type: Some(LaunchType::EC2),
        task_definition: Some(definition.clone()),
        ..RunTaskRequest::default()
    };
    world.call::<op::RunTask>(run.clone()).await.unwrap();
    let alone = old.payload(&world).await.remove(0).arn.unwrap();
    submit(&world, &old, &alone, "RUNNING").await;

    let second = world
        .container_instance("node-2", "default", 4096, 8192)
        .await;
    let mut new = Agent::connect(&world, "node-2", &second).await;
    let drained = set_state(&world, &first, "DRAINING").await.unwrap();
    let shown = &drained.container_instances.unwrap()[0];
    assert_eq!(shown.status.as_deref(), Some("DRAINING"));
    assert_eq!(shown.running_tasks_count, Some(2));

    // The replacement runs before the old task goes: minimumHealthyPercent is 100.
    let replacement = new.payload(&world).await.remove(0).arn.unwrap();
    assert!(old.hear_within(&world, QUIET).await.is_none());
    submit(&world, &new, &replacement, "RUNNING").await;
    let stops = old.payload(&world).await;
    let stop = &stops[0];
    assert_eq!(stop.desired_status.as_deref(), Some("STOPPED"));
    assert_eq!(stop.arn.as_ref(), Some(&served), "and only that one");
    submit(&world, &old, &served, "STOPPED").await;
    world.clock.sleep(QUIET).await;
    assert_eq!(counts(&describe(&world, "web").await), (1, 0, 1));

    // New tasks go elsewhere, until it is ACTIVE again.
    let answer = world.call::<op::RunTask>(run.clone()).await.unwrap();
    let placed = &answer.tasks.unwrap()[0];
    assert_eq!(placed.container_instance_arn.as_ref(), Some(&second));
    set_state(&world, &second, "DRAINING").await.unwrap();
    let failures = world.call::<op::RunTask>(run.clone()).await.unwrap();
    assert_eq!(failures.failures.unwrap().len(), 2);
    set_state(&world, &first, "ACTIVE").await.unwrap();
    let answer = world.call::<op::RunTask>(run).await.unwrap();
    let placed = &answer.tasks.unwrap()[0];
    assert_eq!(placed.container_instance_arn.as_ref(), Some(&first));
}

#[tokio::test]
async fn states_are_checked() {
    let world = World::new().await;
    let arn = world.container_instance("n", "default", 1024, 1024).await;
    for status in ["INACTIVE", "REGISTERING", ""] {
        let (code, message) = refused(set_state(&world, &arn, status).await);
        assert_eq!(code, "InvalidParameterException");
        assert_eq!(
            message,
            "Container instance status should be one of [ACTIVE,DRAINING]."
        );
    }
    let nowhere = "0123456789abcdef0123456789abcdef";
    let answer = set_state(&world, nowhere, "DRAINING").await.unwrap();
    assert_eq!(
        answer.failures.unwrap()[0].reason.as_deref(),
        Some("MISSING")
    );
}

#[tokio::test(start_paused = true)]
async fn a_crash_loop_is_paced_and_a_long_run_ends_the_pace() {
    let mut cluster = Cluster::new().await;
    cluster.starts = Start::Crashing;
    cluster.create("crashing", 1).await;
    cluster.pass(Duration::from_secs(60)).await;
    // Three at once, then after 1, 2, 4, 8, 10, 10, 10 and 10 seconds.
    let started = cluster.tasks.len();
    assert!((9..=11).contains(&started), "{started} tasks in a minute");

    cluster.starts = Start::Well;
    cluster.pass(Duration::from_secs(25)).await;
    let task = cluster.running().remove(0);
    let before = cluster.world.clock.now();
    cluster.report(&task, "STOPPED", Some(137), None).await;
    assert!(cluster.step(QUIET).await);
    let took = cluster.world.clock.now().since(before);
    assert!(took < Duration::from_millis(20), "{took:?} of virtual time");
}

#[tokio::test]
async fn roles_ask_nothing_of_a_container_instance() {
    let world = World::new().await;
    let mut bare = crate::world::registration("default", "container-instance", 1024, 1024);
    let keeps = |attribute: &Attribute| !attribute.name.as_deref().unwrap().contains("role");
    bare.attributes.as_mut().unwrap().retain(keeps);
    let arn = world.register("n", bare).await;
    let _agent = Agent::connect(&world, "n", &arn).await;
    let request = RegisterTaskDefinitionRequest {
        family: Some("roles".into()),
        task_role_arn: Some("arn:aws:iam::123456789012:role/task".into()),
        execution_role_arn: Some("arn:aws:iam::123456789012:role/execution".into()),
        container_definitions: Some(vec![ContainerDefinition {
            memory: Some(64),
            ..crate::world::container("app")
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
}
