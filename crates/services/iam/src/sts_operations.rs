//! The operations of STS, in a room of their own: what they take is checked against another model.

mod assume_role;
mod session_token;
