//! What ECR decides, as functions of their arguments: which images a lifecycle policy expires ([`lifecycle`]), and which
//! tags of a repository may move to another image ([`TagMutability`]).

mod glob;
pub mod lifecycle;
mod tag_mutability;

pub use tag_mutability::{ExclusionError, TagMutability, TagMutabilityKind};
