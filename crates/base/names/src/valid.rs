//! Which names AWS accepts. Sources: the models' patterns and the members' documentation.

/// "Up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens are allowed."
pub fn is_cluster_name(name: &str) -> bool {
    is_plain_name(name)
}

/// As clusters.
pub fn is_service_name(name: &str) -> bool {
    is_plain_name(name)
}

/// As clusters.
pub fn is_family(name: &str) -> bool {
    is_plain_name(name)
}

/// As clusters.
pub fn is_container_name(name: &str) -> bool {
    is_plain_name(name)
}

/// 32 hexadecimal digits; older tasks have a UUID.
pub fn is_task_id(id: &str) -> bool {
    is_hex_id(id) || is_uuid(id)
}

/// As task ids.
pub fn is_container_instance_id(id: &str) -> bool {
    is_task_id(id)
}

/// Twelve digits.
pub fn is_account(account: &str) -> bool {
    account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())
}

/// Such as `us-east-1`; made-up ones too, if they look like one.
pub fn is_region(region: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_lower_or_digit);
    region.len() <= 32 && region.contains('-') && region.split('-').all(is_part)
}

/// "The name must be between 1 and 128 characters … letters, numbers, hyphens, underscores, forward slashes, back
/// slashes, or periods" (ECS `Attribute$name`).
pub fn is_attribute_name(name: &str) -> bool {
    is_of(name, 1..=128, |byte| {
        byte.is_ascii_alphanumeric() || b"-_/\\.".contains(&byte)
    })
}

/// ECR's pattern `(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*`, 2 to 256 characters.
pub fn is_repository_name(name: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(is_lower_or_digit);
    (2..=256).contains(&name.len())
        && name
            .split('/')
            .all(|part| part.split(['.', '_', '-']).all(is_word))
}

/// The OCI distribution specification's pattern `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
pub fn is_image_tag(tag: &str) -> bool {
    is_of(tag, 1..=128, |byte| {
        byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
    }) && !tag.starts_with(['.', '-'])
}

/// CloudWatch Logs' pattern `[\.\-_/#A-Za-z0-9]+`, 1 to 512 characters.
pub fn is_log_group_name(name: &str) -> bool {
    is_of(name, 1..=512, |byte| {
        byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte)
    })
}

/// CloudWatch Logs' pattern `[^:*]*`, 1 to 512 characters.
pub fn is_log_stream_name(name: &str) -> bool {
    (1..=512).contains(&name.chars().count()) && !name.contains([':', '*'])
}

fn is_plain_name(name: &str) -> bool {
    is_of(name, 1..=255, |byte| {
        byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
    })
}

fn is_of(
    name: &str,
    lengths: std::ops::RangeInclusive<usize>,
    is_allowed: impl Fn(u8) -> bool,
) -> bool {
    lengths.contains(&name.len()) && name.bytes().all(is_allowed)
}

fn is_lower_or_digit(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_hex_id(id: &str) -> bool {
    is_of(id, 32..=32, |byte| byte.is_ascii_hexdigit())
}

fn is_uuid(id: &str) -> bool {
    let is_part = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let lengths = id.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && id.split('-').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names() {
        assert!(is_cluster_name("my_Cluster-1"));
        assert!(is_cluster_name(&"a".repeat(255)));
        for wrong in ["", "a b", "a/b", "a.b", "ä", &"a".repeat(256)] {
            assert!(!is_cluster_name(wrong), "{wrong}");
        }
    }

    #[test]
    fn ids() {
        assert!(is_task_id("0123456789abcdef0123456789abcdef"));
        assert!(is_task_id("c09f0188-7f87-4b0f-bfc3-16296622b6fe"));
        assert!(!is_task_id("0123456789abcdef0123456789abcde"));
        assert!(!is_task_id("c09f01887f874b0fbfc316296622b6f-"));
        assert!(
            is_account("123456789012") && !is_account("12345678901") && !is_account("12345678901a")
        );
        assert!(is_region("us-east-1") && is_region("eu-isoe-west-1") && !is_region("useast1"));
        assert!(!is_region("us--1") && !is_region("US-east-1"));
    }

    #[test]
    fn repositories_and_tags() {
        for right in ["ab", "team/web", "a-b/c.d_e", "0/1"] {
            assert!(is_repository_name(right), "{right}");
        }
        for wrong in [
            "a", "", "/ab", "ab/", "a//b", "Web", "a..b", "-ab", "ab-", "a__b",
        ] {
            assert!(!is_repository_name(wrong), "{wrong}");
        }
        assert!(
            is_image_tag("v1.0_x-y")
                && !is_image_tag(".v1")
                && !is_image_tag("")
                && !is_image_tag("a:b")
        );
    }

    #[test]
    fn logs() {
        assert!(
            is_log_group_name("/ecs/web#1") && !is_log_group_name("a b") && !is_log_group_name("")
        );
        assert!(
            is_log_stream_name("ecs/web/0af ä")
                && !is_log_stream_name("a:b")
                && !is_log_stream_name("a*")
        );
    }
}
