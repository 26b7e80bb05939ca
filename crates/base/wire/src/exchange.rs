//! The client's direction: requests written, responses and errors read.

use http::{HeaderMap, Request};

use crate::{
    AnyShape, DecodeError, Document, Error, Fault, Operation, OperationSchema, Protocol,
    ServiceSchema, ec2_client, json, json_rpc,
};

/// A request without host and signature; the URI is path and query.
pub type ClientRequest = Request<Vec<u8>>;

/// The request of an operation, in the first protocol of the service that this side of the wire knows.
pub fn encode_request<O: Operation>(input: &O::Input) -> ClientRequest {
    encode_input(O::SERVICE, O::SCHEMA, client_protocol(O::SERVICE), input)
}

pub fn decode_response<O: Operation>(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<O::Output, Error> {
    let protocol = client_protocol(O::SERVICE);
    if !(200..300).contains(&status) {
        return Err(decode_error(protocol, status, headers, body));
    }
    let mut output = O::Output::default();
    decode_output(protocol, &mut output, body).map_err(|error| Error::internal(error.message))?;
    Ok(output)
}

/// The error in a response that is none of the 2xx.
pub fn decode_error(protocol: Protocol, status: u16, headers: &HeaderMap, body: &[u8]) -> Error {
    if protocol == Protocol::Ec2 {
        return ec2_client::decode_error(status, body);
    }
    let document = json::parse(body).unwrap_or_default();
    let text = |key: &str| {
        document
            .get(key)
            .and_then(Document::as_str)
            .map(str::to_owned)
    };
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    // What came from Query keeps its old codes, as `Code;Sender`.
    let query_code =
        header("x-amzn-query-error").and_then(|it| Some(it.split_once(';')?.0.to_owned()));
    let code = query_code
        .or_else(|| header("x-amzn-errortype"))
        .or_else(|| text("__type"))
        .or_else(|| text("code"))
        .unwrap_or_else(|| status.to_string());
    let message = text("message")
        .or_else(|| text("Message"))
        .unwrap_or_default();
    let fault = if status >= 500 {
        Fault::Server
    } else {
        Fault::Client
    };
    Error {
        fault,
        ..Error::client(short_code(&code).to_owned(), message).with_status(status)
    }
}

/// `aws.protocoltests#FooError:http://…` is `FooError`.
fn short_code(code: &str) -> &str {
    let code = code.split(':').next().unwrap_or(code);
    code.rsplit('#').next().unwrap_or(code)
}

fn client_protocol(service: &ServiceSchema) -> Protocol {
    let spoken = |protocol: &&Protocol| {
        matches!(
            protocol,
            Protocol::Json10 | Protocol::Json11 | Protocol::Ec2
        )
    };
    service
        .protocols
        .iter()
        .find(spoken)
        .copied()
        .unwrap_or(Protocol::Json11)
}

/// The request of an operation, in a protocol that clients speak: JSON 1.0 and 1.1, EC2.
pub fn encode_input(
    service: &ServiceSchema,
    operation: &OperationSchema,
    protocol: Protocol,
    input: &dyn AnyShape,
) -> ClientRequest {
    if protocol == Protocol::Ec2 {
        return ec2_client::encode(service, operation, input);
    }
    Request::builder()
        .method("POST")
        .uri("/")
        .header("content-type", json_rpc::content_type(protocol))
        .header(
            "x-amz-target",
            format!("{}.{}", service.target_prefix, operation.name),
        )
        .body(json::to_vec(input))
        .expect("names of models are valid in headers")
}

/// Fills the output of an operation from a 2xx response.
pub fn decode_output(
    protocol: Protocol,
    output: &mut dyn AnyShape,
    body: &[u8],
) -> Result<(), DecodeError> {
    if protocol == Protocol::Ec2 {
        return ec2_client::decode(output, body);
    }
    json::read_into(output, body)
}
