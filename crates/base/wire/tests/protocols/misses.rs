//! The cases that say nothing about a server, and why. A case that is listed and passes fails the test too.

/// Why a request cannot decode to its parameters.
pub fn requests(file: &str, id: &str) -> Option<&'static str> {
    if id.starts_with("SDKAppliedContentEncoding") || id.starts_with("SDKAppend") {
        return Some("a compressed body that the case does not carry");
    }
    match (file, id) {
        ("query", "QueryProtocolIdempotencyTokenAutoFill")
        | ("ec2", "Ec2ProtocolIdempotencyTokenAutoFill")
        | ("rest-json", "RestJsonQueryIdempotencyTokenAutoFill") => {
            Some("the client fills in the token")
        }
        ("query", "QueryEmptyQueryMaps")
        | ("ec2", "Ec2EmptyQueryLists")
        | ("rest-json", "RestJsonHttpPrefixHeadersAreNotPresent")
        | ("rest-json", "RestJsonOmitsEmptyListQueryValues") => {
            Some("what is empty leaves nothing on the wire")
        }
        ("rest-json", "RestJsonHttpWithEmptyStructurePayload")
        | ("rest-json", "RestJsonHttpWithHeadersButNoPayload") => {
            Some("an absent structure and an empty one are both {} on the wire")
        }
        ("rest-json", "RestJsonNullAndEmptyHeaders") => {
            Some("a null is sent as nothing and an empty list as an empty header")
        }
        ("rest-json", "RestJsonQueryParamsStringListMap")
        | ("rest-json", "RestJsonQueryPrecedence") => {
            Some("what the client wrote over cannot be told from what it meant")
        }
        _ => None,
    }
}

/// How many responses are listed below.
pub const RESPONSES: usize = 8;

/// Why botocore reads something else from a response than its case says.
pub fn responses(file: &str, id: &str) -> Option<&'static str> {
    match (file, id) {
        ("query", "QueryXmlLists")
        | ("ec2", "Ec2XmlLists")
        | ("rest-json", "RestJsonHttpPayloadTraitsWithNoBlobBody")
        | ("rest-json", "RestJsonInputAndOutputWithQuotedStringHeaders")
        | ("rest-json", "RestJsonInputAndOutputWithTimestampHeaders")
        | ("rest-json", "RestJsonHttpPayloadWithUnsetUnion")
        | ("rest-json", "MediaTypeHeaderOutputBase64") => {
            Some("botocore does not pass this case of its own")
        }
        ("rest-json", "HttpPrefixHeadersResponse") => {
            Some("a prefix that is empty collects the headers of the transport too")
        }
        _ => None,
    }
}
