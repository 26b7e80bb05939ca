//! What a task's start costs the node: commits that it waits for, counted by the time that each takes.

use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use state::MemoryEngine;

use crate::world::{World, task};

/// Long beside everything else that happens here.
const COMMIT: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_start_waits_for_one_commit() {
    let clock = Clock::system();
    let engine = MemoryEngine::slow(clock.clone(), COMMIT);
    let world = World::with_state(Some(Arc::new(engine))).await;
    // What registration had to write is written.
    clock.sleep(2 * COMMIT).await;
    let task = task(1, &[("web", "demo/run")]);
    let began = clock.monotonic();
    world.give("m1", 1, vec![task.clone()]);
    world.submitted(&task, "RUNNING").await;
    let took = clock.monotonic() - began;
    assert!(took >= COMMIT, "it ran before it was on the disk: {took:?}");
    assert!(
        took < 2 * COMMIT,
        "it waited for more than one commit: {took:?}"
    );
}
