//! One HTTP request over one connection, signed or not.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use identity::{Payload, SignedRequest, SigningScope, sign};
use limits::CLIENT_CONNECT_TIMEOUT_SECONDS;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::pool::Sender;
use crate::{BoxError, Client, Error, Stream};

pub type RequestBody = BoxBody<Bytes, BoxError>;

const OUR_USER_AGENT: &str = concat!("gantry/", env!("CARGO_PKG_VERSION"));

const TRUST_HINT: &str = "Gantry's own certificate authority is tls/ca.pem in the server's data directory: name a copy of it with \
     --ca-certificate, or in AWS_CA_BUNDLE";

pub fn empty_body() -> RequestBody {
    Empty::new().map_err(|never| match never {}).boxed()
}

pub fn full_body(bytes: impl Into<Bytes>) -> RequestBody {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed()
}

impl Client {
    /// A plain request, not signed, over a connection of its own: for the registry, whose bodies
    /// are streamed both ways. `headers` may hold an `Authorization`. Only connecting has a timeout.
    pub async fn request(
        &self,
        method: Method,
        path_and_query: &str,
        headers: HeaderMap,
        body: RequestBody,
    ) -> Result<Response<Incoming>, Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(path_and_query)
            .body(body)
            .map_err(|error| Error::Request(error.to_string()))?;
        *request.headers_mut() = headers;
        self.name_sender(request.headers_mut());
        let mut sender = self.connect().await?;
        sender
            .send_request(request)
            .await
            .map_err(|error| self.broken(error))
    }

    /// `Host` and `User-Agent`.
    pub(crate) fn name_sender(&self, headers: &mut HeaderMap) {
        headers.insert(HOST, self.shared.endpoint.host_header());
        headers.insert(USER_AGENT, HeaderValue::from_static(OUR_USER_AGENT));
    }

    /// Adds what names the sender, and the signature.
    pub(crate) fn sign(
        &self,
        method: &Method,
        path_and_query: &str,
        headers: &mut HeaderMap,
        body: &[u8],
        service: &str,
    ) {
        self.name_sender(headers);
        if !body.is_empty() {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((path_and_query, ""));
        let parts = SignedRequest {
            method: method.as_str(),
            path,
            query,
            headers,
            payload: Payload::Bytes(body),
        };
        let scope = SigningScope {
            region: &self.shared.region,
            service,
            time: self.shared.clock.now(),
        };
        let added = sign(&parts, &self.shared.credentials, scope);
        headers.extend(added);
    }

    pub(crate) async fn connect_stream(&self) -> Result<Stream, Error> {
        let stream = self.connect_tcp().await?;
        let endpoint = &self.shared.endpoint;
        if !endpoint.is_tls() {
            return Ok(Stream::Plain(stream));
        }
        let refused = |reason: String| Error::Tls {
            endpoint: endpoint.to_string(),
            reason,
            hint: TRUST_HINT,
        };
        let name = ServerName::try_from(endpoint.host().to_owned())
            .map_err(|error| refused(error.to_string()))?;
        let connector = TlsConnector::from(self.shared.trust.config()?);
        let after = Duration::from_secs(CLIENT_CONNECT_TIMEOUT_SECONDS);
        let shaking_hands = connector.connect(name, stream);
        let shaken = self.shared.clock.timeout(after, shaking_hands).await;
        match shaken.map_err(|_| self.timed_out(after))? {
            Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
            // A certificate that is not believed will not be a moment later; a cut may be mended.
            Err(error)
                if error
                    .get_ref()
                    .is_some_and(|inner| inner.is::<rustls::Error>()) =>
            {
                Err(refused(error.to_string()))
            }
            Err(error) => Err(self.broken(error)),
        }
    }

    async fn connect_tcp(&self) -> Result<TcpStream, Error> {
        let endpoint = &self.shared.endpoint;
        let after = Duration::from_secs(CLIENT_CONNECT_TIMEOUT_SECONDS);
        let connecting = TcpStream::connect(endpoint.address());
        let connected = self.shared.clock.timeout(after, connecting).await;
        let stream = connected
            .map_err(|_| self.timed_out(after))?
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            .map_err(|source| Error::Connect {
                endpoint: endpoint.to_string(),
                source,
            })?;
        Ok(stream)
    }

    pub(crate) async fn connect(&self) -> Result<Sender, Error> {
        let stream = self.connect_stream().await?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.broken(error))?;
        // Ends by itself when the sender is dropped or the server closes.
        self.shared.clock.spawn("client-connection", async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
        Ok(sender)
    }

    pub(crate) fn broken(&self, error: impl Into<BoxError>) -> Error {
        Error::Transport {
            endpoint: self.shared.endpoint.to_string(),
            source: error.into(),
        }
    }

    pub(crate) fn timed_out(&self, after: Duration) -> Error {
        Error::Timeout {
            endpoint: self.shared.endpoint.to_string(),
            after,
        }
    }
}
