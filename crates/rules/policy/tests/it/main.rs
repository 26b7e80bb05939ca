//! The policy language by example and by property.

mod documents;
mod evaluation;
mod naive;
mod properties;

use std::sync::Arc;

use policy::{NamedPolicy, Policy, PolicyUse};
use serde_json::{Value, json};

/// A document of the current version with these statements.
fn document(statements: Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

fn named(name: &str, purpose: PolicyUse, statements: Value) -> NamedPolicy {
    let text = document(statements);
    let policy = Policy::parse(&text, purpose).unwrap_or_else(|error| panic!("{text}: {error}"));
    NamedPolicy {
        name: name.to_owned(),
        policy: Arc::new(policy),
    }
}
