//! AWS protocols over static schemas.
//!
//! One generated schema a shape serves every protocol: codecs walk it through `dyn` [`Reader`] and
//! [`Writer`], so the generated crates stay cheap to compile (a slot table a structure, no derive).
//! The way of a request: [`Router::route`] finds service, operation and protocol; the generated
//! `Server` decodes, authorises and handles ([`Service::call`]); [`Routed::respond`] encodes.

mod access;
pub mod cbor;
mod common_errors;
mod debug;
mod document;
mod ec2_client;
mod error;
pub mod event_stream;
mod exchange;
mod form;
pub mod json;
mod json_rpc;
mod macros;
mod pattern;
mod protocol;
mod query;
mod reader;
mod rest;
mod rest_text;
mod route;
mod rpc_cbor;
mod schema;
mod service;
mod shape;
mod stored;
mod string_enum;
mod timestamp;
mod tree;
mod validate;
mod writer;
mod xml;

pub use access::{Access, Ask, Authorizer, Caller, Principal, RoleSession};
pub use debug::debug_shape;
pub use document::{Blob, Document};
pub use error::{DecodeError, Error};
pub use event_stream::{EventSource, EventStream};
pub use exchange::{
    ClientRequest, decode_error, decode_output, decode_response, encode_input, encode_request,
};
pub use pattern::matches as matches_pattern;
pub use protocol::Protocol;
pub use reader::{EachElement, EachEntry, EachMember, Reader};
pub use route::{HttpRequest, HttpResponse, Routed, Router, Unrouted};
pub use schema::{
    ErrorTraits, Fault, Kind, Location, Member, OperationSchema, Schema, ServiceSchema,
    TimestampFormat, Traits, Validation, Wording, prelude,
};
pub use service::{BoxFuture, Handle, Input, Operation, Service, ServiceCall, call, refuse, serve};
pub use shape::{AnyShape, Shape, Slot, Unit, Value, read_structure};
pub use stored::Stored;
pub use timestamp::Timestamp;
pub use validate::{Violation, validate};
pub use writer::Writer;
