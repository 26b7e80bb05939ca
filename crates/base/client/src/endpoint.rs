//! Where a server is.

use std::fmt;

use http::HeaderValue;
use http::uri::{Scheme, Uri};

use crate::Error;

#[derive(Debug, Clone)]
pub struct Endpoint {
    is_tls: bool,
    host: String,
    port: u16,
    authority: HeaderValue,
    text: String,
}

impl Endpoint {
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refused = |reason: &'static str| Error::Endpoint {
            text: text.to_owned(),
            reason,
        };
        let uri: Uri = text.parse().map_err(|_| refused("it is not a URL"))?;
        let is_tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(refused("it has to begin with http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| refused("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(refused("it must not hold a user name"));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(refused("it has to end after the port"));
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let (scheme, default_port) = if is_tls { ("https", 443) } else { ("http", 80) };
        Ok(Self {
            is_tls,
            host,
            port: authority.port_u16().unwrap_or(default_port),
            authority: HeaderValue::from_str(authority.as_str())
                .map_err(|_| refused("its host cannot be sent in a header"))?,
            text: format!("{scheme}://{authority}"),
        })
    }

    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as the `Host` header has them.
    pub fn authority(&self) -> &str {
        self.authority.to_str().unwrap_or_default()
    }

    pub(crate) fn host_header(&self) -> HeaderValue {
        self.authority.clone()
    }

    /// What to hand to a TCP connect. `*.localhost` is this machine (RFC 6761), resolver or not.
    pub(crate) fn address(&self) -> (&str, u16) {
        if self.host == "localhost" || self.host.ends_with(".localhost") {
            ("127.0.0.1", self.port)
        } else {
            (&self.host, self.port)
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let parsed = Endpoint::parse("http://127.0.0.1:4580/").expect("valid");
        assert_eq!((parsed.host(), parsed.port()), ("127.0.0.1", 4580));
        assert_eq!(parsed.to_string(), "http://127.0.0.1:4580");
        let parsed = Endpoint::parse("http://ecs.localhost").expect("valid");
        assert_eq!(parsed.address(), ("127.0.0.1", 80));
        let parsed = Endpoint::parse("http://[::1]:4580").expect("valid");
        assert_eq!(parsed.address(), ("::1", 4580));
        assert_eq!(parsed.authority(), "[::1]:4580");
        assert!(!parsed.is_tls());
        let parsed = Endpoint::parse("https://gantry.example/").expect("valid");
        assert_eq!((parsed.port(), parsed.is_tls()), (443, true));
        assert_eq!(parsed.to_string(), "https://gantry.example");
    }

    #[test]
    fn what_is_no_endpoint() {
        for (text, reason) in [
            ("", "not a URL"),
            ("127.0.0.1:4580", "begin with http:// or https://"),
            ("ftp://127.0.0.1", "begin with http:// or https://"),
            ("http://127.0.0.1/x", "end after the port"),
            ("http://me@127.0.0.1", "user name"),
        ] {
            let error = Endpoint::parse(text).expect_err("refused").to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
