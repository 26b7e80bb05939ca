//! The Query protocol and its sibling of EC2: forms in, XML out.

use http::Response;

use crate::writer::write_members;
use crate::xml::{XmlWriter, escape};
use crate::{
    AnyShape, DecodeError, Error, Fault, HttpRequest, HttpResponse, Protocol, Routed, form,
};

/// Whether a request is a form call, and its `Action` and `Version`.
pub(crate) fn action(request: &HttpRequest<'_>) -> Option<(String, String)> {
    let (mut action, mut version) = (None, String::new());
    for (name, value) in parameters(request) {
        match name.as_str() {
            "Action" => action = Some(value),
            "Version" => version = value,
            _ => {}
        }
    }
    Some((action?, version))
}

pub(crate) fn read_into(
    shape: &mut dyn AnyShape,
    protocol: Protocol,
    request: &HttpRequest<'_>,
) -> Result<(), DecodeError> {
    form::read_into(shape, protocol, parameters(request))
}

/// Whether a request has a form as its body.
pub(crate) fn is_form(request: &HttpRequest<'_>) -> bool {
    let content_type = request.header("content-type");
    content_type.starts_with("application/x-www-form-urlencoded")
}

/// From the body of a form and from the query string; other bodies are no parameters.
fn parameters<'a>(request: &HttpRequest<'a>) -> impl Iterator<Item = (String, String)> + use<'a> {
    let body = if is_form(request) {
        std::str::from_utf8(request.body).unwrap_or_default()
    } else {
        ""
    };
    form::pairs(request.query).chain(form::pairs(body))
}

pub(crate) fn success(routed: &Routed, request_id: &str, shape: &dyn AnyShape) -> HttpResponse {
    let name = routed.operation.name;
    let mut writer = XmlWriter::default();
    write_members(shape, &mut writer);
    let namespace = namespace(routed);
    let (members, id) = (writer.out, escape(request_id));
    let body = if routed.protocol == Protocol::Ec2 {
        format!("<{name}Response{namespace}><requestId>{id}</requestId>{members}</{name}Response>")
    } else {
        let result = match routed.operation.result_wrapper {
            Some(wrapper) => format!("<{wrapper}>{members}</{wrapper}>"),
            None => members,
        };
        let metadata = format!("<ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>");
        format!("<{name}Response{namespace}>{result}{metadata}</{name}Response>")
    };
    finish(routed.operation.success_status, request_id, body)
}

pub(crate) fn failure(protocol: Protocol, request_id: &str, error: &Error) -> HttpResponse {
    let code = escape(error.query_code.unwrap_or(&error.code));
    let (message, id) = (escape(&error.message), escape(request_id));
    let mut writer = XmlWriter::default();
    if let Some(details) = &error.details {
        write_members(details.as_ref(), &mut writer);
    }
    let details = writer.out;
    let body = if protocol == Protocol::Ec2 {
        format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message>{details}</Error></Errors>\
             <RequestID>{id}</RequestID></Response>"
        )
    } else {
        let kind = if error.fault == Fault::Client {
            "Sender"
        } else {
            "Receiver"
        };
        format!(
            "<ErrorResponse><Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message>{details}</Error>\
             <RequestId>{id}</RequestId></ErrorResponse>"
        )
    };
    finish(error.status, request_id, body)
}

fn namespace(routed: &Routed) -> String {
    routed
        .service
        .xml_namespace
        .map_or_else(String::new, |uri| format!(" xmlns=\"{}\"", escape(uri)))
}

fn finish(status: u16, request_id: &str, body: String) -> HttpResponse {
    Response::builder()
        .status(status)
        .header("content-type", "text/xml;charset=UTF-8")
        .header("x-amzn-requestid", request_id)
        .body(body.into_bytes())
        .expect("statuses come from models and request ids are ASCII")
}
