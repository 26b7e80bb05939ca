//! What a task does, told by the name of its image.

use std::time::Duration;

use clock::UnixMillis;

use crate::{lot::Lot, node::machine::Phase};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Starts soon and runs until it is stopped.
    Stable,
    /// The same, after a long pull.
    Slow,
    /// Ends well after a while.
    Job,
    /// Ends badly right after its start.
    Crash,
    /// Never starts.
    NoImage,
    /// Any of these.
    Flaky,
    /// Has a health check that passes after a while.
    Checked,
    /// Has a health check that passes and then fails.
    Sick,
}

pub const ALL: [Behaviour; 8] = [
    Behaviour::Stable,
    Behaviour::Slow,
    Behaviour::Job,
    Behaviour::Crash,
    Behaviour::NoImage,
    Behaviour::Flaky,
    Behaviour::Checked,
    Behaviour::Sick,
];

impl Behaviour {
    pub fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Slow => "slow",
            Self::Job => "job",
            Self::Crash => "crash",
            Self::NoImage => "no-image",
            Self::Flaky => "flaky",
            Self::Checked => "checked",
            Self::Sick => "sick",
        }
    }

    pub fn of_image(image: &str) -> Self {
        let name = image.split(':').next().unwrap_or_default();
        let known = ALL.into_iter().find(|known| known.name() == name);
        known.unwrap_or(Self::Stable)
    }

    /// A service of such tasks comes to rest.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Stable | Self::Slow | Self::Checked)
    }

    pub fn has_health_check(self) -> bool {
        matches!(self, Self::Checked | Self::Sick)
    }

    pub fn pull(self, lot: &Lot) -> Duration {
        match self {
            Self::Slow => lot.seconds(10, 60),
            _ => lot.duration(Duration::from_millis(10), Duration::from_secs(3)),
        }
    }

    /// What follows the pull.
    pub fn begin(self, now: UnixMillis, lot: &Lot) -> Phase {
        let until = match self {
            Self::NoImage => return no_image(),
            Self::Flaky => match lot.below(4) {
                0 => return no_image(),
                1 => Some(lot.seconds(0, 3)),
                2 => Some(lot.seconds(5, 120)),
                _ => None,
            },
            Self::Job => Some(lot.seconds(1, 90)),
            Self::Crash => Some(lot.seconds(0, 3)),
            Self::Stable | Self::Slow | Self::Checked | Self::Sick => None,
        };
        Phase::Running {
            since: now,
            until: until.map(|until| now + until),
        }
    }

    pub fn exit_code(self) -> i32 {
        match self {
            Self::Job => 0,
            _ => 1,
        }
    }

    /// What its health check says so long after its start.
    pub fn health(self, running_for: Duration) -> &'static str {
        const SETTLES_AFTER: Duration = Duration::from_secs(8);
        const SICKENS_AFTER: Duration = Duration::from_secs(45);
        match self {
            Self::Sick if running_for >= SICKENS_AFTER => "UNHEALTHY",
            Self::Checked | Self::Sick if running_for >= SETTLES_AFTER => "HEALTHY",
            _ => "UNKNOWN",
        }
    }
}

fn no_image() -> Phase {
    Phase::Stopped {
        exit_code: None,
        reason: Some("CannotPullContainerError: no such image".into()),
    }
}
