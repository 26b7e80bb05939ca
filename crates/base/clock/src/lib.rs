//! The only door to time, randomness and spawned tasks.
//!
//! Everything that needs one of them takes a [`Clock`]. The system's clock is the real thing; the simulated one
//! takes its time from tokio's paused timer and its randomness from a seed, so that a run can be repeated.

mod process;
mod time;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::Instrument;

pub use process::Process;
pub use time::UnixMillis;

/// A handle on time, randomness and tasks; cheap to clone.
#[derive(Clone)]
pub struct Clock {
    source: Arc<Source>,
    /// Whose tasks it spawns, in a simulation of several processes.
    process: Option<Process>,
}

/// The time ran out before the future was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl Clock {
    /// The machine's clock and the machine's randomness.
    pub fn system() -> Self {
        Self::from(Source::System {
            origin: Instant::now(),
        })
    }

    /// Starts at `start` and follows tokio's timer, which a test pauses; random values are drawn from `seed`.
    pub fn simulated(start: UnixMillis, seed: u64) -> Self {
        Self::from(Source::Simulated {
            origin: Instant::now(),
            start,
            seed: Mutex::new(seed),
        })
    }

    /// The wall clock. It may jump: measure with [`Clock::monotonic`].
    pub fn now(&self) -> UnixMillis {
        match &*self.source {
            Source::System { .. } => wall_clock(),
            Source::Simulated { origin, start, .. } => *start + origin.elapsed(),
        }
    }

    /// Time since this clock was made; never goes back.
    pub fn monotonic(&self) -> Duration {
        match &*self.source {
            Source::System { origin } | Source::Simulated { origin, .. } => origin.elapsed(),
        }
    }

    /// Waits.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// Waits until the wall clock, as it stands now, would read `time`; at once if it has passed.
    pub async fn sleep_until(&self, time: UnixMillis) {
        self.sleep(time.since(self.now())).await;
    }

    /// The future's output, or [`Elapsed`] after `duration`, when the future is dropped.
    pub async fn timeout<F: Future>(
        &self,
        duration: Duration,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        tokio::time::timeout(duration, future)
            .await
            .map_err(|_| Elapsed)
    }

    /// Runs a task of its own. `name` is in the log lines that the task writes, where debugging is asked for.
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub fn spawn<F>(&self, name: &'static str, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = tokio::spawn(future.instrument(tracing::debug_span!("task", name)));
        if let Some(process) = &self.process {
            process.own(task.abort_handle());
        }
        task
    }

    /// Runs blocking work (files, compression) on a thread made for it; in a simulation, which has no threads, as a
    /// task.
    pub fn spawn_blocking<F, T>(&self, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if self.is_simulated() {
            return self.spawn("blocking", async move { work() });
        }
        tokio::task::spawn_blocking(work)
    }

    /// Whether time and randomness can be repeated: then there must be no thread beside the runtime's own.
    pub fn is_simulated(&self) -> bool {
        matches!(*self.source, Source::Simulated { .. })
    }

    /// The same clock for one process of a simulation: what is spawned through it ends with [`Process::kill`].
    pub fn of_process(&self, process: &Process) -> Self {
        Self {
            source: Arc::clone(&self.source),
            process: Some(process.clone()),
        }
    }

    /// Fills `bytes` with randomness fit for secrets (the simulated clock's is not).
    pub fn fill_random(&self, bytes: &mut [u8]) {
        match &*self.source {
            Source::System { .. } => {
                // The kernel's, and not aws-lc's: that one measures the jitter of the processor before its first
                // byte, a tenth of a second in which a server does not serve.
                getrandom::fill(bytes).expect("the system's random number generator works");
            }
            Source::Simulated { seed, .. } => {
                let mut seed = seed.lock().unwrap_or_else(PoisonError::into_inner);
                for chunk in bytes.chunks_mut(8) {
                    let drawn = split_mix(&mut seed).to_le_bytes();
                    chunk.copy_from_slice(&drawn[..chunk.len()]);
                }
            }
        }
    }

    /// A random number.
    pub fn random_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_random(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// `byte_count` random bytes as lower-case hexadecimal: `random_hex(16)` is a task id.
    pub fn random_hex(&self, byte_count: usize) -> String {
        let mut bytes = vec![0; byte_count];
        self.fill_random(&mut bytes);
        hex(&bytes)
    }

    /// A random UUID (version 4, RFC 9562), lower case.
    pub fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        self.fill_random(&mut bytes);
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let digits = hex(&bytes);
        [
            &digits[..8],
            &digits[8..12],
            &digits[12..16],
            &digits[16..20],
            &digits[20..],
        ]
        .join("-")
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match &*self.source {
            Source::System { .. } => "system",
            Source::Simulated { .. } => "simulated",
        };
        write!(formatter, "Clock({kind})")
    }
}

impl From<Source> for Clock {
    fn from(source: Source) -> Self {
        Self {
            source: Arc::new(source),
            process: None,
        }
    }
}

impl std::fmt::Display for Elapsed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the time ran out")
    }
}

impl std::error::Error for Elapsed {}

enum Source {
    System {
        origin: Instant,
    },
    Simulated {
        origin: Instant,
        start: UnixMillis,
        seed: Mutex<u64>,
    },
}

#[allow(clippy::disallowed_methods, reason = "this is the door")]
fn wall_clock() -> UnixMillis {
    UnixMillis::EPOCH
        + std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default()
}

/// SplitMix64: small, fast, and good enough where only repeatability counts.
fn split_mix(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn simulated_time_follows_the_paused_timer() {
        let clock = Clock::simulated(UnixMillis(1_000), 7);
        clock.sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.now(), UnixMillis(3_601_000));
        clock.sleep_until(UnixMillis(3_602_000)).await;
        assert_eq!(clock.monotonic(), Duration::from_secs(3601));
        assert_eq!(
            clock
                .timeout(Duration::from_secs(1), std::future::pending::<()>())
                .await,
            Err(Elapsed)
        );
    }

    #[tokio::test]
    async fn a_seed_repeats_and_the_system_does_not() {
        let drawn = |seed| {
            let clock = Clock::simulated(UnixMillis::EPOCH, seed);
            (clock.random_hex(16), clock.uuid(), clock.random_u64())
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        let system = Clock::system();
        assert_ne!(system.random_hex(16), system.random_hex(16));
        assert_eq!(system.random_hex(16).len(), 32);
    }

    #[tokio::test]
    async fn uuids_have_their_version_and_variant() {
        let uuid = Clock::system().uuid();
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&uuid.as_bytes()[19]), "{uuid}");
    }

    #[tokio::test]
    async fn spawned_tasks_answer() {
        let clock = Clock::system();
        assert_eq!(
            clock
                .spawn("answer", async { 42 })
                .await
                .expect("not cancelled"),
            42
        );
        assert!(clock.now() > UnixMillis(1_700_000_000_000));
    }
}
