//! Filter patterns of CloudWatch Logs: which log events a metric filter, a subscription filter, FilterLogEvents or a
//! live tail means.
//!
//! Source: "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail",
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>. There are three kinds, told
//! apart by the first character: terms, `{ JSON }` and `[space, delimited, fields]`. Matching is case-sensitive.

mod condition;
mod error;
mod fields;
mod json;
mod scan;
mod terms;

use std::collections::BTreeMap;

pub use error::FilterPatternError;
use fields::FieldsPattern;
use json::JsonPattern;
use scan::Scanner;
use terms::Terms;

/// A filter pattern, ready to match. The empty pattern matches everything.
#[derive(Debug, Clone)]
pub struct FilterPattern(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Terms(Terms),
    Json(JsonPattern),
    Fields(FieldsPattern),
}

impl FilterPattern {
    pub fn parse(text: &str) -> Result<Self, FilterPatternError> {
        let mut scanner = Scanner::new(text);
        let kind = match scanner.peek() {
            Some('{') => Kind::Json(JsonPattern::parse(&mut scanner)?),
            Some('[') => Kind::Fields(FieldsPattern::parse(&mut scanner)?),
            _ => Kind::Terms(Terms::parse(&mut scanner)?),
        };
        Ok(Self(kind))
    }

    pub fn matches(&self, message: &str) -> bool {
        match &self.0 {
            Kind::Terms(terms) => terms.matches(message),
            Kind::Json(json) => json.matches(message),
            Kind::Fields(fields) => fields.matches(message),
        }
    }

    /// A text that every message that matches holds: without it there is no need to match.
    pub fn needle(&self) -> Option<&str> {
        match &self.0 {
            Kind::Terms(terms) => terms.needle(),
            Kind::Json(_) | Kind::Fields(_) => None,
        }
    }

    /// What TestMetricFilter gives of a message that matches: values by selector (`$.level`) or by name of the field
    /// (`$status`, or `$3` for the third when it has none). `None` when the message does not match.
    pub fn extract(&self, message: &str) -> Option<BTreeMap<String, String>> {
        match &self.0 {
            Kind::Terms(terms) => terms.matches(message).then(BTreeMap::new),
            Kind::Json(json) => json.extract(message),
            Kind::Fields(fields) => fields.extract(message),
        }
    }

    /// How many regular expressions the pattern has: AWS allows two in JSON and space-delimited patterns.
    pub fn regular_expressions(&self) -> usize {
        match &self.0 {
            Kind::Terms(terms) => terms.regular_expressions(),
            Kind::Json(json) => json.regular_expressions(),
            Kind::Fields(fields) => fields.regular_expressions(),
        }
    }
}
