//! Policies that were compiled once, found by their text: so none can be older than what it was made from.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use policy::{Policy, PolicyUse};

/// Documents that are kept; when there are more, all are forgotten.
const MOST: usize = 4096;

#[derive(Default)]
pub(crate) struct Compiled {
    identity: Known,
    resource: Known,
}

type Known = Mutex<HashMap<String, Arc<Policy>>>;

impl Compiled {
    /// A policy of an identity. A document that is none (an older binary took it) is a policy that allows nothing and
    /// denies all: what it would have denied is not known.
    pub fn identity(&self, document: &str) -> Arc<Policy> {
        compiled(&self.identity, document, PolicyUse::Identity, DENY_ALL)
    }

    /// A policy of a resource, likewise.
    pub fn resource(&self, document: &str) -> Arc<Policy> {
        compiled(
            &self.resource,
            document,
            PolicyUse::Resource,
            DENY_EVERYBODY,
        )
    }
}

fn compiled(known: &Known, document: &str, purpose: PolicyUse, instead: &str) -> Arc<Policy> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(policy) = known.get(document) {
        return Arc::clone(policy);
    }
    let policy = Policy::parse(document, purpose).unwrap_or_else(|error| {
        tracing::error!(%error, document, "a stored policy cannot be read; it denies everything");
        Policy::parse(instead, purpose).expect("it is one")
    });
    let policy = Arc::new(policy);
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(document.to_owned(), Arc::clone(&policy));
    policy
}

const DENY_ALL: &str = r#"{"Version":"2012-10-17","Statement":{"Sid":"UnreadablePolicy","Effect":"Deny","Action":"*","Resource":"*"}}"#;
const DENY_EVERYBODY: &str = r#"{"Version":"2012-10-17","Statement":{"Sid":"UnreadablePolicy","Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_is_no_policy_denies() {
        let compiled = Compiled::default();
        let policy = compiled.identity("{");
        assert_eq!(policy.statements()[0].sid(), Some("UnreadablePolicy"));
        assert!(Arc::ptr_eq(&policy, &compiled.identity("{")));
        let policy = compiled.resource("{");
        assert_eq!(policy.statements()[0].sid(), Some("UnreadablePolicy"));
    }
}
