//! botocore's protocol cases against our codecs.
//!
//! Requests are decoded and compared with the parameters they stand for. Responses are encoded; our own client
//! reads back what it speaks, and the real botocore reads all of them (`botocore_reads.py`).
//!
//! The cases lie beside the repository (`../shared/data`); where they are absent there is nothing to test.

mod dynamic;
mod misses;

use std::collections::BTreeMap;
use std::path::PathBuf;

use dynamic::{Dynamic, Schemas};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value as Json, json};
use wire::{
    AnyShape, Error, HttpRequest, HttpResponse, OperationSchema, Protocol, Routed, Router,
    ServiceSchema, prelude,
};

const FILES: [&str; 9] = [
    "json",
    "json_1_0",
    "json_1_0-query-compatible",
    "query",
    "ec2",
    "rest-json",
    "smithy-rpc-v2-cbor",
    "smithy-rpc-v2-cbor-query-compatible",
    "smithy-rpc-v2-cbor-non-query-compatible",
];

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.."))
}

fn cases_folder() -> PathBuf {
    root().join("../shared/data/aws-protocol-tests")
}

fn suites(direction: &str, name: &str) -> Vec<Json> {
    let folder = cases_folder();
    let Ok(text) = std::fs::read_to_string(folder.join(format!("{direction}-{name}.json"))) else {
        eprintln!("no protocol cases in {}", folder.display());
        return Vec::new();
    };
    serde_json::from_str(&text).expect("the cases are JSON")
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn text(value: &Json) -> &'static str {
    Box::leak(
        value
            .as_str()
            .unwrap_or_default()
            .to_owned()
            .into_boxed_str(),
    )
}

/// A service with the one operation of a case.
fn service(suite: &Json, case: &Json) -> &'static ServiceSchema {
    let (metadata, given) = (&suite["metadata"], &case["given"]);
    let mut schemas = Schemas::new(&suite["shapes"]);
    let mut schema = |reference: &Json| match reference.is_object() {
        true => schemas.schema(reference),
        false => &prelude::UNIT,
    };
    let operation = leak(OperationSchema {
        name: text(&given["name"]),
        typed: true,
        input: schema(&given["input"]),
        output: schema(&given["output"]),
        errors: &[],
        method: text(&given["http"]["method"]),
        uri: text(&given["http"]["requestUri"]),
        success_status: given["http"]["responseCode"].as_u64().unwrap_or(200) as u16,
        host_prefix: None,
        result_wrapper: given["output"]["resultWrapper"]
            .as_str()
            .map(|name| text(&json!(name))),
        deprecated: false,
    });
    leak(ServiceSchema {
        name: "test",
        service_id: "Test",
        signing_name: "test",
        endpoint_prefix: "test",
        target_prefix: text(&metadata["targetPrefix"]),
        api_version: text(&metadata["apiVersion"]),
        json_version: text(&metadata["jsonVersion"]),
        xml_namespace: metadata["xmlNamespace"]
            .as_str()
            .map(|uri| text(&json!(uri))),
        query_compatible: metadata["awsQueryCompatible"].is_object(),
        protocols: leak([protocol(metadata)]),
        operations: leak([operation as &'static OperationSchema]),
        validation: wire::Validation {
            code: None,
            required: false,
            constraints: false,
            wording: wire::Wording::Counted,
        },
    })
}

fn protocol(metadata: &Json) -> Protocol {
    match (
        metadata["protocol"].as_str().unwrap_or_default(),
        metadata["jsonVersion"].as_str(),
    ) {
        ("json", Some("1.0")) => Protocol::Json10,
        ("json", _) => Protocol::Json11,
        ("query", _) => Protocol::Query,
        ("ec2", _) => Protocol::Ec2,
        ("rest-json", _) => Protocol::RestJson,
        ("smithy-rpc-v2-cbor", _) => Protocol::RpcV2Cbor,
        (other, _) => panic!("the protocol {other} is not known"),
    }
}

fn headers(value: &Json) -> HeaderMap {
    let entries = value.as_object().into_iter().flatten();
    entries
        .map(|(name, value)| {
            let value = HeaderValue::from_bytes(value.as_str().unwrap_or_default().as_bytes());
            (
                name.parse::<HeaderName>().expect("a header name"),
                value.expect("a header value"),
            )
        })
        .collect()
}

fn decode_request(suite: &Json, case: &Json) -> Result<Json, String> {
    let service = service(suite, case);
    let wired = &case["serialized"];
    let uri = wired["uri"].as_str().unwrap_or("/");
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    // An endpoint with a path of its own; behind it the operation's begins.
    let endpoint_path = suite["clientEndpoint"]
        .as_str()
        .and_then(|it| it.splitn(4, '/').nth(3))
        .unwrap_or_default();
    let path = match endpoint_path {
        "" => path,
        base => path
            .strip_prefix(&format!("/{}", base.trim_end_matches('/')))
            .unwrap_or(path),
    };
    let mut headers = headers(&wired["headers"]);
    if matches!(service.protocols[0], Protocol::Json10 | Protocol::Json11) {
        let target = format!("{}.{}", service.target_prefix, service.operations[0].name);
        headers
            .entry("x-amz-target")
            .or_insert(target.parse().expect("a header value"));
    }
    if matches!(service.protocols[0], Protocol::Query | Protocol::Ec2) {
        headers.insert(
            "content-type",
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
    }
    let body = match wired["body"].as_str() {
        Some(body) if service.protocols[0] == Protocol::RpcV2Cbor => base64_decode(body),
        body => body.unwrap_or_default().as_bytes().to_vec(),
    };
    let method = wired["method"]
        .as_str()
        .unwrap_or("POST")
        .parse::<Method>()
        .expect("a method");
    let request = HttpRequest {
        method: &method,
        path,
        query,
        headers: &headers,
        body: &body,
    };
    let routed = Router::new([service])
        .route(&request)
        .map_err(|unrouted| unrouted.error.to_string())?;
    let mut shape = Dynamic::new(routed.operation.input);
    routed
        .decode_into(&mut shape, &request)
        .map_err(|error| error.to_string())?;
    Ok(shape.parameters())
}

fn base64_decode(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .expect("CBOR bodies are base64")
}

fn base64_encode(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn encode_response(suite: &Json, case: &Json) -> (Routed, HttpResponse) {
    let service = service(suite, case);
    let operation = service.operations[0];
    let routed = Routed {
        service,
        operation,
        protocol: service.protocols[0],
    };
    let result: Result<Box<dyn AnyShape>, Error> = match case.get("error") {
        None => Ok(Box::new(Dynamic::from_parameters(
            operation.output,
            &case["result"],
        ))),
        Some(members) => Err(error(suite, case, members)),
    };
    let response = routed.respond("request-id", &result);
    (routed, response)
}

fn error(suite: &Json, case: &Json, members: &Json) -> Error {
    let schema = Schemas::new(&suite["shapes"]).schema(&case["given"]["errors"][0]);
    let mut details = members.clone();
    let message = case["errorMessage"].as_str().unwrap_or_default();
    if let Some(details) = details.as_object_mut() {
        details.retain(|name, _| !name.eq_ignore_ascii_case("message"));
    }
    let traits = schema.traits.error.expect("an error");
    Error::modelled(schema.name, traits, message)
        .with_details(Dynamic::from_parameters(schema, &details))
}

/// Numbers by value, absent as null, header maps without regard to the case of their names.
fn same(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Object(a), Json::Object(b)) => {
            let clean = |entries: &serde_json::Map<String, Json>| -> BTreeMap<String, Json> {
                let kept = entries.iter().filter(|(_, value)| !value.is_null());
                kept.map(|(key, value)| (key.to_lowercase(), value.clone()))
                    .collect()
            };
            let (a, b) = (clean(a), clean(b));
            a.len() == b.len()
                && a.iter()
                    .all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Number(a), Json::Number(b)) => {
            let (a, b) = (
                a.as_f64().unwrap_or(f64::NAN),
                b.as_f64().unwrap_or(f64::NAN),
            );
            (a - b).abs() <= 1e-6 * a.abs().max(1e-6)
        }
        _ => left == right,
    }
}

#[test]
fn requests_mean_what_their_parameters_say() {
    let mut wrong = Vec::new();
    for name in FILES {
        let (mut passed, mut total) = (0, 0);
        for suite in suites("input", name) {
            for case in suite["cases"].as_array().into_iter().flatten() {
                total += 1;
                let id = case["id"].as_str().unwrap_or_default();
                let decoded = decode_request(&suite, case);
                let matches = decoded
                    .as_ref()
                    .is_ok_and(|decoded| same(decoded, &case["params"]));
                passed += usize::from(matches);
                if matches == misses::requests(name, id).is_some() {
                    wrong.push(format!(
                        "{name} {id}: matches is {matches}, wanted {}, got {decoded:?}",
                        case["params"]
                    ));
                }
            }
        }
        println!("requests of {name}: {passed} of {total}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Protocols of which there is a client's side.
fn is_spoken_by_clients(file: &str) -> bool {
    file.starts_with("json") || file == "ec2"
}

#[test]
fn our_server_reads_what_our_client_writes() {
    let mut wrong = Vec::new();
    let mut compared = 0;
    for name in FILES.iter().filter(|name| is_spoken_by_clients(name)) {
        for suite in suites("input", name) {
            for case in suite["cases"].as_array().into_iter().flatten() {
                let id = case["id"].as_str().unwrap_or_default();
                if misses::requests(name, id).is_some() {
                    continue;
                }
                let service = service(&suite, case);
                let (operation, protocol) = (service.operations[0], service.protocols[0]);
                let shape = Dynamic::from_parameters(operation.input, &case["params"]);
                let written = wire::encode_input(service, operation, protocol, &shape);
                let mut again = case.clone();
                again["serialized"]["uri"] = json!("/");
                again["serialized"]["body"] = json!(String::from_utf8_lossy(written.body()));
                let mut suite = suite.clone();
                suite["clientEndpoint"] = Json::Null;
                let read = decode_request(&suite, &again);
                compared += 1;
                if !read.as_ref().is_ok_and(|read| same(read, &case["params"])) {
                    wrong.push(format!("{name} {id}: {} is {read:?}", case["params"]));
                }
            }
        }
    }
    println!("{compared} compared");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn our_client_reads_what_our_server_writes() {
    let mut wrong = Vec::new();
    for name in FILES.iter().filter(|name| is_spoken_by_clients(name)) {
        for suite in suites("output", name) {
            for case in suite["cases"].as_array().into_iter().flatten() {
                let id = case["id"].as_str().unwrap_or_default();
                if misses::responses(name, id).is_some() {
                    continue;
                }
                let (routed, response) = encode_response(&suite, case);
                let (status, body) = (response.status().as_u16(), response.body());
                let is_same = if case["errorCode"].is_string() {
                    let error =
                        wire::decode_error(routed.protocol, status, response.headers(), body);
                    error.code == case["errorCode"].as_str().unwrap_or_default()
                } else {
                    let mut shape = Dynamic::new(routed.operation.output);
                    let read = wire::decode_output(routed.protocol, &mut shape, body);
                    read.is_ok() && same(&shape.parameters(), &case["result"])
                };
                if !is_same {
                    wrong.push(format!(
                        "{name} {}: {}",
                        case["id"],
                        String::from_utf8_lossy(body)
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn our_client_reads_the_responses_of_others() {
    let mut wrong = Vec::new();
    for name in FILES.iter().filter(|name| is_spoken_by_clients(name)) {
        for suite in suites("output", name) {
            for case in suite["cases"].as_array().into_iter().flatten() {
                let given = &case["response"];
                let protocol = protocol(&suite["metadata"]);
                let body = given["body"].as_str().unwrap_or_default().as_bytes();
                let status = given["status_code"].as_u64().unwrap_or(200) as u16;
                let is_same = if case["errorCode"].is_string() {
                    let error =
                        wire::decode_error(protocol, status, &headers(&given["headers"]), body);
                    error.code == case["errorCode"].as_str().unwrap_or_default()
                } else {
                    let mut shape = Dynamic::new(service(&suite, case).operations[0].output);
                    let read = wire::decode_output(protocol, &mut shape, body);
                    read.is_ok() && same(&shape.parameters(), &case["result"])
                };
                if !is_same {
                    wrong.push(format!(
                        "{name} {}: {}",
                        case["id"],
                        String::from_utf8_lossy(body)
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// With the virtual environment that `make test` prepares.
#[test]
fn the_real_botocore_reads_our_responses() {
    let python = root().join(".venv/bin/python");
    if !python.exists() {
        eprintln!("no {}: botocore is not asked", python.display());
        return;
    }
    let mut encoded = Vec::new();
    for name in FILES {
        for (suite_index, suite) in suites("output", name).iter().enumerate() {
            for (case_index, case) in suite["cases"].as_array().into_iter().flatten().enumerate() {
                let (_, response) = encode_response(suite, case);
                encoded.push(response_json(name, suite_index, case_index, &response));
            }
        }
    }
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    serde_json::to_writer(file.as_file(), &encoded).expect("the file can be written");
    let script = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/protocols/botocore_reads.py"
    ));
    let output = std::process::Command::new(python)
        .arg(script)
        .arg(cases_folder())
        .arg(file.path())
        .output();
    let output = output.expect("python runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut wrong = Vec::new();
    let (mut missed, mut listed) = (0, 0);
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let miss: Json = serde_json::from_str(line).expect("a line of JSON");
        let (file, id) = (
            miss["file"].as_str().unwrap_or_default(),
            miss["id"].as_str().unwrap_or_default(),
        );
        missed += 1;
        listed += usize::from(misses::responses(file, id).is_some());
        if misses::responses(file, id).is_none() {
            wrong.push(line.to_owned());
        }
    }
    assert!(
        encoded.is_empty() || listed == misses::RESPONSES,
        "a case that is listed as missed passes"
    );
    println!("responses: {} of {}", encoded.len() - missed, encoded.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn response_json(file: &str, suite: usize, case: usize, response: &HttpResponse) -> Json {
    let headers: Vec<(String, String)> = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    json!({
        "file": file, "suite": suite, "case": case, "status_code": response.status().as_u16(), "headers": headers,
        "body": base64_encode(response.body()),
    })
}
