//! Points in time as people name them: how long ago, a date, a date with a time.

use std::time::Duration;

use clock::{Clock, UnixMillis};
use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

const EXPECTED: &str = "a time ago (90s, 15m, 2h, 7d, 4w), a date (2026-11-20) or a time (2026-11-20T12:30, 2026-11-20T12:30:00Z)";

/// For clap.
pub fn parse(text: &str) -> Result<UnixMillis, String> {
    let now = Clock::system().now();
    parse_at(text, now, &TimeZone::system()).ok_or_else(|| format!("expected {EXPECTED}"))
}

/// Local time, as a line of a log shows it.
pub fn shown(at: UnixMillis) -> String {
    shown_in(at, TimeZone::system())
}

fn shown_in(at: UnixMillis, zone: TimeZone) -> String {
    match Timestamp::from_millisecond(at.as_millis()) {
        Ok(time) => time
            .to_zoned(zone)
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        Err(_) => String::from("-"),
    }
}

fn parse_at(text: &str, now: UnixMillis, zone: &TimeZone) -> Option<UnixMillis> {
    if let Some(ago) = duration(text) {
        return Some(now - ago);
    }
    let timestamp = text.parse::<Timestamp>().ok().or_else(|| {
        let local = text.parse::<DateTime>().ok();
        let local = local.or_else(|| Some(text.parse::<Date>().ok()?.at(0, 0, 0, 0)));
        Some(local?.to_zoned(zone.clone()).ok()?.timestamp())
    })?;
    Some(UnixMillis(timestamp.as_millisecond()))
}

fn duration(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let number: u32 = text[..text.len() - 1].parse().ok()?;
    Some(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now = UnixMillis(1_763_668_800_000);
        let at = |text| parse_at(text, now, &TimeZone::UTC);
        assert_eq!(at("90s"), Some(now - Duration::from_secs(90)));
        assert_eq!(at("15m"), Some(now - Duration::from_secs(900)));
        assert_eq!(at("2h"), Some(now - Duration::from_secs(7200)));
        assert_eq!(at("1w"), Some(now - Duration::from_secs(604_800)));
        let day = UnixMillis(1_763_596_800_000);
        assert_eq!(at("2025-11-20"), Some(day));
        let noon = day + Duration::from_secs(12 * 3600);
        for text in [
            "2025-11-20T12:00",
            "2025-11-20 12:00",
            "2025-11-20T12:00:00Z",
            "2025-11-20T13:00:00+01:00",
        ] {
            assert_eq!(at(text), Some(noon), "{text}");
        }
        for text in ["", "x", "h", "-2h", "5 m", "yesterday", "2025-13-01", "é"] {
            assert_eq!(at(text), None, "{text}");
        }
        assert_eq!(shown_in(noon, TimeZone::UTC), "2025-11-20 12:00:00");
    }
}
