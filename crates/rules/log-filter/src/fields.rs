//! `[ip, user, ..., status = 4*, bytes > 1000]`: a condition a field of a line of fields.

use std::collections::BTreeMap;

use crate::FilterPatternError;
use crate::condition::{Joined, Operand, Operator, parse_number};
use crate::scan::Scanner;

#[derive(Debug, Clone, Default)]
pub(crate) struct FieldsPattern {
    /// Counted from the first field on.
    first: Vec<Field>,
    /// Counted from the last field back, when there is an ellipsis between the two.
    last: Option<Vec<Field>>,
}

#[derive(Debug, Clone, Default)]
struct Field {
    name: Option<String>,
    conditions: Option<Joined<(Operator, Operand)>>,
}

impl FieldsPattern {
    pub fn parse(scanner: &mut Scanner<'_>) -> Result<Self, FilterPatternError> {
        if !scanner.take("[") {
            return Err(scanner.expected("'['"));
        }
        let mut pattern = Self::default();
        if !scanner.take("]") {
            loop {
                if scanner.take("...") {
                    if pattern.last.replace(Vec::new()).is_some() {
                        return Err(FilterPatternError::Ellipses);
                    }
                } else {
                    let field = Field::parse(scanner)?;
                    pattern
                        .last
                        .as_mut()
                        .unwrap_or(&mut pattern.first)
                        .push(field);
                }
                if scanner.take("]") {
                    break;
                }
                if !scanner.take(",") {
                    return Err(scanner.expected("',' or ']'"));
                }
            }
        }
        scanner.skip_space();
        if !scanner.rest().is_empty() {
            return Err(scanner.expected("the end"));
        }
        if pattern.regular_expressions() > 2 {
            return Err(FilterPatternError::TooManyRegexes);
        }
        Ok(pattern)
    }

    pub fn matches(&self, message: &str) -> bool {
        self.matched(&split(message)).is_some()
    }

    pub fn extract(&self, message: &str) -> Option<BTreeMap<String, String>> {
        let values = split(message);
        let names = self.matched(&values)?;
        let named = names.into_iter().zip(values).enumerate();
        Some(
            named
                .map(|(index, (name, value))| match name {
                    Some(name) => (format!("${name}"), value.to_owned()),
                    None => (format!("${}", index + 1), value.to_owned()),
                })
                .collect(),
        )
    }

    pub fn regular_expressions(&self) -> usize {
        let mut count = 0;
        for field in self.first.iter().chain(self.last.iter().flatten()) {
            if let Some(conditions) = &field.conditions {
                conditions.for_each(&mut |(_, operand)| count += usize::from(operand.is_regex()));
            }
        }
        count
    }

    /// The name of each value, when all fields fit.
    fn matched(&self, values: &[&str]) -> Option<Vec<Option<&str>>> {
        let last = self.last.as_deref().unwrap_or_default();
        let count = self.first.len() + last.len();
        if values.len() < count || (self.last.is_none() && values.len() > count) {
            return None;
        }
        let mut names = vec![None; values.len()];
        let behind = values.len() - last.len();
        let first = self.first.iter().enumerate();
        let last = last.iter().enumerate();
        for (index, field) in first.chain(last.map(|(index, field)| (behind + index, field))) {
            if !field.holds(values[index]) {
                return None;
            }
            names[index] = field.name.as_deref();
        }
        Some(names)
    }
}

impl Field {
    fn parse(scanner: &mut Scanner<'_>) -> Result<Self, FilterPatternError> {
        scanner.skip_space();
        if scanner.rest().starts_with([',', ']']) {
            return Ok(Self::default());
        }
        let begin = scanner.at;
        let is_nested = scanner.peek() == Some('(');
        scanner.take_while(|character| character == '(' || character.is_whitespace());
        let name = take_name(scanner)?;
        scanner.skip_space();
        let is_bare = !is_nested && scanner.rest().starts_with([',', ']']);
        if is_bare {
            let name = Some(name);
            let conditions = None;
            return Ok(Self { name, conditions });
        }
        scanner.at = begin;
        let mut condition = |scanner: &mut Scanner<'_>| {
            let found = take_name(scanner)?;
            if found != name {
                let field = name.clone();
                return Err(FilterPatternError::OtherField { field, found });
            }
            let operator = Operator::parse(scanner);
            let operator = operator.ok_or_else(|| scanner.expected("a comparison, ',' or ']'"))?;
            Ok((operator, Operand::parse(scanner, "()[],&|\"%=")?))
        };
        let conditions = Some(Joined::parse(scanner, &mut condition)?);
        let name = Some(name);
        Ok(Self { name, conditions })
    }

    fn holds(&self, value: &str) -> bool {
        let Some(conditions) = &self.conditions else {
            return true;
        };
        let number = parse_number(value);
        conditions.holds(&|(operator, operand)| match number {
            Some(number) => operand.compare_number(*operator, number, value),
            None => operand.compare_text(*operator, value),
        })
    }
}

fn take_name(scanner: &mut Scanner<'_>) -> Result<String, FilterPatternError> {
    scanner.skip_space();
    let name = scanner.take_while(|it| it.is_alphanumeric() || "_-$.".contains(it));
    if name.is_empty() {
        return Err(scanner.expected("the name of a field"));
    }
    Ok(name.to_owned())
}

/// Fields are separated by spaces; what is in double quotes or square brackets is one field, without them.
fn split(message: &str) -> Vec<&str> {
    let mut values = Vec::new();
    let mut rest = message.trim_start();
    while let Some(first) = rest.chars().next() {
        let closing = match first {
            '"' => Some('"'),
            '[' => Some(']'),
            _ => None,
        };
        let enclosed = closing.and_then(|closing| rest[1..].split_once(closing));
        let (value, after) = enclosed
            .or_else(|| rest.split_once(char::is_whitespace))
            .unwrap_or((rest, ""));
        values.push(value);
        rest = after.trim_start();
    }
    values
}
