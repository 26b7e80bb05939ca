//! Principals, credentials, SigV4 signing and verification.
