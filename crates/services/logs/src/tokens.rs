//! Page tokens: places among events, opaque to clients.
//!
//! GetLogEvents has the shape that AWS gives (`f/` and `b/` with 56 digits), because tools look at it.

use api_logs::errors::invalid_parameter_exception;
use log_store::{Cursor, Direction, SearchCursor};
use wire::Error;

const TIME_DIGITS: usize = 20;
const SEQUENCE_DIGITS: usize = 36;

/// Where a page of one stream begins.
pub(crate) fn read_token(direction: Direction, cursor: Cursor) -> String {
    let letter = match direction {
        Direction::Forward => 'f',
        Direction::Backward => 'b',
    };
    let Cursor {
        timestamp,
        sequence,
    } = cursor;
    let timestamp = timestamp.max(0);
    format!("{letter}/{timestamp:0TIME_DIGITS$}{sequence:0SEQUENCE_DIGITS$}/s")
}

pub(crate) fn parse_read_token(token: &str) -> Result<(Direction, Cursor), Error> {
    let parse = || {
        let (letter, rest) = token.split_once('/')?;
        let direction = match letter {
            "f" => Direction::Forward,
            "b" => Direction::Backward,
            _ => return None,
        };
        let digits = rest.strip_suffix("/s")?;
        let (time, sequence) = digits.split_at_checked(TIME_DIGITS)?;
        let cursor = Cursor {
            timestamp: time.parse().ok()?,
            sequence: sequence.parse().ok()?,
        };
        (sequence.len() == SEQUENCE_DIGITS).then_some((direction, cursor))
    };
    parse().ok_or_else(invalid)
}

/// Where a page of a search begins.
pub(crate) fn search_token(cursor: SearchCursor) -> String {
    let SearchCursor {
        timestamp,
        stream_id,
        sequence,
    } = cursor;
    format!("{timestamp:x}.{stream_id:x}.{sequence:x}")
}

pub(crate) fn parse_search_token(token: &str) -> Result<SearchCursor, Error> {
    let mut parts = token.split('.');
    let mut next = || parts.next();
    let parse = (|| {
        let cursor = SearchCursor {
            timestamp: i64::from_str_radix(next()?, 16).ok()?,
            stream_id: u64::from_str_radix(next()?, 16).ok()?,
            sequence: u64::from_str_radix(next()?, 16).ok()?,
        };
        next().is_none().then_some(cursor)
    })();
    parse.ok_or_else(invalid)
}

/// Unique among all events, 56 digits as in AWS.
pub(crate) fn event_id(place: SearchCursor) -> String {
    let SearchCursor {
        timestamp,
        stream_id,
        sequence,
    } = place;
    format!("{:020}{stream_id:018}{sequence:018}", timestamp.max(0))
}

/// AWS answers one to every PutLogEvents and looks at none any more.
pub(crate) fn sequence_token(now_millis: i64) -> String {
    format!("{:056}", now_millis.max(0))
}

fn invalid() -> Error {
    invalid_parameter_exception("The specified nextToken is invalid.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back() {
        for (timestamp, sequence) in [(0, 0), (1_800_000_000_000, 7), (i64::MAX, u64::MAX)] {
            let cursor = Cursor {
                timestamp,
                sequence,
            };
            for direction in [Direction::Forward, Direction::Backward] {
                let token = read_token(direction, cursor);
                assert_eq!(token.len(), 60);
                assert_eq!(parse_read_token(&token), Ok((direction, cursor)));
            }
            let place = SearchCursor {
                timestamp,
                stream_id: sequence,
                sequence,
            };
            assert_eq!(parse_search_token(&search_token(place)), Ok(place));
        }
    }

    #[test]
    fn foreign_tokens_are_refused() {
        for token in ["", "f/", "x/1/s", "f/12/s", "fé", "1.2", "1.2.3.4", "é.1.2"] {
            assert!(parse_read_token(token).is_err(), "{token}");
            assert!(parse_search_token(token).is_err(), "{token}");
        }
    }
}
