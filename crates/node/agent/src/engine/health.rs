//! A container's health check, as Docker counts it: pure counting; who runs the command calls it.

use std::time::Duration;

use clock::UnixMillis;
use link::docker::Healthcheck;

use super::rules::Health;

const INTERVAL_DEFAULT: Duration = Duration::from_secs(30);
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
const RETRIES_DEFAULT: u32 = 3;

/// What to run, and how to read its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthPlan {
    pub command: Vec<String>,
    pub interval: Duration,
    pub timeout: Duration,
    pub start_period: Duration,
    pub retries: u32,
}

/// Counts outcomes since the container's start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthCount {
    pub health: Health,
    failures_in_a_row: u32,
}

impl HealthPlan {
    /// `None`: there is nothing to check. An unknown form of test is named in the error.
    pub fn of(check: &Healthcheck) -> Result<Option<Self>, String> {
        let command = match check.test.first().map(String::as_str) {
            None | Some("NONE") => return Ok(None),
            Some("CMD") => check.test[1..].to_vec(),
            Some("CMD-SHELL") => vec![
                "/bin/sh".to_owned(),
                "-c".to_owned(),
                check.test[1..].join(" "),
            ],
            Some(other) => return Err(format!("unknown kind of health check test: {other:?}")),
        };
        Ok(Some(Self {
            command,
            interval: duration(check.interval, INTERVAL_DEFAULT),
            timeout: duration(check.timeout, TIMEOUT_DEFAULT),
            start_period: duration(check.start_period, Duration::ZERO),
            retries: check
                .retries
                .and_then(|retries| u32::try_from(retries).ok())
                .filter(|n| *n > 0)
                .unwrap_or(RETRIES_DEFAULT),
        }))
    }
}

impl HealthCount {
    /// Takes one outcome in and answers the health after it. Failures inside the start period do not count.
    pub fn observe(
        &mut self,
        plan: &HealthPlan,
        passed: bool,
        started_at: UnixMillis,
        checked_at: UnixMillis,
    ) -> Health {
        if passed {
            self.failures_in_a_row = 0;
            self.health = Health::Healthy;
        } else if self.health != Health::Unknown
            || checked_at.since(started_at) >= plan.start_period
        {
            self.failures_in_a_row += 1;
            if self.failures_in_a_row >= plan.retries {
                self.health = Health::Unhealthy;
            }
        }
        self.health
    }
}

fn duration(nanoseconds: Option<i64>, default: Duration) -> Duration {
    let nanoseconds = nanoseconds
        .and_then(|value| u64::try_from(value).ok())
        .filter(|value| *value > 0);
    nanoseconds.map_or(default, Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(retries: i32, start_period_seconds: i64) -> HealthPlan {
        let check = Healthcheck {
            test: vec![
                "CMD-SHELL".into(),
                "curl -f http://localhost/ || exit 1".into(),
            ],
            interval: Some(5_000_000_000),
            retries: Some(retries),
            start_period: Some(start_period_seconds * 1_000_000_000),
            ..Default::default()
        };
        HealthPlan::of(&check).unwrap().unwrap()
    }

    #[test]
    fn the_forms_of_a_test() {
        assert_eq!(
            plan(3, 0).command,
            ["/bin/sh", "-c", "curl -f http://localhost/ || exit 1"]
        );
        assert_eq!(plan(3, 0).interval, Duration::from_secs(5));
        assert_eq!(plan(3, 0).timeout, TIMEOUT_DEFAULT);
        let of = |test: &[&str]| {
            HealthPlan::of(&Healthcheck {
                test: test.iter().map(|word| (*word).into()).collect(),
                ..Default::default()
            })
        };
        assert_eq!(
            of(&["CMD", "/ok", "-v"]).unwrap().unwrap().command,
            ["/ok", "-v"]
        );
        assert_eq!(of(&["NONE"]).unwrap(), None);
        assert!(of(&["EXEC", "x"]).unwrap_err().contains("EXEC"));
    }

    #[test]
    fn retries_in_a_row_make_it_unhealthy_and_one_success_heals() {
        let (plan, start) = (plan(2, 0), UnixMillis(0));
        let mut count = HealthCount::default();
        assert_eq!(
            count.observe(&plan, false, start, UnixMillis(1)),
            Health::Unknown
        );
        assert_eq!(
            count.observe(&plan, true, start, UnixMillis(2)),
            Health::Healthy
        );
        assert_eq!(
            count.observe(&plan, false, start, UnixMillis(3)),
            Health::Healthy
        );
        assert_eq!(
            count.observe(&plan, false, start, UnixMillis(4)),
            Health::Unhealthy
        );
        assert_eq!(
            count.observe(&plan, true, start, UnixMillis(5)),
            Health::Healthy
        );
    }

    #[test]
    fn failures_in_the_start_period_do_not_count_until_it_was_healthy() {
        let (plan, start) = (plan(1, 10), UnixMillis(0));
        let mut count = HealthCount::default();
        assert_eq!(
            count.observe(&plan, false, start, UnixMillis(9_999)),
            Health::Unknown
        );
        assert_eq!(
            count
                .clone()
                .observe(&plan, false, start, UnixMillis(10_000)),
            Health::Unhealthy
        );
        count.observe(&plan, true, start, UnixMillis(9_999));
        assert_eq!(
            count.observe(&plan, false, start, UnixMillis(9_999)),
            Health::Unhealthy
        );
    }
}
