//! The frame around every message: `{"type": "...", "message": {...}}`, and the body of a refused handshake.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::LinkError;

/// One text frame, its body not yet interpreted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub message: Value,
}

impl Envelope {
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        serde_json::from_str(text).map_err(LinkError::Envelope)
    }

    pub fn encode(&self) -> String {
        // A `Value` holds string keys and finite numbers only, so it always has a text form.
        serde_json::to_string(self).expect("an envelope of JSON values has a text form")
    }

    /// Reads the body as the shape that `kind` names. A missing body is an empty one.
    pub(crate) fn body<T: Default + for<'de> Deserialize<'de>>(self) -> Result<T, LinkError> {
        if self.message.is_null() {
            return Ok(T::default());
        }
        serde_json::from_value(self.message).map_err(|source| LinkError::Body {
            kind: self.kind,
            source,
        })
    }

    pub(crate) fn text_of<T: Serialize>(kind: &str, body: &T) -> String {
        #[derive(Serialize)]
        struct Frame<'a, T> {
            #[serde(rename = "type")]
            kind: &'a str,
            message: &'a T,
        }
        serde_json::to_string(&Frame {
            kind,
            message: body,
        })
        .expect("a wire shape has a text form")
    }
}

/// Why a websocket handshake was refused, as its non-101 response says.
#[derive(Debug, Clone, PartialEq)]
pub struct HandshakeRefusal {
    /// Such as `InactiveInstanceException`.
    pub exception: String,
    pub message: String,
}

impl HandshakeRefusal {
    /// The form that the agent reads: an envelope of the exception.
    pub fn encode(&self) -> String {
        serde_json::json!({ "type": self.exception, "message": { "message": self.message } })
            .to_string()
    }

    /// Reads both forms in use: an envelope, and an object with the exception's name as its only key.
    pub fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let object = value.as_object()?;
        if let Some(exception) = object.get("type").and_then(Value::as_str) {
            let message = object
                .get("message")
                .and_then(|body| body.get("message").unwrap_or(body).as_str());
            return Some(Self {
                exception: exception.to_owned(),
                message: message.unwrap_or_default().to_owned(),
            });
        }
        let (exception, message) = object.iter().next()?;
        Some(Self {
            exception: exception.clone(),
            message: message.as_str()?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_in_both_forms() {
        let refusal = HandshakeRefusal {
            exception: "InactiveInstanceException".into(),
            message: "deregistered".into(),
        };
        assert_eq!(
            HandshakeRefusal::parse(&refusal.encode()),
            Some(refusal.clone())
        );
        assert_eq!(
            HandshakeRefusal::parse(r#"{"InactiveInstanceException":"deregistered"}"#),
            Some(refusal)
        );
        assert_eq!(HandshakeRefusal::parse("<html>"), None);
    }

    #[test]
    fn an_envelope_without_a_body_is_one_with_an_empty_body() {
        let envelope = Envelope::parse(r#"{"type":"CloseMessage"}"#).unwrap();
        assert_eq!(
            envelope.body::<crate::acs::CloseMessage>().unwrap(),
            crate::acs::CloseMessage::default()
        );
        assert!(Envelope::parse("{}").is_err());
    }
}
