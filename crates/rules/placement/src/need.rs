//! What a task asks of its node.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use crate::query::{Query, QueryError};

/// What a task asks of its node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Need {
    pub cpu_units: i64,
    pub memory_mib: i64,
    pub gpus: i64,
    pub host_ports: Vec<(u16, String)>,
    /// Attributes that must be there; with a value, it must be that one.
    pub attributes: Vec<(String, Option<String>)>,
    /// Expressions that must all hold.
    pub member_of: Vec<MemberOf>,
    /// The tasks that this one is spread among: a service's, or a family's.
    pub group: String,
    /// No other task of the group on the same node.
    pub distinct_instance: bool,
    /// It is the task of a daemon, which others wait for.
    pub is_daemon: bool,
}

/// A constraint `memberOf`. Equal when written equally.
#[derive(Debug, Clone)]
pub struct MemberOf {
    text: Arc<str>,
    query: Query,
}

impl MemberOf {
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let query = Query::parse(text)?;
        Ok(Self {
            text: text.into(),
            query,
        })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn query(&self) -> &Query {
        &self.query
    }
}

impl PartialEq for MemberOf {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for MemberOf {}

impl Hash for MemberOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}
