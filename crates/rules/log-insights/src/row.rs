//! A row: an event, or a group of a `stats`, and what was computed of it.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::value::Value;

/// What a query looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    pub timestamp_millis: i64,
    pub ingestion_millis: i64,
    pub message: String,
    /// `ACCOUNT:GROUP`.
    pub log: String,
    pub log_stream: String,
    /// What GetLogRecord takes.
    pub pointer: String,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub event: Option<LogEvent>,
    pub computed: BTreeMap<String, Value>,
    /// The message, when it is JSON.
    json: OnceCell<Option<Json>>,
    /// Counts rows in order of arrival: ties are broken by it.
    pub number: u64,
}

impl Row {
    pub fn of_event(event: LogEvent, number: u64) -> Self {
        Self {
            event: Some(event),
            number,
            ..Self::default()
        }
    }

    pub fn of_group(number: u64) -> Self {
        Self {
            number,
            ..Self::default()
        }
    }

    pub fn message(&self) -> Option<&str> {
        match &self.event {
            Some(event) if !self.computed.contains_key("@message") => Some(&event.message),
            _ => None,
        }
    }

    pub fn timestamp(&self) -> i64 {
        self.event.as_ref().map_or(0, |it| it.timestamp_millis)
    }

    pub fn field(&self, name: &str) -> Value {
        if let Some(value) = self.computed.get(name) {
            return value.clone();
        }
        let Some(event) = &self.event else {
            return self.inside_computed(name);
        };
        match name {
            "@timestamp" => Value::Time(event.timestamp_millis),
            "@ingestionTime" => Value::Time(event.ingestion_millis),
            "@message" => Value::Text(event.message.clone()),
            "@log" => Value::Text(event.log.clone()),
            "@logStream" => Value::Text(event.log_stream.clone()),
            "@ptr" => Value::Text(event.pointer.clone()),
            _ => match self.inside_computed(name) {
                Value::Missing => self
                    .json()
                    .map_or(Value::Missing, |json| inside(json, name)),
                value => value,
            },
        }
    }

    /// `a.b` of a computed map or list `a`.
    fn inside_computed(&self, name: &str) -> Value {
        let mut dots = name.match_indices('.');
        let found = dots.find_map(|(dot, _)| match self.computed.get(&name[..dot]) {
            Some(Value::Json(json)) => Some(inside(json, &name[dot + 1..])),
            _ => None,
        });
        found.unwrap_or_default()
    }

    fn json(&self) -> Option<&Json> {
        let parse = || {
            let message = self.event.as_ref()?.message.as_str();
            // A message may have something before its JSON, as those of Lambda have.
            let begin = message.find('{')?;
            serde_json::from_str(&message[begin..]).ok()
        };
        self.json.get_or_init(parse).as_ref()
    }
}

/// Names may themselves have dots; the whole name comes first.
fn inside(json: &Json, path: &str) -> Value {
    if let Some(found) = json.get(path) {
        return Value::of_json(found);
    }
    if let (Json::Array(elements), Ok(index)) = (json, path.parse::<usize>()) {
        return elements.get(index).map(Value::of_json).unwrap_or_default();
    }
    let mut dots = path.match_indices('.');
    let found = dots.find_map(|(dot, _)| {
        let (name, rest) = (&path[..dot], &path[dot + 1..]);
        let part = json
            .get(name)
            .or_else(|| json.as_array()?.get(name.parse::<usize>().ok()?))?;
        Some(inside(part, rest)).filter(|value| !value.is_missing())
    });
    found.unwrap_or_default()
}
