//! TCS: a node tells how its tasks go. Its frames carry a block of signed HTTP headers before the envelope.

mod shapes;

pub use shapes::*;

use crate::{LinkError, messages::messages};

messages! {
    PublishMetrics(PublishMetricsRequest) = "PublishMetricsRequest",
    PublishHealth(PublishHealthRequest) = "PublishHealthRequest",
    PublishInstanceStatus(PublishInstanceStatusRequest) = "PublishInstanceStatusRequest",
    StartTelemetrySession(StartTelemetrySessionRequest) = "StartTelemetrySessionRequest",
    StopTelemetrySession(StopTelemetrySessionMessage) = "StopTelemetrySessionMessage",
    AckPublishMetric(AckPublishMetric) = "AckPublishMetric",
    AckPublishHealth(AckPublishHealth) = "AckPublishHealth",
    AckPublishInstanceStatus(AckPublishInstanceStatus) = "AckPublishInstanceStatus",
    Heartbeat(HeartbeatMessage) = "HeartbeatMessage",
    BadRequest(BadRequestException) = "BadRequestException",
    InvalidParameter(InvalidParameterException) = "InvalidParameterException",
    ResourceValidation(ResourceValidationException) = "ResourceValidationException",
    Server(ServerException) = "ServerException",
}

/// A frame from a node: signed headers, a blank line, the envelope. A bare envelope is accepted too.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame<'a> {
    pub headers: Vec<(&'a str, &'a str)>,
    /// The envelope's text: what the signature in the headers covers.
    pub payload: &'a str,
}

impl<'a> Frame<'a> {
    pub fn parse(text: &'a str) -> Self {
        if text.trim_start().starts_with('{') {
            return Self {
                headers: Vec::new(),
                payload: text,
            };
        }
        let (head, payload) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let headers = head
            .split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim(), value.trim()))
            .filter(|(name, _)| is_header_name(name))
            .collect();
        Self { headers, payload }
    }

    pub fn encode(&self) -> String {
        let mut text = String::with_capacity(self.payload.len() + 64 * self.headers.len());
        for (name, value) in &self.headers {
            text.push_str(name);
            text.push_str(": ");
            text.push_str(value);
            text.push_str("\r\n");
        }
        if !self.headers.is_empty() {
            text.push_str("\r\n");
        }
        text.push_str(self.payload);
        text
    }

    pub fn message(&self) -> Result<Message, LinkError> {
        Message::parse(self.payload)
    }
}

/// What is no name of HTTP's could be taken for the beginning of an envelope when it is written again.
fn is_header_name(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_frame_and_a_bare_one_carry_the_same_message() {
        let message = Message::PublishHealth(PublishHealthRequest {
            metadata: Some(HealthMetadata {
                fin: Some(true),
                ..Default::default()
            }),
            timestamp: Some(1_700_000_000.25),
            tasks: vec![TaskHealth {
                task_arn: Some("arn".into()),
                containers: vec![ContainerHealth {
                    container_name: Some("web".into()),
                    health_status: Some("HEALTHY".into()),
                    ..Default::default()
                }],
                ..Default::default()
            }],
        });
        let envelope = message.encode();
        let frame = Frame {
            headers: vec![
                ("Authorization", "AWS4-HMAC-SHA256 Credential=A/B"),
                ("Host", "127.0.0.1:4580"),
            ],
            payload: &envelope,
        };
        let text = frame.encode();
        assert!(text.starts_with(
            "Authorization: AWS4-HMAC-SHA256 Credential=A/B\r\nHost: 127.0.0.1:4580\r\n\r\n{"
        ));
        assert_eq!(Frame::parse(&text), frame);
        assert_eq!(Frame::parse(&text).message().unwrap(), message);
        assert_eq!(Frame::parse(&envelope).message().unwrap(), message);
    }

    #[test]
    fn what_is_no_header_is_left_out() {
        let frame = Frame::parse("x\r\n{\"a: b\r\nHost: y\r\n\r\n{}");
        assert_eq!(frame.headers, [("Host", "y")]);
        assert_eq!(Frame::parse(&frame.encode()), frame);
    }

    #[test]
    fn headers_without_a_body_are_an_error_not_a_panic() {
        assert!(Frame::parse("Host: x\r\n").message().is_err());
        assert!(Frame::parse("").message().is_err());
    }
}
