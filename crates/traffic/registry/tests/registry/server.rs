//! A registry behind a real socket, and the plainest of HTTP clients.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use clock::Clock;
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use registry::push::{Answer, Transport};
use registry::{Catalog, Registry};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::memory::TwoTokens;

pub struct Server {
    pub address: SocketAddr,
    pub registry: Registry,
    accepting: JoinHandle<()>,
}

impl Server {
    pub async fn start(directory: &Path, catalog: Arc<dyn Catalog>) -> Self {
        let clock = Clock::system();
        let registry = Registry::open(directory, catalog, Arc::new(TwoTokens), clock.clone())
            .expect("the registry opens");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("has an address");
        let served = registry.clone();
        let connections = clock.clone();
        let accepting = clock.spawn("test registry", async move {
            while let Ok((stream, _)) = listener.accept().await {
                let registry = served.clone();
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let registry = registry.clone();
                    async move { Ok::<_, std::convert::Infallible>(registry.handle(request).await) }
                });
                connections.spawn("connection", async move {
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            registry,
            accepting,
        }
    }

    pub fn client(&self, token: &str) -> Client {
        Client {
            address: self.address,
            token: token.to_owned(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

pub struct Client {
    address: SocketAddr,
    token: String,
}

impl Client {
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Answer {
        let stream = TcpStream::connect(self.address).await.expect("connects");
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .expect("shakes hands");
        Clock::system().spawn("client", async move {
            let _ = connection.await;
        });
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("a path");
        *request.headers_mut() = headers;
        let host = HeaderValue::from_str(&self.address.to_string()).expect("a host");
        request.headers_mut().insert(http::header::HOST, host);
        if !self.token.is_empty() {
            let bearer = HeaderValue::from_str(&format!("Bearer {}", self.token)).expect("a token");
            request
                .headers_mut()
                .insert(http::header::AUTHORIZATION, bearer);
        }
        let response = sender.send_request(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, HeaderMap::new(), Bytes::new())
            .await
    }

    /// With `(name, value)` headers.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let headers = headers.iter().map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, HeaderValue::from_str(value).expect("a header"))
        });
        self.request(method, path, headers.collect(), body.into())
            .await
    }
}

impl Transport for Client {
    fn send<'a>(
        &'a self,
        method: Method,
        path: &'a str,
        headers: HeaderMap,
        body: Bytes,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Answer, String>> + Send + 'a>> {
        Box::pin(async move { Ok(self.request(method, path, headers, body).await) })
    }
}

pub fn header(answer: &Answer, name: &str) -> String {
    let value = answer.headers.get(name);
    let value = value.unwrap_or_else(|| panic!("no {name} in {answer:?}"));
    value.to_str().expect("text").to_owned()
}

/// OCI's error code of an answer.
pub fn code(answer: &Answer) -> String {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    body["errors"][0]["code"]
        .as_str()
        .expect("a code")
        .to_owned()
}
