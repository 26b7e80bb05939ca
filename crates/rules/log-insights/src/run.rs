//! Running a query: events go through the leading commands one by one, and are gathered, or counted by `stats`, from
//! the first command on that needs all of them. What is kept is bounded.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::aggregate::State;
use crate::evaluate::Context;
use crate::expression::Expression;
use crate::parse::{Command, Named, ParseFields, Query, Stats};
use crate::row::{LogEvent, Row};
use crate::value::Value;

/// Groups of one `stats`.
const MAX_GROUPS: usize = 100_000;
/// Rows that a query without aggregates can look at beyond its order, such as by a later filter.
const MAX_ROWS: usize = 100_000;

/// Names and values of one result, in order.
pub type ResultRow = Vec<(String, String)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    #[error("The query has more than {MAX_GROUPS} groups.")]
    TooManyGroups,
}

/// A query under way.
pub struct Run {
    query: Arc<Query>,
    /// How many commands rows go through one by one.
    streamed: usize,
    gathered: Gathered,
    /// The most results.
    limit: usize,
    /// Rows to gather.
    keep: usize,
    now_millis: i64,
    rows_seen: u64,
    matched: u64,
}

enum Gathered {
    Rows(Vec<Row>),
    Groups(Groups),
}

#[derive(Default)]
struct Groups {
    /// By the values grouped by.
    groups: BTreeMap<Vec<String>, (Vec<Value>, Vec<State>)>,
}

impl Run {
    /// `limit`: the most results, when the query does not say fewer.
    pub fn new(query: Arc<Query>, limit: usize, now_millis: i64) -> Self {
        let is_streamed = |it: &&Command| {
            matches!(
                it,
                Command::Fields(_) | Command::Filter(_) | Command::Parse(_) | Command::Display(_)
            )
        };
        let streamed = query.commands.iter().take_while(is_streamed).count();
        let gathered = match query.commands.get(streamed) {
            Some(Command::Stats(_)) => Gathered::Groups(Groups::default()),
            _ => Gathered::Rows(Vec::new()),
        };
        Self {
            keep: rows_to_keep(&query.commands[streamed..], limit),
            query,
            streamed,
            gathered,
            limit,
            now_millis,
            rows_seen: 0,
            matched: 0,
        }
    }

    /// Events that came through the leading filters.
    pub fn matched(&self) -> u64 {
        self.matched
    }

    pub fn push(&mut self, event: LogEvent) -> Result<(), RunError> {
        self.rows_seen += 1;
        let mut row = Row::of_event(event, self.rows_seen);
        for command in &self.query.commands[..self.streamed] {
            if !apply(command, &mut row, self.now_millis) {
                return Ok(());
            }
        }
        self.matched += 1;
        match &mut self.gathered {
            Gathered::Rows(rows) => {
                rows.push(row);
                if rows.len() >= 2 * self.keep {
                    let mut kept = std::mem::take(rows);
                    self.order(&mut kept);
                    kept.truncate(self.keep);
                    self.gathered = Gathered::Rows(kept);
                }
                Ok(())
            }
            Gathered::Groups(groups) => match self.query.commands.get(self.streamed) {
                Some(Command::Stats(stats)) => groups.add(stats, &row, self.now_millis),
                _ => Ok(()),
            },
        }
    }

    pub fn finish(mut self) -> Result<Vec<ResultRow>, RunError> {
        let gathered = std::mem::replace(&mut self.gathered, Gathered::Rows(Vec::new()));
        let query = Arc::clone(&self.query);
        let mut rest = &query.commands[self.streamed..];
        let mut rows = match gathered {
            Gathered::Rows(mut rows) => {
                self.order(&mut rows);
                rows
            }
            Gathered::Groups(groups) => match rest.split_first() {
                Some((Command::Stats(stats), after)) => {
                    rest = after;
                    groups.into_rows(stats, self.now_millis)
                }
                _ => Vec::new(),
            },
        };
        for command in rest {
            rows = self.run(command, rows)?;
        }
        rows.truncate(self.limit);
        let shown = self.shown();
        Ok(rows.iter().map(|row| self.show(row, &shown)).collect())
    }

    /// As the next commands want it; by time, the newest first, when they don't say. Doubles go early, so that what
    /// is kept is what a `dedup` keeps.
    fn order(&self, rows: &mut Vec<Row>) {
        let rest = &self.query.commands[self.streamed..];
        let (sort, after) = match rest.split_first() {
            Some((Command::Sort(keys), after)) => (Some(keys), after),
            _ => (None, rest),
        };
        match sort {
            Some(keys) => self.sort(rows, keys),
            None => rows.sort_by_key(|row| (std::cmp::Reverse(row.timestamp()), row.number)),
        }
        if let Some(Command::Dedup(keys)) = after.first() {
            self.dedup(rows, keys);
        }
    }

    fn context<'a>(&self, row: &'a Row) -> Context<'a> {
        Context {
            row,
            aggregates: &[],
            now_millis: self.now_millis,
        }
    }

    fn sort(&self, rows: &mut Vec<Row>, keys: &[(Expression, bool)]) {
        let mut keyed: Vec<(Vec<Value>, Row)> = std::mem::take(rows)
            .into_iter()
            .map(|row| {
                let context = self.context(&row);
                (
                    keys.iter().map(|(key, _)| context.value(key)).collect(),
                    row,
                )
            })
            .collect();
        keyed.sort_by(|(left, left_row), (right, right_row)| {
            let pairs = left.iter().zip(right).zip(keys);
            let mut orders = pairs.map(|((left, right), (_, is_descending))| {
                let order = left.order(right);
                if *is_descending {
                    order.reverse()
                } else {
                    order
                }
            });
            let order = orders.find(|order| order.is_ne());
            order.unwrap_or_else(|| left_row.number.cmp(&right_row.number))
        });
        rows.extend(keyed.into_iter().map(|(_, row)| row));
    }

    /// The first of those that have the same values; those without any of them stay.
    fn dedup(&self, rows: &mut Vec<Row>, keys: &[Expression]) {
        let mut seen = HashSet::new();
        rows.retain(|row| {
            let context = self.context(row);
            let values: Vec<Option<String>> =
                keys.iter().map(|key| context.value(key).shown()).collect();
            values.iter().any(Option::is_none) || seen.insert(values)
        });
    }

    fn run(&self, command: &Command, mut rows: Vec<Row>) -> Result<Vec<Row>, RunError> {
        match command {
            Command::Sort(keys) => self.sort(&mut rows, keys),
            Command::Dedup(keys) => self.dedup(&mut rows, keys),
            Command::Limit(limit) => rows.truncate(*limit),
            Command::Stats(stats) => {
                let mut groups = Groups::default();
                for row in &rows {
                    groups.add(stats, row, self.now_millis)?;
                }
                return Ok(groups.into_rows(stats, self.now_millis));
            }
            other => rows.retain_mut(|row| apply(other, row, self.now_millis)),
        }
        Ok(rows)
    }

    /// Names of the fields that results have.
    fn shown(&self) -> Vec<String> {
        let mut shown: Vec<String> = Vec::new();
        let add = |names: &[Named], shown: &mut Vec<String>| {
            for named in names {
                if !shown.contains(&named.name) {
                    shown.push(named.name.clone());
                }
            }
        };
        let mut is_displayed = false;
        for command in &self.query.commands {
            match command {
                Command::Display(names) => {
                    shown.clear();
                    add(names, &mut shown);
                    is_displayed = true;
                }
                Command::Stats(stats) => {
                    shown.clear();
                    add(&stats.by, &mut shown);
                    add(&stats.values, &mut shown);
                    is_displayed = false;
                }
                Command::Fields(names) if !is_displayed => add(names, &mut shown),
                Command::Parse(parse) if !is_displayed && !shown.is_empty() => {
                    for name in &parse.names {
                        if !shown.contains(name) {
                            shown.push(name.clone());
                        }
                    }
                }
                _ => {}
            }
        }
        if shown.is_empty() {
            shown.extend(["@timestamp".to_owned(), "@message".to_owned()]);
            let parsed = self
                .query
                .commands
                .iter()
                .filter_map(|command| match command {
                    Command::Parse(parse) => Some(parse.names.clone()),
                    _ => None,
                });
            shown.extend(parsed.flatten());
        }
        shown
    }

    fn show(&self, row: &Row, shown: &[String]) -> ResultRow {
        let values = shown.iter().filter_map(|name| {
            let value = row.field(name).shown()?;
            Some((name.clone(), value))
        });
        let mut values: ResultRow = values.collect();
        let pointer = row.event.as_ref().map(|event| event.pointer.clone());
        let is_there = values.iter().any(|(name, _)| name == "@ptr");
        values.extend(
            pointer
                .filter(|_| !is_there)
                .map(|pointer| ("@ptr".to_owned(), pointer)),
        );
        values
    }
}

/// What the following commands can ask for: as many as come out, when no row goes in between.
fn rows_to_keep(rest: &[Command], limit: usize) -> usize {
    for (index, command) in rest.iter().enumerate() {
        match command {
            Command::Limit(most) => return limit.min(*most).max(1),
            // Rows are gathered in the order of a first sort, without the doubles of a dedup right after it.
            Command::Sort(_) if index == 0 => {}
            Command::Dedup(_) if index == 0 => {}
            Command::Dedup(_) if index == 1 && matches!(rest[0], Command::Sort(_)) => {}
            Command::Display(_) | Command::Fields(_) | Command::Parse(_) => {}
            _ => return MAX_ROWS,
        }
    }
    limit.max(1)
}

/// A command on one row; false: the row goes.
fn apply(command: &Command, row: &mut Row, now_millis: i64) -> bool {
    let context = Context {
        row: &*row,
        aggregates: &[],
        now_millis,
    };
    match command {
        Command::Filter(condition) => context.is_true(condition),
        Command::Fields(names) | Command::Display(names) => {
            for named in names {
                if !matches!(&named.expression, Expression::Field(name) if *name == named.name) {
                    let value = Context {
                        row: &*row,
                        aggregates: &[],
                        now_millis,
                    }
                    .value(&named.expression);
                    row.computed.insert(named.name.clone(), value);
                }
            }
            true
        }
        Command::Parse(parse) => {
            let text = context.value(&parse.of).text();
            extract(parse, &text, row);
            true
        }
        _ => true,
    }
}

fn extract(parse: &ParseFields, text: &str, row: &mut Row) {
    let Some(captures) = parse.regex.captures(text) else {
        return;
    };
    let is_named = parse.regex.capture_names().flatten().next().is_some();
    for (index, name) in parse.names.iter().enumerate() {
        let found = match is_named {
            true => captures.name(name),
            false => captures.get(index + 1),
        };
        if let Some(found) = found {
            let value = Value::Text(found.as_str().to_owned());
            row.computed.insert(name.clone(), value);
        }
    }
}

impl Groups {
    fn add(&mut self, stats: &Stats, row: &Row, now_millis: i64) -> Result<(), RunError> {
        let context = Context {
            row,
            aggregates: &[],
            now_millis,
        };
        let values: Vec<Value> = stats
            .by
            .iter()
            .map(|by| context.value(&by.expression))
            .collect();
        let key: Vec<String> = values.iter().map(Value::text).collect();
        if self.groups.len() >= MAX_GROUPS && !self.groups.contains_key(&key) {
            return Err(RunError::TooManyGroups);
        }
        let (_, states) = self
            .groups
            .entry(key)
            .or_insert_with(|| (values, vec![State::default(); stats.aggregates.len()]));
        for (state, aggregate) in states.iter_mut().zip(&stats.aggregates) {
            state.add(aggregate, &context);
        }
        Ok(())
    }

    /// In order of what they are grouped by: times with the newest first.
    fn into_rows(mut self, stats: &Stats, now_millis: i64) -> Vec<Row> {
        if stats.by.is_empty() && self.groups.is_empty() {
            let states = vec![State::default(); stats.aggregates.len()];
            self.groups.insert(Vec::new(), (Vec::new(), states));
        }
        let mut rows = Vec::with_capacity(self.groups.len());
        for (number, (by, states)) in (0..).zip(self.groups.into_values()) {
            let states = states.iter().zip(&stats.aggregates);
            let aggregates: Vec<Value> = states.map(|(state, it)| state.value(it)).collect();
            let mut row = Row::of_group(number);
            for (named, value) in stats.by.iter().zip(by) {
                row.computed.insert(named.name.clone(), value);
            }
            let context = Context {
                row: &row,
                aggregates: &aggregates,
                now_millis,
            };
            let values = stats.values.iter();
            let values: Vec<(String, Value)> = values
                .map(|named| (named.name.clone(), context.value(&named.expression)))
                .collect();
            row.computed.extend(values);
            rows.push(row);
        }
        rows
    }
}
