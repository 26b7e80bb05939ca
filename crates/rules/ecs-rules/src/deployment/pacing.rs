//! How fast tasks are started again that do not start, or do not run for long
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html>).

use std::time::Duration;

use clock::UnixMillis;

use super::{DeploymentView, Wait};

/// The first pause after a task that never ran; it doubles with every further one.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(15 * 60);
/// So many tasks in a row that never ran are worth an event.
const IMPAIRED_AFTER: i32 = 3;
/// A task that ended by itself sooner than this after its start hardly ran.
pub(super) const SHORT_RUN: Duration = Duration::from_secs(10);
/// So many short runs in a row, and further starts are paced: a loop of crashes must not keep the nodes busy.
const PACED_AFTER: i32 = 3;
const FIRST_PACE: Duration = Duration::from_secs(1);
const LONGEST_PACE: Duration = Duration::from_secs(10);

/// How long after its last failure a deployment may start tasks again.
pub fn launch_delay(failed_tasks: i32) -> Duration {
    match u32::try_from(failed_tasks).unwrap_or(0) {
        0 => Duration::ZERO,
        count => FIRST_DELAY
            .saturating_mul(1 << (count - 1).min(20))
            .min(LONGEST_DELAY),
    }
}

/// How long after the end of its last short run a deployment may start tasks again. AWS restarts without a pause; on
/// machines of one's own a crash loop at full speed is felt by everything beside it.
pub fn pace(short_runs: i32) -> Duration {
    match u32::try_from(short_runs - PACED_AFTER) {
        Err(_) => Duration::ZERO,
        Ok(more) => FIRST_PACE
            .saturating_mul(1 << more.min(10))
            .min(LONGEST_PACE),
    }
}

/// Whether a task that ended by itself hardly ran. One that was over before anyone heard of its start did not.
pub fn is_short_run(started: Option<UnixMillis>, ended: UnixMillis) -> bool {
    started.is_none_or(|started| ended.since(started) < SHORT_RUN)
}

/// Whether the service is "unable to consistently start tasks".
pub fn is_impaired(failed_tasks: i32) -> bool {
    failed_tasks >= IMPAIRED_AFTER
}

impl DeploymentView {
    /// Until when it may start nothing, and why.
    pub(super) fn pause(&self, now: UnixMillis) -> Option<(UnixMillis, Wait)> {
        let (failed_tasks, short_runs) = (self.failed_tasks, self.short_runs);
        let throttled = self.last_failure.filter(|_| failed_tasks > 0);
        let throttled = throttled.map(|at| {
            let allowed = at + launch_delay(failed_tasks);
            (allowed, Wait::Throttled { failed_tasks })
        });
        let paced = self.last_short_run.map(|at| {
            let allowed = at + pace(short_runs);
            (allowed, Wait::Paced { short_runs })
        });
        let both = throttled.into_iter().chain(paced);
        both.filter(|(allowed, _)| *allowed > now)
            .max_by_key(|(allowed, _)| *allowed)
    }
}
