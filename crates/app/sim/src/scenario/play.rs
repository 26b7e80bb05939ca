//! Plays a scenario from its beginning to its end.

use std::time::Duration;

use anyhow::{Context, anyhow};
use clock::{Clock, UnixMillis};

use super::{
    file::{Scenario, ScenarioError},
    report::Report,
    script::Stage,
    watch::Watch,
};
use crate::{
    START, panics,
    profile::Profile,
    scratch_directory,
    trace::{Lines, Trace},
    world::World,
};

/// How often it is looked whether something has changed.
const TICK: Duration = Duration::from_millis(100);
/// How long all must stay steady before a play without `until` ends.
const CALM: Duration = Duration::from_secs(30);
const AFTER_THE_LAST_MOST: Duration = Duration::from_secs(3600);
const JOINING_MOST: Duration = Duration::from_secs(60);

/// Plays it. Not to be called inside a runtime: it has its own, whose time is virtual.
pub fn play(scenario: &Scenario) -> Result<Report, ScenarioError> {
    let directory = scratch_directory().context("making the history's directory")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .context("making a runtime")?;
    panics::watch();
    let path = directory.path().to_owned();
    let played = runtime.block_on(async {
        let clock = Clock::simulated(START, scenario.seed);
        let trace = Trace::new(clock.clone(), Lines::Counted);
        let profile = Profile::quiet(Some(scenario.node_lost_after));
        let world = World::new(scenario.seed, profile, clock, trace.clone(), path);
        world.calm_down();
        let played = act(scenario, &world).await;
        world.kill_server().await;
        match trace.violation() {
            Some(violation) => Err(anyhow!("the simulation broke a rule: {violation}").into()),
            None => played,
        }
    });
    drop(runtime);
    match panics::take() {
        Some(panic) => Err(anyhow!(panic).into()),
        None => played,
    }
}

async fn act(scenario: &Scenario, world: &std::sync::Arc<World>) -> Result<Report, ScenarioError> {
    world.start_server().await?;
    let mut stage = Stage::new(world);
    for nodes in &scenario.nodes {
        stage.add_nodes(&nodes.value);
    }
    join(&stage).await?;
    let providers = scenario.capacity_providers.iter();
    stage
        .add_providers(providers.map(|provider| &provider.value))
        .await?;
    let mut watch = Watch::new(world);
    watch.look();
    let zero = world.clock.now();
    for service in &scenario.services {
        stage.create(&service.value).await?;
    }
    watch.event(beginning(scenario));
    watch.look();
    for event in &scenario.events {
        let event = &event.value;
        run(world, &mut watch, zero + event.at).await;
        watch.look();
        let text = stage.perform(event).await?;
        watch.event(text);
        watch.look();
    }
    match scenario.until {
        Some(until) => run(world, &mut watch, zero + until).await,
        None => run_until_calm(world, &mut watch).await,
    }
    Ok(watch.report(scenario.name.clone()))
}

async fn join(stage: &Stage) -> Result<(), ScenarioError> {
    let clock = &stage.world.clock;
    let end = clock.now() + JOINING_MOST;
    while !stage.are_all_connected() {
        if clock.now() >= end {
            return Err(anyhow!("the nodes do not join").into());
        }
        clock.sleep(TICK).await;
    }
    // What the server writes of a connection.
    clock.sleep(Duration::from_secs(1)).await;
    Ok(())
}

fn beginning(scenario: &Scenario) -> String {
    let services = scenario.services.iter();
    let services: Vec<String> = services
        .map(|service| match service.value.desired_count {
            Some(count) => format!("{} ({count})", service.value.name),
            None => format!("{} (DAEMON)", service.value.name),
        })
        .collect();
    format!("create {}", services.join(", "))
}

async fn run(world: &World, watch: &mut Watch, until: UnixMillis) {
    loop {
        let now = world.clock.now();
        if now >= until {
            return;
        }
        world.clock.sleep(until.since(now).min(TICK)).await;
        watch.tick();
    }
}

async fn run_until_calm(world: &World, watch: &mut Watch) {
    let end = world.clock.now() + AFTER_THE_LAST_MOST;
    let mut steady_since = None;
    while world.clock.now() < end {
        world.clock.sleep(TICK).await;
        watch.tick();
        let now = world.clock.now();
        steady_since = watch.is_steady().then(|| steady_since.unwrap_or(now));
        if steady_since.is_some_and(|since| now.since(since) >= CALM) {
            return;
        }
    }
}
