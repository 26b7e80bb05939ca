//! `gantry node`.

use std::process::ExitCode;

use api_gantry::{
    operations::{InterruptNode, ReleaseNode},
    types::{InterruptNodeRequest, ReleaseNodeRequest},
};

use crate::{
    arguments::{Global, Interrupt, Node, Release},
    connect,
};

pub async fn run(global: &Global, node: Node) -> anyhow::Result<ExitCode> {
    match node {
        Node::Interrupt(interrupt) => self::interrupt(global, interrupt).await,
        Node::Release(release) => self::release(global, release).await,
    }
}

/// Ends with 1 while the machine should not end yet.
async fn release(global: &Global, release: Release) -> anyhow::Result<ExitCode> {
    let client = connect::client(global)?;
    let answer = client
        .call::<ReleaseNode>(ReleaseNodeRequest {
            node: Some(release.node),
            cancel: release.cancel.then_some(true),
        })
        .await?;
    let name = answer.node_name.unwrap_or_default();
    let is_draining = answer.is_draining == Some(true);
    if release.cancel {
        let status = if is_draining { "DRAINING" } else { "ACTIVE" };
        println!("{name} stays; it is {status}.");
        return Ok(ExitCode::SUCCESS);
    }
    if answer.is_empty == Some(true) {
        println!("{name} is empty: its machine may end.");
        return Ok(ExitCode::SUCCESS);
    }
    let provider = answer.capacity_provider.unwrap_or_default();
    match is_draining {
        true => println!("{name} is DRAINING: tasks still run there."),
        false => println!(
            "Tasks run on {name}, and they stay: managed draining of capacity provider {provider} is DISABLED."
        ),
    }
    Ok(ExitCode::FAILURE)
}

/// Prints the ids of the tasks that have to go.
async fn interrupt(global: &Global, interrupt: Interrupt) -> anyhow::Result<ExitCode> {
    let client = connect::client(global)?;
    let answer = client
        .call::<InterruptNode>(InterruptNodeRequest {
            node: Some(interrupt.node),
        })
        .await?;
    let arns = answer.task_arns.unwrap_or_default();
    for arn in &arns {
        println!("{}", arn.rsplit('/').next().unwrap_or_default());
    }
    if arns.is_empty() {
        let name = answer.node_name.unwrap_or_default();
        eprintln!("{name} runs no FARGATE_SPOT tasks.");
    }
    Ok(ExitCode::SUCCESS)
}
