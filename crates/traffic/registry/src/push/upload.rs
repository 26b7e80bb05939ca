//! Pushes an image over HTTP, by a [`Transport`] that whoever pushes brings along.

use std::future::Future;
use std::io::Read;
use std::pin::Pin;

use bytes::Bytes;
use clock::Clock;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::{Blob, Image};
use crate::digest::Digest;

/// Bytes of a blob sent in one request.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// An answer, read whole: none that pushing gets is large.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Sends one request to the registry, with authorisation; `path` begins with `/v2/` and may have a query.
pub trait Transport: Send + Sync {
    fn send<'a>(
        &'a self,
        method: Method,
        path: &'a str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, String>> + Send + 'a>>;
}

/// Told as the push goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress<'a> {
    /// The registry has this blob.
    Exists {
        digest: &'a Digest,
        size: u64,
    },
    Sent {
        digest: &'a Digest,
        sent: u64,
        size: u64,
    },
    Done {
        digest: &'a Digest,
        size: u64,
    },
}

/// What is now in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    pub digest: Digest,
    pub sent_bytes: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum PushError {
    #[error("the registry did not answer: {0}")]
    Transport(String),
    #[error("the registry refused to {what}: {status} {message}")]
    Refused {
        what: String,
        status: StatusCode,
        /// OCI's error code, such as `NAME_UNKNOWN`.
        code: String,
        message: String,
    },
    #[error("reading blob {digest}: {source}")]
    Read {
        digest: Digest,
        source: std::io::Error,
    },
    #[error("the registry answered without a Location")]
    NoLocation,
}

/// Pushes `image` as `repository:tag`; without a tag only by digest.
pub async fn push(
    transport: &dyn Transport,
    clock: &Clock,
    repository: &str,
    tag: Option<&str>,
    image: &Image,
    progress: &(dyn Fn(Progress<'_>) + Send + Sync),
) -> Result<Pushed, PushError> {
    let push = Push {
        transport,
        clock,
        repository,
        progress,
    };
    let mut sent_bytes = 0;
    for blob in &image.blobs {
        sent_bytes += push.blob(blob).await?;
    }
    for manifest in &image.manifests {
        let is_root = manifest.digest == image.root().digest;
        let reference = match tag {
            Some(tag) if is_root => tag,
            _ => manifest.digest.as_str(),
        };
        let path = format!("/v2/{repository}/manifests/{reference}");
        let mut headers = HeaderMap::new();
        if let Ok(media_type) = HeaderValue::from_str(&manifest.media_type) {
            headers.insert(CONTENT_TYPE, media_type);
        }
        let bytes = Bytes::from(manifest.bytes.clone());
        let answer = push.send(Method::PUT, &path, headers, bytes).await?;
        expect(answer, StatusCode::CREATED, || {
            format!("take manifest {reference}")
        })?;
    }
    Ok(Pushed {
        digest: image.root().digest.clone(),
        sent_bytes,
    })
}

struct Push<'a> {
    transport: &'a dyn Transport,
    clock: &'a Clock,
    repository: &'a str,
    progress: &'a (dyn Fn(Progress<'_>) + Send + Sync),
}

impl Push<'_> {
    /// How many bytes had to be sent.
    async fn blob(&self, blob: &Blob) -> Result<u64, PushError> {
        let Blob { digest, size, .. } = blob;
        let size = *size;
        let path = format!("/v2/{}/blobs/{digest}", self.repository);
        let answer = self.send(Method::HEAD, &path, HeaderMap::new(), Bytes::new());
        if answer.await?.status == StatusCode::OK {
            (self.progress)(Progress::Exists { digest, size });
            return Ok(0);
        }
        let path = format!("/v2/{}/blobs/uploads/", self.repository);
        let answer = self
            .send(Method::POST, &path, HeaderMap::new(), Bytes::new())
            .await?;
        let answer = expect(answer, StatusCode::ACCEPTED, || {
            format!("begin an upload to {}", self.repository)
        })?;
        let mut location = location_of(&answer)?;
        let mut sent = 0;
        let mut reader: Option<Box<dyn Read + Send>> = None;
        loop {
            let (chunk, rest) = self.read_chunk(blob, reader).await?;
            reader = Some(rest);
            if chunk.is_empty() {
                break;
            }
            sent += chunk.len() as u64;
            let answer = self
                .send(Method::PATCH, &location, binary(chunk.len()), chunk)
                .await?;
            let answer = expect(answer, StatusCode::ACCEPTED, || {
                format!("take a part of blob {digest}")
            })?;
            location = location_of(&answer)?;
            (self.progress)(Progress::Sent { digest, sent, size });
        }
        let separator = if location.contains('?') { '&' } else { '?' };
        let path = format!("{location}{separator}digest={digest}");
        let answer = self
            .send(Method::PUT, &path, binary(0), Bytes::new())
            .await?;
        expect(answer, StatusCode::CREATED, || {
            format!("keep blob {digest}")
        })?;
        (self.progress)(Progress::Done { digest, size });
        Ok(sent)
    }

    async fn read_chunk(
        &self,
        blob: &Blob,
        reader: Option<Box<dyn Read + Send>>,
    ) -> Result<(Bytes, Box<dyn Read + Send>), PushError> {
        let opened = match reader {
            Some(reader) => Ok(reader),
            None => blob.reader(),
        };
        let read = self.clock.spawn_blocking(move || {
            let mut reader = opened?;
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            reader
                .by_ref()
                .take(CHUNK_BYTES as u64)
                .read_to_end(&mut chunk)?;
            Ok((Bytes::from(chunk), reader))
        });
        read.await
            .map_err(std::io::Error::other)
            .and_then(|result| result)
            .map_err(|source| PushError::Read {
                digest: blob.digest.clone(),
                source,
            })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, PushError> {
        self.transport
            .send(method, path, headers, body)
            .await
            .map_err(PushError::Transport)
    }
}

fn binary(length: usize) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let media_type = HeaderValue::from_static("application/octet-stream");
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers
}

/// The path of the answer's `Location`, which may be absolute.
fn location_of(answer: &Answer) -> Result<String, PushError> {
    let location = answer
        .headers
        .get(LOCATION)
        .and_then(|value| value.to_str().ok())
        .ok_or(PushError::NoLocation)?;
    Ok(match location.find("/v2/") {
        Some(start) => location[start..].to_owned(),
        None => location.to_owned(),
    })
}

fn expect(
    answer: Answer,
    status: StatusCode,
    what: impl Fn() -> String,
) -> Result<Answer, PushError> {
    if answer.status == status {
        return Ok(answer);
    }
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let error = &body["errors"][0];
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    Err(PushError::Refused {
        what: what(),
        status: answer.status,
        code: text(&error["code"]),
        message: text(&error["message"]),
    })
}
