//! The static description of shapes, operations and services that generated code is made of.

/// What a shape is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Structure,
    List,
    Map,
    String,
    Integer,
    Long,
    Float,
    Double,
    Boolean,
    Timestamp,
    Blob,
    Document,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampFormat {
    /// Seconds since the epoch, with fractions.
    UnixTimestamp,
    Iso8601,
    /// The date of HTTP headers.
    Rfc822,
}

/// Where a member travels in the HTTP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    Body,
    Header,
    /// All headers with a prefix, as a map.
    Headers,
    Uri,
    Querystring,
    StatusCode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Client,
    Server,
}

/// How an error shape travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorTraits {
    pub code: &'static str,
    pub status: u16,
    pub fault: Fault,
    /// `message` or `Message`, as the shape has it.
    pub message_member: &'static str,
}

/// What is not said of most shapes and members; they share [`Traits::NONE`].
#[derive(Debug, Clone, Copy)]
pub struct Traits {
    pub required: bool,
    pub sensitive: bool,
    pub idempotency_token: bool,
    pub flattened: bool,
    pub streaming: bool,
    pub event_stream: bool,
    pub union: bool,
    pub json_value: bool,
    pub host_label: bool,
    pub xml_attribute: bool,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub pattern: Option<&'static str>,
    pub enum_values: &'static [&'static str],
    pub timestamp_format: Option<TimestampFormat>,
    pub location: Location,
    /// `queryName` of the EC2 protocol.
    pub query_name: Option<&'static str>,
    /// Prefix (may be empty) and URI.
    pub xml_namespace: Option<(&'static str, &'static str)>,
    /// The member that is the whole body.
    pub payload: Option<&'static str>,
    pub error: Option<ErrorTraits>,
    pub location_name: Option<&'static str>,
}

impl Traits {
    pub const NONE: Traits = Traits {
        required: false,
        sensitive: false,
        idempotency_token: false,
        flattened: false,
        streaming: false,
        event_stream: false,
        union: false,
        json_value: false,
        host_label: false,
        xml_attribute: false,
        min: None,
        max: None,
        pattern: None,
        enum_values: &[],
        timestamp_format: None,
        location: Location::Body,
        query_name: None,
        xml_namespace: None,
        payload: None,
        error: None,
        location_name: None,
    };
}

/// A shape. A structure has its members; a list has one member, its element; a map has two, key and value.
#[derive(Debug)]
pub struct Schema {
    pub name: &'static str,
    pub kind: Kind,
    pub members: &'static [Member],
    pub traits: &'static Traits,
}

#[derive(Debug)]
pub struct Member {
    /// The model's name, which JSON and CBOR use on the wire.
    pub name: &'static str,
    pub target: &'static Schema,
    pub traits: &'static Traits,
}

impl Schema {
    /// The element of a list, or the value of a map.
    pub fn element(&self) -> &'static Member {
        self.members.last().expect("lists and maps have members")
    }

    pub fn member_index(&self, wire_name: &str) -> Option<usize> {
        self.members
            .iter()
            .position(|member| member.wire_name() == wire_name)
    }
}

impl Member {
    /// The name on the wire: `locationName` where the model gives one.
    pub fn wire_name(&self) -> &'static str {
        self.traits.location_name.unwrap_or(self.name)
    }
}

/// One operation of a service. `typed` is false where only its name is known here, because nothing serves it.
#[derive(Debug)]
pub struct OperationSchema {
    pub name: &'static str,
    pub typed: bool,
    pub input: &'static Schema,
    pub output: &'static Schema,
    pub errors: &'static [&'static Schema],
    pub method: &'static str,
    pub uri: &'static str,
    pub success_status: u16,
    pub host_prefix: Option<&'static str>,
    pub result_wrapper: Option<&'static str>,
    pub deprecated: bool,
}

/// Which constraints of the model are checked before an operation sees its input, and how a violation is answered.
#[derive(Debug, Clone, Copy)]
pub struct Validation {
    /// `None`: the operations check for themselves.
    pub code: Option<&'static str>,
    pub required: bool,
    pub constraints: bool,
    pub wording: Wording,
}

/// How a service speaks of violated constraints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wording {
    /// `2 validation errors detected: Value '' at 'name' failed to satisfy constraint: …; …`
    Counted,
    /// `Invalid parameter at 'name' failed to satisfy constraint: '…'`, the first only. Patterns are left to the
    /// operations: the service that speaks so (ECR) checks others than its model has.
    Parameter,
}

#[derive(Debug)]
pub struct ServiceSchema {
    /// The name of the crate and of the folder in `models/`.
    pub name: &'static str,
    pub service_id: &'static str,
    pub signing_name: &'static str,
    pub endpoint_prefix: &'static str,
    pub target_prefix: &'static str,
    pub api_version: &'static str,
    pub json_version: &'static str,
    pub xml_namespace: Option<&'static str>,
    /// Errors carry their Query code in a header too, for clients that moved from Query.
    pub query_compatible: bool,
    pub protocols: &'static [crate::Protocol],
    pub operations: &'static [&'static OperationSchema],
    pub validation: Validation,
}

impl ServiceSchema {
    pub fn operation(&self, name: &str) -> Option<&'static OperationSchema> {
        self.operations
            .iter()
            .copied()
            .find(|operation| operation.name == name)
    }
}

/// Shapes without traits, shared by every generated crate.
pub mod prelude {
    use super::{Kind, Schema, Traits};

    macro_rules! plain {
        ($($name:ident = $kind:ident, $text:literal;)*) => {
            $(pub static $name: Schema = Schema { name: $text, kind: Kind::$kind, members: &[], traits: &Traits::NONE };)*
        };
    }

    plain! {
        UNIT = Structure, "Unit";
        STRING = String, "String";
        INTEGER = Integer, "Integer";
        LONG = Long, "Long";
        FLOAT = Float, "Float";
        DOUBLE = Double, "Double";
        BOOLEAN = Boolean, "Boolean";
        TIMESTAMP = Timestamp, "Timestamp";
        BLOB = Blob, "Blob";
        DOCUMENT = Document, "Document";
    }
}
