//! The constraints of the model, checked on any shape, and the sentence AWS answers a violation with.

use crate::{AnyShape, Document, Error, Kind, Member, Schema, Timestamp, Validation, Writer};

/// One constraint that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// `null`, or the value in quotes.
    pub value: String,
    /// `tags.1.member.key`
    pub path: String,
    pub constraint: String,
}

/// All violations of required members (if asked) and of length, range and enum (if asked).
pub fn validate(shape: &dyn AnyShape, required: bool, constraints: bool) -> Vec<Violation> {
    let mut walk = Walk {
        required,
        constraints,
        path: Vec::new(),
        violations: Vec::new(),
        frames: Vec::new(),
    };
    walk.structure(shape);
    walk.violations
}

pub(crate) fn refuse_invalid(validation: &Validation, shape: &dyn AnyShape) -> Option<Error> {
    let code = validation.code?;
    let violations = validate(shape, validation.required, validation.constraints);
    let (count, plural) = (
        violations.len(),
        if violations.len() == 1 {
            "error"
        } else {
            "errors"
        },
    );
    let sentences: Vec<String> = violations
        .iter()
        .map(|it| {
            format!(
                "Value {} at '{}' failed to satisfy constraint: {}",
                it.value, it.path, it.constraint
            )
        })
        .collect();
    (count > 0).then(|| {
        Error::client(
            code,
            format!(
                "{count} validation {plural} detected: {}",
                sentences.join("; ")
            ),
        )
    })
}

struct Walk {
    required: bool,
    constraints: bool,
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
    List {
        next: usize,
    },
    Map,
}

impl Walk {
    fn structure(&mut self, shape: &dyn AnyShape) {
        crate::writer::write_structure(shape, self);
    }

    fn violation(&mut self, value: String, constraint: String) {
        self.violations.push(Violation {
            value,
            path: self.path.join("."),
            constraint,
        });
    }

    /// Each value begins here: elements of lists count themselves.
    fn enter(&mut self) {
        if let Some(Frame::List { next }) = self.frames.last_mut() {
            *next += 1;
            let step = next.to_string();
            self.path.push(step);
            self.path.push("member".to_owned());
        }
    }

    fn leave(&mut self) {
        match self.frames.last() {
            Some(Frame::List { .. }) => self.path.truncate(self.path.len() - 2),
            Some(Frame::Structure { .. } | Frame::Map) => {
                self.path.pop();
            }
            None => {}
        }
    }

    fn length(&mut self, schema: &'static Schema, length: usize, value: &str) {
        if !self.constraints {
            return;
        }
        let traits = schema.traits;
        if traits.min.is_some_and(|min| (length as f64) < min) {
            let min = traits.min.unwrap_or_default();
            self.violation(
                value.to_owned(),
                format!("Member must have length greater than or equal to {min}"),
            );
        }
        if traits.max.is_some_and(|max| length as f64 > max) {
            let max = traits.max.unwrap_or_default();
            self.violation(
                value.to_owned(),
                format!("Member must have length less than or equal to {max}"),
            );
        }
    }

    fn range(&mut self, schema: &'static Schema, value: f64) {
        if !self.constraints {
            return;
        }
        let traits = schema.traits;
        if let Some(min) = traits.min.filter(|min| value < *min) {
            self.violation(
                format!("'{value}'"),
                format!("Member must have value greater than or equal to {min}"),
            );
        }
        if let Some(max) = traits.max.filter(|max| value > *max) {
            self.violation(
                format!("'{value}'"),
                format!("Member must have value less than or equal to {max}"),
            );
        }
    }
}

fn quoted(schema: &Schema, value: &str) -> String {
    if schema.traits.sensitive {
        "'***'".to_owned()
    } else {
        format!("'{value}'")
    }
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
        self.path.push(member.name.to_owned());
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
                self.path.push(member.name.to_owned());
                self.violation("null".to_owned(), "Member must not be null".to_owned());
                self.path.pop();
            }
        }
        self.leave();
    }

    fn begin_list(&mut self, schema: &'static Schema, length: usize) {
        self.enter();
        self.length(schema, length, "'[]'");
        self.frames.push(Frame::List { next: 0 });
    }

    fn end_list(&mut self) {
        self.frames.pop();
        self.leave();
    }

    fn begin_map(&mut self, schema: &'static Schema, length: usize) {
        self.enter();
        self.length(schema, length, "'{}'");
        self.frames.push(Frame::Map);
    }

    fn key(&mut self, key: &str) {
        self.path.push(key.to_owned());
    }

    fn end_map(&mut self) {
        self.frames.pop();
        self.leave();
    }

    fn string(&mut self, schema: &'static Schema, value: &str) {
        self.enter();
        self.length(schema, value.chars().count(), &quoted(schema, value));
        let values = schema.traits.enum_values;
        if self.constraints && !values.is_empty() && !values.contains(&value) {
            let constraint = format!(
                "Member must satisfy enum value set: [{}]",
                values.join(", ")
            );
            self.violation(quoted(schema, value), constraint);
        }
        self.leave();
    }

    fn integer(&mut self, schema: &'static Schema, value: i64) {
        self.enter();
        self.range(schema, value as f64);
        self.leave();
    }

    fn double(&mut self, schema: &'static Schema, value: f64) {
        self.enter();
        self.range(schema, value);
        self.leave();
    }

    fn boolean(&mut self, _schema: &'static Schema, _value: bool) {
        self.enter();
        self.leave();
    }

    fn timestamp(&mut self, _schema: &'static Schema, _value: Timestamp) {
        self.enter();
        self.leave();
    }

    fn blob(&mut self, schema: &'static Schema, value: &[u8]) {
        self.enter();
        debug_assert_eq!(schema.kind, Kind::Blob);
        self.length(schema, value.len(), "'java.nio.HeapByteBuffer'");
        self.leave();
    }

    fn document(&mut self, _value: &Document) {
        self.enter();
        self.leave();
    }
}
