//! Service events: what the scheduler did and why it waits, in AWS's words
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html>). The newest 100 are
//! kept, and one that is still true is not repeated for six hours.

use std::{sync::Arc, time::Duration};

use limits::{SERVICE_EVENT_REPEAT_HOURS, SERVICE_EVENTS_KEPT};
use placement::Filter;
use state::{Head, Record, Tx};

use crate::{
    Ecs,
    records::{ServiceEventRecord, ServiceRecord},
    tasks::NoRoom,
};

/// How long an event that is still true is not repeated.
pub(crate) const REPEAT_AFTER: Duration = Duration::from_secs(SERVICE_EVENT_REPEAT_HOURS * 3600);
const TROUBLESHOOTING: &str =
    "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";

/// Events since the service was made: one of the same name that was deleted may have left its own.
pub(crate) fn newest_first(head: &Head, service: &ServiceRecord) -> Vec<Arc<ServiceEventRecord>> {
    let mut events: Vec<_> = all(head, service)
        .filter(|event| event.sequence >= service.first_event)
        .cloned()
        .collect();
    events.reverse();
    events.truncate(SERVICE_EVENTS_KEPT);
    events
}

/// The number of the next event of a service of this name.
pub(crate) fn next_sequence(head: &Head, service_key: &str) -> i64 {
    let prefix = format!("{service_key}/");
    let last = head.scan::<ServiceEventRecord>(&prefix).last();
    last.map_or(1, |event| event.sequence + 1)
}

/// Writes an event; the oldest make room.
pub(crate) fn add(ecs: &Ecs, tx: &mut Tx<'_>, service: &ServiceRecord, text: &str) {
    write(
        ecs,
        tx,
        service,
        format!("(service {}) {text}", service.name),
    );
}

/// As [`add`], of what a deployment did: that it was a task set is told with it.
pub(crate) fn add_of(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    service: &ServiceRecord,
    deployment_id: Option<&str>,
    text: &str,
) {
    let message = format!("{} {text}", subject(service, deployment_id));
    write(ecs, tx, service, message);
}

fn subject(service: &ServiceRecord, deployment_id: Option<&str>) -> String {
    match deployment_id.filter(|id| service.task_set(id).is_some()) {
        Some(id) => format!("(service {}, taskSet {id})", service.name),
        None => match service.daemon_name() {
            Some(daemon) => format!("(daemon {daemon})"),
            None => format!("(service {})", service.name),
        },
    }
}

fn write(ecs: &Ecs, tx: &mut Tx<'_>, service: &ServiceRecord, message: String) {
    let sequence = next_sequence(tx, &service.key());
    tx.put(ServiceEventRecord {
        account: service.account.clone(),
        region: service.region.clone(),
        cluster: service.cluster.clone(),
        service: service.name.clone(),
        sequence,
        id: ecs.clock.uuid(),
        message,
        created_at: ecs.clock.now(),
    });
    let keys: Vec<String> = all(tx, service).map(|event| event.key()).collect();
    let surplus = keys.len().saturating_sub(SERVICE_EVENTS_KEPT);
    for key in &keys[..surplus] {
        tx.delete::<ServiceEventRecord>(key);
    }
}

/// Writes an event unless it was written within six hours and its cause was not resolved since.
pub(crate) fn add_once(ecs: &Ecs, tx: &mut Tx<'_>, service: &ServiceRecord, text: &str) {
    add_once_of(ecs, tx, service, None, text);
}

/// As [`add_once`], of a deployment or a task set.
pub(crate) fn add_once_of(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    service: &ServiceRecord,
    deployment_id: Option<&str>,
    text: &str,
) {
    let message = format!("{} {text}", subject(service, deployment_id));
    let now = ecs.clock.now();
    let unresolved = newest_first(tx, service)
        .into_iter()
        .take_while(|event| !event.message.ends_with(STEADY))
        .find(|event| event.message == message);
    let is_fresh = unresolved.is_some_and(|event| now.since(event.created_at) < REPEAT_AFTER);
    if !is_fresh {
        write(ecs, tx, service, message);
    }
}

pub(crate) const STEADY: &str = "has reached a steady state.";

pub(crate) const BLOCKED: &str = "was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.";

pub(crate) fn started(tasks: &[String]) -> String {
    format!("has started {} tasks: {}.", tasks.len(), task_list(tasks))
}

pub(crate) fn stopped(tasks: &[String]) -> String {
    format!(
        "has stopped {} running tasks: {}.",
        tasks.len(),
        task_list(tasks)
    )
}

pub(crate) fn stopped_pending(tasks: usize) -> String {
    format!("stopped {tasks} pending tasks.")
}

/// Tasks by zone, as <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/track-service-rebalancing.html> has it.
pub(crate) fn not_balanced(zones: &[(String, usize)]) -> String {
    format!(
        "is not AZ balanced with {}. AZ Rebalancing in progress.",
        zone_list(zones)
    )
}

pub(crate) fn balanced(zones: &[(String, usize)]) -> String {
    format!("is AZ balanced with {}.", zone_list(zones))
}

pub(crate) fn started_for_balance(zone: &str, task: &str) -> String {
    format!("has started 1 tasks in {zone} to AZ Rebalance: (task {task}).")
}

pub(crate) fn stopped_for_balance(zone: &str, task: &str) -> String {
    format!("has stopped 1 running tasks in {zone} due to AZ rebalancing: (task {task}).")
}

/// Why no node of the zone took the task.
pub(crate) fn without_room_in(zone: &str, is_serverless: bool) -> String {
    match is_serverless {
        true => format!("is unable to place a task in {zone}. {TROUBLESHOOTING}"),
        false => format!(
            "is unable to place a task in {zone} because no container instance met all of its requirements. {TROUBLESHOOTING}"
        ),
    }
}

fn zone_list(zones: &[(String, usize)]) -> String {
    let tasks = |(zone, count): &(String, usize)| format!("{count} tasks in {zone}");
    match zones {
        [] => String::new(),
        [one] => tasks(one),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(tasks).collect();
            format!("{}, and {}", first.join(", "), tasks(last))
        }
    }
}

pub(crate) fn completed(deployment_id: &str) -> String {
    format!("(deployment {deployment_id}) deployment completed.")
}

/// AWS calls a deployment of its own controller a task set here.
pub(crate) fn protected(deployment_id: &str) -> String {
    format!(
        "was unable to reach steady state because task set ({deployment_id}) was unable to scale in. Reason: The number of protected tasks are more than the desired count of tasks."
    )
}

pub(crate) fn impaired() -> String {
    format!("is unable to consistently start tasks successfully. {TROUBLESHOOTING}")
}

/// Why no node took a task.
pub(crate) fn without_room(no_room: &NoRoom, is_serverless: bool) -> String {
    if let Some(reason) = &no_room.no_address {
        return no_address(reason);
    }
    if is_serverless {
        return format!(
            "was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone. {TROUBLESHOOTING}"
        );
    }
    let start =
        "was unable to place a task because no container instance met all of its requirements.";
    if no_room.is_provider_empty {
        return format!(
            "{start} Reason: No Container Instances were found in your capacity provider. {TROUBLESHOOTING}"
        );
    }
    if no_room.explanation.considered == 0 {
        return format!(
            "{start} Reason: No Container Instances were found in your cluster. {TROUBLESHOOTING}"
        );
    }
    let Some(nearest) = &no_room.explanation.nearest_miss else {
        return format!("{start} {TROUBLESHOOTING}");
    };
    format!(
        "{start} The closest matching (container-instance {}) {}. {TROUBLESHOOTING}",
        nearest.node,
        lack(nearest.filter)
    )
}

/// Why a daemon's task does not fit on its node.
pub(crate) fn no_room_on(node: &str, filter: Filter) -> String {
    format!(
        "was unable to place a task because no container instance met all of its requirements. The closest matching (container-instance {node}) {}. {TROUBLESHOOTING}",
        lack(filter)
    )
}

pub(crate) fn no_address(reason: &str) -> String {
    format!("was unable to place a task. Reason: {reason} {TROUBLESHOOTING}")
}

fn all<'a>(
    head: &'a Head,
    service: &ServiceRecord,
) -> impl Iterator<Item = &'a Arc<ServiceEventRecord>> + use<'a> {
    head.scan::<ServiceEventRecord>(&format!("{}/", service.key()))
}

fn task_list(tasks: &[String]) -> String {
    let tasks: Vec<String> = tasks.iter().map(|id| format!("(task {id})")).collect();
    tasks.join(" ")
}

fn lack(filter: Filter) -> String {
    match filter {
        Filter::Cpu => "has insufficient CPU units available".into(),
        Filter::Memory => "has insufficient memory available".into(),
        Filter::Ports => "is already using a port required by your task".into(),
        Filter::Attribute => "is missing an attribute required by your task".into(),
        other => format!("encountered error \"{}\"", other.failure_reason()),
    }
}
