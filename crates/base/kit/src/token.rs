//! Fingerprints of requests, for idempotency tokens: the same token with other parameters is a conflict.

use aws_lc_rs::digest::{SHA256, digest};

/// SHA-256 of a request's debug form. Two requests with equal members have equal fingerprints within one
/// version of Gantry; tokens live for hours, so that a changed form after an upgrade costs a conflict at most.
pub fn fingerprint(request: &impl std::fmt::Debug) -> String {
    let hash = digest(&SHA256, format!("{request:?}").as_bytes());
    hash.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_requests_have_equal_fingerprints() {
        assert_eq!(fingerprint(&("a", 1)), fingerprint(&("a", 1)));
        assert_ne!(fingerprint(&("a", 1)), fingerprint(&("a", 2)));
        assert_eq!(fingerprint(&"x").len(), 64);
    }
}
