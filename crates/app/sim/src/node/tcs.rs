//! The agent's side of TCS: what health checks say.

use std::collections::BTreeMap;
use std::time::Duration;

use link::{
    TcsQuery,
    tcs::{ContainerHealth, HealthMetadata, Message, PublishHealthRequest, TaskHealth},
};

use super::{agent::Agent, machine::Phase};
use crate::{
    network::{Session, SessionKind},
    server,
};

const LOOK_EVERY: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
const RECONNECT_AFTER: Duration = Duration::from_secs(10);

/// Keeps a session, for as long as the agent lives.
pub async fn keep(agent: Agent, instance_arn: String) {
    let caller = server::node(&agent.machine.id);
    loop {
        let query = TcsQuery {
            container_instance_arn: instance_arn.clone(),
            ..TcsQuery::default()
        };
        let opened = agent
            .world
            .open_session(SessionKind::Tcs, &caller, query.encode())
            .await;
        if let Ok(session) = opened {
            publish(&agent, session).await;
        }
        agent.clock.sleep(RECONNECT_AFTER).await;
    }
}

/// Until the session ends or does not answer.
async fn publish(agent: &Agent, mut session: Session) {
    let mut told: BTreeMap<String, &'static str> = BTreeMap::new();
    loop {
        agent.clock.sleep(LOOK_EVERY).await;
        // What came meanwhile is heartbeats.
        while session.heard.try_recv().is_ok() {}
        let health = health(agent);
        let news: Vec<TaskHealth> = health
            .iter()
            .filter(|(arn, (_, health))| told.get(*arn) != Some(health))
            .map(|(arn, (names, health))| task_health(arn, names, health))
            .collect();
        if news.is_empty() {
            if session.say.is_closed() {
                return;
            }
            continue;
        }
        let request = PublishHealthRequest {
            metadata: Some(HealthMetadata {
                fin: Some(true),
                ..HealthMetadata::default()
            }),
            tasks: news,
            ..PublishHealthRequest::default()
        };
        let envelope = Message::from(request).encode();
        let frame = link::tcs::Frame {
            headers: vec![("Host", "127.0.0.1:4580")],
            payload: &envelope,
        };
        if session.say.send(frame.encode()).is_err() || !is_answered(agent, &mut session).await {
            return;
        }
        told = health
            .into_iter()
            .map(|(arn, (_, health))| (arn, health))
            .collect();
    }
}

async fn is_answered(agent: &Agent, session: &mut Session) -> bool {
    let answer = async {
        loop {
            let text = session.heard.recv().await?;
            if let Ok(Message::AckPublishHealth(_)) = Message::parse(&text) {
                return Some(());
            }
        }
    };
    let answer = agent.clock.timeout(ANSWER_WITHIN, answer).await;
    matches!(answer, Ok(Some(())))
}

/// Of every task that runs and has a health check.
fn health(agent: &Agent) -> BTreeMap<String, (Vec<String>, &'static str)> {
    let now = agent.clock.now();
    let held = agent.machine.held();
    let tasks = held.tasks.iter();
    tasks
        .filter(|(_, task)| task.behaviour.has_health_check())
        .filter_map(|(arn, task)| match &task.phase {
            Phase::Running { since, .. } => {
                let health = task.behaviour.health(now.since(*since));
                Some((arn.clone(), (task.container_names.clone(), health)))
            }
            _ => None,
        })
        .collect()
}

fn task_health(arn: &str, names: &[String], health: &str) -> TaskHealth {
    let containers = names.iter().map(|name| ContainerHealth {
        container_name: Some(name.clone()),
        health_status: Some(health.to_owned()),
        ..ContainerHealth::default()
    });
    TaskHealth {
        task_arn: Some(arn.to_owned()),
        containers: containers.collect(),
        ..TaskHealth::default()
    }
}
