//! Waiting longer after each failure, never all nodes at the same moment.

use std::time::Duration;

use clock::Clock;

/// A growing wait.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    factor: f64,
    next: Duration,
}

impl Backoff {
    pub fn new(first: Duration, most: Duration, factor: f64) -> Self {
        Self {
            first,
            most,
            factor,
            next: first,
        }
    }

    /// ACS connections (agent protocol §3.2).
    pub fn acs() -> Self {
        Self::new(Duration::from_millis(250), Duration::from_secs(120), 1.5)
    }

    /// TCS connections (agent protocol §4.1).
    pub fn tcs() -> Self {
        Self::new(Duration::from_secs(1), Duration::from_secs(60), 2.0)
    }

    /// State changes of one task (agent protocol §1.3), but first tried again sooner: the server may be a restart away.
    pub fn submit() -> Self {
        Self::new(Duration::from_millis(200), Duration::from_secs(30), 1.3)
    }

    /// The next wait, between 80 and 120 % of its nominal length.
    pub fn next_wait(&mut self, clock: &Clock) -> Duration {
        let nominal = self.next;
        self.next = nominal.mul_f64(self.factor).min(self.most);
        let jitter = (clock.random_u64() >> 11) as f64 / (1u64 << 53) as f64;
        nominal.mul_f64(0.8 + 0.4 * jitter)
    }

    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_grow_to_their_bound_and_start_over() {
        let clock = Clock::system();
        let mut backoff = Backoff::acs();
        let first = backoff.next_wait(&clock);
        assert!(
            first >= Duration::from_millis(200) && first <= Duration::from_millis(300),
            "{first:?}"
        );
        for _ in 0..40 {
            assert!(backoff.next_wait(&clock) <= Duration::from_secs(144));
        }
        assert!(backoff.next_wait(&clock) >= Duration::from_secs(96));
        backoff.reset();
        assert!(backoff.next_wait(&clock) <= Duration::from_millis(300));
    }
}
