//! What fields hold and functions give.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value as Json;

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Value {
    /// The field is not there.
    #[default]
    Missing,
    Number(f64),
    Text(String),
    Bool(bool),
    /// Milliseconds since 1970.
    Time(i64),
    /// A list or map.
    Json(Json),
}

impl Value {
    pub fn of_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Missing,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => number.as_f64().map_or(Self::Missing, Self::Number),
            Json::String(text) => Self::Text(text.clone()),
            other => Self::Json(other.clone()),
        }
    }

    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// Texts that are numbers are taken for them.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Time(millis) => Some(*millis as f64),
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            Self::Text(text) => parse_number(text),
            Self::Missing | Self::Json(_) => None,
        }
    }

    /// As results show it; `None` when there is nothing to show.
    pub fn shown(&self) -> Option<String> {
        Some(match self {
            Self::Missing => return None,
            Self::Number(number) => show_number(*number),
            Self::Text(text) => text.clone(),
            Self::Bool(value) => u8::from(*value).to_string(),
            Self::Time(millis) => show_time(*millis),
            Self::Json(json) => json.to_string(),
        })
    }

    pub fn text(&self) -> String {
        self.shown().unwrap_or_default()
    }

    pub fn is_true(&self) -> bool {
        match self {
            Self::Missing => false,
            Self::Bool(value) => *value,
            Self::Number(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty() && text != "0" && text != "false",
            Self::Time(_) | Self::Json(_) => true,
        }
    }

    /// Numbers as numbers, everything else as text. `None` with what is missing.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        if self.is_missing() || other.is_missing() {
            return None;
        }
        // JSON's true is written true, comparisons give 1.
        if let (Self::Bool(value), Self::Text(text)) | (Self::Text(text), Self::Bool(value)) =
            (self, other)
            && let Ok(said) = text.to_ascii_lowercase().parse::<bool>()
        {
            let order = value.cmp(&said);
            return Some(if matches!(self, Self::Bool(_)) {
                order
            } else {
                order.reverse()
            });
        }
        match (self.number(), other.number()) {
            (Some(left), Some(right)) => left.partial_cmp(&right),
            _ => Some(self.text().cmp(&other.text())),
        }
    }

    /// A total order for sorting: what is missing first, then numbers, then texts.
    pub fn order(&self, other: &Self) -> Ordering {
        let rank = |value: &Self| match value {
            Self::Missing => 0,
            value if value.number().is_some() => 1,
            _ => 2,
        };
        rank(self)
            .cmp(&rank(other))
            .then_with(|| match (self.number(), other.number()) {
                (Some(left), Some(right)) => left.total_cmp(&right),
                _ => self.text().cmp(&other.text()),
            })
    }
}

fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_like = text.starts_with(|it: char| it.is_ascii_digit() || "+-.".contains(it))
        && text.ends_with(|it: char| it.is_ascii_digit() || it == '.');
    let number = is_like.then(|| text.parse::<f64>().ok()).flatten()?;
    number.is_finite().then_some(number)
}

/// At most four decimals, as the console and the API of AWS show them.
pub(crate) fn show_number(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return format!("{}", number as i64);
    }
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(crate) fn show_time(millis: i64) -> String {
    match Timestamp::from_millisecond(millis) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string(),
        Err(_) => millis.to_string(),
    }
}
