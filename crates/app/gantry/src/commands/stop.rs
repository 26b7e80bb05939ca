//! `gantry stop`.

use std::process::ExitCode;

use api_ecs::{operations::StopTask, types::StopTaskRequest};

use super::tasks;
use crate::{
    arguments::{Global, Stop},
    connect,
};

pub async fn run(global: &Global, stop: Stop) -> anyhow::Result<ExitCode> {
    let client = connect::client(global)?;
    for name in &stop.tasks {
        let task = tasks::find(&client, &stop.cluster, name).await?;
        client
            .call::<StopTask>(StopTaskRequest {
                cluster: Some(stop.cluster.clone()),
                task: task.task_arn.clone(),
                reason: stop.reason.clone(),
            })
            .await?;
        println!("{}", tasks::id(&task));
    }
    Ok(ExitCode::SUCCESS)
}
