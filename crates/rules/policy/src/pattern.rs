//! Text with wildcards and policy variables, and ARNs made of such.

use crate::Context;

/// Which signs mean more than themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Syntax {
    pub wildcards: bool,
    /// Of policies of version 2012-10-17.
    pub variables: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// `?`
    One,
    /// `*`
    Many,
    /// `${key}`, `${key, 'default'}`
    Variable {
        key: String,
        default: Option<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    pieces: Vec<Piece>,
}

impl Pattern {
    pub fn parse(text: &str, syntax: Syntax) -> Self {
        let mut pattern = Pattern { pieces: Vec::new() };
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            if syntax.variables
                && let Some((piece, behind)) = variable(rest)
            {
                pattern.push(piece);
                rest = behind;
                continue;
            }
            let piece = match character {
                '*' if syntax.wildcards => Piece::Many,
                '?' if syntax.wildcards => Piece::One,
                other => Piece::Text(other.to_string()),
            };
            pattern.push(piece);
            rest = &rest[character.len_utf8()..];
        }
        pattern
    }

    fn push(&mut self, piece: Piece) {
        match (self.pieces.last_mut(), piece) {
            (Some(Piece::Text(text)), Piece::Text(more)) => text.push_str(&more),
            // `**` is `*`: it would only cost time.
            (Some(Piece::Many), Piece::Many) => {}
            (_, piece) => self.pieces.push(piece),
        }
    }

    /// A variable that the request has no single value for, and no default, matches nothing.
    pub fn matches(&self, text: &str, context: &Context) -> bool {
        if let [Piece::Text(wanted)] = self.pieces.as_slice() {
            return wanted == text;
        }
        let mut parts = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            parts.push(match piece {
                Piece::Text(text) => Part::Text(text),
                Piece::One => Part::One,
                Piece::Many => Part::Many,
                Piece::Variable { key, default } => {
                    match context.single(key).or(default.as_deref()) {
                        Some(value) => Part::Text(value),
                        None => return false,
                    }
                }
            });
        }
        glob(&parts, text)
    }

    /// Without wildcards: as text, whatever the case.
    pub fn matches_ignoring_case(&self, text: &str, context: &Context) -> bool {
        let mut whole = String::new();
        for piece in &self.pieces {
            whole.push_str(match piece {
                Piece::Text(text) => text,
                Piece::One => "?",
                Piece::Many => "*",
                Piece::Variable { key, default } => {
                    match context.single(key).or(default.as_deref()) {
                        Some(value) => value,
                        None => return false,
                    }
                }
            });
        }
        whole.to_lowercase() == text.to_lowercase()
    }

    /// Whether it matches everything, whatever the request has.
    pub fn is_anything(&self) -> bool {
        self.pieces == [Piece::Many]
    }

    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Variable { key, .. } => Some(key.as_str()),
            _ => None,
        })
    }
}

/// `${…}` at the start of a text, and what follows it.
fn variable(text: &str) -> Option<(Piece, &str)> {
    let inner = text.strip_prefix("${")?;
    let (inside, behind) = inner.split_once('}')?;
    let piece = match inside {
        // The three signs that cannot stand for themselves.
        "*" | "?" | "$" => Piece::Text(inside.to_owned()),
        _ => {
            let (key, default) = match inside.split_once(',') {
                Some((key, default)) => (key, Some(default.trim())),
                None => (inside, None),
            };
            let quoted = |text: &str| {
                let text = text.strip_prefix('\'')?.strip_suffix('\'')?;
                Some(text.to_owned())
            };
            let default = match default {
                Some(default) => Some(quoted(default)?),
                None => None,
            };
            Piece::Variable {
                key: key.trim().to_ascii_lowercase(),
                default,
            }
        }
    };
    Some((piece, behind))
}

#[derive(Clone, Copy)]
enum Part<'a> {
    Text(&'a str),
    One,
    Many,
}

/// Greedy, with a way back to the last `*` only: never worse than text times pattern.
fn glob(parts: &[Part<'_>], text: &str) -> bool {
    let (mut at, mut rest) = (0, text);
    let mut retry: Option<(usize, &str)> = None;
    loop {
        let ahead = match parts.get(at) {
            None if rest.is_empty() => return true,
            None => None,
            Some(Part::Many) => {
                if at + 1 == parts.len() {
                    return true;
                }
                retry = Some((at + 1, rest));
                Some(rest)
            }
            Some(Part::One) => skip_one(rest),
            Some(Part::Text(wanted)) => rest.strip_prefix(wanted),
        };
        match (ahead, retry) {
            (Some(ahead), _) => (at, rest) = (at + 1, ahead),
            (None, None) => return false,
            (None, Some((again, from))) => {
                let Some(later) = skip_one(from) else {
                    return false;
                };
                retry = Some((again, later));
                (at, rest) = (again, later);
            }
        }
    }
}

fn skip_one(text: &str) -> Option<&str> {
    let first = text.chars().next()?;
    Some(&text[first.len_utf8()..])
}

/// The six parts of an ARN, each matched by itself: a `*` reaches no further than its part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ArnPattern {
    /// `*`
    Anything,
    Parts(Vec<Pattern>),
}

const ARN_PARTS: usize = 6;

impl ArnPattern {
    /// None if the text is neither `*` nor starts as an ARN does.
    pub fn parse(text: &str, syntax: Syntax) -> Option<Self> {
        if text == "*" {
            return Some(Self::Anything);
        }
        let parts = split_outside_variables(text, ARN_PARTS);
        if parts.len() < 2 || parts[0] != "arn" {
            return None;
        }
        let mut patterns: Vec<Pattern> = parts
            .iter()
            .map(|part| Pattern::parse(part, syntax))
            .collect();
        // Parts that are left away are wildcards.
        patterns.resize(ARN_PARTS, Pattern::parse("*", WILDCARDS));
        Some(Self::Parts(patterns))
    }

    pub fn matches(&self, arn: &str, context: &Context) -> bool {
        let Self::Parts(patterns) = self else {
            return true;
        };
        let mut parts = arn.splitn(ARN_PARTS, ':');
        let fits = |pattern: &Pattern| {
            let part = parts.next();
            part.is_some_and(|part| pattern.is_anything() || pattern.matches(part, context))
        };
        patterns.iter().all(fits)
    }

    pub fn variables(&self) -> impl Iterator<Item = &str> {
        let patterns: &[Pattern] = match self {
            Self::Anything => &[],
            Self::Parts(patterns) => patterns,
        };
        patterns.iter().flat_map(Pattern::variables)
    }
}

const WILDCARDS: Syntax = Syntax {
    wildcards: true,
    variables: false,
};

/// Colons within `${…}` separate nothing.
fn split_outside_variables(text: &str, most: usize) -> Vec<&str> {
    let mut parts = Vec::with_capacity(most);
    let (mut start, mut depth) = (0, 0usize);
    for (position, character) in text.char_indices() {
        match character {
            '{' if text[..position].ends_with('$') => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 && parts.len() + 1 < most => {
                parts.push(&text[start..position]);
                start = position + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Syntax = Syntax {
        wildcards: true,
        variables: true,
    };

    fn is_match(pattern: &str, text: &str, context: &Context) -> bool {
        Pattern::parse(pattern, ALL).matches(text, context)
    }

    #[test]
    fn wildcards() {
        let none = Context::new();
        for (pattern, text, fits) in [
            ("", "", true),
            ("*", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbb", false),
            ("*ab*ab", "aabab", true),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            ("*?", "", false),
            ("a**b", "ab", true),
            ("abc", "abcd", false),
        ] {
            assert_eq!(is_match(pattern, text, &none), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn variables_stand_for_what_the_request_has() {
        let mut context = Context::new();
        context.set("aws:username", "a*b");
        context.set_all("aws:TagKeys", vec!["x".into(), "y".into()]);
        assert!(is_match("home/${aws:UserName}/*", "home/a*b/x", &context));
        // A value's signs are no wildcards.
        assert!(!is_match("${aws:username}", "aXb", &context));
        assert!(is_match(
            "${aws:PrincipalTag/team, 'none'}",
            "none",
            &context
        ));
        assert!(!is_match("${aws:PrincipalTag/team}", "", &context));
        assert!(!is_match("${aws:TagKeys}", "x", &context));
        assert!(is_match("${*}${?}${$}", "*?$", &context));
        assert!(!is_match("${*}", "x", &context));
        // What is no variable is text.
        assert!(is_match("${open", "${open", &context));
    }

    #[test]
    fn arns_are_matched_part_by_part() {
        let mut context = Context::new();
        context.set("aws:PrincipalAccount", "1");
        let fits = |pattern: &str, arn: &str| {
            let pattern = ArnPattern::parse(pattern, ALL).expect("an ARN");
            pattern.matches(arn, &context)
        };
        let task = "arn:aws:ecs:us-east-1:1:task/c/0af";
        assert!(fits("*", task));
        assert!(fits("arn:aws:ecs:*:*:task/*", task));
        assert!(fits("arn:aws:ecs", task));
        assert!(fits("arn:aws:ecs:*:${aws:PrincipalAccount}:task/c/*", task));
        assert!(!fits("arn:aws:*:task/*", task));
        assert!(!fits("arn:aws:ec?:us-east-1:2:*", task));
        assert!(!fits("arn:aws:ecs:*:*:*", "*"));
        assert!(fits(
            "arn:aws:logs:*:*:log-group:a*:*",
            "arn:aws:logs:r:1:log-group:ab:*"
        ));
        assert_eq!(ArnPattern::parse("task/*", ALL), None);
        assert_eq!(ArnPattern::parse("", ALL), None);
    }
}
