//! `{ $.level = "ERROR" && ($.latency > 100 || $.items[0].id NOT EXISTS) }`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::FilterPatternError;
use crate::condition::{Joined, Operand, Operator};
use crate::scan::Scanner;

#[derive(Debug, Clone)]
pub(crate) struct JsonPattern(Joined<Condition>);

#[derive(Debug, Clone)]
struct Condition {
    selector: Selector,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Compare(Operator, Operand),
    IsNull,
    Is(bool),
    Exists(bool),
}

/// Where in a document; as written it names what is extracted.
#[derive(Debug, Clone)]
struct Selector {
    written: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Member(String),
    Element(usize),
    /// `[*]` and `.*`: any element, any member.
    Every,
}

impl JsonPattern {
    pub fn parse(scanner: &mut Scanner<'_>) -> Result<Self, FilterPatternError> {
        if !scanner.take("{") {
            return Err(scanner.expected("'{'"));
        }
        let joined = Joined::parse(scanner, &mut Condition::parse)?;
        if !scanner.take("}") {
            return Err(scanner.expected("'}', '&&' or '||'"));
        }
        scanner.skip_space();
        if !scanner.rest().is_empty() {
            return Err(scanner.expected("the end"));
        }
        let pattern = Self(joined);
        if pattern.regular_expressions() > 2 {
            return Err(FilterPatternError::TooManyRegexes);
        }
        Ok(pattern)
    }

    pub fn matches(&self, message: &str) -> bool {
        parse_document(message).is_some_and(|document| self.holds(&document))
    }

    pub fn extract(&self, message: &str) -> Option<BTreeMap<String, String>> {
        let document = parse_document(message).filter(|document| self.holds(document))?;
        let mut values = BTreeMap::new();
        self.0.for_each(&mut |condition| {
            let selector = &condition.selector;
            if let Some(value) = selector.select(&document).first() {
                values.insert(selector.written.clone(), text_of(value).into_owned());
            }
        });
        Some(values)
    }

    pub fn regular_expressions(&self) -> usize {
        let mut count = 0;
        self.0.for_each(&mut |condition| {
            if let Test::Compare(_, operand) = &condition.test {
                count += usize::from(operand.is_regex());
            }
        });
        count
    }

    fn holds(&self, document: &Value) -> bool {
        self.0.holds(&|condition| condition.holds(document))
    }
}

fn parse_document(message: &str) -> Option<Value> {
    let is_like = message.trim_start().starts_with(['{', '[']);
    is_like
        .then(|| serde_json::from_str(message).ok())
        .flatten()
}

impl Condition {
    fn parse(scanner: &mut Scanner<'_>) -> Result<Self, FilterPatternError> {
        let selector = Selector::parse(scanner)?;
        let test = if let Some(operator) = Operator::parse(scanner) {
            Test::Compare(operator, Operand::parse(scanner, "(){}&|\"%=")?)
        } else if scanner.take_word("IS") {
            let words = [
                ("NULL", Test::IsNull),
                ("TRUE", Test::Is(true)),
                ("FALSE", Test::Is(false)),
            ];
            let found = words.into_iter().find(|(word, _)| scanner.take_word(word));
            found
                .ok_or_else(|| scanner.expected("NULL, TRUE or FALSE"))?
                .1
        } else if scanner.take_word("NOT") {
            if !scanner.take_word("EXISTS") {
                return Err(scanner.expected("EXISTS"));
            }
            Test::Exists(false)
        } else if scanner.take_word("EXISTS") {
            Test::Exists(true)
        } else {
            return Err(scanner.expected("a comparison"));
        };
        Ok(Self { selector, test })
    }

    /// Where a selector means several values, one that fits is enough. What is not there is not unequal either.
    fn holds(&self, document: &Value) -> bool {
        let values = self.selector.select(document);
        match &self.test {
            Test::Exists(wanted) => values.is_empty() != *wanted,
            Test::IsNull => values.iter().any(|value| value.is_null()),
            Test::Is(wanted) => values.iter().any(|value| value.as_bool() == Some(*wanted)),
            Test::Compare(operator, operand) => values.iter().any(|value| match value {
                Value::Null => false,
                Value::Number(number) => {
                    let text = number.to_string();
                    operand.compare_number(*operator, number.as_f64().unwrap_or(f64::NAN), &text)
                }
                other => operand.compare_text(*operator, &text_of(other)),
            }),
        }
    }
}

impl Selector {
    fn parse(scanner: &mut Scanner<'_>) -> Result<Self, FilterPatternError> {
        scanner.skip_space();
        let (whole, begin) = (scanner.rest(), scanner.at);
        if !scanner.take("$") {
            return Err(scanner.expected("a selector that begins with '$'"));
        }
        let mut steps = Vec::new();
        loop {
            match scanner.peek() {
                Some('.') => {
                    scanner.at += 1;
                    match scanner.peek() {
                        // `$.['name']`
                        Some('[') => {}
                        Some('*') => {
                            scanner.at += 1;
                            steps.push(Step::Every);
                        }
                        _ => {
                            let name = scanner.take_while(is_name);
                            if name.is_empty() {
                                return Err(scanner.expected("a name"));
                            }
                            steps.push(Step::Member(name.to_owned()));
                        }
                    }
                }
                Some('[') => {
                    scanner.at += 1;
                    steps.push(take_subscript(scanner)?);
                }
                _ if steps.is_empty() => return Err(scanner.expected("'.' or '['")),
                _ => break,
            }
        }
        let written = whole[..scanner.at - begin].to_owned();
        Ok(Self { written, steps })
    }

    fn select<'a>(&self, document: &'a Value) -> Vec<&'a Value> {
        let mut values = vec![document];
        for step in &self.steps {
            values = values
                .into_iter()
                .flat_map(|value| -> Vec<&'a Value> {
                    match (step, value) {
                        (Step::Member(name), value) => value.get(name).into_iter().collect(),
                        (Step::Element(index), value) => value.get(index).into_iter().collect(),
                        (Step::Every, Value::Array(elements)) => elements.iter().collect(),
                        (Step::Every, Value::Object(members)) => members.values().collect(),
                        (Step::Every, _) => Vec::new(),
                    }
                })
                .collect();
        }
        values
    }
}

/// After `[`.
fn take_subscript(scanner: &mut Scanner<'_>) -> Result<Step, FilterPatternError> {
    let step = if scanner.take("*") {
        Step::Every
    } else if scanner.take("'") {
        let name = scanner.take_while(|character| character != '\'');
        if !scanner.take("'") {
            return Err(scanner.expected("\"'\""));
        }
        Step::Member(name.to_owned())
    } else if scanner.take("\"") {
        Step::Member(scanner.take_quoted()?)
    } else {
        scanner.skip_space();
        let digits = scanner.take_while(|character| character.is_ascii_digit());
        let index = digits.parse();
        Step::Element(index.map_err(|_| scanner.expected("an index, a name in quotes or '*'"))?)
    };
    if !scanner.take("]") {
        return Err(scanner.expected("']'"));
    }
    Ok(step)
}

fn is_name(character: char) -> bool {
    !character.is_whitespace() && !".[](){}=!<>&|\"'%*,".contains(character)
}

fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}
