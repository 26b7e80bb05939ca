//! How answers look: aligned tables for people, JSON for programs.

use std::{
    io::IsTerminal,
    sync::atomic::{AtomicBool, Ordering},
};

use clock::UnixMillis;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

static COLOURED: AtomicBool = AtomicBool::new(false);

/// What a word's colour says; told only to a terminal, and not where `NO_COLOR` is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Plain,
    Green,
    Yellow,
    Red,
}

/// A word in a table.
pub struct Cell {
    text: String,
    colour: Colour,
}

impl Cell {
    pub fn new(text: impl Into<String>, colour: Colour) -> Self {
        let text = text.into();
        Self { text, colour }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, Colour::Plain)
    }
}

/// Prints rows under upper-case headings, without lines, as `docker ps` does.
pub fn table(headings: &[&str], rows: Vec<Vec<impl Into<Cell>>>) {
    let cells = rows
        .into_iter()
        .map(|row| row.into_iter().map(Into::into).collect());
    print!("{}", self::rows(headings, cells.collect()));
}

/// The text that [`table`] prints.
pub fn rows(headings: &[&str], rows: Vec<Vec<Cell>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(headings.iter().map(|heading| heading.to_uppercase()));
    if is_coloured() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    for row in rows {
        table.add_row(row.into_iter().map(|cell| {
            let shown = comfy_table::Cell::new(cell.text);
            match cell.colour {
                Colour::Plain => shown,
                Colour::Green => shown.fg(comfy_table::Color::Green),
                Colour::Yellow => shown.fg(comfy_table::Color::Yellow),
                Colour::Red => shown.fg(comfy_table::Color::Red),
            }
        }));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines = table.lines().map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}

/// The text in a colour, where colours are told.
pub fn paint(colour: Colour, text: &str) -> String {
    let code = match colour {
        Colour::Green => 32,
        Colour::Yellow => 33,
        Colour::Red => 31,
        Colour::Plain => return text.to_owned(),
    };
    match is_coloured() {
        true => format!("\x1b[{code}m{text}\x1b[0m"),
        false => text.to_owned(),
    }
}

/// Colours what is printed from now on, if standard output is a person's terminal that may be coloured
/// (<https://no-color.org>). Until then nothing is.
pub fn choose_colours() {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let coloured = std::io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb;
    COLOURED.store(coloured, Ordering::Relaxed);
}

fn is_coloured() -> bool {
    COLOURED.load(Ordering::Relaxed)
}

pub fn json(value: &Value) {
    println!("{value:#}");
}

/// An answer of the API as its own JSON.
pub fn as_json(answer: &impl wire::Shape) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&wire::json::to_vec(answer))?)
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
