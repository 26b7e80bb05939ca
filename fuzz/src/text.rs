//! An HTTP request as a fuzzer can write it: request line, headers, a blank line, the body.

use http::{HeaderMap, HeaderName, HeaderValue, Method};

pub struct TextRequest<'a> {
    pub method: Method,
    pub path: &'a str,
    pub query: &'a str,
    pub headers: HeaderMap,
    pub body: &'a [u8],
}

impl<'a> TextRequest<'a> {
    /// `None` for what an HTTP server would not let through.
    pub fn parse(data: &'a [u8]) -> Option<Self> {
        let split = data.windows(2).position(|pair| pair == b"\n\n");
        let (head, body) = match split {
            Some(at) => (&data[..at], &data[at + 2..]),
            None => (data, &[][..]),
        };
        let mut lines = head.split(|byte| *byte == b'\n');
        let first = std::str::from_utf8(lines.next()?).ok()?;
        let (method, target) = first.split_once(' ')?;
        let parsed: http::Uri = target.parse().ok()?;
        if !target.starts_with('/') || parsed.path().is_empty() {
            return None;
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = HeaderMap::new();
        for line in lines {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = HeaderName::from_bytes(&line[..colon]).ok()?;
            headers.append(name, HeaderValue::from_bytes(&line[colon + 1..]).ok()?);
        }
        Some(TextRequest {
            method: Method::from_bytes(method.as_bytes()).ok()?,
            path,
            query,
            headers,
            body,
        })
    }
}
