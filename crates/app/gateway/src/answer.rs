//! Answers that are not an operation's.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use registry::BoxError;
use wire::{EventSource, HttpResponse, event_stream};

use crate::ShutdownSignal;

/// Whole for nearly everything; streamed for the registry.
pub(crate) enum Body {
    Whole(Full<Bytes>),
    Streamed(registry::Body),
    Events(Events),
}

/// A stream of events; it ends with the server.
pub(crate) struct Events {
    source: Box<dyn EventSource>,
    stopping: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Events {
    pub(crate) fn new(source: Box<dyn EventSource>, mut signal: ShutdownSignal) -> Self {
        Self {
            source,
            stopping: Box::pin(async move { signal.requested().await }),
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.stopping.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        let message = self.source.poll_next(context);
        message.map(|message| message.map(Bytes::from))
    }
}

/// A streamed body that ended early. A type of its own, not the boxed error that it holds: with
/// that the compiler cannot tell that a connection's future is Send.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct StreamError(BoxError);

impl HttpBody for Body {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        match self.get_mut() {
            Body::Whole(body) => Pin::new(body)
                .poll_frame(context)
                .map_err(|never| match never {}),
            Body::Streamed(body) => Pin::new(body).poll_frame(context).map_err(StreamError),
            Body::Events(events) => events
                .poll(context)
                .map(|message| message.map(|message| Ok(Frame::data(message)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Whole(body) => body.is_end_stream(),
            Body::Streamed(body) => body.is_end_stream(),
            Body::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(body) => body.size_hint(),
            Body::Streamed(body) => body.size_hint(),
            Body::Events(_) => SizeHint::default(),
        }
    }
}

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

pub(crate) fn from_wire(response: HttpResponse) -> Response<Body> {
    response.map(|body| Body::Whole(Full::new(Bytes::from(body))))
}

pub(crate) fn events(source: Box<dyn EventSource>, signal: ShutdownSignal) -> Response<Body> {
    let mut response = Response::new(Body::Events(Events::new(source, signal)));
    let kind = HeaderValue::from_static(event_stream::CONTENT_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
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

pub(crate) fn typed(
    status: StatusCode,
    kind: &'static str,
    body: impl Into<Bytes>,
) -> Response<Body> {
    let mut response = Response::new(Body::Whole(Full::new(body.into())));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
