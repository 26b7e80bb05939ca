//! What the lists of the history share: times asked for, and pages whose token is a place in the order of time.

use api_gantry::errors::{invalid_parameter_exception, server_exception};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clock::UnixMillis;
use history::{HistoryError, Query};
use wire::{Caller, Error, Timestamp};

use super::{PAGE_MOST, given};

/// Entries looked at for one page, so that a filter that nothing passes does not read everything at once: the page
/// then ends early, with a token to go on.
const LOOKED_AT_MOST: usize = 2000;

/// A page of entries, newest first, gathered by as many queries as a filter makes necessary.
pub(super) struct List<T> {
    prefix: String,
    since: UnixMillis,
    until: Option<UnixMillis>,
    after: Option<(UnixMillis, String)>,
    limit: usize,
    found: Vec<T>,
    looked_at: usize,
    state: Gathering,
}

#[derive(PartialEq)]
enum Gathering {
    GoesOn,
    /// There may be more behind this page.
    PageEnds,
    AllSeen,
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

impl<T> List<T> {
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
            found: vec![],
            looked_at: 0,
            state: Gathering::GoesOn,
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

    /// Whether [`List::query`] is to be asked once more.
    pub fn goes_on(&self) -> bool {
        self.state == Gathering::GoesOn
    }

    /// Takes the answer of [`List::query`]: entries with their places in the order of time.
    pub fn take(&mut self, entries: Vec<(UnixMillis, String, T)>, is_wanted: impl Fn(&T) -> bool) {
        let is_last = entries.len() < self.limit;
        self.looked_at += entries.len();
        for (at, key, entry) in entries {
            self.after = Some((at, key));
            if is_wanted(&entry) {
                self.found.push(entry);
            }
            if self.found.len() == self.limit {
                self.state = Gathering::PageEnds;
                return;
            }
        }
        if is_last {
            self.state = Gathering::AllSeen;
        } else if self.looked_at >= LOOKED_AT_MOST {
            self.state = Gathering::PageEnds;
        }
    }

    /// What was found, and the token of the page behind it.
    pub fn finish(self) -> (Vec<T>, Option<String>) {
        let token = match self.state {
            Gathering::AllSeen => None,
            Gathering::GoesOn | Gathering::PageEnds => self
                .after
                .map(|(at, key)| URL_SAFE_NO_PAD.encode(format!("{at} {key}"))),
        };
        (self.found, token)
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
