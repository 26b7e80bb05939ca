//! Conditions and how they are joined: what JSON and space-delimited patterns share.
//!
//! `&&` binds stronger than `||`, parentheses stronger than both.

use regex::Regex;

use crate::FilterPatternError;
use crate::scan::Scanner;

const MAX_DEPTH: usize = 50;

/// Conditions of type `C`, joined.
#[derive(Debug, Clone)]
pub(crate) enum Joined<C> {
    All(Vec<Joined<C>>),
    Any(Vec<Joined<C>>),
    One(C),
}

impl<C> Joined<C> {
    pub fn parse(
        scanner: &mut Scanner<'_>,
        condition: &mut impl FnMut(&mut Scanner<'_>) -> Result<C, FilterPatternError>,
    ) -> Result<Self, FilterPatternError> {
        Self::parse_any(scanner, condition, 0)
    }

    pub fn holds(&self, one: &impl Fn(&C) -> bool) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(one)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(one)),
            Self::One(condition) => one(condition),
        }
    }

    pub fn for_each<'a>(&'a self, one: &mut impl FnMut(&'a C)) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().for_each(|part| part.for_each(one));
            }
            Self::One(condition) => one(condition),
        }
    }

    fn parse_any(
        scanner: &mut Scanner<'_>,
        condition: &mut impl FnMut(&mut Scanner<'_>) -> Result<C, FilterPatternError>,
        depth: usize,
    ) -> Result<Self, FilterPatternError> {
        let mut parts = vec![Self::parse_all(scanner, condition, depth)?];
        while scanner.take("||") {
            parts.push(Self::parse_all(scanner, condition, depth)?);
        }
        Ok(Self::Any(parts))
    }

    fn parse_all(
        scanner: &mut Scanner<'_>,
        condition: &mut impl FnMut(&mut Scanner<'_>) -> Result<C, FilterPatternError>,
        depth: usize,
    ) -> Result<Self, FilterPatternError> {
        let mut parts = Vec::new();
        loop {
            let part = if scanner.take("(") {
                if depth >= MAX_DEPTH {
                    return Err(FilterPatternError::TooDeep);
                }
                let inner = Self::parse_any(scanner, condition, depth + 1)?;
                if !scanner.take(")") {
                    return Err(scanner.expected("')'"));
                }
                inner
            } else {
                Self::One(condition(scanner)?)
            };
            parts.push(part);
            if !scanner.take("&&") {
                return Ok(Self::All(parts));
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    pub fn parse(scanner: &mut Scanner<'_>) -> Option<Self> {
        let operators = [
            ("!=", Self::NotEqual),
            ("<=", Self::LessOrEqual),
            (">=", Self::GreaterOrEqual),
            ("=", Self::Equal),
            ("<", Self::Less),
            (">", Self::Greater),
        ];
        let found = operators.into_iter().find(|(sign, _)| scanner.take(sign));
        found.map(|(_, operator)| operator)
    }
}

/// The right side of a comparison.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    /// As written, and its value.
    Number(String, f64),
    Text(Wildcards),
    Regex(Regex),
}

impl Operand {
    /// `ends` are characters that end a text without quotes, besides spaces.
    pub fn parse(scanner: &mut Scanner<'_>, ends: &str) -> Result<Self, FilterPatternError> {
        scanner.skip_space();
        match scanner.peek() {
            Some('"') => {
                scanner.at += 1;
                scanner
                    .take_quoted()
                    .map(|text| Self::Text(Wildcards::new(&text)))
            }
            Some('%') => {
                scanner.at += 1;
                scanner.take_regex().map(Self::Regex)
            }
            _ => {
                let is_wanted = |it: char| !it.is_whitespace() && !ends.contains(it);
                let text = scanner.take_while(is_wanted);
                if text.is_empty() {
                    return Err(scanner.expected("a value"));
                }
                Ok(match parse_number(text) {
                    Some(number) => Self::Number(text.to_owned(), number),
                    None => Self::Text(Wildcards::new(text)),
                })
            }
        }
    }

    /// A text against this operand. Texts are neither less nor greater than texts.
    pub fn compare_text(&self, operator: Operator, text: &str) -> bool {
        let is_equal = match self {
            Self::Regex(regex) => regex.is_match(text),
            Self::Text(wildcards) => wildcards.matches(text),
            Self::Number(written, _) => text == written,
        };
        match operator {
            Operator::Equal => is_equal,
            Operator::NotEqual => !is_equal,
            _ => false,
        }
    }

    /// A number, and the way it is written, against this operand.
    pub fn compare_number(&self, operator: Operator, number: f64, text: &str) -> bool {
        let Self::Number(_, operand) = self else {
            return self.compare_text(operator, text);
        };
        match operator {
            Operator::Equal => number == *operand,
            Operator::NotEqual => number != *operand,
            Operator::Less => number < *operand,
            Operator::LessOrEqual => number <= *operand,
            Operator::Greater => number > *operand,
            Operator::GreaterOrEqual => number >= *operand,
        }
    }

    pub fn is_regex(&self) -> bool {
        matches!(self, Self::Regex(_))
    }
}

/// Decimal, with fraction and exponent; not `inf` or `nan`, which are words.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    let is_number = |it: char| it.is_ascii_digit() || "+-.eE".contains(it);
    let is_like = text.chars().all(is_number) && text.chars().any(|it| it.is_ascii_digit());
    let number = text.parse::<f64>().ok()?;
    (is_like && number.is_finite()).then_some(number)
}

/// A text in which `*` stands for any characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wildcards {
    /// Between the asterisks, so one more than there are.
    parts: Vec<String>,
}

impl Wildcards {
    pub fn new(text: &str) -> Self {
        let parts = text.split('*').map(str::to_owned).collect();
        Self { parts }
    }

    pub fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.parts.split_first() else {
            return text.is_empty();
        };
        let Some((last, middle)) = rest.split_last() else {
            return text == first;
        };
        let Some(mut left) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        for part in middle {
            let Some(at) = left.find(part.as_str()) else {
                return false;
            };
            left = &left[at + part.len()..];
        }
        left.ends_with(last.as_str())
    }
}
