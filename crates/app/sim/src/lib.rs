//! A whole cluster under virtual time, from one seed.
//!
//! The server is the real one: its tables, operations, loops and its side of the agents' protocol. Nodes, network, disk
//! and clients are simulated, and so are time and randomness; everything runs on one thread. So a run is a function of
//! its seed and of the code, and a seed that fails can be run again and again. `docs/simulator.md` says what is checked.

mod chaos;
mod checks;
mod disk;
mod lot;
mod network;
mod node;
mod panics;
mod profile;
pub mod scenario;
mod server;
mod trace;
mod workload;
mod world;

use std::time::Duration;

use anyhow::Context;
use clock::{Clock, UnixMillis};

use checks::rest;
use lot::Lot;
use profile::Profile;
pub use trace::Lines;
use trace::Trace;
use workload::{client::Client, daemons, definitions, operator};
use world::World;

/// 2027-01-15, 08:00 UTC.
const START: UnixMillis = UnixMillis(1_800_000_000_000);
/// Whatever happens, a run ends by then.
const RUN_MOST: Duration = Duration::from_secs(3 * 3600);

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub seed: u64,
    /// Of every line of the trace, unless those are only counted: equal for equal runs.
    pub hash: u64,
    pub line_count: u64,
    pub virtual_time: Duration,
    /// What must never happen, and did.
    pub violation: Option<String>,
    /// The end of the trace.
    pub last_lines: Vec<String>,
}

/// Runs one seed to its end.
pub fn run(seed: u64, lines: Lines) -> anyhow::Result<Outcome> {
    let directory = scratch_directory().context("making the history's directory")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    panics::watch();
    let path = directory.path().to_owned();
    let outcome = runtime.block_on(async move {
        let clock = Clock::simulated(START, seed);
        let trace = Trace::new(clock.clone(), lines);
        let profile = Profile::draw(&Lot::new(seed, 1));
        let world = World::new(seed, profile, clock.clone(), trace.clone(), path);
        trace.note(format_args!("seed {seed}: {:?}", world.profile));
        let run = tokio::select! {
            biased;
            () = trace.until_violated() => Ok(Ok(())),
            ended = clock.timeout(RUN_MOST, live(&world)) => ended,
        };
        match run {
            Ok(Ok(())) => {}
            Ok(Err(error)) => trace.violated(format_args!("the run could not go on: {error:#}")),
            Err(_) => trace.violated(format_args!("the run does not end")),
        }
        Outcome {
            seed,
            hash: trace.hash(),
            line_count: trace.line_count(),
            virtual_time: clock.monotonic(),
            violation: trace.violation(),
            last_lines: trace.last_lines(),
        }
    });
    drop(runtime);
    let panic = panics::take();
    Ok(Outcome {
        violation: outcome.violation.or(panic),
        ..outcome
    })
}

async fn live(world: &std::sync::Arc<World>) -> anyhow::Result<()> {
    world.start_server().await?;
    operator::add_first_machines(world, &world.lot(10));
    definitions::register_all(world).await;
    definitions::add_capacity_providers(world).await;
    if world.profile.features.managed_daemons {
        daemons::register_all(world).await;
    }
    let chaos = chaos::start(world);
    let clients: Vec<_> = (0..world.profile.clients)
        .map(|number| {
            let client = Client::new(world, number);
            world.clock.spawn("client", client.work())
        })
        .collect();
    world.clock.sleep(world.profile.unrest).await;
    world.calm_down();
    for kind in chaos {
        kind.await.context("chaos")?;
    }
    let mut worked = vec![];
    for client in clients {
        worked.push(client.await.context("a client")?);
    }
    rest::come_to_rest(world, &mut worked).await;
    Ok(())
}

/// In memory where there is such a place: the history's files are real.
fn scratch_directory() -> std::io::Result<tempfile::TempDir> {
    tempfile::TempDir::new_in("/dev/shm").or_else(|_| tempfile::TempDir::new())
}
