//! The letters of a query, one after the other. What a `/` means depends on what is expected, so there are no tokens.

use regex::{Regex, RegexBuilder};

use crate::QueryError;

const REGEX_BYTES: usize = 1024 * 1024;
pub(crate) const MAX_DEPTH: usize = 50;

pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    pub depth: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        let (at, depth) = (0, 0);
        Self { text, at, depth }
    }

    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// In bytes.
    pub fn position(&self) -> usize {
        self.at
    }

    pub fn go_back(&mut self, position: usize) {
        self.at = position;
    }

    pub fn text_from(&self, position: usize) -> &'a str {
        self.text[position..self.at].trim()
    }

    /// Spaces and comments.
    pub fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            if !self.rest().starts_with('#') {
                return;
            }
            let rest = self.rest();
            self.at += rest.find('\n').unwrap_or(rest.len());
        }
    }

    pub fn peek(&mut self) -> Option<char> {
        self.skip_space();
        self.rest().chars().next()
    }

    pub fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    pub fn take(&mut self, sign: &str) -> bool {
        self.skip_space();
        let is_next = self.rest().starts_with(sign);
        if is_next {
            self.at += sign.len();
        }
        is_next
    }

    /// A word of the language, in any case and whole.
    pub fn take_word(&mut self, word: &str) -> bool {
        self.skip_space();
        let rest = self.rest();
        let is_next = rest
            .get(..word.len())
            .is_some_and(|next| next.eq_ignore_ascii_case(word));
        if !is_next || rest[word.len()..].starts_with(is_name_letter) {
            return false;
        }
        self.at += word.len();
        true
    }

    /// A name of a field or function; also `` `in backquotes` ``.
    pub fn take_name(&mut self) -> Result<String, QueryError> {
        self.skip_space();
        let rest = self.rest();
        if let Some(quoted) = rest.strip_prefix('`') {
            let Some(end) = quoted.find('`') else {
                return Err(self.error("a name in backquotes does not end"));
            };
            self.at += end + 2;
            return Ok(quoted[..end].to_owned());
        }
        let end = rest
            .find(|character| !is_name_letter(character))
            .unwrap_or(rest.len());
        if end == 0 {
            return Err(self.unexpected("the name of a field"));
        }
        self.at += end;
        Ok(rest[..end].to_owned())
    }

    /// A text in quotes of either kind.
    pub fn take_text(&mut self) -> Result<Option<String>, QueryError> {
        let Some(quote @ ('"' | '\'')) = self.peek() else {
            return Ok(None);
        };
        let mut text = String::new();
        let rest = self.rest();
        let mut characters = rest.char_indices().skip(1);
        while let Some((index, character)) = characters.next() {
            match character {
                _ if character == quote => {
                    self.at += index + 1;
                    return Ok(Some(text));
                }
                '\\' => match characters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, escaped @ ('"' | '\'' | '\\'))) => text.push(escaped),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => break,
                },
                other => text.push(other),
            }
        }
        Err(self.error("a text in quotes does not end"))
    }

    /// `/between slashes/`.
    pub fn take_regex(&mut self) -> Result<Option<Regex>, QueryError> {
        if self.peek() != Some('/') {
            return Ok(None);
        }
        let rest = self.rest();
        let mut text = String::new();
        let mut characters = rest.char_indices().skip(1);
        while let Some((index, character)) = characters.next() {
            match character {
                '/' => {
                    let regex = RegexBuilder::new(&text).size_limit(REGEX_BYTES).build();
                    let regex = regex.map_err(|_| {
                        let start = self.characters(self.at);
                        QueryError {
                            message: format!(
                                "the regular expression /{text}/ is not valid or not supported"
                            ),
                            start,
                            end: start + rest[..=index].chars().count(),
                        }
                    })?;
                    self.at += index + 1;
                    return Ok(Some(regex));
                }
                '\\' => match characters.next() {
                    Some((_, '/')) => text.push('/'),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => break,
                },
                other => text.push(other),
            }
        }
        Err(self.error("a regular expression does not end"))
    }

    pub fn take_number(&mut self) -> Option<f64> {
        self.skip_space();
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let digits = |from: usize| {
            let digits = bytes[from..].iter().take_while(|it| it.is_ascii_digit());
            from + digits.count()
        };
        let mut end = digits(0);
        if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1);
        }
        if end > 0 && matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits((end + 1 + sign).min(bytes.len()));
            if exponent > end + 1 + sign {
                end = exponent;
            }
        }
        let number = rest[..end].parse().ok()?;
        self.at += end;
        Some(number)
    }

    pub fn expect(&mut self, sign: &str) -> Result<(), QueryError> {
        if self.take(sign) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("'{sign}'")))
        }
    }

    pub fn unexpected(&mut self, expected: &str) -> QueryError {
        match self.peek() {
            Some(found) => self.error(&format!(
                "unexpected symbol found '{found}', expected {expected}"
            )),
            None => self.error(&format!("unexpected end of query, expected {expected}")),
        }
    }

    /// At the next character.
    pub fn error(&self, message: &str) -> QueryError {
        let start = self.characters(self.at);
        QueryError {
            message: message.to_owned(),
            start,
            end: start + usize::from(self.at < self.text.len()),
        }
    }

    /// From `position` (bytes) to here.
    pub fn error_from(&self, position: usize, message: String) -> QueryError {
        QueryError {
            message,
            start: self.characters(position),
            end: self.characters(self.at),
        }
    }

    fn characters(&self, position: usize) -> usize {
        self.text[..position].chars().count()
    }
}

pub(crate) fn is_name_letter(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '@' | '.')
}
