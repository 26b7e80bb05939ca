//! AWS JSON 1.0 and 1.1: the operation in `X-Amz-Target`, everything else in the body.

use http::Response;

use crate::json::{self, JsonWriter};
use crate::writer::write_members;
use crate::{AnyShape, Document, Error, Fault, HttpResponse, OperationSchema, Protocol};

pub(crate) fn protocol_of(content_type: &str) -> Protocol {
    if content_type.starts_with("application/x-amz-json-1.0") {
        Protocol::Json10
    } else {
        Protocol::Json11
    }
}

pub(crate) fn content_type(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Json10 => "application/x-amz-json-1.0",
        _ => "application/x-amz-json-1.1",
    }
}

pub(crate) fn success(
    protocol: Protocol,
    operation: &OperationSchema,
    request_id: &str,
    shape: &dyn AnyShape,
) -> HttpResponse {
    finish(
        protocol,
        operation.success_status,
        request_id,
        json::to_vec(shape),
    )
}

pub(crate) fn failure(
    protocol: Protocol,
    request_id: &str,
    error: &Error,
    query_compatible: bool,
) -> HttpResponse {
    let mut response = finish(protocol, error.status, request_id, error_body(error));
    if let Ok(value) = error.code.parse() {
        response.headers_mut().insert("x-amzn-errortype", value);
    }
    add_query_error(&mut response, error, query_compatible);
    response
}

/// The header that tells clients which came from Query the code they know.
pub(crate) fn add_query_error(response: &mut HttpResponse, error: &Error, query_compatible: bool) {
    let sender = if error.fault == Fault::Client {
        "Sender"
    } else {
        "Receiver"
    };
    let code = error.query_code.unwrap_or(&error.code);
    if query_compatible && let Ok(value) = format!("{code};{sender}").parse() {
        response.headers_mut().insert("x-amzn-query-error", value);
    }
}

pub(crate) fn error_body(error: &Error) -> Vec<u8> {
    let mut fields = vec![("__type", error.code.to_string())];
    if !error.message.is_empty() {
        fields.push((error.message_member, error.message.clone()));
    }
    let fields = fields
        .into_iter()
        .map(|(name, text)| (name.to_owned(), Document::String(text)))
        .collect();
    let mut out = Vec::new();
    json::write_document(&mut out, &Document::Map(fields));
    if let Some(details) = &error.details {
        out.pop();
        let mut writer = JsonWriter::continuing(out);
        write_members(details.as_ref(), &mut writer);
        out = writer.out;
        out.push(b'}');
    }
    out
}

fn finish(protocol: Protocol, status: u16, request_id: &str, body: Vec<u8>) -> HttpResponse {
    Response::builder()
        .status(status)
        .header("content-type", content_type(protocol))
        .header("x-amzn-requestid", request_id)
        .body(body)
        .expect("statuses come from models and request ids are ASCII")
}
