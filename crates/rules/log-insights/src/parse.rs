//! Commands, with pipes between them.

use regex::{Regex, RegexBuilder};

use crate::QueryError;
use crate::aggregate::Aggregate;
use crate::expression::{Expression, Expressions, Operator, Pattern};
use crate::scan::Scanner;

const MAX_COMMANDS: usize = 100;
/// Of a glob of `parse`, compiled.
const GLOB_BYTES: usize = 1024 * 1024;
/// Commands of AWS that are not here.
const OTHERS: [&str; 9] = [
    "anomaly",
    "diff",
    "filterindex",
    "join",
    "lookup",
    "pattern",
    "source",
    "unmask",
    "unnest",
];

/// A query, ready to run.
#[derive(Debug, Clone)]
pub struct Query {
    pub(crate) commands: Vec<Command>,
}

#[derive(Debug, Clone)]
pub(crate) enum Command {
    Fields(Vec<Named>),
    Display(Vec<Named>),
    Filter(Expression),
    Parse(ParseFields),
    Stats(Stats),
    Sort(Vec<(Expression, bool)>),
    Dedup(Vec<Expression>),
    Limit(usize),
}

/// An expression and what its value is called.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub name: String,
    pub expression: Expression,
}

#[derive(Debug, Clone)]
pub(crate) struct ParseFields {
    pub of: Expression,
    pub regex: Regex,
    pub names: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Stats {
    pub aggregates: Vec<Aggregate>,
    pub values: Vec<Named>,
    pub by: Vec<Named>,
}

impl Query {
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let mut scanner = Scanner::new(text);
        let mut commands = Vec::new();
        loop {
            commands.push(command(&mut scanner)?);
            if scanner.is_at_end() {
                return Ok(Self { commands });
            }
            scanner.expect("|")?;
            if commands.len() >= MAX_COMMANDS {
                return Err(scanner.error("the query has too many commands"));
            }
            if scanner.is_at_end() {
                return Err(scanner.unexpected("a command"));
            }
        }
    }

    /// A text that every message holds of which the query wants anything.
    pub fn needle(&self) -> Option<&str> {
        let leading = self.commands.iter().take_while(|command| {
            // `fields` may give a new @message.
            matches!(command, Command::Filter(_))
                || matches!(command, Command::Fields(named) if named.iter().all(|it| it.name != "@message"))
        });
        let needles = leading.filter_map(|command| match command {
            Command::Filter(condition) => needle_of(condition),
            _ => None,
        });
        needles.max_by_key(|text| text.len())
    }

    /// Whether results are groups rather than events.
    pub fn is_aggregated(&self) -> bool {
        let mut commands = self.commands.iter();
        commands.any(|command| matches!(command, Command::Stats(_)))
    }
}

fn needle_of(condition: &Expression) -> Option<&str> {
    match condition {
        Expression::Binary(Operator::And, left, right) => {
            let both = [needle_of(left), needle_of(right)];
            both.into_iter().flatten().max_by_key(|text| text.len())
        }
        Expression::Like(of, Pattern::Text(text)) if !text.is_empty() => match &**of {
            Expression::Field(name) if name == "@message" => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn command(scanner: &mut Scanner<'_>) -> Result<Command, QueryError> {
    scanner.skip_space();
    let begin = scanner.position();
    let word = scanner.take_name()?;
    match word.to_ascii_lowercase().as_str() {
        "fields" => named_list(scanner).map(Command::Fields),
        "display" => named_list(scanner).map(Command::Display),
        "filter" | "where" => Expressions::plain(scanner).parse().map(Command::Filter),
        "parse" => parse_fields(scanner).map(Command::Parse),
        "stats" => stats(scanner).map(Command::Stats),
        "sort" | "order" => sort(scanner).map(Command::Sort),
        "dedup" => list(scanner).map(Command::Dedup),
        "limit" | "head" | "tail" => match scanner.take_number() {
            Some(limit) if limit.fract() == 0.0 && (1.0..=100_000.0).contains(&limit) => {
                Ok(Command::Limit(limit as usize))
            }
            _ => Err(scanner.unexpected("a whole number from 1 to 100000")),
        },
        other if OTHERS.contains(&other) => Err(scanner.error_from(
            begin,
            format!("the command '{word}' is not supported by Gantry"),
        )),
        _ => Err(scanner.error_from(
            begin,
            format!("unexpected symbol found '{word}', expected a command"),
        )),
    }
}

fn list(scanner: &mut Scanner<'_>) -> Result<Vec<Expression>, QueryError> {
    let mut list = Vec::new();
    loop {
        list.push(Expressions::plain(scanner).parse()?);
        if !scanner.take(",") {
            return Ok(list);
        }
    }
}

fn named_list(scanner: &mut Scanner<'_>) -> Result<Vec<Named>, QueryError> {
    let mut list = Vec::new();
    loop {
        list.push(named(&mut Expressions::plain(scanner))?);
        // Commas may be left out.
        let is_over = matches!(scanner.peek(), None | Some('|'));
        if !scanner.take(",") && is_over {
            return Ok(list);
        }
    }
}

/// Called as said with `as`, else as it is written.
fn named(expressions: &mut Expressions<'_, '_>) -> Result<Named, QueryError> {
    expressions.scanner.skip_space();
    let begin = expressions.scanner.position();
    let expression = expressions.parse()?;
    let scanner = &mut *expressions.scanner;
    let written = match &expression {
        Expression::Field(name) => name.clone(),
        _ => scanner.text_from(begin).to_owned(),
    };
    let name = match scanner.take_word("as") {
        true => scanner.take_name()?,
        false => written,
    };
    Ok(Named { name, expression })
}

fn stats(scanner: &mut Scanner<'_>) -> Result<Stats, QueryError> {
    let mut expressions = Expressions {
        scanner,
        aggregates: Some(Vec::new()),
    };
    let mut values = Vec::new();
    loop {
        values.push(named(&mut expressions)?);
        let scanner = &mut *expressions.scanner;
        let is_over = matches!(scanner.peek(), None | Some('|')) || is_by(scanner);
        if !scanner.take(",") && is_over {
            break;
        }
    }
    let aggregates = expressions.aggregates.take().unwrap_or_default();
    if aggregates.is_empty() {
        return Err(scanner.error("stats needs at least one aggregate function"));
    }
    let by = match scanner.take_word("by") {
        true => named_list(scanner)?,
        false => Vec::new(),
    };
    Ok(Stats {
        aggregates,
        values,
        by,
    })
}

fn is_by(scanner: &mut Scanner<'_>) -> bool {
    let at = scanner.position();
    let is_by = scanner.take_word("by");
    scanner.go_back(at);
    is_by
}

/// With whether it goes down.
fn sort(scanner: &mut Scanner<'_>) -> Result<Vec<(Expression, bool)>, QueryError> {
    scanner.take_word("by");
    let mut keys = Vec::new();
    loop {
        let expression = Expressions::plain(scanner).parse()?;
        let is_descending = scanner.take_word("desc");
        if !is_descending {
            scanner.take_word("asc");
        }
        keys.push((expression, is_descending));
        if !scanner.take(",") {
            return Ok(keys);
        }
    }
}

fn parse_fields(scanner: &mut Scanner<'_>) -> Result<ParseFields, QueryError> {
    let of = match scanner.peek() {
        Some('"' | '\'' | '/') => Expression::Field("@message".to_owned()),
        _ => Expression::Field(scanner.take_name()?),
    };
    scanner.skip_space();
    let begin = scanner.position();
    if let Some(regex) = scanner.take_regex()? {
        let captures = regex.capture_names().flatten();
        let names: Vec<String> = captures.map(str::to_owned).collect();
        if names.is_empty() {
            let message = "the regular expression of parse needs a named group, (?<name>...)";
            return Err(scanner.error_from(begin, message.to_owned()));
        }
        return Ok(ParseFields { of, regex, names });
    }
    let Some(glob) = scanner.take_text()? else {
        return Err(scanner.unexpected("a text in quotes or a regular expression between slashes"));
    };
    let glob_end = scanner.position();
    if !scanner.take_word("as") {
        return Err(scanner.unexpected("'as'"));
    }
    let mut names = vec![scanner.take_name()?];
    while scanner.take(",") {
        names.push(scanner.take_name()?);
    }
    let holes = glob.matches('*').count();
    if holes != names.len() {
        let message = format!("parse has {holes} wildcards and {} names", names.len());
        scanner.go_back(glob_end);
        return Err(scanner.error_from(begin, message));
    }
    let regex = glob_regex(&glob);
    let regex =
        regex.map_err(|_| scanner.error_from(begin, "the glob of parse is too long".to_owned()))?;
    Ok(ParseFields { of, regex, names })
}

/// `*` takes as little as it can; the last one, at the end, takes the rest.
fn glob_regex(glob: &str) -> Result<Regex, regex::Error> {
    let parts: Vec<String> = glob.split('*').map(regex::escape).collect();
    let mut text = parts.join("(.*?)");
    if glob.ends_with('*') {
        text.truncate(text.len() - "(.*?)".len());
        text.push_str("(.*)");
    }
    let mut builder = RegexBuilder::new(&text);
    builder
        .dot_matches_new_line(true)
        .size_limit(GLOB_BYTES)
        .build()
}
