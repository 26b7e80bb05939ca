//! Byte ranges: `Range` of a read (RFC 9110 §14) and `Content-Range` of an upload's chunk.

/// The bytes `start..end` of a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteRange {
    pub start: u64,
    pub end: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requested {
    /// No range, or one that a server may ignore (another unit, several ranges, malformed).
    Whole,
    Part(ByteRange),
    Unsatisfiable,
}

/// Reads a `Range` header against a whole of `size` bytes.
pub(crate) fn requested(header: Option<&str>, size: u64) -> Requested {
    let Some((first, last)) = header
        .and_then(|header| header.trim().strip_prefix("bytes="))
        .filter(|ranges| !ranges.contains(','))
        .and_then(|range| range.split_once('-'))
    else {
        return Requested::Whole;
    };
    let part = match (number(first), number(last)) {
        (Some(start), Some(last)) if start <= last => Some((start, last.saturating_add(1))),
        (Some(start), None) if last.is_empty() => Some((start, size)),
        (None, Some(suffix)) if first.is_empty() => Some((size.saturating_sub(suffix), size)),
        _ => None,
    };
    match part {
        None => Requested::Whole,
        Some((start, end)) if start < size && end > start => Requested::Part(ByteRange {
            start,
            end: end.min(size),
        }),
        Some(_) => Requested::Unsatisfiable,
    }
}

/// Reads a chunk's `Content-Range`: `FIRST-LAST`, both included; docker writes it so, RFC 9110's `bytes F-L/*` is
/// taken as well. `None` when it is malformed.
pub(crate) fn chunk(header: &str) -> Option<ByteRange> {
    let header = header.trim();
    let header = header.strip_prefix("bytes ").unwrap_or(header);
    let range = header.split_once('/').map_or(header, |(range, _)| range);
    let (first, last) = range.split_once('-')?;
    let (start, last) = (number(first)?, number(last)?);
    (start <= last).then_some(ByteRange {
        start,
        end: last.checked_add(1)?,
    })
}

fn number(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(start: u64, end: u64) -> Requested {
        Requested::Part(ByteRange { start, end })
    }

    #[test]
    fn ranges_of_a_read() {
        assert_eq!(requested(None, 10), Requested::Whole);
        assert_eq!(requested(Some("bytes=0-3"), 10), part(0, 4));
        assert_eq!(requested(Some("bytes=4-"), 10), part(4, 10));
        assert_eq!(requested(Some("bytes=-3"), 10), part(7, 10));
        assert_eq!(requested(Some("bytes=-30"), 10), part(0, 10));
        assert_eq!(requested(Some("bytes=8-100"), 10), part(8, 10));
        assert_eq!(requested(Some("bytes=10-"), 10), Requested::Unsatisfiable);
        assert_eq!(requested(Some("bytes=-0"), 10), Requested::Unsatisfiable);
        for ignored in [
            "items=0-1",
            "bytes=0-1,3-4",
            "bytes=x-1",
            "bytes=5-2",
            "bytes=-",
        ] {
            assert_eq!(requested(Some(ignored), 10), Requested::Whole, "{ignored}");
        }
    }

    #[test]
    fn ranges_of_a_chunk() {
        assert_eq!(chunk("0-9"), Some(ByteRange { start: 0, end: 10 }));
        assert_eq!(chunk("bytes 5-9/*"), Some(ByteRange { start: 5, end: 10 }));
        for bad in ["", "9-0", "-9", "a-b", "0-18446744073709551615"] {
            assert_eq!(chunk(bad), None, "{bad}");
        }
    }
}
