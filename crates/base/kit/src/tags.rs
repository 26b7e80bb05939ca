//! The rules that AWS has for tags of every service
//! (<https://docs.aws.amazon.com/general/latest/gr/aws_tagging.html>).

use limits::{TAG_KEY_CHARACTERS, TAG_VALUE_CHARACTERS, TAGS_PER_RESOURCE};

/// Tags in the order in which they were written; keys are unique.
pub type Tags = Vec<(String, String)>;

/// What is wrong with a list of tags. The service gives it its own error code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    #[error("Too many tags. A resource can have up to {TAGS_PER_RESOURCE} tags.")]
    TooMany,
    #[error("Tag keys must be between 1 and {TAG_KEY_CHARACTERS} characters in length.")]
    KeyLength,
    #[error("Tag values must be between 0 and {TAG_VALUE_CHARACTERS} characters in length.")]
    ValueLength,
    #[error("Tag keys can not start with 'aws:'.")]
    Reserved,
    #[error("Duplicate tag keys found. Please note that Tag keys are case insensitive.")]
    Duplicate,
    #[error(
        "Tag keys and values can only contain letters, numbers, spaces and the characters _ . : / = + - @"
    )]
    Characters,
}

/// Checks what a user sent.
pub fn validate(tags: &[(String, String)]) -> Result<(), TagError> {
    if tags.len() > TAGS_PER_RESOURCE {
        return Err(TagError::TooMany);
    }
    for (position, (key, value)) in tags.iter().enumerate() {
        if key.is_empty() || key.chars().count() > TAG_KEY_CHARACTERS {
            return Err(TagError::KeyLength);
        }
        if value.chars().count() > TAG_VALUE_CHARACTERS {
            return Err(TagError::ValueLength);
        }
        if key
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
        {
            return Err(TagError::Reserved);
        }
        if !key.chars().chain(value.chars()).all(is_allowed) {
            return Err(TagError::Characters);
        }
        if tags[..position].iter().any(|(other, _)| other == key) {
            return Err(TagError::Duplicate);
        }
    }
    Ok(())
}

/// Adds or replaces; the result must still be within the limit.
pub fn merge(existing: &mut Tags, new: &[(String, String)]) -> Result<(), TagError> {
    validate(new)?;
    for (key, value) in new {
        match existing.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => old.clone_from(value),
            None => existing.push((key.clone(), value.clone())),
        }
    }
    let own = existing.iter().filter(|(key, _)| !key.starts_with("aws:"));
    if own.count() > TAGS_PER_RESOURCE {
        return Err(TagError::TooMany);
    }
    Ok(())
}

/// Removes the keys named; unknown ones are no error.
pub fn remove(existing: &mut Tags, keys: &[String]) {
    existing.retain(|(key, _)| !keys.contains(key));
}

fn is_allowed(character: char) -> bool {
    character.is_alphanumeric() || character == ' ' || "_.:/=+-@".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> (String, String) {
        (key.into(), value.into())
    }

    #[test]
    fn the_rules() {
        assert_eq!(validate(&[tag("team", "blue"), tag("cost", "")]), Ok(()));
        assert_eq!(validate(&[tag("", "x")]), Err(TagError::KeyLength));
        assert_eq!(validate(&[tag("AWS:x", "x")]), Err(TagError::Reserved));
        assert_eq!(
            validate(&[tag("a", "1"), tag("a", "2")]),
            Err(TagError::Duplicate)
        );
        assert_eq!(validate(&[tag("a", "<")]), Err(TagError::Characters));
        assert_eq!(
            validate(&[tag("a", &"v".repeat(257))]),
            Err(TagError::ValueLength)
        );
        let many: Vec<_> = (0..51).map(|n| tag(&n.to_string(), "")).collect();
        assert_eq!(validate(&many), Err(TagError::TooMany));
    }

    #[test]
    fn merging_replaces_and_keeps_order() {
        let mut tags = vec![tag("a", "1"), tag("b", "2")];
        merge(&mut tags, &[tag("b", "3"), tag("c", "4")]).unwrap();
        assert_eq!(tags, vec![tag("a", "1"), tag("b", "3"), tag("c", "4")]);
        remove(&mut tags, &["a".into(), "zzz".into()]);
        assert_eq!(tags, vec![tag("b", "3"), tag("c", "4")]);
    }
}
