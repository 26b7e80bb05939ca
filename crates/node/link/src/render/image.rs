//! `versionConsistency`: the tasks of a deployment run the image that its first task resolved the tag to.

use std::collections::BTreeMap;

use api_ecs::types::{ContainerDefinition, VersionConsistency};

/// The container's image, pinned when its digest is known and the container does not say otherwise.
pub(super) fn reference(
    definition: &ContainerDefinition,
    digests: &BTreeMap<String, String>,
) -> Option<String> {
    let image = definition.image.as_deref()?;
    let digest = definition.name.as_ref().and_then(|name| digests.get(name));
    let is_consistent = definition.version_consistency != Some(VersionConsistency::DISABLED);
    Some(match digest.filter(|_| is_consistent) {
        Some(digest) => pinned(image, digest),
        None => image.to_owned(),
    })
}

/// The tag gives way to the digest; what has a digest already stays as it is.
fn pinned(image: &str, digest: &str) -> String {
    if image.contains('@') || !digest.starts_with("sha256:") {
        return image.to_owned();
    }
    // A colon before the last slash is a registry's port.
    let name = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    };
    format!("{name}@{digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_gives_way() {
        for (image, expected) in [
            ("nginx", "nginx@sha256:0a"),
            ("nginx:1", "nginx@sha256:0a"),
            ("localhost:5000/a/b", "localhost:5000/a/b@sha256:0a"),
            ("localhost:5000/a/b:1", "localhost:5000/a/b@sha256:0a"),
            ("a@sha256:ff", "a@sha256:ff"),
        ] {
            assert_eq!(pinned(image, "sha256:0a"), expected);
        }
    }

    #[test]
    fn a_container_may_say_otherwise() {
        let container = |consistency| ContainerDefinition {
            name: Some("web".into()),
            image: Some("nginx:1".into()),
            version_consistency: consistency,
            ..Default::default()
        };
        let digests = BTreeMap::from([("web".to_owned(), "sha256:0a".to_owned())]);
        let given = |consistency| reference(&container(consistency), &digests).unwrap();
        assert_eq!(given(None), "nginx@sha256:0a");
        assert_eq!(given(Some(VersionConsistency::ENABLED)), "nginx@sha256:0a");
        assert_eq!(given(Some(VersionConsistency::DISABLED)), "nginx:1");
        assert_eq!(
            reference(&container(None), &BTreeMap::new()).unwrap(),
            "nginx:1"
        );
    }
}
