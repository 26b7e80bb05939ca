//! `gantry node`.

use std::process::ExitCode;

use api_gantry::{operations::InterruptNode, types::InterruptNodeRequest};

use crate::{
    arguments::{Global, Interrupt, Node},
    connect,
};

pub async fn run(global: &Global, node: Node) -> anyhow::Result<ExitCode> {
    match node {
        Node::Interrupt(interrupt) => self::interrupt(global, interrupt).await,
    }
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
