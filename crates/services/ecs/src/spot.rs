//! Interruption of Fargate Spot tasks: what AWS does when it takes capacity back
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html>). Here an operator does.

use ecs_rules::{
    capacity_strategy::FARGATE_SPOT,
    task_state::{stop_code, stopped_reason},
};
use state::Record;
use wire::Error;

use crate::{
    Ecs,
    answer::Refusal,
    loops::ROWS_AT_ONCE,
    records::{DesiredStatus, TaskRecord},
    tasks,
};

impl Ecs {
    /// Takes the capacity back that the Spot tasks of a node run on: they are told to stop, with SIGTERM and the time that
    /// their definition gives them (at most two minutes), and their services start others. Gives their ARNs.
    pub async fn interrupt_spot_tasks(
        &self,
        container_instance_key: &str,
    ) -> Result<Vec<String>, Error> {
        let found = self.store.read(|head| {
            let tasks = head.index::<TaskRecord>("by_container_instance", container_instance_key);
            let interrupted = tasks.iter().filter(|task| {
                task.capacity_provider.as_deref() == Some(FARGATE_SPOT)
                    && task.desired_status == DesiredStatus::Running
            });
            interrupted
                .map(|task| (task.key(), task.arn()))
                .collect::<Vec<_>>()
        });
        let mut stopped = vec![];
        for some in found.head().chunks(ROWS_AT_ONCE) {
            let now = self.clock.now();
            let told = self
                .transact(|tx| {
                    let mut told = vec![];
                    for (key, arn) in some {
                        let (code, reason) = (
                            stop_code::SPOT_INTERRUPTION,
                            stopped_reason::SPOT_INTERRUPTED,
                        );
                        if tasks::stop(tx, key, code, reason, now) {
                            told.push(arn.clone());
                        }
                    }
                    Ok::<_, Refusal>(told)
                })
                .await?;
            stopped.extend(told);
        }
        Ok(stopped)
    }
}
