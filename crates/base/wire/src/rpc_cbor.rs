//! Smithy RPC v2 over CBOR: the operation in the path, everything else in the body.

use http::Response;

use crate::cbor::{self, CborWriter};
use crate::writer::write_members;
use crate::{AnyShape, Error, HttpResponse, OperationSchema, Writer, json_rpc, prelude};

/// Service and operation of `/service/NAME/operation/NAME`; anything may stand before it.
pub(crate) fn names(path: &str) -> Option<(&str, &str)> {
    let (rest, operation) = path.rsplit_once("/operation/")?;
    let (_, service) = rest.rsplit_once("/service/")?;
    let service = service.rsplit('.').next().unwrap_or(service);
    Some((service, operation))
}

pub(crate) fn success(
    operation: &OperationSchema,
    request_id: &str,
    shape: &dyn AnyShape,
) -> HttpResponse {
    finish(operation.success_status, request_id, cbor::to_vec(shape))
}

pub(crate) fn failure(request_id: &str, error: &Error, query_compatible: bool) -> HttpResponse {
    let mut writer = CborWriter::default();
    writer.begin_structure(&prelude::UNIT);
    writer.text("__type");
    writer.text(&error.code);
    if !error.message.is_empty() {
        writer.text(error.message_member);
        writer.text(&error.message);
    }
    if let Some(details) = &error.details {
        write_members(details.as_ref(), &mut writer);
    }
    writer.end_structure();
    let mut response = finish(error.status, request_id, writer.out);
    json_rpc::add_query_error(&mut response, error, query_compatible);
    response
}

fn finish(status: u16, request_id: &str, body: Vec<u8>) -> HttpResponse {
    Response::builder()
        .status(status)
        .header("content-type", "application/cbor")
        .header("smithy-protocol", "rpc-v2-cbor")
        .header("x-amzn-requestid", request_id)
        .body(body)
        .expect("statuses come from models and request ids are ASCII")
}
