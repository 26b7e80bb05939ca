//! Whether tags may move, between the API and the rules.

use api_ecr::types::{
    ImageTagMutability, ImageTagMutabilityExclusionFilter, ImageTagMutabilityExclusionFilterType,
};
use registry_rules::TagMutabilityKind;
use wire::Error;

use crate::records::RepositoryRecord;
use crate::refusals::invalid_parameter;

/// Whether tags are immutable, and the exclusions from that.
pub(crate) fn checked(
    mutability: Option<&ImageTagMutability>,
    filters: Option<&[ImageTagMutabilityExclusionFilter]>,
) -> Result<(bool, Vec<String>), Error> {
    let mutability = mutability.unwrap_or(&ImageTagMutability::MUTABLE);
    let kind = kind_of(mutability).ok_or_else(|| {
        let constraint = "Member must satisfy enum value set: \
            [IMMUTABLE, IMMUTABLE_WITH_EXCLUSION, MUTABLE, MUTABLE_WITH_EXCLUSION]";
        invalid_parameter("imageTagMutability", constraint)
    })?;
    let filters = filters.unwrap_or_default();
    let is_other = |filter: &ImageTagMutabilityExclusionFilter| {
        filter.filter_type.as_ref() != Some(&ImageTagMutabilityExclusionFilterType::WILDCARD)
    };
    const FILTERS: &str = "imageTagMutabilityExclusionFilters";
    if filters.iter().any(is_other) {
        let constraint = "filterType must satisfy enum value set: [WILDCARD]";
        return Err(invalid_parameter(FILTERS, constraint));
    }
    let patterns = filters
        .iter()
        .map(|it| it.filter.clone().unwrap_or_default());
    let patterns: Vec<String> = patterns.collect();
    kind.check(&patterns)
        .map_err(|error| invalid_parameter(FILTERS, &error.to_string()))?;
    Ok((kind.is_immutable(), patterns))
}

pub(crate) fn shown(record: &RepositoryRecord) -> ImageTagMutability {
    match record.tag_mutability().kind() {
        TagMutabilityKind::Mutable => ImageTagMutability::MUTABLE,
        TagMutabilityKind::Immutable => ImageTagMutability::IMMUTABLE,
        TagMutabilityKind::MutableWithExclusion => ImageTagMutability::MUTABLE_WITH_EXCLUSION,
        TagMutabilityKind::ImmutableWithExclusion => ImageTagMutability::IMMUTABLE_WITH_EXCLUSION,
    }
}

/// None when there are none, as in ECR.
pub(crate) fn shown_filters(
    record: &RepositoryRecord,
) -> Option<Vec<ImageTagMutabilityExclusionFilter>> {
    let shown = |pattern: &String| ImageTagMutabilityExclusionFilter {
        filter: Some(pattern.clone()),
        filter_type: Some(ImageTagMutabilityExclusionFilterType::WILDCARD),
    };
    let filters: Vec<_> = record.tag_exclusions.iter().map(shown).collect();
    (!filters.is_empty()).then_some(filters)
}

fn kind_of(mutability: &ImageTagMutability) -> Option<TagMutabilityKind> {
    [
        TagMutabilityKind::Mutable,
        TagMutabilityKind::Immutable,
        TagMutabilityKind::MutableWithExclusion,
        TagMutabilityKind::ImmutableWithExclusion,
    ]
    .into_iter()
    .find(|kind| kind.as_str() == mutability.as_str())
}
