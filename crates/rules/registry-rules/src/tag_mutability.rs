//! Which tags of a repository may be pushed again (ECR user guide, "Preventing image tags from being overwritten").

use crate::glob;

/// ECR's limits of exclusion filters.
const FILTERS: usize = 5;
const WILDCARDS: usize = 2;
const CHARACTERS: usize = 128;

/// The names of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagMutabilityKind {
    Mutable,
    Immutable,
    MutableWithExclusion,
    ImmutableWithExclusion,
}

/// What a repository says about its tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TagMutability<'a> {
    pub immutable: bool,
    /// Patterns of the tags for which the opposite holds.
    pub exclusions: &'a [String],
}

/// Why mutability and exclusion filters do not fit; `Display` is the constraint in ECR's answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExclusionError {
    #[error(
        "ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as {0}"
    )]
    Missing(&'static str),
    #[error(
        "ImageTagMutabilityExclusionFilters can't be set when imageTagMutability is set as {0}"
    )]
    Unexpected(&'static str),
    #[error("Member must have length less than or equal to {FILTERS}")]
    TooMany,
    #[error(
        "filter must have 1 to {CHARACTERS} letters, digits, and the characters . _ * -, but is '{0}'"
    )]
    Characters(String),
    #[error("filter must have at most {WILDCARDS} wildcards, but is '{0}'")]
    Wildcards(String),
}

impl TagMutabilityKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mutable => "MUTABLE",
            Self::Immutable => "IMMUTABLE",
            Self::MutableWithExclusion => "MUTABLE_WITH_EXCLUSION",
            Self::ImmutableWithExclusion => "IMMUTABLE_WITH_EXCLUSION",
        }
    }

    pub fn is_immutable(self) -> bool {
        matches!(self, Self::Immutable | Self::ImmutableWithExclusion)
    }

    /// Checks the filters that come with it.
    pub fn check(self, filters: &[String]) -> Result<(), ExclusionError> {
        let needs = matches!(
            self,
            Self::MutableWithExclusion | Self::ImmutableWithExclusion
        );
        match (needs, filters.is_empty()) {
            (true, true) => return Err(ExclusionError::Missing(self.as_str())),
            (false, false) => return Err(ExclusionError::Unexpected(self.as_str())),
            _ => {}
        }
        if filters.len() > FILTERS {
            return Err(ExclusionError::TooMany);
        }
        for filter in filters {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._*-".contains(&byte);
            if !(1..=CHARACTERS).contains(&filter.len()) || !filter.bytes().all(known) {
                return Err(ExclusionError::Characters(filter.clone()));
            }
            if glob::wildcards(filter) > WILDCARDS {
                return Err(ExclusionError::Wildcards(filter.clone()));
            }
        }
        Ok(())
    }
}

impl TagMutability<'_> {
    pub fn kind(&self) -> TagMutabilityKind {
        match (self.immutable, self.exclusions.is_empty()) {
            (false, true) => TagMutabilityKind::Mutable,
            (true, true) => TagMutabilityKind::Immutable,
            (false, false) => TagMutabilityKind::MutableWithExclusion,
            (true, false) => TagMutabilityKind::ImmutableWithExclusion,
        }
    }

    /// Whether a tag that is there may come to mean another image.
    pub fn may_move(&self, tag: &str) -> bool {
        let is_excluded = self
            .exclusions
            .iter()
            .any(|filter| glob::matches(filter, tag));
        self.immutable == is_excluded
    }
}
