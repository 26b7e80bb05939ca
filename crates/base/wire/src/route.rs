//! From an HTTP request to service, operation and protocol, and from a result back to an HTTP response.

use std::collections::HashMap;

use http::{HeaderMap, Method};

use crate::{
    AnyShape, DecodeError, Error, OperationSchema, Protocol, ServiceSchema, Shape, cbor,
    common_errors, json, json_rpc, query, rest, rpc_cbor,
};

/// A request whose body has been read (the gateway bounds it to [`limits::WIRE_BODY_BYTES`]).
#[derive(Debug, Clone, Copy)]
pub struct HttpRequest<'a> {
    pub method: &'a Method,
    /// As sent, percent-encoded.
    pub path: &'a str,
    /// Without the question mark; empty if there is none.
    pub query: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

pub type HttpResponse = http::Response<Vec<u8>>;

impl HttpRequest<'_> {
    /// A header's text; empty if absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// Which operation a request means. The signature is verified next, so even what nothing serves is named here.
#[derive(Debug, Clone)]
pub struct Routed {
    pub service: &'static ServiceSchema,
    pub operation: &'static OperationSchema,
    pub protocol: Protocol,
}

/// A request that means no operation, with the protocol to answer in.
#[derive(Debug, Clone, PartialEq)]
pub struct Unrouted {
    pub protocol: Protocol,
    pub error: Error,
}

/// Finds the operation of a request, by tables that are built once.
pub struct Router {
    /// JSON's target prefix, which is RPC v2's service name too.
    targets: HashMap<&'static str, &'static ServiceSchema>,
    /// The services that take forms.
    forms: Vec<&'static ServiceSchema>,
    /// The services whose operations have paths.
    paths: Vec<&'static ServiceSchema>,
}

impl Router {
    pub fn new(services: impl IntoIterator<Item = &'static ServiceSchema>) -> Self {
        let mut router = Router {
            targets: HashMap::new(),
            forms: Vec::new(),
            paths: Vec::new(),
        };
        for service in services {
            let speaks = |wanted: Protocol| service.protocols.contains(&wanted);
            if !service.target_prefix.is_empty() {
                router.targets.insert(service.target_prefix, service);
            }
            if speaks(Protocol::Query) || speaks(Protocol::Ec2) {
                router.forms.push(service);
            }
            if speaks(Protocol::RestJson) {
                router.paths.push(service);
            }
        }
        router
    }

    /// The operation of a request. What is no API call at all (no target, no form, no known path) is an error too.
    pub fn route(&self, request: &HttpRequest<'_>) -> Result<Routed, Unrouted> {
        let target = request.header("x-amz-target");
        if !target.is_empty() {
            let protocol = json_rpc::protocol_of(request.header("content-type"));
            return self.by_name(target.rsplit_once('.'), protocol);
        }
        if request.header("smithy-protocol") == "rpc-v2-cbor" {
            return self.by_name(rpc_cbor::names(request.path), Protocol::RpcV2Cbor);
        }
        if let Some((action, version)) = query::action(request) {
            return self.by_action(&action, &version, request);
        }
        if query::is_form(request) {
            let message = "The request is missing an action or a required parameter.";
            return Err(Unrouted {
                protocol: self.form_protocol("", request),
                error: Error::client("MissingAction", message),
            });
        }
        self.by_path(request)
    }

    /// Query or EC2, of a form that means no operation: by its version or by whom it is signed for.
    fn form_protocol(&self, version: &str, request: &HttpRequest<'_>) -> Protocol {
        let signed_for = signing_name(request);
        let is_ec2 = |service: &&&ServiceSchema| service.protocols.contains(&Protocol::Ec2);
        let meant = self.forms.iter().filter(is_ec2).any(|service| {
            service.api_version == version || signed_for == Some(service.signing_name)
        });
        if meant {
            Protocol::Ec2
        } else {
            Protocol::Query
        }
    }

    fn by_name(&self, names: Option<(&str, &str)>, protocol: Protocol) -> Result<Routed, Unrouted> {
        let found = names.and_then(|(prefix, name)| {
            let service = *self.targets.get(prefix)?;
            Some((service, service.operation(name)?))
        });
        let (service, operation) = found.ok_or_else(|| Unrouted {
            protocol,
            error: unknown_operation(),
        })?;
        Ok(Routed {
            service,
            operation,
            protocol,
        })
    }

    fn by_action(
        &self,
        action: &str,
        version: &str,
        request: &HttpRequest<'_>,
    ) -> Result<Routed, Unrouted> {
        let signed_for = signing_name(request);
        let candidates = self
            .forms
            .iter()
            .filter(|service| service.api_version == version || version.is_empty());
        let found = candidates
            .filter_map(|service| Some((*service, service.operation(action)?)))
            .max_by_key(|(service, _)| signed_for == Some(service.signing_name));
        let Some((service, operation)) = found else {
            let protocol = self.form_protocol(version, request);
            let message = match protocol {
                Protocol::Ec2 => format!("The action {action} is not valid for this web service."),
                _ => format!("Could not find operation {action} for version {version}"),
            };
            return Err(Unrouted {
                protocol,
                error: Error::client("InvalidAction", message),
            });
        };
        let is_ec2 = service.protocols.contains(&Protocol::Ec2);
        Ok(Routed {
            service,
            operation,
            protocol: if is_ec2 {
                Protocol::Ec2
            } else {
                Protocol::Query
            },
        })
    }

    fn by_path(&self, request: &HttpRequest<'_>) -> Result<Routed, Unrouted> {
        let signed_for = signing_name(request);
        let host = request.header("host");
        let operations = self.paths.iter().flat_map(|service| {
            service
                .operations
                .iter()
                .map(|operation| (*service, *operation))
        });
        let found = operations
            .filter(|(_, operation)| operation.method == request.method.as_str())
            .filter(|(_, operation)| rest::match_path(operation.uri, request.path).is_some())
            .filter(|(_, operation)| rest::match_query(operation.uri, request.query))
            // Services share paths such as /tags/{arn}; a host prefix that fits, fewer labels and more of the query
            // are the closer match. A prefix that is missing is no error: clients can be told to leave it away.
            .max_by_key(|(service, operation)| {
                let literal = operation.uri.len() - labels_length(operation.uri);
                (
                    signed_for == Some(service.signing_name),
                    host_fit(operation, host),
                    operation.uri.contains('?'),
                    literal,
                )
            });
        let (service, operation) = found.ok_or_else(|| Unrouted {
            protocol: unrouted_protocol(request),
            error: unknown_operation(),
        })?;
        Ok(Routed {
            service,
            operation,
            protocol: Protocol::RestJson,
        })
    }
}

/// How well a host fits: best `data-gantry.localhost` for an operation with the prefix `data-`, worst another host for
/// it. A label in a prefix stands for anything.
fn host_fit(operation: &OperationSchema, host: &str) -> u8 {
    let Some(prefix) = operation.host_prefix else {
        return 1;
    };
    let literal = prefix.split('{').next().unwrap_or_default();
    let ending = prefix.rsplit('}').next().unwrap_or_default();
    let Some((start, rest)) = host.split_at_checked(literal.len()) else {
        return 0;
    };
    let ends = literal.len() == prefix.len() || rest.contains(ending);
    if start.eq_ignore_ascii_case(literal) && ends {
        2
    } else {
        0
    }
}

/// What a request that means no operation can read: JSON where it sent that or nothing in particular.
fn unrouted_protocol(request: &HttpRequest<'_>) -> Protocol {
    let content_type = request.header("content-type");
    if content_type.starts_with("application/x-amz-json") || request.path == "/" {
        json_rpc::protocol_of(content_type)
    } else {
        Protocol::RestJson
    }
}

fn labels_length(uri: &str) -> usize {
    uri.split('{')
        .skip(1)
        .filter_map(|part| part.find('}'))
        .sum()
}

/// The service in the credential scope of a SigV4 header: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn signing_name<'a>(request: &HttpRequest<'a>) -> Option<&'a str> {
    let authorization = request.headers.get("authorization")?.to_str().ok()?;
    authorization
        .split("Credential=")
        .nth(1)?
        .split(',')
        .next()?
        .split('/')
        .nth(3)
}

fn unknown_operation() -> Error {
    Error::client(
        "UnknownOperationException",
        "The requested operation is not known to this endpoint.",
    )
}

impl Routed {
    pub fn decode<T: Shape>(&self, request: &HttpRequest<'_>) -> Result<T, DecodeError> {
        let mut shape = T::default();
        self.decode_into(&mut shape, request)?;
        Ok(shape)
    }

    /// Fills a shape of the operation's input schema.
    pub fn decode_into(
        &self,
        shape: &mut dyn AnyShape,
        request: &HttpRequest<'_>,
    ) -> Result<(), DecodeError> {
        match self.protocol {
            Protocol::Json10 | Protocol::Json11 => json::read_into(shape, request.body),
            Protocol::RpcV2Cbor => cbor::read_into(shape, request.body),
            Protocol::Query | Protocol::Ec2 => query::read_into(shape, self.protocol, request),
            Protocol::RestJson => rest::read_into(shape, self.operation, request),
        }
    }

    /// The answer on the wire.
    pub fn respond(
        &self,
        request_id: &str,
        result: &Result<Box<dyn AnyShape>, Error>,
    ) -> HttpResponse {
        let shape = match result {
            Ok(shape) => shape.as_ref(),
            Err(error) => return self.respond_error(request_id, error),
        };
        match self.protocol {
            Protocol::Json10 | Protocol::Json11 => {
                json_rpc::success(self.protocol, self.operation, request_id, shape)
            }
            Protocol::RpcV2Cbor => rpc_cbor::success(self.operation, request_id, shape),
            Protocol::Query | Protocol::Ec2 => query::success(self, request_id, shape),
            Protocol::RestJson => rest::success(self.operation, request_id, shape),
        }
    }

    pub fn respond_error(&self, request_id: &str, error: &Error) -> HttpResponse {
        respond_error(self.protocol, request_id, error, Some(self.service))
    }
}

impl Unrouted {
    pub fn respond(&self, request_id: &str) -> HttpResponse {
        respond_error(self.protocol, request_id, &self.error, None)
    }
}

fn respond_error(
    protocol: Protocol,
    id: &str,
    error: &Error,
    service: Option<&'static ServiceSchema>,
) -> HttpResponse {
    let query_compatible = service.is_some_and(|service| service.query_compatible);
    let error = common_errors::in_protocol(error, protocol);
    let error = error.as_ref();
    match protocol {
        Protocol::Json10 | Protocol::Json11 => {
            json_rpc::failure(protocol, id, error, query_compatible)
        }
        Protocol::RpcV2Cbor => rpc_cbor::failure(id, error, query_compatible),
        Protocol::Query | Protocol::Ec2 => query::failure(protocol, id, error),
        Protocol::RestJson => rest::failure(id, error),
    }
}
