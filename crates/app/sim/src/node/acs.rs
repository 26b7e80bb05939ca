//! The agent's side of ACS, as Amazon's agent behaves: manifests, payloads, acknowledgements, heartbeats.

use std::time::Duration;

use link::{
    AcsQuery,
    acs::{self, Message},
};
use tokio::sync::mpsc;

use super::{
    agent::{Agent, End},
    driver,
    machine::Task,
};
use crate::{
    network::{CallError, Session, SessionKind},
    server,
};

/// A server that says nothing for so long, and up to as long again, is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// How long the agent's disk takes before a payload is acknowledged.
const ACCEPT_MOST: Duration = Duration::from_millis(50);

pub struct Acs {
    agent: Agent,
    instance_arn: String,
    /// The last manifest's message id; a stop verification answers it once.
    manifest: Option<String>,
}

impl Acs {
    pub fn new(agent: Agent, instance_arn: String) -> Self {
        Self {
            agent,
            instance_arn,
            manifest: None,
        }
    }

    /// One session, to its end.
    pub async fn serve(&mut self) -> End {
        let query = AcsQuery {
            cluster: "default".into(),
            container_instance_arn: self.instance_arn.clone(),
            protocol_version: Some(2),
            ..AcsQuery::default()
        };
        let caller = server::node(&self.agent.machine.id);
        let opened = self
            .agent
            .world
            .open_session(SessionKind::Acs, &caller, query.encode())
            .await;
        let mut session = match opened {
            Ok(session) => session,
            Err(CallError::Refused(error)) if error.code == "InactiveInstanceException" => {
                return End::Inactive;
            }
            Err(_) => return End::Failed,
        };
        self.agent.machine.held().is_connected = true;
        self.agent.note(format_args!("connected"));
        loop {
            let patience = self.agent.machine.lot.duration(SILENCE, 2 * SILENCE);
            let heard = self
                .agent
                .clock
                .timeout(patience, session.heard.recv())
                .await;
            match heard {
                Ok(Some(text)) => self.hear(&text, &session),
                Ok(None) => return End::Normal,
                Err(_) => return End::Failed,
            }
        }
    }

    fn hear(&mut self, text: &str, session: &Session) {
        let message = match Message::parse(text) {
            Ok(message) => message,
            Err(error) => {
                let trace = &self.agent.world.trace;
                trace.violated(format_args!("the server sent what is no message: {error}"));
                return;
            }
        };
        match message {
            Message::Heartbeat(heartbeat) => say(
                &session.say,
                acs::HeartbeatAckRequest {
                    message_id: heartbeat.message_id,
                },
            ),
            Message::TaskManifest(manifest) => self.manifest(manifest, &session.say),
            Message::Payload(payload) => self.payload(payload, &session.say),
            Message::TaskStopVerificationAck(ack) => self.stop_verified(ack),
            _ => {}
        }
    }

    /// Tasks that the manifest does not want are asked about.
    fn manifest(
        &mut self,
        manifest: acs::TaskManifestMessage,
        say_to: &mpsc::UnboundedSender<String>,
    ) {
        let timeline = manifest.timeline.unwrap_or_default();
        let mut held = self.agent.machine.held();
        if timeline <= held.timeline {
            self.agent.note(format_args!("manifest {timeline} is old"));
            return;
        }
        held.timeline = timeline;
        self.manifest.clone_from(&manifest.message_id);
        say(say_to, self.ack(manifest.message_id.clone()));
        let is_wanted = |arn: &str| {
            manifest.tasks.iter().any(|task| {
                task.task_arn.as_deref() == Some(arn)
                    && task.desired_status.as_deref() == Some(acs::DESIRED_RUNNING)
            })
        };
        let tasks = held.tasks.iter();
        let unwanted = tasks.filter(|(arn, task)| !task.stop_wanted && !is_wanted(arn));
        let stop_candidates: Vec<_> = unwanted
            .map(|(arn, task)| acs::TaskIdentifier {
                task_arn: Some(arn.clone()),
                task_cluster_arn: Some(task.cluster.clone()),
                desired_status: Some(acs::DESIRED_STOPPED.to_owned()),
            })
            .collect();
        let (wanted, asked) = (manifest.tasks.len(), stop_candidates.len());
        self.agent.note(format_args!(
            "manifest {timeline} of {wanted}, asks about {asked}"
        ));
        if !stop_candidates.is_empty() {
            let message_id = manifest.message_id;
            let verification = acs::TaskStopVerificationMessage {
                message_id,
                stop_candidates,
            };
            say(say_to, verification);
        }
    }

    fn stop_verified(&mut self, ack: acs::TaskStopVerificationAck) {
        let is_answer = ack.message_id.is_some() && self.manifest == ack.message_id;
        if !is_answer {
            return;
        }
        self.manifest = None;
        for task in ack.stop_tasks {
            self.stop(&task.task_arn.unwrap_or_default());
        }
    }

    fn payload(&mut self, payload: acs::PayloadMessage, say_to: &mpsc::UnboundedSender<String>) {
        let timeline = payload.timeline.unwrap_or_default();
        if payload.container_instance_arn.as_deref() != Some(&*self.instance_arn) {
            self.agent.world.trace.violated(format_args!(
                "{} got a payload for {:?}",
                self.agent.machine.id, payload.container_instance_arn
            ));
        }
        {
            let mut held = self.agent.machine.held();
            held.timeline = held.timeline.max(timeline);
        }
        let is_stop =
            |task: &acs::Task| task.desired_status.as_deref() == Some(acs::DESIRED_STOPPED);
        let (stops, starts): (Vec<_>, Vec<_>) = payload.tasks.into_iter().partition(is_stop);
        for task in stops {
            let arn = task.arn.clone().unwrap_or_default();
            self.agent.note(format_args!("told to stop {arn}"));
            if !self.stop(&arn) {
                // It never came here, or is over: it is reported as stopped.
                self.agent.machine.held().ended.remove(&arn);
                self.begin(arn.clone(), &task);
                self.stop(&arn);
            }
        }
        for task in starts {
            let arn = task.arn.clone().unwrap_or_default();
            self.agent.note(format_args!("told to run {arn}"));
            self.begin(arn, &task);
        }
        let ack = self.ack(payload.message_id);
        let (clock, say_to) = (self.agent.clock.clone(), say_to.clone());
        let pause = self.agent.machine.lot.duration(Duration::ZERO, ACCEPT_MOST);
        drop(self.agent.clock.spawn("acknowledge", async move {
            clock.sleep(pause).await;
            say(&say_to, ack);
        }));
    }

    /// False if the task is unknown.
    fn stop(&self, arn: &str) -> bool {
        let mut held = self.agent.machine.held();
        match held.tasks.get_mut(arn) {
            Some(task) => {
                task.stop_wanted = true;
                task.changed.notify_one();
                true
            }
            None => false,
        }
    }

    fn begin(&self, arn: String, task: &acs::Task) {
        {
            let mut held = self.agent.machine.held();
            if held.tasks.contains_key(&arn) || held.ended.contains(&arn) {
                return;
            }
            let now = self.agent.clock.now();
            let task = Task::of_payload(task, now, &self.agent.machine.lot);
            held.tasks.insert(arn.clone(), task);
        }
        driver::spawn(&self.agent, arn);
    }

    fn ack(&self, message_id: Option<String>) -> acs::AckRequest {
        acs::AckRequest {
            cluster: Some("default".into()),
            container_instance: Some(self.instance_arn.clone()),
            message_id,
        }
    }
}

fn say(to: &mpsc::UnboundedSender<String>, message: impl Into<Message>) {
    // A session that just ended hears nothing.
    let _ = to.send(message.into().encode());
}
