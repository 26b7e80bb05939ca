use registry_rules::{ExclusionError, TagMutability, TagMutabilityKind};

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn exclusions_turn_mutability_round() {
    let exclusions = texts(&["latest", "dev-*"]);
    let immutable = TagMutability {
        immutable: true,
        exclusions: &exclusions,
    };
    assert_eq!(immutable.kind(), TagMutabilityKind::ImmutableWithExclusion);
    assert!(
        immutable.may_move("latest") && immutable.may_move("dev-1") && !immutable.may_move("v1")
    );
    let mutable = TagMutability {
        immutable: false,
        ..immutable
    };
    assert!(!mutable.may_move("latest") && !mutable.may_move("dev-1") && mutable.may_move("v1"));
    let plain = TagMutability {
        immutable: true,
        exclusions: &[],
    };
    assert!(!plain.may_move("v1"));
}

#[test]
fn filters_are_checked() {
    let kind = TagMutabilityKind::ImmutableWithExclusion;
    assert_eq!(kind.check(&texts(&["a*b*"])), Ok(()));
    assert_eq!(
        kind.check(&[]).expect_err("refused").to_string(),
        "ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as IMMUTABLE_WITH_EXCLUSION"
    );
    assert!(matches!(
        kind.check(&texts(&["a*b*c*"])),
        Err(ExclusionError::Wildcards(_))
    ));
    assert!(matches!(
        kind.check(&texts(&["a/b"])),
        Err(ExclusionError::Characters(_))
    ));
    assert!(matches!(
        kind.check(&texts(&["a", "b", "c", "d", "e", "f"])),
        Err(ExclusionError::TooMany)
    ));
    assert!(matches!(
        TagMutabilityKind::Mutable.check(&texts(&["a"])),
        Err(ExclusionError::Unexpected(_))
    ));
}
