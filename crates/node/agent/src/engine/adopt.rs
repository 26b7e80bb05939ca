//! After a restart: what is on disk and what runs decide; nothing is run twice, and nothing is made up.

use std::collections::BTreeMap;
use std::path::PathBuf;

use runtime::{ContainerState, ContainerStatus};

use super::driver::Driver;
use super::prepare::Prepared;
use super::rules::Phase;
use super::sandbox;

/// The reason of a container whose end nobody saw.
pub const LOST_REASON: &str = "ContainerVanishedError: the container ended while the node's agent was away, and how it ended is not known";

const SANDBOX_LOST_REASON: &str = "ResourceInitializationError: what the task's containers shared ended while the node's agent was away";

/// The reason when the whole machine went. Also of a container that waited to be started: whether it was, is not known,
/// and a task must not run twice.
pub const MACHINE_RESTARTED_REASON: &str =
    "ContainerVanishedError: the node was restarted, and how the container ended is not known";

impl Driver {
    /// Takes over what an earlier agent left of the task. `found` holds the runtime's containers by id.
    pub async fn adopt(
        &mut self,
        found: &mut BTreeMap<String, ContainerStatus>,
        network_namespace: Option<PathBuf>,
    ) {
        let sandbox = found.remove(&sandbox::id(&self.record.id));
        self.has_sandbox = sandbox.is_some_and(|of| matches!(of.state, ContainerState::Running(_)));
        self.adopt_surroundings(network_namespace.clone());
        for index in 0..self.containers.len() {
            self.adopt_container(index, found).await;
        }
        let begun = self.record.containers.iter();
        let begun = begun.filter(|container| container.started_at.is_some());
        let goes_on = self.record.status != super::rules::TaskStatus::Stopped;
        if goes_on && sandbox::is_needed(&self.task) && !self.has_sandbox && begun.count() > 0 {
            // Containers that are to come would not share with those that are there.
            self.record
                .reason
                .get_or_insert(SANDBOX_LOST_REASON.to_owned());
            self.view.stop_wanted = true;
        }
        let waits = |phase: Phase| phase == Phase::Waiting;
        if self.record.status != super::rules::TaskStatus::Stopped
            && self
                .view
                .containers
                .iter()
                .any(|container| waits(container.phase))
            && !self.view.stop_wanted
        {
            self.begin_preparing(network_namespace);
            self.begin_pulls();
        }
    }

    /// Where a container has run everything was prepared, and stands: what a restart by its policy needs.
    fn adopt_surroundings(&mut self, network_namespace: Option<PathBuf>) {
        let has_begun = self
            .record
            .containers
            .iter()
            .any(|container| container.started_at.is_some());
        let needs_namespace = self.task.network_mode.as_deref() == Some("awsvpc");
        let stands = has_begun && !self.machine_was_restarted();
        if stands && (network_namespace.is_some() || !needs_namespace) {
            self.prepared = Some(Prepared { network_namespace });
        }
    }

    async fn adopt_container(
        &mut self,
        index: usize,
        found: &mut BTreeMap<String, ContainerStatus>,
    ) {
        // Containers that were started again left earlier ones behind; their logs are still to be shipped.
        let restarts = self.record.containers[index].restarts;
        for earlier in 0..restarts {
            self.record.containers[index].restarts = earlier;
            if found.remove(&self.container_id(index)).is_some() {
                self.ship_log(index);
            }
        }
        self.record.containers[index].restarts = restarts;
        let known = self.record.containers[index].clone();
        self.view.containers[index].started_at = known.started_at;
        let on_disk = found.remove(&self.container_id(index));
        if let Some(status) = &on_disk {
            self.containers[index].stop_signal = status.spec.stop_signal.clone();
            // For its restart policy; the image is kept as long as a container is there.
            self.containers[index].image = self.node.runtime.image(&status.spec.image);
        }
        let lost_reason = if self.machine_was_restarted() {
            MACHINE_RESTARTED_REASON
        } else {
            LOST_REASON
        };
        match (on_disk.map(|status| status.state), known.stopped) {
            (on_disk, Some(end)) => {
                if matches!(
                    on_disk,
                    Some(ContainerState::Running(_) | ContainerState::Exited(_))
                ) {
                    self.ship_log(index);
                }
                self.ended(index, end.exit_code, end.reason);
            }
            (Some(ContainerState::Running(started)), None) => self.started(index, started),
            (Some(ContainerState::Exited(exit)), None) => {
                self.ship_log(index);
                self.view.containers[index]
                    .started_at
                    .get_or_insert(exit.at);
                self.record.containers[index]
                    .started_at
                    .get_or_insert(exit.at);
                self.view.containers[index].phase = Phase::Running;
                self.exited(index, &exit);
            }
            (Some(ContainerState::Lost), None) => {
                self.ship_log(index);
                self.ended(index, None, Some(lost_reason.to_owned()));
            }
            (Some(ContainerState::Created) | None, None) if self.machine_was_restarted() => {
                self.ended(index, None, Some(lost_reason.to_owned()))
            }
            (Some(ContainerState::Created), None) => {
                // It was never started. It is made anew, because its namespace may be gone.
                if let Err(error) = self.node.runtime.remove(&self.container_id(index)).await {
                    tracing::warn!(%error, task = self.record.id, "a container that never ran cannot be removed");
                }
            }
            (None, None) if known.started_at.is_some() => {
                self.ended(index, None, Some(lost_reason.to_owned()))
            }
            (None, None) => {}
        }
    }

    /// Since the task came here.
    fn machine_was_restarted(&self) -> bool {
        let boot_id = &self.record.boot_id;
        !boot_id.is_empty() && *boot_id != self.node.boot_id
    }
}
