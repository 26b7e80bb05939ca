//! Brings one task through its life and tells the server, again and again until it answers.

use std::time::Duration;

use api_ecs::{operations as op, types::*};

use super::{
    agent::Agent,
    machine::{Phase, Task, Told},
};
use crate::{network::CallError, server};

const RETRY_MOST: Duration = Duration::from_secs(20);

pub fn spawn(agent: &Agent, arn: String) {
    drop(agent.clock.spawn("task", drive(agent.clone(), arn)));
}

/// To the task's end; it is forgotten once the server knows that it stopped.
async fn drive(agent: Agent, arn: String) {
    let (clock, lot) = (&agent.clock, &agent.machine.lot);
    loop {
        let now = clock.now();
        let Some(task) = agent.machine.held().settle(&arn, now, lot).cloned() else {
            return;
        };
        let due = match &task.phase {
            Phase::Stopped { .. } => Told::Stopped,
            Phase::Running { .. } => Told::Running,
            Phase::Pulling { .. } => Told::Nothing,
        };
        if due > task.told {
            tell(&agent, &arn, &task).await;
            let mut held = agent.machine.held();
            if due == Told::Stopped {
                held.tasks.remove(&arn);
                held.ended.insert(arn.clone());
                return;
            }
            if let Some(known) = held.tasks.get_mut(&arn) {
                known.told = due;
            }
            continue;
        }
        if task.stop_wanted && task.is_running() {
            clock.sleep(task.behaviour.stop(lot)).await;
            if let Some(known) = agent.machine.held().tasks.get_mut(&arn)
                && known.is_running()
            {
                known.phase = Phase::Stopped {
                    exit_code: Some(143),
                    reason: None,
                };
            }
            continue;
        }
        let changed = task.changed.notified();
        // Was it changed between the look and here? Then there is a permit, and this returns at once.
        match task.next_change(now) {
            Some(pause) => {
                let _ = clock.timeout(pause, changed).await;
            }
            None => changed.await,
        }
    }
}

/// Returns once the server has taken it in.
async fn tell(agent: &Agent, arn: &str, task: &Task) {
    let (status, exit_code, reason) = match &task.phase {
        Phase::Pulling { .. } => ("PENDING", None, None),
        Phase::Running { .. } => ("RUNNING", None, None),
        Phase::Stopped { exit_code, reason } => ("STOPPED", *exit_code, reason.clone()),
    };
    let containers = task
        .container_names
        .iter()
        .map(|name| ContainerStateChange {
            container_name: Some(name.clone()),
            status: Some(status.into()),
            exit_code,
            reason: reason.clone(),
            runtime_id: Some(format!("{}-{name}", agent.machine.id)),
            ..ContainerStateChange::default()
        });
    let request = SubmitTaskStateChangeRequest {
        cluster: Some(task.cluster.clone()),
        task: Some(arn.to_owned()),
        status: Some(status.into()),
        containers: Some(containers.collect()),
        ..SubmitTaskStateChangeRequest::default()
    };
    let caller = server::node(&agent.machine.id);
    let mut pause = Duration::from_millis(200);
    loop {
        let answer = agent
            .world
            .call::<op::SubmitTaskStateChange>(&caller, request.clone())
            .await;
        match answer {
            Ok(_) => {
                agent.note(format_args!("{arn} is {status}"));
                return;
            }
            // The server does not want to hear of it any more.
            Err(CallError::Refused(error)) => {
                agent.note(format_args!(
                    "{arn} is {status}: {} {}",
                    error.code, error.message
                ));
                return;
            }
            Err(CallError::Unknown) => {}
        }
        agent
            .clock
            .sleep(agent.machine.lot.duration(pause / 2, pause))
            .await;
        pause = (pause * 2).min(RETRY_MOST);
    }
}
