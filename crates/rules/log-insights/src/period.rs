//! Lengths of time, `5m`, and rounding to them.

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;

use crate::QueryError;
use crate::scan::Scanner;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Period {
    Millis(i64),
    /// By the calendar (UTC): months, quarters, years.
    Months(i64),
}

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

impl Period {
    pub fn parse(scanner: &mut Scanner<'_>) -> Result<Self, QueryError> {
        let begin = scanner.position();
        let Some(count) = scanner.take_number() else {
            return Err(scanner.unexpected("a period such as 5m"));
        };
        let unit = scanner.take_name()?;
        let plain = unit
            .strip_suffix('s')
            .filter(|unit| unit.len() > 1 && *unit != "m");
        let (millis, months) = match plain.unwrap_or(&unit) {
            "ms" | "msec" | "millisecond" => (1, 0),
            "s" | "sec" | "second" => (1000, 0),
            "m" | "min" | "minute" => (MINUTE, 0),
            "h" | "hr" | "hour" => (60 * MINUTE, 0),
            "d" | "day" => (DAY, 0),
            "w" | "week" => (7 * DAY, 0),
            "mo" | "mon" | "month" => (0, 1),
            "q" | "qtr" | "quarter" => (0, 3),
            "y" | "yr" | "year" => (0, 12),
            _ => return Err(scanner.error_from(begin, format!("'{unit}' is no unit of time"))),
        };
        let is_whole = count.fract() == 0.0 && (1.0..=1e9).contains(&count);
        if !is_whole {
            return Err(
                scanner.error_from(begin, "a period must be a whole number of units".to_owned())
            );
        }
        Ok(match months {
            0 => Self::Millis(count as i64 * millis),
            months => Self::Months((count as i64 * months).min(120_000)),
        })
    }

    pub fn floor(self, millis: i64) -> i64 {
        match self {
            Self::Millis(period) => millis.div_euclid(period) * period,
            Self::Months(period) => {
                let Ok(time) = Timestamp::from_millisecond(millis) else {
                    return millis;
                };
                let day = time.to_zoned(TimeZone::UTC).date();
                let months = i64::from(day.year()) * 12 + i64::from(day.month()) - 1;
                month(months.div_euclid(period) * period).unwrap_or(millis)
            }
        }
    }

    pub fn ceil(self, millis: i64) -> i64 {
        let floor = self.floor(millis);
        if floor == millis {
            return millis;
        }
        match self {
            Self::Millis(period) => floor.saturating_add(period),
            Self::Months(period) => {
                let Ok(time) = Timestamp::from_millisecond(floor) else {
                    return millis;
                };
                let day = time.to_zoned(TimeZone::UTC).date();
                let months = i64::from(day.year()) * 12 + i64::from(day.month()) - 1;
                month(months + period).unwrap_or(millis)
            }
        }
    }
}

/// The beginning of a month, counted from year 0.
fn month(months: i64) -> Option<i64> {
    let year = i16::try_from(months.div_euclid(12)).ok()?;
    let month = i8::try_from(months.rem_euclid(12) + 1).ok()?;
    if !(-9999..=9999).contains(&year) {
        return None;
    }
    let begin = date(year, month, 1).to_zoned(TimeZone::UTC).ok()?;
    Some(begin.timestamp().as_millisecond())
}
