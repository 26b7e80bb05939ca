//! The letters of an expression, one after the other.

use super::parse::QueryError;

pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.rest().is_empty()
    }

    pub fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    pub fn peek(&mut self) -> Option<char> {
        self.skip_space();
        self.rest().chars().next()
    }

    /// Takes a sign, if it comes next.
    pub fn take_sign(&mut self, sign: &str) -> bool {
        self.skip_space();
        let is_next = self.rest().starts_with(sign);
        if is_next {
            self.at += sign.len();
        }
        is_next
    }

    /// Takes a word of the language, if it comes next and is a whole word.
    pub fn take_word(&mut self, word: &str) -> bool {
        self.skip_space();
        let rest = self.rest();
        let is_next = rest
            .get(..word.len())
            .is_some_and(|next| next.eq_ignore_ascii_case(word));
        let goes_on = rest
            .get(word.len()..)
            .and_then(|rest| rest.chars().next())
            .is_some_and(is_subject_letter);
        if is_next && !goes_on {
            self.at += word.len();
            return true;
        }
        false
    }

    /// Letters as names of subjects have them, and where they begin; empty where none comes next.
    pub fn take_subject(&mut self) -> (usize, &'a str) {
        self.skip_space();
        let rest = self.rest();
        let length = rest.find(|it| !is_subject_letter(it)).unwrap_or(rest.len());
        self.at += length;
        (self.at - length, &rest[..length])
    }

    /// An argument: quoted, or up to the next space or the end of what it stands in.
    pub fn take_argument(&mut self, is_in_list: bool) -> Result<String, QueryError> {
        match self.peek() {
            Some(quote @ ('"' | '\'')) => self.take_quoted(quote),
            _ => self.take_bare(is_in_list),
        }
    }

    /// Within quotes a backslash takes away the meaning of the quote alone: patterns need theirs.
    fn take_quoted(&mut self, quote: char) -> Result<String, QueryError> {
        let opened_at = self.at;
        self.at += quote.len_utf8();
        let mut value = String::new();
        let mut letters = self.rest().char_indices().peekable();
        while let Some((at, letter)) = letters.next() {
            if letter == quote {
                self.at += at + letter.len_utf8();
                return Ok(value);
            }
            let is_escape =
                letter == '\\' && letters.peek().is_some_and(|(_, next)| *next == quote);
            if is_escape {
                letters.next();
                value.push(quote);
            } else {
                value.push(letter);
            }
        }
        Err(QueryError::at(
            opened_at,
            "the quote that opens here does not close",
        ))
    }

    /// Brackets of a pattern belong to the argument as long as they open within it.
    fn take_bare(&mut self, is_in_list: bool) -> Result<String, QueryError> {
        let rest = self.rest();
        let mut open = Vec::new();
        let mut length = rest.len();
        let mut is_escaped = false;
        for (at, letter) in rest.char_indices() {
            if is_escaped {
                is_escaped = false;
                continue;
            }
            let ends = match letter {
                '\\' => {
                    is_escaped = true;
                    false
                }
                '(' | '[' | '{' => {
                    open.push(letter);
                    false
                }
                ')' | ']' | '}' => open.pop().is_none(),
                ',' => is_in_list && open.is_empty(),
                '&' | '|' => open.is_empty() && rest[at + 1..].starts_with(letter),
                _ => letter.is_whitespace(),
            };
            if ends {
                length = at;
                break;
            }
        }
        if length == 0 {
            return Err(self.error("an argument is missing"));
        }
        self.at += length;
        Ok(rest[..length].to_owned())
    }

    pub fn error(&self, what: impl Into<String>) -> QueryError {
        QueryError::at(self.at, what)
    }
}

fn is_subject_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "-_./\\:".contains(letter)
}
