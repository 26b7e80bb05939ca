//! Whether agents are connected is what the tables say, even where it could not be written when it changed.

use std::{sync::Arc, time::Duration};

use api_ecs::{operations as op, types::*};
use clock::{Clock, UnixMillis};
use state::MemoryEngine;
use tokio::sync::watch;

use crate::world::{World, agent::Agent, node, refused, registration};

#[tokio::test(start_paused = true)]
async fn a_full_disk_delays_what_is_known_of_connections_and_forgets_nothing() {
    let clock = Clock::simulated(UnixMillis(1_800_000_000_000), 7);
    let engine = Arc::new(MemoryEngine::new());
    let world = World::with_shared_engine(clock, Arc::clone(&engine)).await;
    let (_stop, stopping) = watch::channel(false);
    world.ecs.spawn_loops(&stopping);
    let arn = world
        .container_instance("node-1", "default", 1024, 2048)
        .await;
    assert!(!is_connected(&world, &arn).await);

    fill(&world, &engine).await;
    let agent = Agent::open(&world, "node-1", &arn).await;
    world.clock.sleep(Duration::from_secs(5)).await;
    assert!(!is_connected(&world, &arn).await, "nothing can be written");
    engine.fill_disk(false);
    world.clock.sleep(Duration::from_secs(10)).await;
    assert!(is_connected(&world, &arn).await);

    fill(&world, &engine).await;
    drop(agent);
    world.clock.sleep(Duration::from_secs(5)).await;
    assert!(is_connected(&world, &arn).await, "nothing can be written");
    engine.fill_disk(false);
    world.clock.sleep(Duration::from_secs(10)).await;
    assert!(!is_connected(&world, &arn).await);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_back_before_the_loops_start_stays_connected() {
    let world = World::simulated().await;
    let gone = world
        .container_instance("node-1", "default", 1024, 2048)
        .await;
    let back = world
        .container_instance("node-2", "default", 1024, 2048)
        .await;
    let _agent = Agent::connect(&world, "node-2", &back).await;
    let (_stop, stopping) = watch::channel(false);
    world.ecs.spawn_loops(&stopping);
    world.clock.sleep(Duration::from_secs(10)).await;
    assert!(is_connected(&world, &back).await);
    assert!(!is_connected(&world, &gone).await);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_connected_does_not_register_anew() {
    let world = World::simulated().await;
    let (_stop, stopping) = watch::channel(false);
    world.ecs.spawn_loops(&stopping);
    let arn = world
        .container_instance("node-1", "default", 1024, 2048)
        .await;
    let agent = Agent::connect(&world, "node-1", &arn).await;
    world.clock.sleep(Duration::from_secs(10)).await;
    // One that was sent long before, and comes only now.
    let late = registration("default", "container-instance", 1024, 2048);
    let caller = node("node-1");
    let asked = world.call_as::<op::RegisterContainerInstance>(&caller, late.clone());
    let (code, message) = refused(asked.await);
    assert_eq!(code, "ServerException", "agents try again");
    assert!(message.contains(&arn), "{message}");
    assert!(is_connected(&world, &arn).await);
    agent.disconnect().await;
    world.clock.sleep(Duration::from_secs(10)).await;
    assert_ne!(world.register("node-1", late).await, arn);
}

/// Until a write has failed the store does not know that the disk is full.
async fn fill(world: &World, engine: &MemoryEngine) {
    engine.fill_disk(true);
    let request = CreateClusterRequest {
        cluster_name: Some("one-more".into()),
        ..CreateClusterRequest::default()
    };
    assert!(world.call::<op::CreateCluster>(request).await.is_err());
}

async fn is_connected(world: &World, arn: &str) -> bool {
    let request = DescribeContainerInstancesRequest {
        container_instances: Some(vec![arn.to_owned()]),
        ..DescribeContainerInstancesRequest::default()
    };
    let answer = world.call::<op::DescribeContainerInstances>(request).await;
    answer.unwrap().container_instances.unwrap()[0].agent_connected == Some(true)
}
