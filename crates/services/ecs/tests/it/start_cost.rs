//! What a task's start costs the server: commits that somebody waits for, counted by the time that each takes.

use std::time::Duration;

use api_ecs::{operations as op, types::*};
use clock::{Clock, UnixMillis};
use state::MemoryEngine;
use tokio::sync::watch;

use crate::{
    run_task::request,
    world::{
        World,
        agent::{Agent, container_change},
    },
};

const COMMIT: Duration = Duration::from_millis(100);

#[tokio::test(start_paused = true)]
async fn a_start_waits_for_two_commits_one_before_the_node_hears_of_it_and_one_after_it_runs() {
    let clock = Clock::simulated(UnixMillis(1_800_000_000_000), 7);
    let engine = MemoryEngine::slow(clock.clone(), COMMIT);
    let world = World::with_engine(clock, engine).await;
    let (_stop, stopping) = watch::channel(false);
    world.ecs.spawn_loops(&stopping);
    let arn = world.serverless_node("node-1", 4096, 8192).await;
    let mut agent = Agent::connect(&world, "node-1", &arn).await;
    let definition = world.fargate_definition("web").await;
    world.store.barrier().await.unwrap();

    let (began, commits) = (world.clock.monotonic(), world.store.commit_count());
    let task = RunTaskRequest {
        // As SDKs send one with every request.
        client_token: Some("token".into()),
        ..request(&world, &definition)
    };
    let (answer, payload) = tokio::join!(world.call::<op::RunTask>(task), agent.payload(&world));
    assert_eq!(
        world.clock.monotonic() - began,
        COMMIT,
        "before the node heard"
    );
    let task = answer.unwrap().tasks.unwrap().remove(0).task_arn.unwrap();
    assert_eq!(payload[0].arn.as_ref(), Some(&task));

    let running = container_change("app", "RUNNING");
    agent
        .submit(&world, &task, "RUNNING", vec![running])
        .await
        .unwrap();
    assert_eq!(
        world.clock.monotonic() - began,
        2 * COMMIT,
        "until it is known to run"
    );
    assert_eq!(world.store.commit_count() - commits, 2);
}
