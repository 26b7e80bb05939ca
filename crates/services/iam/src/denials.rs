//! The last requests that were denied, with what decided.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use clock::UnixMillis;

#[derive(Debug, Clone, PartialEq)]
pub struct Denial {
    pub at: UnixMillis,
    pub request_id: String,
    pub principal_arn: String,
    pub action: String,
    pub resource: String,
    /// Why, as the client was told.
    pub message: String,
    /// The policy with the Deny; none if nothing allowed it.
    pub policy: Option<String>,
    /// Of the statement, from 0, and its Sid.
    pub statement: Option<(usize, Option<String>)>,
    /// The policies that were asked.
    pub asked: Vec<String>,
    /// The condition keys of the request.
    pub context: Vec<(String, Vec<String>)>,
}

#[derive(Default)]
pub(crate) struct Denials {
    last: Mutex<VecDeque<Denial>>,
}

impl Denials {
    pub fn add(&self, denial: Denial) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= limits::IAM_DENIALS {
            last.pop_front();
        }
        last.push_back(denial);
    }

    /// Newest first.
    pub fn list(&self) -> Vec<Denial> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.iter().rev().cloned().collect()
    }
}
