//! What a task does, told by the name of its image.

use std::time::Duration;

use clock::UnixMillis;

use crate::{lot::Lot, node::machine::Phase};

const STOP_MOST: Duration = Duration::from_secs(10);
/// Begins the name of an image that says what a script does.
const SCRIPT: &str = "script.";

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
    /// What a scenario says.
    Scripted(Script),
}

/// What a task of a scenario does; nothing of it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Script {
    /// From the payload to RUNNING.
    pub starts_after: Duration,
    pub fails_to_start: bool,
    pub ends_after: Option<Duration>,
    pub exit_code: i32,
    /// With either it has a health check.
    pub healthy_after: Option<Duration>,
    pub sick_after: Option<Duration>,
    /// From being told to stop to its end.
    pub stops_after: Duration,
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
            Self::Scripted(_) => "scripted",
        }
    }

    pub fn of_image(image: &str) -> Self {
        let name = image.split(':').next().unwrap_or_default();
        if let Some(script) = Script::of_image(name) {
            return Self::Scripted(script);
        }
        let known = ALL.into_iter().find(|known| known.name() == name);
        known.unwrap_or(Self::Stable)
    }

    /// A service of such tasks comes to rest.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Stable | Self::Slow | Self::Checked)
    }

    pub fn has_health_check(self) -> bool {
        match self {
            Self::Scripted(script) => script.has_health_check(),
            other => matches!(other, Self::Checked | Self::Sick),
        }
    }

    pub fn pull(self, lot: &Lot) -> Duration {
        match self {
            Self::Slow => lot.seconds(10, 60),
            Self::Scripted(script) => script.starts_after,
            _ => lot.duration(Duration::from_millis(10), Duration::from_secs(3)),
        }
    }

    /// How long it takes to stop.
    pub fn stop(self, lot: &Lot) -> Duration {
        match self {
            Self::Scripted(script) => script.stops_after,
            _ => lot.duration(Duration::ZERO, STOP_MOST),
        }
    }

    /// What follows the pull.
    pub fn begin(self, now: UnixMillis, lot: &Lot) -> Phase {
        let until = match self {
            Self::NoImage => return no_image(),
            Self::Scripted(script) if script.fails_to_start => return no_image(),
            Self::Scripted(script) => script.ends_after,
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
            Self::Scripted(script) => script.exit_code,
            _ => 1,
        }
    }

    /// What its health check says so long after its start.
    pub fn health(self, running_for: Duration) -> &'static str {
        const SETTLES_AFTER: Duration = Duration::from_secs(8);
        const SICKENS_AFTER: Duration = Duration::from_secs(45);
        match self {
            Self::Scripted(script) => script.health(running_for),
            Self::Sick if running_for >= SICKENS_AFTER => "UNHEALTHY",
            Self::Checked | Self::Sick if running_for >= SETTLES_AFTER => "HEALTHY",
            _ => "UNKNOWN",
        }
    }
}

impl Script {
    /// The image of a task that does this: all that a node is told of it.
    pub fn image(self) -> String {
        let time = |time: Option<Duration>| match time {
            Some(time) => time.as_millis().to_string(),
            None => "x".to_owned(),
        };
        let starts_after = Some(self.starts_after).filter(|_| !self.fails_to_start);
        format!(
            "{SCRIPT}{}.{}.{}.{}.{}.{}:1",
            time(starts_after),
            time(self.ends_after),
            self.exit_code,
            time(self.healthy_after),
            time(self.sick_after),
            self.stops_after.as_millis()
        )
    }

    pub fn has_health_check(self) -> bool {
        self.healthy_after.is_some() || self.sick_after.is_some()
    }

    fn of_image(name: &str) -> Option<Self> {
        let parts: Vec<&str> = name.strip_prefix(SCRIPT)?.split('.').collect();
        let &[starts, ends, exit_code, healthy, sick, stops] = parts.as_slice() else {
            return None;
        };
        let time = |text: &str| text.parse().ok().map(Duration::from_millis);
        Some(Self {
            starts_after: time(starts).unwrap_or_default(),
            fails_to_start: time(starts).is_none(),
            ends_after: time(ends),
            exit_code: exit_code.parse().ok()?,
            healthy_after: time(healthy),
            sick_after: time(sick),
            stops_after: time(stops)?,
        })
    }

    fn health(self, running_for: Duration) -> &'static str {
        let has_come = |after: Option<Duration>| after.is_some_and(|after| running_for >= after);
        if has_come(self.sick_after) {
            "UNHEALTHY"
        } else if has_come(self.healthy_after.or(Some(Duration::ZERO))) {
            "HEALTHY"
        } else {
            "UNKNOWN"
        }
    }
}

fn no_image() -> Phase {
    Phase::Stopped {
        exit_code: None,
        reason: Some("CannotPullContainerError: no such image".into()),
    }
}
