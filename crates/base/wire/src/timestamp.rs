//! Points in time as AWS's protocols write them, at millisecond precision.

use crate::TimestampFormat;

/// Milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    milliseconds: i64,
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MILLISECONDS_PER_DAY: i64 = 86_400_000;
/// The years 0000 to 9999, which every format can say.
const READABLE_MILLISECONDS: std::ops::Range<i64> = -62_167_219_200_000..253_402_300_800_000;

impl Timestamp {
    pub const fn from_millis(milliseconds: i64) -> Self {
        Timestamp { milliseconds }
    }

    pub const fn as_millis(self) -> i64 {
        self.milliseconds
    }

    /// `None` for what no clock shows: NaN, infinities, years before 0 and beyond 9999.
    pub fn from_seconds_f64(seconds: f64) -> Option<Self> {
        let milliseconds = (seconds * 1000.0).round();
        if milliseconds.is_nan() {
            return None;
        }
        // The conversion saturates.
        Timestamp::readable(milliseconds as i64)
    }

    fn readable(milliseconds: i64) -> Option<Self> {
        READABLE_MILLISECONDS
            .contains(&milliseconds)
            .then_some(Timestamp { milliseconds })
    }

    pub fn as_seconds_f64(self) -> f64 {
        self.milliseconds as f64 / 1000.0
    }

    pub fn format(self, format: TimestampFormat) -> String {
        match format {
            TimestampFormat::UnixTimestamp => self.format_seconds(),
            TimestampFormat::Iso8601 => self.format_iso8601(),
            TimestampFormat::Rfc822 => self.format_http_date(),
        }
    }

    /// Any of the three formats: a server is lenient about which one it is sent.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) {
            return parse_http_date(text);
        }
        if text.contains('T') || text.contains('t') {
            return parse_iso8601(text);
        }
        Timestamp::from_seconds_f64(text.parse::<f64>().ok()?)
    }

    /// Seconds with up to three decimals and no superfluous zero.
    fn format_seconds(self) -> String {
        let sign = if self.milliseconds < 0 { "-" } else { "" };
        let absolute = self.milliseconds.unsigned_abs();
        let (seconds, fraction) = (absolute / 1000, absolute % 1000);
        if fraction == 0 {
            return format!("{sign}{seconds}");
        }
        format!("{sign}{seconds}.{fraction:03}")
            .trim_end_matches('0')
            .to_owned()
    }

    fn format_iso8601(self) -> String {
        let (year, month, day) =
            civil_from_days(self.milliseconds.div_euclid(MILLISECONDS_PER_DAY));
        let (hour, minute, second, fraction) = self.time_of_day();
        if fraction == 0 {
            return format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
        }
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z")
    }

    fn format_http_date(self) -> String {
        let days = self.milliseconds.div_euclid(MILLISECONDS_PER_DAY);
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second, _) = self.time_of_day();
        let weekday = WEEKDAYS[days.rem_euclid(7) as usize];
        let month = MONTHS[month as usize - 1];
        format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }

    fn time_of_day(self) -> (i64, i64, i64, i64) {
        let rest = self.milliseconds.rem_euclid(MILLISECONDS_PER_DAY);
        (
            rest / 3_600_000,
            rest / 60_000 % 60,
            rest / 1000 % 60,
            rest % 1000,
        )
    }
}

fn parse_iso8601(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once(['T', 't'])?;
    let mut date_parts = date.splitn(3, '-');
    let year: i64 = date_parts.next()?.parse().ok()?;
    let month: i64 = date_parts.next()?.parse().ok()?;
    let day: i64 = date_parts.next()?.parse().ok()?;
    let (clock, offset_minutes) = split_offset(time)?;
    let mut clock_parts = clock.splitn(3, ':');
    let hour: i64 = clock_parts.next()?.parse().ok()?;
    let minute: i64 = clock_parts.next()?.parse().ok()?;
    let (second, fraction) = clock_parts
        .next()?
        .split_once('.')
        .unwrap_or((clock.rsplit(':').next()?, "0"));
    let second: i64 = second.parse().ok()?;
    let seconds = seconds_of(year, month, day, hour, minute, second)? - offset_minutes * 60;
    Timestamp::readable(seconds * 1000 + fraction_millis(fraction)?)
}

/// Decimals after the point of seconds; no sign and no exponent, which a number could have.
fn fraction_millis(digits: &str) -> Option<i64> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: f64 = format!("0.{digits}").parse().ok()?;
    Some((fraction * 1000.0).round() as i64)
}

/// The clock part and the offset from UTC in minutes.
fn split_offset(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let position = time.rfind(['+', '-'])?;
    let (clock, offset) = time.split_at(position);
    let (hours, minutes) = offset[1..].split_once(':')?;
    let (hours, minutes) = (hours.parse::<i64>().ok()?, minutes.parse::<i64>().ok()?);
    if !(0..24).contains(&hours) || !(0..60).contains(&minutes) {
        return None;
    }
    let minutes = hours * 60 + minutes;
    Some((
        clock,
        if offset.starts_with('-') {
            -minutes
        } else {
            minutes
        },
    ))
}

/// `Tue, 29 Apr 2014 18:30:38 GMT`, with optional fractions of a second.
fn parse_http_date(text: &str) -> Option<Timestamp> {
    let (_, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let day: i64 = parts.next()?.parse().ok()?;
    let month_name = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == month_name)? as i64 + 1;
    let year: i64 = parts.next()?.parse().ok()?;
    let mut clock = parts.next()?.splitn(3, ':');
    let hour: i64 = clock.next()?.parse().ok()?;
    let minute: i64 = clock.next()?.parse().ok()?;
    let (second, fraction) = clock
        .next()
        .map(|it| it.split_once('.').unwrap_or((it, "0")))?;
    let whole = seconds_of(year, month, day, hour, minute, second.parse().ok()?)?;
    Timestamp::readable(whole * 1000 + fraction_millis(fraction)?)
}

fn seconds_of(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<i64> {
    let valid = (0..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..=24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    valid.then(|| days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; years start in March so that leap days come last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_instants() {
        let instant = Timestamp::from_millis(1_398_796_238_123);
        assert_eq!(
            instant.format(TimestampFormat::Iso8601),
            "2014-04-29T18:30:38.123Z"
        );
        assert_eq!(
            instant.format(TimestampFormat::Rfc822),
            "Tue, 29 Apr 2014 18:30:38 GMT"
        );
        assert_eq!(
            instant.format(TimestampFormat::UnixTimestamp),
            "1398796238.123"
        );
        assert_eq!(
            Timestamp::parse("2019-12-16T22:48:18-01:00"),
            Some(Timestamp::from_millis(1_576_540_098_000))
        );
        assert_eq!(Timestamp::parse("yesterday"), None);
        assert_eq!(Timestamp::parse("2019-13-16T22:48:18Z"), None);
        assert_eq!(Timestamp::parse("NaN"), None);
        for no_clock_shows in [
            "2019-12-16T22:48:18+9223372036854775807:00",
            "2019-12-16T22:48:18.1e308Z",
            "9999-12-31T24:00:00Z",
            "0000-01-01T00:00:00+01:00",
            "Tue, 29 Apr 2014 18:30:NaN GMT",
            "-99999999999999",
            "1e300",
        ] {
            assert_eq!(Timestamp::parse(no_clock_shows), None, "{no_clock_shows}");
        }
    }

    proptest! {
        #[test]
        fn every_format_round_trips(milliseconds in -62_135_596_800_000_i64..253_402_300_799_999) {
            let instant = Timestamp::from_millis(milliseconds);
            prop_assert_eq!(Timestamp::parse(&instant.format(TimestampFormat::Iso8601)), Some(instant));
            prop_assert_eq!(Timestamp::parse(&instant.format(TimestampFormat::UnixTimestamp)), Some(instant));
            let whole = Timestamp::from_millis(milliseconds.div_euclid(1000) * 1000);
            prop_assert_eq!(Timestamp::parse(&whole.format(TimestampFormat::Rfc822)), Some(whole));
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,40}") {
            let _ = Timestamp::parse(&text);
        }
    }
}
