//! Runs seeds of the simulator, prints those that fail and how to see them again.

use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use clap::Parser;
use clock::Clock;
use sim::Lines;

/// Simulates whole clusters, one for each seed.
#[derive(Parser)]
struct Arguments {
    /// Seeds to run: `1..1000` (both ends)
    #[arg(long, default_value = "1..100", value_parser = parse_seeds)]
    seeds: RangeInclusive<u64>,
    /// One seed only
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Print every line of the trace
    #[arg(long)]
    trace: bool,
    /// Run every seed twice; a run that differs from the other is a failure
    #[arg(long)]
    twice: bool,
    /// Seeds at the same time
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Stop after so many failures
    #[arg(long, default_value_t = 10)]
    failures: usize,
}

/// With the one of the system a fifth of a run is allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "off".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let seeds = match arguments.seed {
        Some(seed) => seed..=seed,
        None => arguments.seeds.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let Ok(runtime) = runtime else {
        eprintln!("the runtime cannot be made");
        return ExitCode::FAILURE;
    };
    // The machine's own time, for the rate.
    let _entered = runtime.enter();
    let clock = Clock::system();
    let next = AtomicU64::new(*seeds.start());
    let (done, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            scope.spawn(|| {
                while failed.load(Ordering::Relaxed) < arguments.failures {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > *seeds.end() {
                        return;
                    }
                    if !run(seed, &arguments) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                    let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                    if done.is_multiple_of(200) {
                        println!("{done} seeds, {}", rate(done, &clock));
                    }
                }
            });
        }
    });
    let (done, failed) = (done.into_inner(), failed.into_inner());
    println!("{done} seeds, {failed} failed, {}", rate(done, &clock));
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// True if nothing was violated.
fn run(seed: u64, arguments: &Arguments) -> bool {
    let lines = match (arguments.trace, arguments.twice || arguments.seed.is_some()) {
        (true, _) => Lines::Printed,
        (false, true) => Lines::Kept,
        (false, false) => Lines::Counted,
    };
    let outcome = match sim::run(seed, lines) {
        Ok(outcome) => outcome,
        Err(error) => {
            println!("seed {seed} could not be run: {error:#}");
            return false;
        }
    };
    if arguments.seed.is_some() {
        println!(
            "seed {seed}: {} lines, hash {:016x}, {:.0} s of virtual time",
            outcome.line_count,
            outcome.hash,
            outcome.virtual_time.as_secs_f64()
        );
    }
    let mut wrong = outcome.violation;
    if arguments.twice && wrong.is_none() {
        let again = sim::run(seed, Lines::Kept).map(|again| again.hash);
        if again.ok() != Some(outcome.hash) {
            wrong = Some("the second run is another one".into());
        }
    }
    let Some(wrong) = wrong else {
        return true;
    };
    println!("\nseed {seed} FAILED: {wrong}");
    if !arguments.trace {
        print_last_lines(seed, outcome.last_lines);
    }
    println!("again: cargo run --package sim --release -- --seed {seed} --trace\n");
    false
}

/// Those of the run, or of another one of the same seed if they were not kept.
fn print_last_lines(seed: u64, mut lines: Vec<String>) {
    if lines.is_empty() {
        lines = match sim::run(seed, Lines::Kept) {
            Ok(again) => again.last_lines,
            Err(error) => vec![format!("could not be run again: {error:#}")],
        };
    }
    lines.iter().for_each(|line| println!("  {line}"));
}

fn rate(done: usize, clock: &Clock) -> String {
    let seconds = clock.monotonic().as_secs_f64();
    format!("{:.1} seeds/s", done as f64 / seconds.max(0.001))
}

fn parse_seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let (first, last) = text.split_once("..").ok_or("seeds are given as 1..1000")?;
    let number = |text: &str| {
        text.trim_start_matches('=')
            .parse::<u64>()
            .map_err(|error| error.to_string())
    };
    Ok(number(first)?..=number(last)?)
}
