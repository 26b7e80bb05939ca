//! Queries by example (AWS's guide) and by property.

mod commands;
mod functions;
mod properties;
mod refusals;

use log_insights::{LogEvent, Query, Run};

pub const NOW: i64 = 1_800_000_000_000;

pub fn event(timestamp_millis: i64, message: &str) -> LogEvent {
    LogEvent {
        timestamp_millis,
        ingestion_millis: timestamp_millis + 5,
        message: message.to_owned(),
        log: "123456789012:/ecs/demo".to_owned(),
        log_stream: format!("stream-{}", timestamp_millis % 2),
        pointer: format!("ptr{timestamp_millis}"),
    }
}

/// Messages come a second after each other. Rows are texts: `name=value|…`, without `@ptr`.
pub fn run(query: &str, messages: &[&str]) -> Vec<String> {
    let query = Query::parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    let mut run = Run::new(query.into(), 10_000, NOW);
    for (index, message) in messages.iter().enumerate() {
        run.push(event(index as i64 * 1000, message))
            .expect("taken");
    }
    let rows = run.finish().expect("results").into_iter();
    rows.map(|row| {
        let values = row.into_iter().filter(|(name, _)| name != "@ptr");
        let values = values.map(|(name, value)| format!("{name}={value}"));
        values.collect::<Vec<_>>().join("|")
    })
    .collect()
}

/// The value of one expression for one message.
pub fn value(expression: &str, message: &str) -> String {
    let rows = run(&format!("fields {expression} as x | display x"), &[message]);
    rows[0].strip_prefix("x=").unwrap_or("missing").to_owned()
}
