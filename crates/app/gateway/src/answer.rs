//! Answers that are not an operation's.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::{Either, Full};
use wire::HttpResponse;

pub use registry::BoxError;

/// Whole for nearly everything; streamed for the registry.
pub type Body = Either<Full<Bytes>, registry::Body>;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

pub(crate) fn from_wire(response: HttpResponse) -> Response<Body> {
    response.map(|body| Either::Left(Full::new(Bytes::from(body))))
}

pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    typed(status, "text/plain; charset=utf-8", body)
}

/// Refuses a websocket handshake as agents understand it: an envelope of the exception.
pub(crate) fn handshake_refusal(error: &wire::Error) -> Response<Body> {
    let body = serde_json::json!({
        "type": error.code,
        "message": { "message": error.message },
    });
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    typed(status, "application/json", body.to_string())
}

pub(crate) fn with_request_id(mut response: Response<Body>, request_id: &str) -> Response<Body> {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

fn typed(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(body.into())));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
