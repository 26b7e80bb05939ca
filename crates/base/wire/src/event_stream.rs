//! Answers that are streams of events: `application/vnd.amazon.eventstream`
//! (<https://smithy.io/2.0/aws/amazon-eventstream.html>).
//!
//! An operation whose output has a stream answers an [`EventStream`]; the gateway sends what it gives until it ends,
//! the client goes, or the server stops.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use crate::{AnyShape, Schema, Shape, Slot, json, prelude};

pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// Gives messages as they are sent ([`event`], [`exception`]); `None`: that was the last.
pub trait EventSource: Send + 'static {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Vec<u8>>>;
}

/// The output of an operation that streams.
#[derive(Clone, Default)]
pub struct EventStream(Arc<Mutex<Option<Box<dyn EventSource>>>>);

impl EventStream {
    pub fn new(source: impl EventSource) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(source)))))
    }

    /// Once.
    pub fn take(&self) -> Option<Box<dyn EventSource>> {
        let mut source = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        source.take()
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EventStream")
    }
}

impl PartialEq for EventStream {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl AnyShape for EventStream {
    fn schema(&self) -> &'static Schema {
        &prelude::UNIT
    }

    fn member(&self, _: usize) -> Option<&dyn Slot> {
        None
    }

    fn member_mut(&mut self, _: usize) -> Option<&mut dyn Slot> {
        None
    }
}

impl Shape for EventStream {
    const SCHEMA: &'static Schema = &prelude::UNIT;
}

/// What AWS's JSON protocols send first: the members of the output beside the stream.
pub fn initial_response() -> Vec<u8> {
    let headers = [
        (":message-type", "event"),
        (":event-type", "initial-response"),
        (":content-type", "application/json"),
    ];
    message(&headers, b"{}")
}

/// `name` is the member of the stream's union.
pub fn event(name: &str, shape: &dyn AnyShape) -> Vec<u8> {
    let headers = [
        (":message-type", "event"),
        (":event-type", name),
        (":content-type", "application/json"),
    ];
    message(&headers, &json::to_vec(shape))
}

/// An error that is a member of the stream's union; the stream ends with it.
pub fn exception(name: &str, shape: &dyn AnyShape) -> Vec<u8> {
    let headers = [
        (":message-type", "exception"),
        (":exception-type", name),
        (":content-type", "application/json"),
    ];
    message(&headers, &json::to_vec(shape))
}

/// Lengths, their checksum, headers of text, payload, checksum of all of it.
fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    const TEXT: u8 = 7;
    let mut encoded = Vec::new();
    for (name, value) in headers {
        encoded.push(name.len() as u8);
        encoded.extend_from_slice(name.as_bytes());
        encoded.push(TEXT);
        encoded.extend_from_slice(&(value.len() as u16).to_be_bytes());
        encoded.extend_from_slice(value.as_bytes());
    }
    let total = 12 + encoded.len() + payload.len() + 4;
    let mut message = Vec::with_capacity(total);
    message.extend_from_slice(&(total as u32).to_be_bytes());
    message.extend_from_slice(&(encoded.len() as u32).to_be_bytes());
    message.extend_from_slice(&checksum(&message).to_be_bytes());
    message.extend_from_slice(&encoded);
    message.extend_from_slice(payload);
    message.extend_from_slice(&checksum(&message).to_be_bytes());
    message
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification: no headers, no payload.
    #[test]
    fn the_empty_message() {
        let wanted = [0, 0, 0, 16, 0, 0, 0, 0, 5, 194, 72, 235, 125, 152, 200, 255];
        assert_eq!(message(&[], &[]), wanted);
    }

    #[test]
    fn headers_and_payload_have_their_places() {
        let message = message(&[("a", "bc")], b"{}");
        assert_eq!(message.len(), 12 + 7 + 2 + 4);
        assert_eq!(message[..8], [0, 0, 0, 25, 0, 0, 0, 7]);
        assert_eq!(message[12..21], [1, b'a', 7, 0, 2, b'b', b'c', b'{', b'}']);
    }
}
