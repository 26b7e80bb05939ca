//! Patterns of terms: `ERROR`, `"a phrase"`, `%regular expression%`, `?any ?of`, `-excluded`.

use regex::Regex;

use crate::FilterPatternError;
use crate::scan::Scanner;

#[derive(Debug, Clone, Default)]
pub(crate) struct Terms {
    /// All of them.
    required: Vec<Term>,
    /// At least one of them; without meaning beside required or excluded terms, as in CloudWatch.
    any: Vec<Term>,
    /// None of them.
    excluded: Vec<Term>,
}

#[derive(Debug, Clone)]
enum Term {
    Text(String),
    Regex(Regex),
}

impl Term {
    fn is_in(&self, message: &str) -> bool {
        match self {
            Self::Text(text) => message.contains(text.as_str()),
            Self::Regex(regex) => regex.is_match(message),
        }
    }
}

impl Terms {
    pub fn parse(scanner: &mut Scanner<'_>) -> Result<Self, FilterPatternError> {
        let mut terms = Self::default();
        scanner.skip_space();
        while let Some(first) = scanner.peek() {
            let list = match first {
                '?' => &mut terms.any,
                '-' => &mut terms.excluded,
                _ => &mut terms.required,
            };
            if matches!(first, '?' | '-') {
                scanner.at += 1;
            }
            list.push(take_term(scanner)?);
            scanner.skip_space();
        }
        Ok(terms)
    }

    pub fn matches(&self, message: &str) -> bool {
        if self.excluded.iter().any(|term| term.is_in(message)) {
            return false;
        }
        if self.required.is_empty() && self.excluded.is_empty() && !self.any.is_empty() {
            return self.any.iter().any(|term| term.is_in(message));
        }
        self.required.iter().all(|term| term.is_in(message))
    }

    /// The longest text among those that must be there.
    pub fn needle(&self) -> Option<&str> {
        let texts = self.required.iter().filter_map(|term| match term {
            Term::Text(text) => Some(text.as_str()),
            Term::Regex(_) => None,
        });
        texts.filter(|it| !it.is_empty()).max_by_key(|it| it.len())
    }

    pub fn regular_expressions(&self) -> usize {
        let terms = self.required.iter().chain(&self.any).chain(&self.excluded);
        terms.filter(|term| matches!(term, Term::Regex(_))).count()
    }
}

fn take_term(scanner: &mut Scanner<'_>) -> Result<Term, FilterPatternError> {
    match scanner.peek() {
        Some('"') => {
            scanner.at += 1;
            scanner.take_quoted().map(Term::Text)
        }
        Some('%') => {
            scanner.at += 1;
            scanner.take_regex().map(Term::Regex)
        }
        _ => {
            let term = scanner.take_while(|character| !character.is_whitespace());
            let is_plain = |character: char| character.is_alphanumeric() || character == '_';
            if term.is_empty() || !term.chars().all(is_plain) {
                return Err(FilterPatternError::Characters(term.to_owned()));
            }
            Ok(Term::Text(term.to_owned()))
        }
    }
}
