//! Patterns whose `*` stands for any characters, none included.

/// Whether all of `text` fits. Time is at most the product of the lengths.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at_pattern, mut at_text) = (0, 0);
    // Where the last star is, and where what it stands for ends so far.
    let mut star: Option<(usize, usize)> = None;
    while at_text < text.len() {
        if pattern.get(at_pattern) == Some(&b'*') {
            star = Some((at_pattern, at_text));
            at_pattern += 1;
        } else if pattern.get(at_pattern) == Some(&text[at_text]) {
            at_pattern += 1;
            at_text += 1;
        } else if let Some((star_at, covered)) = star {
            star = Some((star_at, covered + 1));
            at_pattern = star_at + 1;
            at_text = covered + 1;
        } else {
            return false;
        }
    }
    pattern[at_pattern..].iter().all(|byte| *byte == b'*')
}

pub(crate) fn wildcards(pattern: &str) -> usize {
    pattern.bytes().filter(|byte| *byte == b'*').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text) in [
            ("prod*", "prod"),
            ("prod*", "prod-1"),
            ("*prod*1", "xprod11"),
            ("*", ""),
            ("a*b*c", "aXbXbXc"),
            ("a.b", "a.b"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("prod", "prod1"), ("a*b", "abc"), ("a.b", "aXb"), ("", "a")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
