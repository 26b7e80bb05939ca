//! The cluster query language: which container instances an expression selects
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-query-language.html>).
//!
//! `memberOf` constraints and the `filter` of ListContainerInstances are such expressions. [`Query::parse`] bounds
//! everything that a user can write (length, nesting, size of a pattern), so that evaluating one is cheap on any node.

mod evaluate;
mod literal;
mod parse;
mod scan;

use std::fmt;

use regex::Regex;

pub use parse::QueryError;

/// What an expression can ask of a container instance. Subjects of several values (a node's task groups) are asked by
/// a test, so that nothing is copied.
pub trait Subject {
    /// The attribute's value (empty when it has none), or `None` when the instance lacks it.
    fn attribute(&self, name: &str) -> Option<&str>;
    fn is_agent_connected(&self) -> bool;
    /// `1.105.1`; empty when unknown.
    fn agent_version(&self) -> &str;
    fn ec2_instance_id(&self) -> Option<&str>;
    fn registered_at_unix_seconds(&self) -> i64;
    fn running_tasks(&self) -> usize;
    /// Whether a group of one of its tasks passes the test.
    fn has_group(&self, test: &mut dyn FnMut(&str) -> bool) -> bool;
}

/// A parsed expression.
#[derive(Debug, Clone)]
pub struct Query(Expression);

#[derive(Debug, Clone)]
enum Expression {
    /// In order of writing; at least two.
    Any(Vec<Expression>),
    /// In order of writing; at least two.
    All(Vec<Expression>),
    Not(Box<Expression>),
    Test(Test),
}

#[derive(Debug, Clone)]
enum Test {
    AgentConnected(TextTest),
    AgentVersion(Comparison, literal::Version),
    Attribute {
        name: String,
        test: TextTest,
    },
    Ec2InstanceId(TextTest),
    /// Seconds since the epoch.
    RegisteredAt(Comparison, i64),
    RunningTasksCount(Comparison, u64),
    TaskGroup(TextTest),
}

/// A test of texts. The negative operators are the opposite of the positive ones: an instance that lacks the attribute
/// is not equal to anything.
#[derive(Debug, Clone)]
struct TextTest {
    is_negated: bool,
    kind: TextKind,
}

#[derive(Debug, Clone)]
enum TextKind {
    Exists,
    Equals(String),
    In(Vec<String>),
    /// The whole value has to match, as Java's `matches` has it.
    Matches(Regex),
    /// As numbers where both are, else as texts.
    Compares(Comparison, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Query {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it and where, in words for whoever wrote it.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        parse::parse(text).map(Self)
    }

    /// Whether the instance is one of those that the expression selects.
    pub fn selects(&self, subject: &(impl Subject + ?Sized)) -> bool {
        evaluate::expression(&self.0, subject)
    }
}

impl Comparison {
    fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
        }
    }
}

/// Operators by both of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Compare(Comparison),
    Exists { is_negated: bool },
    In { is_negated: bool },
    Matches { is_negated: bool },
}

impl fmt::Display for Operator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Compare(Comparison::Equal) => "equals",
            Self::Compare(Comparison::NotEqual) => "not_equals",
            Self::Compare(Comparison::Greater) => "greater_than",
            Self::Compare(Comparison::GreaterOrEqual) => "greater_than_equal",
            Self::Compare(Comparison::Less) => "less_than",
            Self::Compare(Comparison::LessOrEqual) => "less_than_equal",
            Self::Exists { is_negated: false } => "exists",
            Self::Exists { is_negated: true } => "not_exists",
            Self::In { is_negated: false } => "in",
            Self::In { is_negated: true } => "not_in",
            Self::Matches { is_negated: false } => "matches",
            Self::Matches { is_negated: true } => "not_matches",
        })
    }
}

#[cfg(test)]
mod tests;
