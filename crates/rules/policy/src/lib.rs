//! IAM's policy language, by the IAM user guide ("Policy elements reference", "Policy evaluation logic").
//!
//! [`Policy::parse`] checks and compiles a document once; [`decide`] then answers whether a request is allowed by the
//! policies that apply to it, and names the statement that decided. Everything is a function of its arguments.

mod condition;
mod context;
mod decide;
mod document;
mod error;
mod json;
mod operator;
mod pattern;
mod principal;

pub use context::Context;
pub use decide::{Deciding, Decision, NamedPolicy, Policies, PolicyKind, Request, decide};
pub use document::{Effect, Policy, PolicyUse, Statement};
pub use error::MalformedPolicy;
pub use principal::{Subject, SubjectMatch};
