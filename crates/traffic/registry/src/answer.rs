//! Answers: the OCI error body and its codes, and the few headers that every answer carries.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};

use crate::catalog::CatalogError;
use crate::content::ContentError;

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The body of an answer: streamed for blobs, whole for everything else.
pub type Body = BoxBody<Bytes, BoxError>;

pub(crate) const DOCKER_CONTENT_DIGEST: HeaderName =
    HeaderName::from_static("docker-content-digest");
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// An error as the distribution specification words it: `{"errors": [{code, message, detail}]}`.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    pub detail: serde_json::Value,
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiError {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            detail: serde_json::Value::Null,
            headers: Vec::new(),
        }
    }

    pub fn detail(mut self, detail: serde_json::Value) -> Self {
        self.detail = detail;
        self
    }

    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// The realm is the endpoint that the client came by, as ECR does it.
    pub fn unauthorized(message: String, request: &HeaderMap) -> Self {
        let host = request
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .filter(|host| !host.contains('"'))
            .unwrap_or("localhost");
        let is_https = request
            .get("x-forwarded-proto")
            .is_some_and(|scheme| scheme == "https");
        let scheme = if is_https { "https" } else { "http" };
        let challenge = format!("Basic realm=\"{scheme}://{host}/\",service=\"ecr.amazonaws.com\"");
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
            .header(WWW_AUTHENTICATE, &challenge)
    }

    pub fn denied(message: String) -> Self {
        Self::new(StatusCode::FORBIDDEN, "DENIED", message)
    }

    pub fn blob_unknown(digest: &crate::Digest) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "BLOB_UNKNOWN",
            "blob unknown to registry",
        )
        .detail(serde_json::json!({ "digest": digest.as_str() }))
    }

    pub fn upload_unknown() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "BLOB_UPLOAD_UNKNOWN",
            "blob upload unknown to registry",
        )
    }

    pub fn digest_invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "DIGEST_INVALID", message)
    }

    pub fn manifest_invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", message)
    }

    /// ECR's words for a manifest or tag that is not there.
    pub fn manifest_unknown() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "MANIFEST_UNKNOWN",
            "Requested image not found",
        )
    }

    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", message)
    }

    pub fn too_large(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, code, message)
    }

    pub fn into_response(self) -> Response<Body> {
        let body = serde_json::json!({ "errors": [{
            "code": self.code,
            "message": self.message,
            "detail": self.detail,
        }] });
        let mut response = json(self.status, &body);
        response.headers_mut().extend(self.headers);
        response
    }
}

impl From<std::io::Error> for ApiError {
    /// What went wrong on disk is for the log; the client can only try again.
    fn from(error: std::io::Error) -> Self {
        tracing::error!(%error, "registry storage");
        if error.kind() == std::io::ErrorKind::StorageFull {
            return Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "DENIED",
                "no space left in the registry",
            );
        }
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "UNKNOWN",
            "the registry could not read or write its files",
        )
    }
}

impl From<ContentError> for ApiError {
    fn from(error: ContentError) -> Self {
        let message = error.to_string();
        match error {
            ContentError::Catalog(error) => error.into(),
            ContentError::Files(error) => error.into(),
            ContentError::Manifest(_) => Self::manifest_invalid(message),
            ContentError::Digest { expected, actual } => Self::digest_invalid(message).detail(
                serde_json::json!({ "expected": expected.as_str(), "actual": actual.as_str() }),
            ),
            ContentError::Missing { blobs, manifests } => {
                let missing: Vec<_> = blobs.iter().chain(&manifests).collect();
                Self::new(StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN", message)
                    .detail(serde_json::json!({ "digests": missing }))
            }
            ContentError::UploadUnknown => Self::upload_unknown(),
            ContentError::OutOfOrder { .. } => Self::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "BLOB_UPLOAD_INVALID",
                message,
            ),
            ContentError::TooManyUploads => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", message)
            }
            ContentError::TooLarge => Self::too_large("SIZE_INVALID", message),
            ContentError::BodyEnded(_) => {
                Self::new(StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID", message)
            }
        }
    }
}

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        let message = error.to_string();
        match error {
            CatalogError::RepositoryUnknown(_) => {
                Self::new(StatusCode::NOT_FOUND, "NAME_UNKNOWN", message)
            }
            CatalogError::TagImmutable(_) => {
                Self::new(StatusCode::BAD_REQUEST, "TAG_INVALID", message)
            }
            CatalogError::InUse(_) => Self::new(StatusCode::CONFLICT, "DENIED", message),
            CatalogError::TooMany(_) => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", message)
            }
            CatalogError::Internal(_) => {
                tracing::error!(message, "registry catalogue");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "UNKNOWN",
                    "the registry's catalogue failed",
                )
            }
        }
    }
}

/// A whole body.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed()
}

pub(crate) fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    let bytes = value.to_string();
    let mut response = Response::new(full(bytes));
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, "application/json");
    response
}

/// No body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = status;
    set(&mut response, CONTENT_LENGTH, "0");
    response
}

/// Sets a header whose value comes from checked parts (names, digests, numbers).
pub(crate) fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Clients look for it to know that this is a v2 registry.
pub(crate) fn stamp(mut response: Response<Body>) -> Response<Body> {
    set(&mut response, API_VERSION, "registry/2.0");
    response
}
