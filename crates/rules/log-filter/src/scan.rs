//! The letters of a pattern, one after the other, and what all kinds of patterns are made of.

use regex::{Regex, RegexBuilder};

use crate::FilterPatternError;

/// Compiled size of one regular expression.
const REGEX_BYTES: usize = 256 * 1024;

pub(crate) struct Scanner<'a> {
    text: &'a str,
    pub at: usize,
}

impl<'a> Scanner<'a> {
    /// At the first character that is no space.
    pub fn new(text: &'a str) -> Self {
        let mut scanner = Self { text, at: 0 };
        scanner.skip_space();
        scanner
    }

    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Takes `sign`, and the spaces before it, if it is next.
    pub fn take(&mut self, sign: &str) -> bool {
        let rest = self.rest().trim_start();
        if !rest.starts_with(sign) {
            return false;
        }
        self.at = self.text.len() - rest.len() + sign.len();
        true
    }

    /// Takes a word in any case, if it is next and whole.
    pub fn take_word(&mut self, word: &str) -> bool {
        let rest = self.rest().trim_start();
        let is_next = rest
            .get(..word.len())
            .is_some_and(|next| next.eq_ignore_ascii_case(word));
        let goes_on = |rest: &str| rest.chars().next().is_some_and(char::is_alphanumeric);
        if !is_next || goes_on(&rest[word.len()..]) {
            return false;
        }
        self.at = self.text.len() - rest.len() + word.len();
        true
    }

    /// What comes next, up to the first character that is not wanted.
    pub fn take_while(&mut self, is_wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest
            .find(|character| !is_wanted(character))
            .unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    pub fn expected(&self, expected: &'static str) -> FilterPatternError {
        let at = self.at;
        FilterPatternError::Expected { expected, at }
    }

    /// After an opening `"`: the text up to the closing one. A backslash takes the special meaning of `"` and `\`.
    pub fn take_quoted(&mut self) -> Result<String, FilterPatternError> {
        let begin = self.at;
        let mut text = String::new();
        let rest = self.rest();
        let mut characters = rest.char_indices();
        while let Some((index, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += index + 1;
                    return Ok(text);
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => break,
                },
                other => text.push(other),
            }
        }
        Err(FilterPatternError::Quotes(begin))
    }

    /// After an opening `%`: the regular expression up to the closing one.
    pub fn take_regex(&mut self) -> Result<Regex, FilterPatternError> {
        let begin = self.at;
        let text = self.take_while(|character| character != '%');
        if !self.take("%") {
            return Err(FilterPatternError::RegexEnd(begin));
        }
        let is_supported = |character: &char| {
            character.is_ascii_alphanumeric() || " :_#=@/;,-^$?[]{}|\\*+.".contains(*character)
        };
        if let Some(other) = text.chars().find(|it| !is_supported(it)) {
            return Err(FilterPatternError::RegexCharacter(other));
        }
        let regex = RegexBuilder::new(text).size_limit(REGEX_BYTES).build();
        match regex {
            Ok(regex) if !text.is_empty() => Ok(regex),
            _ => Err(FilterPatternError::Regex(text.to_owned())),
        }
    }
}
