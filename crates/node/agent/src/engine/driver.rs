//! Drives one task from its payload to the point where nothing is left of it.
//!
//! The driver holds what is known, asks the rules, starts the work they order, and takes events in. One future a task
//! and one small future a container; nothing polls.

use std::sync::Arc;
use std::time::Duration;

use clock::UnixMillis;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use link::acs;
use runtime::{Exit, Image, Started};
use state::StateError;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::health::HealthCount;
use super::plan::TaskPlan;
use super::prepare::{self, PrepareOrder, Prepared};
use super::report::Report;
use super::rules::{self, Action, Health, Phase, TaskStatus, TaskView};
use super::secrets::TaskSecrets;
use super::settings::{LogTarget, Settings, SettingsError};
use super::spec::container_id;
use super::work::{self, Event, HealthWatch, StartOrder};
use crate::logs;
use crate::node::Node;
use crate::records::{ContainerEnd, TaskRecord};
use crate::telemetry::{ContainerTelemetry, TaskTelemetry};

/// PENDING is told only of tasks that are not up by then: most are, and then RUNNING says it all.
const PENDING_REPORT_AFTER: Duration = Duration::from_millis(300);
const IDLE_PAUSE: Duration = Duration::from_secs(1);
const STOP_SIGNAL_DEFAULT: &str = "SIGTERM";

type Work = BoxFuture<'static, Option<Event>>;

pub struct Driver {
    pub(super) node: Arc<Node>,
    pub(super) record: TaskRecord,
    pub(super) task: Arc<acs::Task>,
    pub(super) plan: TaskPlan,
    pub(super) view: TaskView,
    pub(super) containers: Vec<Live>,
    pub(super) prepared: Option<Prepared>,
    preparing: bool,
    /// An earlier agent's sandbox runs.
    pub(super) has_sandbox: bool,
    pub(super) work: FuturesUnordered<Work>,
    secrets: Arc<TaskSecrets>,
    durable: watch::Receiver<bool>,
    stop: watch::Receiver<bool>,
    /// What the control plane took in, and what is on its way there.
    reported: Option<Report>,
    reporting: Option<Report>,
    /// The task as it was when it came up. It is told even when the task ended before there was time to.
    came_up: Option<Report>,
    woken_at: Option<UnixMillis>,
}

/// What is held of one container besides what the rules see.
pub(super) struct Live {
    pub settings: Result<Settings, SettingsError>,
    pub image: Option<Image>,
    pub stop_signal: Option<String>,
    pub health: HealthCount,
    pub health_since: UnixMillis,
    pub shippers: Vec<Shipper>,
}

/// A log on its way to the server; it ends with its driver.
pub(super) struct Shipper(pub JoinHandle<()>);

impl Drop for Shipper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Driver {
    pub fn new(
        node: Arc<Node>,
        record: TaskRecord,
        plan: TaskPlan,
        durable: watch::Receiver<bool>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let received_at = record.received_at;
        let live = |container: &acs::Container| Live {
            settings: Settings::of(container),
            image: None,
            stop_signal: None,
            health: HealthCount::default(),
            health_since: received_at,
            shippers: Vec::new(),
        };
        Self {
            containers: record.payload.containers.iter().map(live).collect(),
            view: TaskView {
                stop_wanted: record.stop_wanted,
                containers: vec![Default::default(); record.payload.containers.len()],
                ..Default::default()
            },
            task: Arc::new(record.payload.clone()),
            secrets: TaskSecrets::new(Arc::clone(&node), record.arn().to_owned()),
            node,
            record,
            plan,
            durable,
            stop,
            prepared: None,
            preparing: false,
            has_sandbox: false,
            work: FuturesUnordered::new(),
            reported: None,
            reporting: None,
            came_up: None,
            woken_at: None,
        }
    }

    /// Begins a task of which nothing exists yet.
    pub fn begin(&mut self) {
        if self.view.stop_wanted {
            return;
        }
        self.begin_preparing(None);
        self.begin_pulls();
        let node = Arc::clone(&self.node);
        self.work.push(Box::pin(async move {
            node.clock.sleep(PENDING_REPORT_AFTER).await;
            Some(Event::Woken)
        }));
    }

    pub(super) fn begin_preparing(&mut self, existing: Option<std::path::PathBuf>) {
        let settings = self
            .containers
            .iter()
            .map(|live| live.settings.clone().unwrap_or_default());
        let order = PrepareOrder {
            node: Arc::clone(&self.node),
            task_id: self.record.id.clone(),
            task: Arc::clone(&self.task),
            settings: settings.collect(),
            network_namespace: existing,
            has_sandbox: self.has_sandbox,
            secrets: Arc::clone(&self.secrets),
            durable: self.durable.clone(),
        };
        let preparing = prepare::prepare(order);
        self.preparing = true;
        self.work.push(Box::pin(
            async move { Some(Event::Prepared(preparing.await)) },
        ));
    }

    /// Pulls the images of all containers that have not run yet, at once.
    pub(super) fn begin_pulls(&mut self) {
        for index in 0..self.containers.len() {
            if self.view.containers[index].phase != Phase::Waiting {
                continue;
            }
            if let Err(error) = &self.containers[index].settings {
                self.ended(
                    index,
                    None,
                    Some(format!("CannotCreateContainerError: {error}")),
                );
                continue;
            }
            let now = self.node.clock.now();
            self.record.pull_started_at.get_or_insert(now);
            let image = self.task.containers[index]
                .image
                .clone()
                .unwrap_or_default();
            let (node, task) = (Arc::clone(&self.node), Arc::clone(&self.task));
            let secrets = Arc::clone(&self.secrets);
            self.work.push(Box::pin(async move {
                // Without the login that it names, the task fails while it is prepared, and says why.
                let login = secrets.login(&task.containers[index]).await.ok()?;
                Some(work::pull(node, index, image, login).await)
            }));
        }
    }

    /// Runs until nothing is left of the task.
    pub async fn run(mut self) -> Result<(), StateError> {
        loop {
            self.decide();
            self.report();
            self.publish();
            if self.is_done() {
                return self.clean_up().await;
            }
            let event = tokio::select! {
                event = self.work.next(), if !self.work.is_empty() => event.flatten(),
                changed = self.stop.changed(), if !self.view.stop_wanted => {
                    self.view.stop_wanted = changed.is_err() || *self.stop.borrow();
                    self.record.stop_wanted = self.view.stop_wanted;
                    self.save()?;
                    None
                }
                // Not reached while there is something to do; should it be, this is no busy loop.
                else => {
                    self.node.clock.sleep(IDLE_PAUSE).await;
                    None
                }
            };
            if let Some(event) = event {
                self.take_in(event)?;
            }
        }
    }

    fn decide(&mut self) {
        loop {
            let now = self.node.clock.now();
            self.view.ready = self.prepared.is_some();
            let decision = rules::decide(&self.plan, &self.view, now);
            if decision.stopping && !self.view.stop_wanted {
                // An essential container ended; from now on nothing is started any more.
                self.view.stop_wanted = true;
            }
            let known = rules::status(&self.view);
            let before = self.record.status;
            if known == TaskStatus::Stopped || !decision.stopping {
                self.record.status = before.max(known);
            }
            if before < TaskStatus::Running && self.record.status == TaskStatus::Running {
                self.came_up = Some(self.picture());
            }
            let has_run = self
                .record
                .containers
                .iter()
                .any(|known| known.started_at.is_some());
            if decision.stopping && has_run && self.has_essential_end() {
                self.record.execution_stopped_at.get_or_insert(now);
            }
            if decision.actions.is_empty() {
                self.wake_at(decision.wake_at);
                return;
            }
            for action in decision.actions {
                self.carry_out(action);
            }
        }
    }

    /// The task does no more work: an essential container has ended, or all have.
    fn has_essential_end(&self) -> bool {
        let containers = self.plan.containers.iter().zip(&self.view.containers);
        let stopped = |view: &rules::ContainerView| view.phase == Phase::Stopped;
        containers
            .clone()
            .any(|(plan, view)| plan.essential && stopped(view))
            || containers.clone().all(|(_, view)| stopped(view))
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Start(index) => self.order_start(index),
            Action::Stop(index) => {
                self.view.containers[index].phase = Phase::Stopping;
                let id = self.container_id(index);
                let signal = self.stop_signal(index);
                let timeout_seconds = self.plan.containers[index].stop_timeout_seconds;
                let node = Arc::clone(&self.node);
                self.work.push(Box::pin(work::stop(
                    node,
                    index,
                    id,
                    signal,
                    timeout_seconds,
                )));
            }
            Action::Abandon {
                container,
                exit_code,
                reason,
            } => self.ended(container, exit_code, reason),
        }
    }

    fn order_start(&mut self, index: usize) {
        let live = &self.containers[index];
        let (Ok(settings), Some(image), Some(prepared)) =
            (&live.settings, &live.image, &self.prepared)
        else {
            // The rules start only what has its image and its network, and bad settings ended the container before.
            return self.ended(
                index,
                None,
                Some("CannotStartContainerError: the container is not prepared".into()),
            );
        };
        let order = StartOrder {
            node: Arc::clone(&self.node),
            task: Arc::clone(&self.task),
            task_id: self.record.id.clone(),
            index,
            restarts: self.record.containers[index].restarts,
            settings: settings.clone(),
            image: image.clone(),
            prepared: prepared.clone(),
            secrets: Arc::clone(&self.secrets),
            durable: self.durable.clone(),
        };
        self.view.containers[index].phase = Phase::Starting;
        self.work
            .push(Box::pin(async move { Some(work::start(order).await) }));
    }

    fn take_in(&mut self, event: Event) -> Result<(), StateError> {
        match event {
            Event::Prepared(result) => {
                self.preparing = false;
                match result {
                    Ok(prepared) => self.prepared = Some(prepared),
                    Err(reason) => {
                        self.record.reason.get_or_insert(reason);
                        self.view.stop_wanted = true;
                    }
                }
            }
            Event::Pulled { index, at, result } => self.pulled(index, at, result),
            Event::Started {
                index,
                result: Ok(started),
            } => {
                self.started(index, started);
                self.save()?;
            }
            Event::Started {
                index,
                result: Err(reason),
            } => {
                self.ended(index, None, Some(reason));
                self.save()?;
            }
            Event::Ended { index, exit } => {
                self.exited(index, &exit);
                self.save()?;
            }
            Event::StopFailed { index, reason } => {
                self.ended(index, None, Some(reason));
                self.save()?;
            }
            Event::Health {
                index,
                restarts,
                count,
            } => self.health_changed(index, restarts, count),
            Event::Reported => {
                self.reported = self.reporting.take();
                let stopped = self
                    .reported
                    .as_ref()
                    .is_some_and(|report| report.status == TaskStatus::Stopped);
                if stopped && self.reported == Some(self.picture()) {
                    self.record.stop_acknowledged = true;
                    self.save()?;
                }
            }
            Event::Woken => {}
        }
        Ok(())
    }

    fn pulled(&mut self, index: usize, at: UnixMillis, result: Result<Image, String>) {
        self.record.pull_stopped_at = Some(at);
        if self.view.containers[index].phase != Phase::Waiting {
            return;
        }
        match result {
            Ok(image) => {
                self.record.containers[index].image_digest = Some(image.digest.clone());
                self.containers[index].image = Some(image);
                self.view.containers[index].image_ready = true;
            }
            Err(reason) => self.ended(index, None, Some(reason)),
        }
    }

    /// A container's process runs: watch its end, its health and its output.
    pub(super) fn started(&mut self, index: usize, started: Started) {
        let view = &mut self.view.containers[index];
        view.phase = Phase::Running;
        view.started_at = Some(started.started_at);
        view.health = Health::Unknown;
        self.record.containers[index].started_at = Some(started.started_at);
        self.containers[index].health = HealthCount::default();
        self.containers[index].health_since = started.started_at;
        let id = self.container_id(index);
        let waiting = work::wait(Arc::clone(&self.node), index, id);
        self.work.push(Box::pin(async move { Some(waiting.await) }));
        self.watch_health(index);
        self.ship_log(index);
    }

    fn watch_health(&mut self, index: usize) {
        let Some(started_at) = self.view.containers[index].started_at else {
            return;
        };
        let Some(plan) = self.containers[index]
            .settings
            .as_ref()
            .ok()
            .and_then(|of| of.health.clone())
        else {
            return;
        };
        let watch = HealthWatch {
            node: Arc::clone(&self.node),
            index,
            restarts: self.record.containers[index].restarts,
            id: self.container_id(index),
            plan,
            count: self.containers[index].health.clone(),
            started_at,
            task: Arc::clone(&self.task),
            secrets: Arc::clone(&self.secrets),
        };
        self.work.push(Box::pin(work::watch_health(watch)));
    }

    fn health_changed(&mut self, index: usize, restarts: u32, count: HealthCount) {
        // A check of a process that ended meanwhile says nothing about the one that runs now.
        let current = self.record.containers[index].restarts == restarts;
        if !current
            || !matches!(
                self.view.containers[index].phase,
                Phase::Running | Phase::Stopping
            )
        {
            return;
        }
        self.view.containers[index].health = count.health;
        self.containers[index].health = count;
        self.containers[index].health_since = self.node.clock.now();
        self.watch_health(index);
    }

    pub(super) fn ship_log(&mut self, index: usize) {
        let Ok(Settings {
            log: LogTarget::AwsLogs(options),
            ..
        }) = &self.containers[index].settings
        else {
            return;
        };
        let shipping = logs::ship(
            Arc::clone(&self.node),
            self.container_id(index),
            options.clone(),
        );
        let handle = self.node.clock.spawn("log-shipper", shipping);
        self.containers[index].shippers.push(Shipper(handle));
    }

    pub(super) fn exited(&mut self, index: usize, exit: &Exit) {
        let ran_for = exit
            .at
            .since(self.view.containers[index].started_at.unwrap_or(exit.at));
        let stopping = self.view.stop_wanted || self.view.containers[index].phase != Phase::Running;
        let restart = self.plan.containers[index].restart.as_ref();
        // An adopted container may lack what a restart needs: its image may be gone, its machine was started anew.
        let can_restart = self.containers[index].image.is_some() && self.prepared.is_some();
        if !stopping && can_restart && restart.is_some_and(|rule| rule.applies(exit.code, ran_for))
        {
            self.record.containers[index].restarts += 1;
            self.order_start(index);
            return;
        }
        let reason = match (exit.oom_killed, &exit.error) {
            (true, _) => Some("OutOfMemoryError: Container killed due to memory usage".to_owned()),
            (false, Some(error)) => Some(error.clone()),
            (false, None) => None,
        };
        self.ended(index, Some(exit.code), reason);
    }

    pub(super) fn ended(&mut self, index: usize, exit_code: Option<i32>, reason: Option<String>) {
        let view = &mut self.view.containers[index];
        if view.phase == Phase::Stopped {
            return;
        }
        view.phase = Phase::Stopped;
        view.exit_code = exit_code;
        self.record.containers[index].stopped = Some(ContainerEnd { exit_code, reason });
    }

    fn wake_at(&mut self, at: Option<UnixMillis>) {
        let Some(at) = at.filter(|at| self.woken_at != Some(*at)) else {
            return;
        };
        self.woken_at = Some(at);
        let node = Arc::clone(&self.node);
        self.work.push(Box::pin(async move {
            node.clock.sleep_until(at).await;
            Some(Event::Woken)
        }));
    }

    fn picture(&self) -> Report {
        let ids: Vec<String> = (0..self.containers.len())
            .map(|index| self.container_id(index))
            .collect();
        Report::of(&self.record, &self.view, &ids)
    }

    /// Sends the picture when it is news. One report is under way at a time, so that they arrive in order.
    fn report(&mut self) {
        if self.reporting.is_some() || self.record.stop_acknowledged {
            return;
        }
        let report = self.came_up.take().unwrap_or_else(|| self.picture());
        // A network that is still being made would outlive the task.
        if report.status == TaskStatus::Stopped && self.preparing {
            return;
        }
        let too_early = report.status == TaskStatus::Pending
            && self.node.clock.now().since(self.record.received_at) < PENDING_REPORT_AFTER;
        if too_early || self.reported.as_ref() == Some(&report) {
            return;
        }
        let request = report.request(&self.node.api.cluster, self.record.arn());
        let stopped = report.status == TaskStatus::Stopped;
        self.reporting = Some(report);
        let node = Arc::clone(&self.node);
        let record = self.record.clone();
        self.work.push(Box::pin(async move {
            if stopped {
                // The address may be given to another task as soon as the control plane hears of the end, and the
                // task must never run again, even if this process dies right after the answer.
                let _ = node.network.teardown(&record.id).await;
                let saved = node.store.transact(|tx| {
                    tx.put(record);
                    Ok::<_, StateError>(())
                });
                if let Ok(saved) = saved {
                    let _ = saved.durable().await;
                }
            }
            node.api.submit_until_answered(request).await;
            Some(Event::Reported)
        }));
    }

    fn publish(&self) {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let container = |index: usize| {
            let view = &self.view.containers[index];
            let running = matches!(view.phase, Phase::Running | Phase::Stopping);
            let live = &self.containers[index];
            let checked = live
                .settings
                .as_ref()
                .is_ok_and(|settings| settings.health.is_some());
            ContainerTelemetry {
                name: text(&self.task.containers[index].name),
                arn: self.task.containers[index].container_arn.clone(),
                running_id: running.then(|| self.container_id(index)),
                restarts: self.plan.containers[index]
                    .restart
                    .as_ref()
                    .map(|_| self.record.containers[index].restarts),
                health: checked.then_some((view.health, live.health_since)),
            }
        };
        let stopped = self.record.status == TaskStatus::Stopped;
        let telemetry = (!stopped).then(|| TaskTelemetry {
            arn: self.record.arn().to_owned(),
            cluster_arn: self.record.cluster_arn().to_owned(),
            family: text(&self.task.family),
            version: text(&self.task.version),
            containers: (0..self.containers.len()).map(container).collect(),
        });
        self.node.telemetry.set(&self.record.id, telemetry);
    }

    fn is_done(&self) -> bool {
        self.record.stop_acknowledged
    }

    pub(super) fn container_id(&self, index: usize) -> String {
        let name = self.task.containers[index]
            .name
            .as_deref()
            .unwrap_or_default();
        container_id(
            &self.record.id,
            index,
            name,
            self.record.containers[index].restarts,
        )
    }

    fn stop_signal(&self, index: usize) -> String {
        let live = &self.containers[index];
        let asked = live
            .settings
            .as_ref()
            .ok()
            .and_then(|settings| settings.config.stop_signal.clone());
        let of_image = live
            .image
            .as_ref()
            .and_then(|image| image.config.stop_signal.clone());
        asked
            .or(live.stop_signal.clone())
            .or(of_image)
            .unwrap_or_else(|| STOP_SIGNAL_DEFAULT.to_owned())
    }

    /// On its way to the disk; nothing here waits for it.
    fn save(&self) -> Result<(), StateError> {
        let record = self.record.clone();
        let saved = self.node.store.transact(|tx| {
            tx.put(record);
            Ok::<_, StateError>(())
        });
        saved.map(|committed| committed.head())
    }
}
