//! Records → API shapes: the one place that knows how the API shows them.

pub(crate) mod capacity_provider;
pub(crate) mod cluster;
pub(crate) mod container_instance;
pub(crate) mod daemon;
pub(crate) mod service;
pub(crate) mod service_deployment;
pub(crate) mod tags;
pub(crate) mod task;
pub(crate) mod task_definition;
pub(crate) mod task_set;

use api_ecs::types::Failure;
use clock::UnixMillis;
use wire::Timestamp;

pub(crate) fn timestamp(time: UnixMillis) -> Timestamp {
    Timestamp::from_millis(time.0)
}

/// What batch describes answer for a name that is not there.
pub(crate) fn missing(arn: String) -> Failure {
    Failure {
        arn: Some(arn),
        reason: Some("MISSING".into()),
        detail: None,
    }
}
