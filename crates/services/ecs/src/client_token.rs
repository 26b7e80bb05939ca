//! Idempotency tokens: the same request again gets the same resources.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>

use std::time::Duration;

use api_ecs::errors;
use clock::UnixMillis;
use limits::{CLIENT_TOKEN_CHARACTERS, CLIENT_TOKEN_HOURS};
use state::{Head, Tx};
use wire::Error;

use crate::records::ClientTokenRecord;

/// What is known of a token.
pub(crate) enum Seen {
    Never,
    /// The same request made these.
    Same(Vec<String>),
    /// Another request did.
    Other(Vec<String>),
}

/// The token of a request, if it has one.
pub(crate) fn of_request(token: Option<&str>) -> Result<Option<&str>, Error> {
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return Ok(None);
    };
    let is_printable = token.bytes().all(|byte| (33..=126).contains(&byte));
    if token.len() > CLIENT_TOKEN_CHARACTERS || !is_printable {
        return Err(errors::invalid_parameter_exception(format!(
            "clientToken can be at most {CLIENT_TOKEN_CHARACTERS} characters long, of ASCII 33 to 126."
        )));
    }
    Ok(Some(token))
}

pub(crate) fn look(
    head: &Head,
    scope: &str,
    token: &str,
    fingerprint: &str,
    now: UnixMillis,
) -> Seen {
    let key = ClientTokenRecord::key_of(scope, token);
    match head.get::<ClientTokenRecord>(&key) {
        Some(record) if is_expired(&record, now) => Seen::Never,
        Some(record) if record.fingerprint == fingerprint => Seen::Same(record.created.clone()),
        Some(record) => Seen::Other(record.created.clone()),
        None => Seen::Never,
    }
}

pub(crate) fn keep(
    tx: &mut Tx<'_>,
    scope: &str,
    token: &str,
    fingerprint: &str,
    created: Vec<String>,
    now: UnixMillis,
) {
    tx.put(ClientTokenRecord {
        scope: scope.to_owned(),
        token: token.to_owned(),
        fingerprint: fingerprint.to_owned(),
        created,
        created_at: now,
    });
}

/// Whether a token is forgotten.
pub(crate) fn is_expired(record: &ClientTokenRecord, now: UnixMillis) -> bool {
    now.since(record.created_at) >= Duration::from_secs(CLIENT_TOKEN_HOURS * 3600)
}
