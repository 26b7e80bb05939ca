//! The constraints of the model, checked on any shape, and the sentence AWS answers a violation with.
//!
//! The words are those of the validation that AWS's services share: a constraint on a structure's member speaks of
//! that member; one on the elements of a list, or on keys and values of a map, speaks of the list or map and names
//! all constraints of the element.

use crate::{
    AnyShape, Document, Error, Kind, Member, Schema, Timestamp, Validation, Wording, Writer,
    pattern,
};

/// One sentence a violation: more help nobody, and a large request must not make a larger answer.
const VIOLATIONS_MAX: usize = 100;
/// Longer values are not repeated to the client.
const SHOWN_CHARACTERS_MAX: usize = 4096;

/// One constraint that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// `null`, the value in quotes, or nothing where it is not to be shown.
    pub value: String,
    /// `tags.1.member.key`
    pub path: String,
    pub constraint: String,
}

/// Violations of required members (if asked) and of length, range, enum and pattern (if asked).
pub fn validate(shape: &dyn AnyShape, required: bool, constraints: bool) -> Vec<Violation> {
    check(shape, required, constraints, constraints)
}

fn check(
    shape: &dyn AnyShape,
    required: bool,
    constraints: bool,
    patterns: bool,
) -> Vec<Violation> {
    let mut walk = Walk {
        required,
        constraints,
        patterns,
        path: Vec::new(),
        violations: Vec::new(),
        frames: Vec::new(),
    };
    crate::writer::write_structure(shape, &mut walk);
    walk.violations
}

pub(crate) fn refuse_invalid(validation: &Validation, shape: &dyn AnyShape) -> Option<Error> {
    let code = validation.code?;
    let patterns = validation.constraints && validation.wording == Wording::Counted;
    let (required, constraints) = (validation.required, validation.constraints);
    let violations = check(shape, required, constraints, patterns);
    let first = violations.first()?;
    let message = match validation.wording {
        Wording::Counted => counted(&violations),
        Wording::Parameter => {
            let constraint = first.constraint.trim_start_matches("Member ");
            let path = &first.path;
            format!("Invalid parameter at '{path}' failed to satisfy constraint: '{constraint}'")
        }
    };
    Some(Error::client(code, message))
}

fn counted(violations: &[Violation]) -> String {
    let count = violations.len();
    let plural = if count == 1 { "error" } else { "errors" };
    let sentences: Vec<String> = violations
        .iter()
        .map(|it| {
            let space = if it.value.is_empty() { "" } else { " " };
            format!(
                "Value{space}{} at '{}' failed to satisfy constraint: {}",
                it.value, it.path, it.constraint
            )
        })
        .collect();
    format!(
        "{count} validation {plural} detected: {}",
        sentences.join("; ")
    )
}

struct Walk {
    required: bool,
    constraints: bool,
    patterns: bool,
    path: Vec<String>,
    violations: Vec<Violation>,
    frames: Vec<Frame>,
}

/// What the values at hand are inside of.
enum Frame {
    Structure {
        seen: Vec<&'static str>,
        schema: &'static Schema,
    },
    List(Collection),
    Map {
        collection: Collection,
        keys_violated: bool,
    },
}

/// A list or map, which answers for its scalars.
struct Collection {
    schema: &'static Schema,
    length: usize,
    begun: usize,
    /// Scalars as Java writes a collection; nothing once one of them is not to be shown.
    shown: Option<String>,
    violated: bool,
}

impl Collection {
    fn new(schema: &'static Schema, length: usize) -> Self {
        Collection {
            schema,
            length,
            begun: 0,
            shown: Some(String::new()),
            violated: false,
        }
    }

    fn show(&mut self, separator: &str, text: Option<&str>) {
        match (&mut self.shown, text) {
            (Some(shown), Some(text)) if shown.len() + text.len() <= SHOWN_CHARACTERS_MAX => {
                if !shown.is_empty() {
                    shown.push_str(separator);
                }
                shown.push_str(text);
            }
            _ => self.shown = None,
        }
    }

    fn value(&self, brackets: [char; 2]) -> String {
        let [open, close] = brackets;
        self.shown
            .as_ref()
            .map_or_else(String::new, |shown| format!("'{open}{shown}{close}'"))
    }
}

impl Walk {
    fn violation(&mut self, value: String, constraint: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(Violation {
                value,
                path: self.path.join("."),
                constraint,
            });
        }
    }

    /// A structure, list or map begins here: elements of lists count themselves.
    fn enter(&mut self) {
        match self.frames.last_mut() {
            Some(Frame::List(list)) => {
                list.begun += 1;
                list.shown = None;
                let step = list.begun.to_string();
                self.path.extend([step, "member".to_owned()]);
            }
            Some(Frame::Map { collection, .. }) => {
                collection.shown = None;
                self.path.push("member".to_owned());
            }
            Some(Frame::Structure { .. }) | None => {}
        }
    }

    fn leave(&mut self) {
        let steps = match self.frames.last() {
            Some(Frame::List(_) | Frame::Map { .. }) => 2,
            Some(Frame::Structure { .. }) => 1,
            None => 0,
        };
        self.path.truncate(self.path.len().saturating_sub(steps));
    }

    fn length(&mut self, schema: &'static Schema, length: usize, value: &str) {
        if self.constraints {
            for bound in lengths(schema).filter(|bound| !bound.holds(length as f64)) {
                self.violation(value.to_owned(), bound.to_string());
            }
        }
    }

    /// A scalar: `shown` is how it is repeated, `violated` which of its constraints do not hold.
    fn scalar(&mut self, shown: Option<&str>, violated: impl FnOnce(&Walk) -> Vec<String>) {
        let violated = if self.constraints {
            violated(self)
        } else {
            Vec::new()
        };
        match self.frames.last_mut() {
            Some(Frame::List(list)) => {
                list.begun += 1;
                list.violated |= !violated.is_empty();
                list.show(", ", shown);
            }
            Some(Frame::Map { collection, .. }) => {
                collection.violated |= !violated.is_empty();
                collection.show("=", shown);
                self.path.pop();
            }
            Some(Frame::Structure { .. }) | None => {
                let value = shown.map_or_else(String::new, |shown| format!("'{shown}'"));
                for constraint in violated {
                    self.violation(value.clone(), constraint);
                }
                self.path.pop();
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Bound {
    LengthMin(f64),
    LengthMax(f64),
    ValueMin(f64),
    ValueMax(f64),
}

impl Bound {
    fn holds(self, measure: f64) -> bool {
        match self {
            Bound::LengthMin(min) | Bound::ValueMin(min) => measure >= min,
            Bound::LengthMax(max) | Bound::ValueMax(max) => measure <= max,
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (what, direction, bound) = match self {
            Bound::LengthMin(min) => ("length", "greater", min),
            Bound::LengthMax(max) => ("length", "less", max),
            Bound::ValueMin(min) => ("value", "greater", min),
            Bound::ValueMax(max) => ("value", "less", max),
        };
        write!(
            formatter,
            "Member must have {what} {direction} than or equal to {bound}"
        )
    }
}

fn lengths(schema: &'static Schema) -> impl Iterator<Item = Bound> {
    let (min, max) = (schema.traits.min, schema.traits.max);
    max.map(Bound::LengthMax)
        .into_iter()
        .chain(min.map(Bound::LengthMin))
}

fn ranges(schema: &'static Schema) -> impl Iterator<Item = Bound> {
    let (min, max) = (schema.traits.min, schema.traits.max);
    max.map(Bound::ValueMax)
        .into_iter()
        .chain(min.map(Bound::ValueMin))
}

fn pattern_sentence(pattern: &str) -> String {
    format!("Member must satisfy regular expression pattern: {pattern}")
}

fn enum_sentence(values: &[&str]) -> String {
    format!(
        "Member must satisfy enum value set: [{}]",
        values.join(", ")
    )
}

/// Every constraint of a scalar, held or not, as a collection of it says them.
fn all_constraints(schema: &'static Schema) -> String {
    let bounds: Vec<Bound> = match schema.kind {
        Kind::String | Kind::Blob => lengths(schema).collect(),
        _ => ranges(schema).collect(),
    };
    let mut sentences: Vec<String> = bounds.iter().map(Bound::to_string).collect();
    sentences.extend(schema.traits.pattern.map(pattern_sentence));
    if !schema.traits.enum_values.is_empty() {
        sentences.push(enum_sentence(schema.traits.enum_values));
    }
    format!("[{}]", sentences.join(", "))
}

fn string_violations(schema: &'static Schema, value: &str, patterns: bool) -> Vec<String> {
    let traits = schema.traits;
    let mut found = Vec::new();
    let wanted = traits.pattern.filter(|_| patterns);
    if let Some(wanted) = wanted.filter(|it| pattern::matches(it, value) == Some(false)) {
        found.push(pattern_sentence(wanted));
    }
    let length = value.chars().count() as f64;
    let bounds = lengths(schema).filter(|bound| !bound.holds(length));
    found.extend(bounds.map(|bound| bound.to_string()));
    if !traits.enum_values.is_empty() && !traits.enum_values.contains(&value) {
        found.push(enum_sentence(traits.enum_values));
    }
    found
}

fn range_violations(schema: &'static Schema, value: f64) -> Vec<String> {
    ranges(schema)
        .filter(|bound| !bound.holds(value))
        .map(|bound| bound.to_string())
        .collect()
}

/// A scalar as an error repeats it: secrets never.
fn shown<'a>(schema: &Schema, value: &'a str) -> Option<&'a str> {
    (!schema.traits.sensitive && value.len() <= SHOWN_CHARACTERS_MAX).then_some(value)
}

/// Paths are in the spelling of Java's fields, whatever the protocol's.
fn step(name: &str) -> String {
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

impl Writer for Walk {
    fn begin_structure(&mut self, schema: &'static Schema) {
        self.enter();
        self.frames.push(Frame::Structure {
            seen: Vec::new(),
            schema,
        });
    }

    fn member(&mut self, member: &'static Member) {
        if let Some(Frame::Structure { seen, .. }) = self.frames.last_mut() {
            seen.push(member.name);
        }
        self.path.push(step(member.name));
    }

    fn end_structure(&mut self) {
        if let Some(Frame::Structure { seen, schema }) = self.frames.pop()
            && self.required
        {
            for member in schema
                .members
                .iter()
                .filter(|it| it.traits.required && !seen.contains(&it.name))
            {
                self.path.push(step(member.name));
                self.violation("null".to_owned(), "Member must not be null".to_owned());
                self.path.pop();
            }
        }
        self.leave();
    }

    fn begin_list(&mut self, schema: &'static Schema, length: usize) {
        self.enter();
        self.frames
            .push(Frame::List(Collection::new(schema, length)));
    }

    fn end_list(&mut self) {
        if let Some(Frame::List(list)) = self.frames.pop() {
            let value = list.value(['[', ']']);
            self.length(list.schema, list.length, &value);
            if list.violated {
                let all = all_constraints(list.schema.element().target);
                self.violation(value, format!("Member must satisfy constraint: {all}"));
            }
        }
        self.leave();
    }

    fn begin_map(&mut self, schema: &'static Schema, length: usize) {
        self.enter();
        self.frames.push(Frame::Map {
            collection: Collection::new(schema, length),
            keys_violated: false,
        });
    }

    fn key(&mut self, key: &str) {
        let (constraints, patterns) = (self.constraints, self.patterns);
        if let Some(Frame::Map {
            collection,
            keys_violated,
        }) = self.frames.last_mut()
        {
            let target = collection.schema.members[0].target;
            *keys_violated |= constraints && !string_violations(target, key, patterns).is_empty();
            collection.show(", ", shown(target, key));
        }
        self.path.push(key.to_owned());
    }

    fn end_map(&mut self) {
        if let Some(Frame::Map {
            collection: map,
            keys_violated,
        }) = self.frames.pop()
        {
            let value = map.value(['{', '}']);
            self.length(map.schema, map.length, &value);
            if keys_violated {
                let all = all_constraints(map.schema.members[0].target);
                let sentence = format!("Map keys must satisfy constraint: {all}");
                self.violation(value.clone(), sentence);
            }
            if map.violated {
                let all = all_constraints(map.schema.element().target);
                self.violation(value, format!("Map value must satisfy constraint: {all}"));
            }
        }
        self.leave();
    }

    fn string(&mut self, schema: &'static Schema, value: &str) {
        self.scalar(shown(schema, value), |walk| {
            string_violations(schema, value, walk.patterns)
        });
    }

    fn integer(&mut self, schema: &'static Schema, value: i64) {
        let text = value.to_string();
        self.scalar(shown(schema, &text), |_| {
            range_violations(schema, value as f64)
        });
    }

    fn double(&mut self, schema: &'static Schema, value: f64) {
        let text = value.to_string();
        self.scalar(shown(schema, &text), |_| range_violations(schema, value));
    }

    fn boolean(&mut self, _schema: &'static Schema, value: bool) {
        self.scalar(Some(if value { "true" } else { "false" }), |_| Vec::new());
    }

    fn timestamp(&mut self, _schema: &'static Schema, _value: Timestamp) {
        self.scalar(None, |_| Vec::new());
    }

    fn blob(&mut self, schema: &'static Schema, value: &[u8]) {
        let length = value.len();
        // What Java says of a buffer.
        let text = format!("java.nio.HeapByteBuffer[pos=0 lim={length} cap={length}]");
        self.scalar(shown(schema, &text), |_| {
            let bounds = lengths(schema).filter(|bound| !bound.holds(length as f64));
            bounds.map(|bound| bound.to_string()).collect()
        });
    }

    fn document(&mut self, _value: &Document) {
        self.scalar(None, |_| Vec::new());
    }
}
