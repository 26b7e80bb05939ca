//! What the lists of the history share: times asked for, and pages whose token is a place in the order of time.

use api_gantry::errors::{invalid_parameter_exception, server_exception};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clock::UnixMillis;
use history::{HistoryError, Query};
use wire::{Caller, Error, Timestamp};

use super::{PAGE_MOST, given};

/// Entries looked at for one page, so that a filter that nothing passes does not read everything at once: the page
/// then ends early, with a token to go on.
pub(super) const LOOKED_AT_MOST: usize = 2000;

/// A list of entries, newest first.
pub(super) struct List {
    prefix: String,
    since: UnixMillis,
    until: Option<UnixMillis>,
    after: Option<(UnixMillis, String)>,
    pub limit: usize,
}

/// What all lists of the history take.
pub(super) struct Asked<'a> {
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub cluster: Option<&'a String>,
    pub service: Option<&'a String>,
    pub max_results: Option<i32>,
    pub next_token: Option<&'a String>,
}

impl List {
    pub fn new(caller: &Caller, asked: &Asked<'_>) -> Result<Self, Error> {
        let mut prefix = format!("{}/{}/", caller.account, caller.region);
        if let Some(cluster) = given(asked.cluster) {
            prefix.push_str(&format!("{cluster}/"));
        } else if given(asked.service).is_some() {
            return Err(invalid_parameter_exception(
                "service needs a cluster: names of services are those of a cluster",
            ));
        }
        Ok(Self {
            prefix,
            since: asked.since.map_or(UnixMillis::EPOCH, millis),
            until: asked.until.map(millis),
            after: given(asked.next_token).map(read_token).transpose()?,
            limit: limit(asked.max_results),
        })
    }

    pub fn query(&self) -> Query<'_> {
        Query {
            prefix: &self.prefix,
            since: self.since,
            until: self.until,
            after: self.after.as_ref().map(|(at, key)| (*at, key.as_str())),
            limit: self.limit,
            ..Query::default()
        }
    }

    /// The next page begins behind this entry.
    pub fn go_on(&mut self, at: UnixMillis, key: String) {
        self.after = Some((at, key));
    }

    pub fn token(&self) -> Option<String> {
        let (at, key) = self.after.as_ref()?;
        Some(URL_SAFE_NO_PAD.encode(format!("{at} {key}")))
    }
}

pub(super) fn limit(max_results: Option<i32>) -> usize {
    max_results
        .and_then(|asked| usize::try_from(asked).ok())
        .filter(|asked| (1..=PAGE_MOST).contains(asked))
        .unwrap_or(PAGE_MOST)
}

pub(super) fn millis(time: Timestamp) -> UnixMillis {
    UnixMillis::from_seconds_f64(time.as_seconds_f64())
}

pub(super) fn failed(error: &HistoryError) -> Error {
    tracing::error!(%error, "the history failed a request");
    server_exception("The history is not available.")
}

fn read_token(token: &str) -> Result<(UnixMillis, String), Error> {
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (at, key) = text.split_once(' ')?;
        Some((UnixMillis(at.parse().ok()?), key.to_owned()))
    };
    read().ok_or_else(invalid_token)
}

pub(super) fn invalid_token() -> Error {
    invalid_parameter_exception("Invalid token.")
}
