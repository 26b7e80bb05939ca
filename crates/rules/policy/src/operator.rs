//! The condition operators: what each compares, and how.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use jiff::{Timestamp, civil, tz::TimeZone};

use crate::pattern::{ArnPattern, Pattern, Syntax};
use crate::{Context, MalformedPolicy};

/// What a condition compares with, ready to be compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wanted {
    Pattern(Pattern),
    IgnoringCase(Pattern),
    Arn(ArnPattern),
    Number(Order, f64),
    /// Milliseconds since 1970.
    Date(Order, i64),
    Bool(bool),
    Binary(Vec<u8>),
    Network(IpNet),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Order::Equal => left == right,
            Order::Less => left < right,
            Order::LessOrEqual => left <= right,
            Order::Greater => left > right,
            Order::GreaterOrEqual => left >= right,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    String,
    StringIgnoringCase,
    StringLike,
    Number(Order),
    Date(Order),
    Bool,
    Binary,
    Network,
    Arn,
}

/// An operator without its quantifier and `IfExists`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operator {
    kind: Kind,
    pub negated: bool,
}

impl Operator {
    pub fn named(name: &str) -> Option<Self> {
        let (kind, negated) = match name {
            "StringEquals" => (Kind::String, false),
            "StringNotEquals" => (Kind::String, true),
            "StringEqualsIgnoreCase" => (Kind::StringIgnoringCase, false),
            "StringNotEqualsIgnoreCase" => (Kind::StringIgnoringCase, true),
            "StringLike" => (Kind::StringLike, false),
            "StringNotLike" => (Kind::StringLike, true),
            "NumericEquals" => (Kind::Number(Order::Equal), false),
            "NumericNotEquals" => (Kind::Number(Order::Equal), true),
            "NumericLessThan" => (Kind::Number(Order::Less), false),
            "NumericLessThanEquals" => (Kind::Number(Order::LessOrEqual), false),
            "NumericGreaterThan" => (Kind::Number(Order::Greater), false),
            "NumericGreaterThanEquals" => (Kind::Number(Order::GreaterOrEqual), false),
            "DateEquals" => (Kind::Date(Order::Equal), false),
            "DateNotEquals" => (Kind::Date(Order::Equal), true),
            "DateLessThan" => (Kind::Date(Order::Less), false),
            "DateLessThanEquals" => (Kind::Date(Order::LessOrEqual), false),
            "DateGreaterThan" => (Kind::Date(Order::Greater), false),
            "DateGreaterThanEquals" => (Kind::Date(Order::GreaterOrEqual), false),
            "Bool" => (Kind::Bool, false),
            "BinaryEquals" => (Kind::Binary, false),
            "IpAddress" => (Kind::Network, false),
            "NotIpAddress" => (Kind::Network, true),
            // The two behave identically.
            "ArnEquals" | "ArnLike" => (Kind::Arn, false),
            "ArnNotEquals" | "ArnNotLike" => (Kind::Arn, true),
            _ => return None,
        };
        Some(Self { kind, negated })
    }

    /// A value that the operator cannot compare with is refused: a Deny that never applies would be worse.
    pub fn wanted(
        self,
        name: &str,
        value: &str,
        variables: bool,
    ) -> Result<Wanted, MalformedPolicy> {
        let exact = Syntax {
            wildcards: false,
            variables,
        };
        let like = Syntax {
            wildcards: true,
            variables,
        };
        let wanted = match self.kind {
            Kind::String => Some(Wanted::Pattern(Pattern::parse(value, exact))),
            Kind::StringLike => Some(Wanted::Pattern(Pattern::parse(value, like))),
            Kind::StringIgnoringCase => Some(Wanted::IgnoringCase(Pattern::parse(value, exact))),
            Kind::Arn => ArnPattern::parse(value, like).map(Wanted::Arn),
            Kind::Number(order) => number(value).map(|number| Wanted::Number(order, number)),
            Kind::Date(order) => date(value).map(|date| Wanted::Date(order, date)),
            Kind::Bool => boolean(value).map(Wanted::Bool),
            Kind::Binary => STANDARD.decode(value).ok().map(Wanted::Binary),
            Kind::Network => network(value).map(Wanted::Network),
        };
        wanted.ok_or_else(|| MalformedPolicy::Value {
            operator: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

impl Wanted {
    /// A value that is not of the operator's type equals nothing.
    pub fn fits(&self, found: &str, context: &Context) -> bool {
        match self {
            Wanted::Pattern(pattern) => pattern.matches(found, context),
            Wanted::IgnoringCase(pattern) => pattern.matches_ignoring_case(found, context),
            Wanted::Arn(pattern) => found.starts_with("arn:") && pattern.matches(found, context),
            Wanted::Number(order, wanted) => {
                number(found).is_some_and(|found| order.holds(found, *wanted))
            }
            Wanted::Date(order, wanted) => {
                date(found).is_some_and(|found| order.holds(found, *wanted))
            }
            Wanted::Bool(wanted) => boolean(found) == Some(*wanted),
            Wanted::Binary(wanted) => STANDARD.decode(found).is_ok_and(|found| found == *wanted),
            Wanted::Network(network) => found
                .parse::<IpAddr>()
                .is_ok_and(|address| network.contains(&address)),
        }
    }

    pub fn variables(&self) -> Vec<&str> {
        match self {
            Wanted::Pattern(pattern) | Wanted::IgnoringCase(pattern) => {
                pattern.variables().collect()
            }
            Wanted::Arn(pattern) => pattern.variables().collect(),
            _ => Vec::new(),
        }
    }
}

fn number(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    number.is_finite().then_some(number)
}

fn boolean(text: &str) -> Option<bool> {
    match () {
        () if text.eq_ignore_ascii_case("true") => Some(true),
        () if text.eq_ignore_ascii_case("false") => Some(false),
        () => None,
    }
}

/// A W3C date, with or without a time, or seconds since 1970; in milliseconds.
fn date(text: &str) -> Option<i64> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp.as_millisecond());
    }
    let is_year = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_month = text.len() == 7 && text.as_bytes()[4] == b'-';
    let whole = match () {
        () if is_year => format!("{text}-01-01"),
        () if is_month => format!("{text}-01"),
        () => text.to_owned(),
    };
    if let Ok(day) = whole.parse::<civil::Date>() {
        let start = day.to_zoned(TimeZone::UTC).ok()?;
        return Some(start.timestamp().as_millisecond());
    }
    let seconds = number(text)?;
    let milliseconds = seconds * 1000.0;
    (milliseconds.abs() < 1e17).then_some(milliseconds as i64)
}

/// An address block, or one address.
fn network(text: &str) -> Option<IpNet> {
    let block = text.parse::<IpNet>().ok();
    block.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_all_their_forms() {
        let start = date("2026-01-01").expect("a day");
        assert_eq!(date("2026"), Some(start));
        assert_eq!(date("2026-01"), Some(start));
        assert_eq!(date("2026-01-01T00:00:00Z"), Some(start));
        assert_eq!(date("2026-01-01T01:00:00+01:00"), Some(start));
        assert_eq!(date("1767225600"), Some(start));
        for text in ["", "soon", "2026-13-01", "NaN", "1e300", "ééé"] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn networks() {
        let fits = |wanted: &str, found: &str| {
            let operator = Operator::named("IpAddress").expect("known");
            let wanted = operator.wanted("IpAddress", wanted, true).expect("valid");
            wanted.fits(found, &Context::new())
        };
        assert!(fits("10.0.0.0/8", "10.1.2.3"));
        assert!(fits("10.1.2.3/8", "10.9.9.9"));
        assert!(fits("10.1.2.3", "10.1.2.3"));
        assert!(!fits("10.1.2.3", "10.1.2.4"));
        assert!(fits("fd00::/8", "fd00::1"));
        assert!(!fits("0.0.0.0/0", "fd00::1"));
    }
}
