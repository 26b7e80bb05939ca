//! Draws by lot: a stream of its own for each purpose, so that one more draw of the server changes no plan.

use std::time::Duration;

use clock::{Clock, UnixMillis};

/// A stream of random values that a seed repeats; clones share it.
#[derive(Clone)]
pub struct Lot(Clock);

impl Lot {
    /// The stream of one purpose.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let seed =
            seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ purpose.wrapping_mul(0x9e6c_63d0_876a_3f6b);
        Self(Clock::simulated(UnixMillis::EPOCH, seed))
    }

    pub fn number(&self) -> u64 {
        self.0.random_u64()
    }

    /// From 0 to `end`, which is not drawn.
    pub fn below(&self, end: u64) -> u64 {
        ((u128::from(self.number()) * u128::from(end)) >> 64) as u64
    }

    /// Both ends are drawn.
    pub fn between(&self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// True `percent` times of a hundred.
    pub fn percent(&self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// True `parts` times of a million.
    pub fn millionth(&self, parts: u64) -> bool {
        self.below(1_000_000) < parts
    }

    pub fn pick<'a, T>(&self, choices: &'a [T]) -> Option<&'a T> {
        if choices.is_empty() {
            return None;
        }
        choices.get(self.below(choices.len() as u64) as usize)
    }

    /// Whole milliseconds.
    pub fn duration(&self, least: Duration, most: Duration) -> Duration {
        let millis = |duration: Duration| duration.as_millis() as u64;
        Duration::from_millis(self.between(millis(least), millis(most)))
    }

    pub fn seconds(&self, least: u64, most: u64) -> Duration {
        self.duration(Duration::from_secs(least), Duration::from_secs(most))
    }
}
