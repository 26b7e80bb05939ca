//! How answers look: aligned tables for people, JSON for programs.

use std::io::IsTerminal;

use clock::UnixMillis;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

/// Prints rows under upper-case headings, without lines, as `docker ps` does.
pub fn table(headings: &[&str], rows: Vec<Vec<String>>) {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(headings.iter().map(|heading| heading.to_uppercase()));
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.lines() {
        println!("{}", line.trim_end());
    }
}

pub fn json(value: &Value) {
    println!("{value:#}");
}

/// A note for people, beside the answer.
pub fn note(text: impl std::fmt::Display) {
    eprintln!("{text}");
}

/// An error with its causes, each told once: some errors' own words include their cause's.
pub fn with_causes(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// Whether standard error is a person's terminal, so that progress may be drawn.
pub fn is_interactive() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// `5 seconds`, `3 minutes`, `2 hours`, `4 days`.
pub fn age(from: UnixMillis, now: UnixMillis) -> String {
    let seconds = now.since(from).as_secs();
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let cause = std::io::Error::other("it rained");
        let error = anyhow::Error::new(cause).context("no picnic: it rained");
        assert_eq!(with_causes(&error), "no picnic: it rained");
        let error = anyhow::anyhow!("it rained").context("no picnic");
        assert_eq!(with_causes(&error), "no picnic: it rained");
    }

    #[test]
    fn ages_read_well() {
        let at = |seconds: i64| UnixMillis(seconds * 1000);
        assert_eq!(age(at(0), at(1)), "1 second");
        assert_eq!(age(at(0), at(119)), "1 minute");
        assert_eq!(age(at(0), at(7_200)), "2 hours");
        assert_eq!(age(at(0), at(86_400 * 3)), "3 days");
        assert_eq!(age(at(5), at(0)), "0 seconds", "clocks differ a little");
    }
}
