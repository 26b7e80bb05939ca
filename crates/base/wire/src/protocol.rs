//! The protocols that AWS's clients speak.

/// Which one a request speaks is read from the request, never from the service: SDKs choose among those that a model lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    Json10,
    Json11,
    Query,
    Ec2,
    RestJson,
    RpcV2Cbor,
}
