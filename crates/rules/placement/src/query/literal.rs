//! Arguments that are more than text: versions, dates, patterns.

use std::cmp::Ordering;

use jiff::{Timestamp, civil, tz::TimeZone};
use regex::{Regex, RegexBuilder};

/// Enough for any list of instance types; a pattern that compiles to more is refused.
const PATTERN_BYTES_MAX: usize = 64 * 1024;
const PATTERN_NESTING_MAX: u32 = 32;
const VERSION_PARTS_MAX: usize = 8;

/// A dotted version. Missing parts count as zero: 1.14 is 1.14.0.
#[derive(Debug, Clone)]
pub(super) struct Version(Vec<u64>);

impl Version {
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let parts = text.split('.').map(|part| part.parse().ok());
        let parts = parts.collect::<Option<Vec<u64>>>()?;
        (parts.len() <= VERSION_PARTS_MAX).then_some(Self(parts))
    }

    pub fn cmp(&self, other: &Self) -> Ordering {
        let part = |version: &Self, at: usize| version.0.get(at).copied().unwrap_or_default();
        let longest = self.0.len().max(other.0.len());
        (0..longest)
            .map(|at| part(self, at).cmp(&part(other, at)))
            .find(|ordering| ordering.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

/// Seconds since the epoch of a date as the language has it, with or without time and offset; UTC without.
pub(super) fn unix_seconds(text: &str) -> Option<i64> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.as_second());
    }
    let is_date_or_time = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"-:.T".contains(&byte));
    if !is_date_or_time {
        return None;
    }
    let civil: civil::DateTime = match text.contains('T') {
        true => text.parse().ok()?,
        false => text.parse::<civil::Date>().ok()?.into(),
    };
    let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_second())
}

/// A pattern over whole values. What an engine of linear time cannot say (looking around, back references) is refused
/// with the engine's words.
pub(super) fn pattern(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(&format!("^(?:{text})$"))
        .size_limit(PATTERN_BYTES_MAX)
        .nest_limit(PATTERN_NESTING_MAX)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
            other => {
                let text = other.to_string();
                text.lines().last().unwrap_or_default().trim().to_owned()
            }
        })
}
