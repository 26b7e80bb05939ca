/// Why a text is no query, and where: characters of the text, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({start},{end})")]
pub struct QueryError {
    pub message: String,
    pub start: usize,
    /// Behind the last character meant.
    pub end: usize,
}
