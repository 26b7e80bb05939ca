//! How one direction-independent set of messages is declared: an enum over their bodies.

/// Declares `Message` over bodies and type names. A type that this version does not know is a value, because the
/// protocol grows by additions that older ends ignore.
macro_rules! messages {
    ($($variant:ident($body:ty) = $name:literal,)*) => {
        /// One message of this channel.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Message {
            $($variant($body),)*
            Unknown { kind: String, message: serde_json::Value },
        }

        impl Message {
            /// Reads a plain envelope.
            pub fn parse(text: &str) -> Result<Self, crate::LinkError> {
                Self::from_envelope(crate::Envelope::parse(text)?)
            }

            pub fn from_envelope(envelope: crate::Envelope) -> Result<Self, crate::LinkError> {
                Ok(match envelope.kind.as_str() {
                    $($name => Self::$variant(envelope.body()?),)*
                    _ => Self::Unknown { kind: envelope.kind, message: envelope.message },
                })
            }

            pub fn kind(&self) -> &str {
                match self {
                    $(Self::$variant(_) => $name,)*
                    Self::Unknown { kind, .. } => kind,
                }
            }

            /// The envelope as text.
            pub fn encode(&self) -> String {
                match self {
                    $(Self::$variant(body) => crate::Envelope::text_of($name, body),)*
                    Self::Unknown { kind, message } => crate::Envelope::text_of(kind, message),
                }
            }
        }

        $(impl From<$body> for Message {
            fn from(body: $body) -> Self {
                Self::$variant(body)
            }
        })*
    };
}
pub(crate) use messages;
