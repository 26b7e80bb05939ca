//! What may name a repository and a tag (OCI distribution specification, "Pulling manifests"; ECR's bounds on top).

use limits::{REPOSITORY_NAME_MAX_LENGTH, REPOSITORY_NAME_MIN_LENGTH, TAG_MAX_LENGTH};

/// Path components of lower-case letters and digits, parted inside by `.`, `_`, `__` or any number of `-`.
pub fn is_repository_name(name: &str) -> bool {
    (REPOSITORY_NAME_MIN_LENGTH..=REPOSITORY_NAME_MAX_LENGTH).contains(&name.len())
        && name.split('/').all(is_component)
}

/// A letter, digit or `_`, then also `.` and `-`.
pub fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= TAG_MAX_LENGTH
        && tag.bytes().next().is_some_and(is_word)
        && tag
            .bytes()
            .all(|byte| is_word(byte) || byte == b'.' || byte == b'-')
}

fn is_component(component: &str) -> bool {
    let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    is_alphanumeric(*first)
        && is_alphanumeric(*last)
        && component
            .split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit())
            .all(is_separator)
}

fn is_separator(run: &str) -> bool {
    matches!(run, "" | "." | "_" | "__") || run.bytes().all(|byte| byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_names() {
        for good in [
            "ab", "a1", "demo", "team/app", "a.b", "a__b", "a---b", "a/b/c_d",
        ] {
            assert!(is_repository_name(good), "{good}");
        }
        for bad in [
            "", "a", "A1", "demo/", "/demo", "a..b", "a___b", "-ab", "ab-", "a//b", "a b", "../x",
        ] {
            assert!(!is_repository_name(bad), "{bad}");
        }
        assert!(!is_repository_name(&"a".repeat(257)));
    }

    #[test]
    fn tags() {
        for good in ["latest", "v1.2-3", "_x", "A"] {
            assert!(is_tag(good), "{good}");
        }
        for bad in ["", ".x", "-x", "a/b", "a:b", "ä"] {
            assert!(!is_tag(bad), "{bad}");
        }
        assert!(!is_tag(&"a".repeat(129)));
    }
}
