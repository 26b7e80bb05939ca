//! ListEvents: what happened, in the order of time or against it, with a token to follow what comes.

use api_gantry::errors::invalid_parameter_exception;
use api_gantry::operations::ListEvents;
use api_gantry::types::{
    Event as ShownEvent, EventOrder, EventSource, ListEventsRequest, ListEventsResponse,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clock::UnixMillis;
use history::{Entry, Order, Query};
use wire::{Access, Caller, Error, Handle};

use super::{
    given,
    history_list::{failed, invalid_token, limit, millis},
    timestamp,
};
use crate::{
    Control,
    events::{Event, Source},
    record_events::Batch,
};

/// Batches read at once, and for one page: a page that finds little ends early, with a token to go on.
const BATCHES_AT_ONCE: usize = 8;
const BATCHES_MOST: usize = 64;

impl Handle<ListEvents> for Control {
    fn access(&self, caller: &Caller, _input: &ListEventsRequest) -> Access {
        super::access("gantry:ListEvents", caller, "history")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListEventsRequest,
    ) -> Result<ListEventsResponse, Error> {
        let wanted = Wanted::new(caller, &input)?;
        let token = given(input.next_token.as_ref());
        let place = token.map(Place::read).transpose()?;
        let order = order(input.order.as_ref())?;
        let end = self.newest_place().await?;
        let mut walk = Walk {
            order,
            place: place.unwrap_or_default(),
            found: vec![],
            limit: limit(input.max_results),
        };
        let has_more = self.walk(&mut walk, &wanted).await?;
        let place = walk.place.token();
        Ok(ListEventsResponse {
            events: Some(walk.found),
            follow_token: Some(match order {
                Order::OldestFirst => place.clone(),
                Order::NewestFirst => end.token(),
            }),
            next_token: has_more.then_some(place),
        })
    }
}

/// How far a list came.
struct Walk {
    order: Order,
    place: Place,
    found: Vec<ShownEvent>,
    limit: usize,
}

/// Behind this event the list goes on; the batch before the event's own is all told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    told_batch: Option<(UnixMillis, u64)>,
    event: Option<u64>,
}

/// Which events are asked for.
struct Wanted<'a> {
    caller: &'a Caller,
    since: UnixMillis,
    until: Option<UnixMillis>,
    sources: Vec<Source>,
    cluster: Option<&'a str>,
    service: Option<&'a str>,
    resource: Option<&'a str>,
}

impl Control {
    /// True when there may be more behind the place that was reached.
    async fn walk(&self, walk: &mut Walk, wanted: &Wanted<'_>) -> Result<bool, Error> {
        let until = match walk.order {
            Order::NewestFirst => self.batches_until(wanted.until).await?,
            Order::OldestFirst => None,
        };
        for _ in 0..BATCHES_MOST / BATCHES_AT_ONCE {
            let told = walk.place.told_batch;
            let told = told.map(|(at, first)| (at, Batch::key(first)));
            let query = Query {
                since: wanted.since,
                until,
                after: told.as_ref().map(|(at, key)| (*at, key.as_str())),
                limit: BATCHES_AT_ONCE,
                order: walk.order,
                ..Query::default()
            };
            let entries = self.history.list(history::EVENTS, &query).await;
            let entries = entries.map_err(|error| failed(&error))?;
            for entry in &entries {
                if !walk.through(entry, wanted)? {
                    return Ok(true);
                }
            }
            if entries.len() < BATCHES_AT_ONCE {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Events up to a time may be in the batch behind it, too.
    async fn batches_until(&self, until: Option<UnixMillis>) -> Result<Option<UnixMillis>, Error> {
        let Some(until) = until else {
            return Ok(None);
        };
        let behind = Query {
            since: until,
            limit: 1,
            order: Order::OldestFirst,
            ..Query::default()
        };
        let behind = self.history.list_keys(history::EVENTS, &behind);
        Ok(behind.first().map(|(_, at)| *at))
    }

    /// The end of what is written now.
    async fn newest_place(&self) -> Result<Place, Error> {
        let newest = Query {
            limit: 1,
            ..Query::default()
        };
        let newest = self.history.list(history::EVENTS, &newest).await;
        let newest = newest.map_err(|error| failed(&error))?;
        let Some(entry) = newest.first() else {
            return Ok(Place::default());
        };
        let batch = Batch::decode(entry).map_err(|error| failed(&error))?;
        Ok(Place {
            told_batch: Some((entry.at, batch.first)),
            event: batch.numbered().last().map(|(number, _)| number),
        })
    }
}

impl Walk {
    /// Takes what is wanted of a batch; false when there is no room for more.
    fn through(&mut self, entry: &Entry, wanted: &Wanted<'_>) -> Result<bool, Error> {
        let batch = Batch::decode(entry).map_err(|error| failed(&error))?;
        let events: Vec<(u64, &Event)> = match self.order {
            Order::OldestFirst => batch.numbered().collect(),
            Order::NewestFirst => batch.numbered().rev().collect(),
        };
        for (number, event) in events {
            let is_told = self.place.event.is_some_and(|told| match self.order {
                Order::OldestFirst => number <= told,
                Order::NewestFirst => number >= told,
            });
            if is_told || !wanted.has(event) {
                continue;
            }
            if self.found.len() == self.limit {
                return Ok(false);
            }
            self.place.event = Some(number);
            self.found.push(shown(number, event));
        }
        self.place.told_batch = Some((entry.at, batch.first));
        Ok(true)
    }
}

impl Place {
    fn token(self) -> String {
        let number = |number: Option<i128>| number.map_or_else(String::new, |n| n.to_string());
        let (at, first) = self.told_batch.unzip();
        let text = [
            number(at.map(|at| i128::from(at.as_millis()))),
            number(first.map(i128::from)),
            number(self.event.map(i128::from)),
        ];
        URL_SAFE_NO_PAD.encode(text.join(" "))
    }

    fn read(token: &str) -> Result<Self, Error> {
        let read = || {
            let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            let parts: Vec<&str> = text.split(' ').collect();
            let [at, first, event] = parts.as_slice() else {
                return None;
            };
            let told_batch = match (at.is_empty(), first.is_empty()) {
                (true, true) => None,
                _ => Some((UnixMillis(at.parse().ok()?), first.parse().ok()?)),
            };
            let event = match event.is_empty() {
                true => None,
                false => Some(event.parse().ok()?),
            };
            Some(Self { told_batch, event })
        };
        read().ok_or_else(invalid_token)
    }
}

impl<'a> Wanted<'a> {
    fn new(caller: &'a Caller, input: &'a ListEventsRequest) -> Result<Self, Error> {
        let sources = input.sources.iter().flatten().map(source);
        Ok(Self {
            caller,
            since: input.since.map_or(UnixMillis::EPOCH, millis),
            until: input.until.map(millis),
            sources: sources.collect::<Result<_, _>>()?,
            cluster: given(input.cluster.as_ref()),
            service: given(input.service.as_ref()),
            resource: given(input.resource.as_ref()),
        })
    }

    fn has(&self, event: &Event) -> bool {
        let is_resource = |wanted: &str| {
            let id = event.resource.rsplit('/').next();
            event.resource == wanted || id.is_some_and(|id| id.starts_with(wanted))
        };
        event.account == self.caller.account
            && event.region == self.caller.region
            && event.at >= self.since
            && self.until.is_none_or(|until| event.at <= until)
            && (self.sources.is_empty() || self.sources.contains(&event.source))
            // Serverless nodes serve every cluster.
            && self.cluster.is_none_or(|cluster| event.cluster == cluster || event.cluster.is_empty())
            && (self.service.is_none() || event.service.as_deref() == self.service)
            && self.resource.is_none_or(is_resource)
    }
}

fn order(order: Option<&EventOrder>) -> Result<Order, Error> {
    match order {
        None => Ok(Order::NewestFirst),
        Some(order) if *order == EventOrder::NEWEST_FIRST => Ok(Order::NewestFirst),
        Some(order) if *order == EventOrder::OLDEST_FIRST => Ok(Order::OldestFirst),
        Some(_) => Err(invalid_parameter_exception(
            "order must be NEWEST_FIRST or OLDEST_FIRST",
        )),
    }
}

fn source(source: &EventSource) -> Result<Source, Error> {
    let known = [
        Source::Deployment,
        Source::Node,
        Source::Service,
        Source::Task,
    ];
    known
        .into_iter()
        .find(|known| shown_source(*known) == *source)
        .ok_or_else(|| {
            invalid_parameter_exception("sources may be DEPLOYMENT, NODE, SERVICE and TASK")
        })
}

fn shown_source(source: Source) -> EventSource {
    match source {
        Source::Deployment => EventSource::DEPLOYMENT,
        Source::Node => EventSource::NODE,
        Source::Service => EventSource::SERVICE,
        Source::Task => EventSource::TASK,
    }
}

fn shown(number: u64, event: &Event) -> ShownEvent {
    ShownEvent {
        event_id: Some(event.id.clone()),
        sequence: i64::try_from(number).ok(),
        at: timestamp(event.at),
        source: Some(shown_source(event.source)),
        cluster: Some(event.cluster.clone()).filter(|cluster| !cluster.is_empty()),
        service: event.service.clone(),
        resource_arn: Some(event.resource.clone()),
        status: event.status.clone(),
        message: Some(event.message.clone()),
        event_bridge_event: event.event_bridge.clone(),
    }
}
