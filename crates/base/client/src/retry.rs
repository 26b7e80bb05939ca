//! How often, and after what pauses, a call is tried again.

use std::time::Duration;

use clock::Clock;
use limits::{CLIENT_RETRY_PAUSE_MAX_MILLISECONDS, CLIENT_RETRY_PAUSE_MILLISECONDS};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    attempts: u32,
}

impl Retries {
    pub const NONE: Retries = Retries { attempts: 1 };

    /// At most this many attempts in all.
    pub const fn attempts(attempts: u32) -> Self {
        Self { attempts }
    }

    /// The pause before the next attempt, when `done` attempts have failed; none when that was the last.
    pub(crate) fn pause(self, done: u32, clock: &Clock) -> Option<Duration> {
        if done >= self.attempts {
            return None;
        }
        let doubled = CLIENT_RETRY_PAUSE_MILLISECONDS << done.saturating_sub(1).min(16);
        let full = doubled.min(CLIENT_RETRY_PAUSE_MAX_MILLISECONDS);
        let drawn = clock.random_u64() % (full / 2 + 1);
        Some(Duration::from_millis(full / 2 + drawn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let clock = Clock::simulated(clock::UnixMillis(0), 1);
        let retries = Retries::attempts(40);
        for done in 1..40 {
            let pause = retries.pause(done, &clock).expect("not the last");
            let full = (100u64 << (done - 1).min(16)).min(5_000);
            let pause = u64::try_from(pause.as_millis()).expect("small");
            assert!((full / 2..=full).contains(&pause), "{done}: {pause}");
        }
        assert_eq!(retries.pause(40, &clock), None);
        assert_eq!(Retries::NONE.pause(1, &clock), None);
    }
}
