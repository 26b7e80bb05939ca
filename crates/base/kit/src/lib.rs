//! What every service crate shares: loops, pagination, idempotency tokens, tags.
