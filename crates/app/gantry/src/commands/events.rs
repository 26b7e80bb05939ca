//! `gantry events`: what happened to services, deployments, tasks and nodes, in the order of time; and what comes.

use std::{io::Write, process::ExitCode, time::Duration};

use api_gantry::{
    operations::ListEvents,
    types::{Event, EventOrder, EventSource, ListEventsRequest},
};
use client::Client;
use clock::{Clock, UnixMillis};
use serde_json::json;
use wire::Timestamp;

use crate::{
    arguments::{Events, Global, Output, Source},
    connect,
    output::{self, Colour},
    when,
};

const FOLLOW_EVERY: Duration = Duration::from_millis(500);
const PAGE: i32 = 500;

pub async fn run(global: &Global, asked: Events) -> anyhow::Result<ExitCode> {
    let client = connect::client(global)?;
    let request = request(&asked);
    let newest = ListEventsRequest {
        order: Some(EventOrder::NEWEST_FIRST),
        ..request.clone()
    };
    let (mut events, follow_token) = list(&client, newest, asked.limit).await?;
    events.reverse();
    if events.is_empty() && !asked.follow && global.output == Output::Table {
        output::note("nothing happened. `gantry events --follow` waits for what comes");
    }
    for event in &events {
        print(global.output, event)?;
    }
    if asked.follow {
        follow(global, &client, request, follow_token).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Up to so many events, page by page, and the token to go on from what was newest at first.
pub async fn list(
    client: &Client,
    mut request: ListEventsRequest,
    limit: usize,
) -> anyhow::Result<(Vec<Event>, Option<String>)> {
    let (mut events, mut follow_token) = (Vec::new(), None);
    loop {
        let left = limit - events.len();
        request.max_results = i32::try_from(left).ok().map(|left| left.min(PAGE));
        let answer = client.call::<ListEvents>(request.clone()).await?;
        events.extend(answer.events.unwrap_or_default());
        follow_token = follow_token.or(answer.follow_token);
        request.next_token = answer.next_token;
        if request.next_token.is_none() || events.len() >= limit {
            return Ok((events, follow_token));
        }
    }
}

async fn follow(
    global: &Global,
    client: &Client,
    request: ListEventsRequest,
    mut token: Option<String>,
) -> anyhow::Result<()> {
    let clock = Clock::system();
    loop {
        let answer = client
            .call::<ListEvents>(ListEventsRequest {
                order: Some(EventOrder::OLDEST_FIRST),
                next_token: token.clone(),
                ..request.clone()
            })
            .await?;
        for event in answer.events.iter().flatten() {
            print(global.output, event)?;
        }
        token = answer.follow_token;
        if answer.next_token.is_none() {
            clock.sleep(FOLLOW_EVERY).await;
        }
    }
}

fn request(asked: &Events) -> ListEventsRequest {
    ListEventsRequest {
        cluster: asked.cluster.clone().or_else(|| {
            // Names of services are those of a cluster.
            asked.service.is_some().then(|| "default".to_owned())
        }),
        service: asked.service.clone(),
        resource: asked.resource.clone(),
        sources: Some(
            asked
                .sources
                .iter()
                .map(|source| wire_source(*source))
                .collect(),
        ),
        since: asked.since.and_then(timestamp),
        ..ListEventsRequest::default()
    }
}

pub fn timestamp(at: UnixMillis) -> Option<Timestamp> {
    Timestamp::from_seconds_f64(at.as_seconds_f64())
}

pub fn wire_source(source: Source) -> EventSource {
    match source {
        Source::Deployment => EventSource::DEPLOYMENT,
        Source::Node => EventSource::NODE,
        Source::Service => EventSource::SERVICE,
        Source::Task => EventSource::TASK,
    }
}

/// A line an event, in either format, as it comes; whoever reads no more ends it.
pub fn print(format: Output, event: &Event) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match format {
        Output::Json => writeln!(out, "{}", as_json(event))?,
        Output::Table => writeln!(out, "{}", line(event, &when::shown(at(event))))?,
    }
    Ok(out.flush()?)
}

pub fn as_json(event: &Event) -> serde_json::Value {
    let told = event.event_bridge_event.as_deref();
    let told = told.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    json!({
        "sequence": event.sequence,
        "at": event.at.map(Timestamp::as_seconds_f64),
        "source": event.source.as_ref().map(EventSource::as_str),
        "cluster": event.cluster,
        "service": event.service,
        "resourceArn": event.resource_arn,
        "status": event.status,
        "message": event.message,
        "eventId": event.event_id,
        "eventBridgeEvent": told,
    })
}

pub fn at(event: &Event) -> UnixMillis {
    let seconds = event.at.map_or(0.0, Timestamp::as_seconds_f64);
    UnixMillis::from_seconds_f64(seconds)
}

/// `time  source  what  STATUS  message`.
fn line(event: &Event, time: &str) -> String {
    let source = event.source.as_ref().map_or("", EventSource::as_str);
    let status = event.status.as_deref().unwrap_or_default();
    let status = output::paint(colour(status), &format!("{status:<12}"));
    let message = event.message.as_deref().unwrap_or_default();
    format!(
        "{time}  {:<10}  {:<22}  {status}  {message}",
        source.to_lowercase(),
        subject(event),
    )
    .trim_end()
    .to_owned()
}

/// The short name of what an event is of: `cluster/name`.
fn subject(event: &Event) -> String {
    let arn = event.resource_arn.as_deref().unwrap_or_default();
    let id = arn.rsplit('/').next().unwrap_or_default();
    let name = match &event.service {
        Some(service) if event.source != Some(EventSource::TASK) => service.clone(),
        _ => id.chars().take(12).collect(),
    };
    match &event.cluster {
        Some(cluster) => format!("{cluster}/{name}"),
        None => name,
    }
}

/// Green for what is good, red for what is not, yellow for what is on its way.
pub fn colour(status: &str) -> Colour {
    match status {
        "RUNNING" | "CONNECTED" | "REGISTERED" | "COMPLETED" | "HEALTHY" | "ACTIVE"
        | "SUCCESSFUL" => Colour::Green,
        "DISCONNECTED" | "DEREGISTERED" | "FAILED" | "UNHEALTHY" => Colour::Red,
        "PROVISIONING" | "STOPPING" | "DRAINING" | "IN_PROGRESS" => Colour::Yellow,
        _ => Colour::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_what_and_why() {
        let event = Event {
            source: Some(EventSource::TASK),
            cluster: Some("default".into()),
            service: Some("web".into()),
            resource_arn: Some(
                "arn:aws:ecs:us-east-1:123456789012:task/default/0123456789abcdef0123456789abcdef"
                    .into(),
            ),
            status: Some("STOPPED".into()),
            message: Some("Essential container in task exited; main: exit code 3".into()),
            ..Event::default()
        };
        assert_eq!(
            line(&event, "2026-11-20 12:00:00"),
            "2026-11-20 12:00:00  task        default/0123456789ab    STOPPED       \
             Essential container in task exited; main: exit code 3"
        );
        let event = Event {
            source: Some(EventSource::SERVICE),
            status: None,
            message: Some("(service web) has reached a steady state.".into()),
            ..event
        };
        assert_eq!(
            line(&event, "2026-11-20 12:00:00"),
            "2026-11-20 12:00:00  service     default/web                           \
             (service web) has reached a steady state."
        );
        let event = Event {
            source: Some(EventSource::NODE),
            cluster: None,
            service: None,
            resource_arn: Some("arn:aws:ecs:r:1:container-instance/0123456789abcdef".into()),
            status: Some("CONNECTED".into()),
            message: Some("the agent of one connected".into()),
            ..event
        };
        assert_eq!(
            line(&event, "2026-11-20 12:00:00"),
            "2026-11-20 12:00:00  node        0123456789ab            CONNECTED     the agent of one connected"
        );
    }
}
