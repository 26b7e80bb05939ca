/// Why a text is no filter pattern. Positions count bytes from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterPatternError {
    #[error("Invalid character(s) in term '{0}'")]
    Characters(String),
    #[error("Invalid filter pattern: a quoted text that begins at position {0} does not end")]
    Quotes(usize),
    #[error(
        "Invalid filter pattern: a regular expression that begins at position {0} does not end"
    )]
    RegexEnd(usize),
    #[error("Invalid filter pattern: '{0}' is not supported in a regular expression")]
    RegexCharacter(char),
    #[error("Invalid filter pattern: regular expression '{0}' is not valid")]
    Regex(String),
    #[error(
        "Invalid filter pattern: a pattern of this kind may have at most 2 regular expressions"
    )]
    TooManyRegexes,
    #[error("Invalid filter pattern: expected {expected} at position {at}")]
    Expected { expected: &'static str, at: usize },
    #[error("Invalid filter pattern: parentheses are nested too deep")]
    TooDeep,
    #[error("Invalid filter pattern: there can be only one ellipsis")]
    Ellipses,
    #[error("Invalid filter pattern: a condition names '{found}' where the field is '{field}'")]
    OtherField { field: String, found: String },
}
