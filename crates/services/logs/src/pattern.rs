//! Filter patterns of plain terms ("Filter pattern syntax for metric filters, subscription filters, filter log
//! events, and Live Tail" in the CloudWatch Logs user guide). Matching is case-sensitive and finds parts of words.

/// What a message must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pattern {
    /// All of them.
    required: Vec<String>,
    /// At least one of them; without meaning beside required or excluded terms, as in CloudWatch.
    any: Vec<String>,
    /// None of them.
    excluded: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternError {
    /// Asks for what is not built.
    #[error("{0}")]
    Unsupported(&'static str),
    #[error("Invalid character(s) in term '{0}'")]
    Characters(String),
    #[error("Invalid filter pattern: a quoted phrase does not end")]
    Quotes,
}

impl Pattern {
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut rest = text.trim();
        match rest.chars().next() {
            Some('{') => {
                return Err(PatternError::Unsupported(
                    "JSON filter patterns (filterPattern beginning with '{')",
                ));
            }
            Some('[') => {
                return Err(PatternError::Unsupported(
                    "space-delimited filter patterns (filterPattern beginning with '[')",
                ));
            }
            _ => {}
        }
        let mut pattern = Self::default();
        while !rest.is_empty() {
            let (list, term) = match rest.chars().next() {
                Some('?') => (&mut pattern.any, &rest[1..]),
                Some('-') => (&mut pattern.excluded, &rest[1..]),
                _ => (&mut pattern.required, rest),
            };
            let (term, after) = take_term(term)?;
            list.push(term);
            rest = after.trim_start();
        }
        Ok(pattern)
    }

    pub fn matches(&self, message: &str) -> bool {
        let holds = |term: &String| message.contains(term.as_str());
        if self.excluded.iter().any(holds) {
            return false;
        }
        if self.required.is_empty() && self.excluded.is_empty() && !self.any.is_empty() {
            return self.any.iter().any(holds);
        }
        self.required.iter().all(holds)
    }
}

/// A term and what comes after it.
fn take_term(text: &str) -> Result<(String, &str), PatternError> {
    if text.starts_with('%') {
        return Err(PatternError::Unsupported(
            "regular expressions in filter patterns (filterPattern with '%')",
        ));
    }
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let term = &text[..end];
        let is_plain = |character: char| character.is_alphanumeric() || character == '_';
        if term.is_empty() || !term.chars().all(is_plain) {
            return Err(PatternError::Characters(term.to_owned()));
        }
        return Ok((term.to_owned(), &text[end..]));
    };
    let mut term = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Ok((term, &quoted[index + 1..])),
            '\\' => match characters.next() {
                Some((_, escaped @ ('"' | '\\'))) => term.push(escaped),
                Some((_, other)) => term.extend(['\\', other]),
                None => break,
            },
            other => term.push(other),
        }
    }
    Err(PatternError::Quotes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, message: &str) -> bool {
        let pattern = Pattern::parse(pattern).expect("a pattern");
        pattern.matches(message)
    }

    #[test]
    fn terms() {
        assert!(matches("", "anything"));
        assert!(matches("  ", ""));
        assert!(matches("ERROR", "[ERROR] it broke"));
        assert!(matches("ERR", "[ERROR]"));
        assert!(!matches("error", "[ERROR]"));
        assert!(matches("ERROR broke", "broke: ERROR"));
        assert!(!matches("ERROR broke", "ERROR"));
        assert!(matches("\"it broke\"", "so it broke"));
        assert!(!matches("\"it broke\"", "broke it"));
        assert!(matches(r#""say \"hi\"""#, r#"they say "hi""#));
        assert!(matches("ERROR -debug", "ERROR"));
        assert!(!matches("ERROR -debug", "ERROR debug"));
        assert!(!matches("-debug", "a debug line"));
        assert!(matches("?ERROR ?WARN", "WARN"));
        assert!(!matches("?ERROR ?WARN", "INFO"));
        assert!(matches("?\"a b\" ?c", "xa by"));
        assert!(!matches("?ERROR fatal", "ERROR"));
    }

    #[test]
    fn what_is_not_built_is_refused_by_name() {
        for pattern in ["{ $.a = 1 }", "[a, b]", "%re%", "x ?%re%"] {
            let refused = Pattern::parse(pattern);
            assert!(
                matches!(refused, Err(PatternError::Unsupported(_))),
                "{pattern}"
            );
        }
        let odd = Pattern::parse("a:b");
        assert_eq!(odd, Err(PatternError::Characters("a:b".to_owned())));
        assert_eq!(Pattern::parse("\"open"), Err(PatternError::Quotes));
    }
}
