//! Idempotency tokens: the same request again gets the same resources.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>

use std::{fmt::Debug, time::Duration};

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

/// What a creating request asks for, and the token that it may have: a request with the same token that asks for the same
/// is the same one.
pub(crate) struct Claim<'a> {
    token: Option<&'a str>,
    fingerprint: String,
}

impl<'a> Claim<'a> {
    /// `request`: without its token.
    pub fn new(token: Option<&'a str>, request: &impl Debug) -> Result<Self, Error> {
        Ok(Self {
            token: of_request(token)?,
            fingerprint: kit::token::fingerprint(request),
        })
    }

    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whether the request was seen before; one without a token never was.
    pub fn look(&self, head: &Head, scope: &str, now: UnixMillis) -> Seen {
        match self.token {
            Some(token) => look(head, scope, token, &self.fingerprint, now),
            None => Seen::Never,
        }
    }

    /// Keeps what the request made, for when it comes again.
    pub fn keep(&self, tx: &mut Tx<'_>, scope: &str, created: String, now: UnixMillis) {
        if let Some(token) = self.token {
            keep(tx, scope, token, &self.fingerprint, vec![created], now);
        }
    }
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
