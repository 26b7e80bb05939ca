//! The two date forms of Signature Version 4: `20150830T123600Z` and its day `20150830`.
//!
//! Civil date arithmetic is Howard Hinnant's published days-from-civil algorithm; a date library
//! would cost more than the twenty lines, on a path that every request takes.

use std::fmt;

const SECONDS_PER_DAY: i64 = 86_400;

/// A moment in whole seconds since the Unix epoch, as signatures carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AmzDate {
    pub unix_seconds: i64,
}

impl AmzDate {
    pub fn from_unix_seconds(unix_seconds: i64) -> Self {
        Self { unix_seconds }
    }

    /// Reads `YYYYMMDDTHHMMSSZ`; anything else is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        let number = |range: std::ops::Range<usize>| -> Option<i64> {
            bytes[range].iter().try_fold(0i64, |sum, byte| {
                byte.is_ascii_digit()
                    .then(|| sum * 10 + i64::from(byte - b'0'))
            })
        };
        let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
        let (hour, minute, second) = (number(9..11)?, number(11..13)?, number(13..15)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let days = days_from_civil(year, month, day);
        if civil_from_days(days) != (year, month, day) {
            return None;
        }
        Some(Self {
            unix_seconds: days * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second,
        })
    }

    /// `YYYYMMDD`.
    pub fn day(&self) -> String {
        let (year, month, day) = civil_from_days(self.unix_seconds.div_euclid(SECONDS_PER_DAY));
        format!("{year:04}{month:02}{day:02}")
    }
}

impl fmt::Display for AmzDate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.unix_seconds.div_euclid(SECONDS_PER_DAY));
        let seconds = self.unix_seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(
            formatter,
            "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z"
        )
    }
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
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
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_dates() {
        let date = AmzDate::parse("20150830T123600Z").expect("valid");
        assert_eq!(date.unix_seconds, 1_440_938_160);
        assert_eq!(date.to_string(), "20150830T123600Z");
        assert_eq!(date.day(), "20150830");
        assert_eq!(
            AmzDate::from_unix_seconds(0).to_string(),
            "19700101T000000Z"
        );
        assert_eq!(
            AmzDate::parse("20240229T235959Z").map(|date| date.unix_seconds),
            Some(1_709_251_199)
        );
    }

    #[test]
    fn what_is_not_a_date() {
        for text in [
            "",
            "20150830T123600",
            "2015-08-30T12:36:00Z",
            "20151330T123600Z",
            "20150230T123600Z",
            "20230229T000000Z",
            "20150830T243600Z",
            "20150830T12360éZ",
        ] {
            assert_eq!(AmzDate::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn display_and_parse_agree(unix_seconds in 0i64..253_402_300_800) {
            let date = AmzDate::from_unix_seconds(unix_seconds);
            prop_assert_eq!(AmzDate::parse(&date.to_string()), Some(date));
        }
    }
}
