//! The regular expressions of the models.
//!
//! They are written for Java, and a whole value has to match. What an engine that keeps to linear time cannot say
//! (looking around, back references) is not checked: it can only be told by the operation that knows what is meant.

use std::collections::HashMap;
use std::sync::{LazyLock, RwLock};

use regex::{Regex, RegexBuilder};

/// Enough for a few hundred repeated classes of Unicode; a pattern that wants more is not checked.
const PROGRAM_BYTES_MAX: usize = 4 << 20;

/// What Java spells otherwise: characters beyond the first plane are pairs to it, a hyphen after a class is one, and
/// some classes have names.
const SPELLINGS: [(&str, &str); 6] = [
    (r"\uD800\uDC00-\uDBFF\uDFFF", r"\x{10000}-\x{10FFFF}"),
    (r"\ud800\udc00-\udbff\udfff", r"\x{10000}-\x{10FFFF}"),
    (r"\w-", r"\w\-"),
    (r"\d-", r"\d\-"),
    (r"\s-", r"\s\-"),
    (r"\p{Print}", r"[\x20-\x7E]"),
];

type Compiled = HashMap<&'static str, Option<Regex>>;

static COMPILED: LazyLock<RwLock<Compiled>> = LazyLock::new(RwLock::default);

/// Whether a value matches; `None` where the pattern cannot be checked.
pub fn matches(pattern: &'static str, value: &str) -> Option<bool> {
    let known = COMPILED
        .read()
        .expect("nothing panics with the lock")
        .get(pattern)
        .cloned();
    let compiled = known.unwrap_or_else(|| {
        let compiled = compile(pattern);
        let mut all = COMPILED.write().expect("nothing panics with the lock");
        all.insert(pattern, compiled.clone());
        compiled
    });
    Some(compiled?.is_match(value))
}

fn compile(pattern: &str) -> Option<Regex> {
    let mut pattern = pattern.to_owned();
    for (java, ours) in SPELLINGS {
        pattern = pattern.replace(java, ours);
    }
    RegexBuilder::new(&format!(r"\A(?:{pattern})\z"))
        .size_limit(PROGRAM_BYTES_MAX)
        .build()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_value_matches() {
        let names = r"[\.\-_/#A-Za-z0-9]+";
        assert_eq!(matches(names, "/ecs/web-1"), Some(true));
        for bad in ["", "a b", "a\n", "\u{e4}"] {
            assert_eq!(matches(names, bad), Some(false), "{bad}");
        }
        assert_eq!(matches("^a$|b", "b"), Some(true));
        assert_eq!(matches("^a$|b", "ab"), Some(false));
        let tags = r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$";
        assert_eq!(matches(tags, "\u{dc}ber 1"), Some(true));
        assert_eq!(matches(tags, "a!"), Some(false));
        let text = r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*";
        assert_eq!(matches(text, "a\u{1F600}\n"), Some(true));
        assert_eq!(matches(text, "\u{0}"), Some(false));
    }

    #[test]
    fn what_cannot_be_said_is_not_checked() {
        assert_eq!(matches(r"^(?!aws:).*$", "aws:x"), None);
    }
}
