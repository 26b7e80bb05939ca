//! What ECS tells EventBridge, in its shape
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>).

use clock::UnixMillis;
use serde_json::{Map, Value, json};
use wire::{Timestamp, TimestampFormat};

use crate::{records::TaskRecord, render};

/// Members of a task that are times: numbers in the API, texts in events.
const TIMES: [&str; 9] = [
    "connectivityAt",
    "createdAt",
    "executionStoppedAt",
    "pullStartedAt",
    "pullStoppedAt",
    "startedAt",
    "stoppedAt",
    "stoppingAt",
    "updatedAt",
];

/// The event `ECS Task State Change` of a task as it is, JSON. Of a FARGATE_SPOT task that has just been told to stop it is
/// the warning, two minutes at most before the capacity is gone
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html>).
pub fn task_state_change(task: &TaskRecord, event_id: &str, at: UnixMillis) -> String {
    let shown = wire::json::to_vec(&render::task::task(task, false));
    let mut detail: Map<String, Value> =
        serde_json::from_slice(&shown).expect("a shape is written as an object");
    for name in TIMES {
        let seconds = detail.get(name).and_then(Value::as_f64);
        if let Some(time) = seconds.and_then(Timestamp::from_seconds_f64) {
            let text = time.format(TimestampFormat::Iso8601);
            detail.insert(name.to_owned(), text.into());
        }
    }
    detail.insert("updatedAt".to_owned(), iso(at).into());
    json!({
        "version": "0",
        "id": event_id,
        "detail-type": "ECS Task State Change",
        "source": "aws.ecs",
        "account": task.account,
        "time": iso(at),
        "region": task.region,
        "resources": [task.arn()],
        "detail": detail,
    })
    .to_string()
}

fn iso(at: UnixMillis) -> String {
    render::timestamp(at).format(TimestampFormat::Iso8601)
}
