//! StopTask: asks a task to stop; its node does the rest.

use api_ecs::{
    errors, operations,
    types::{StopTaskRequest, StopTaskResponse},
};
use ecs_rules::task_state::{stop_code, stopped_reason};
use limits::STOPPED_REASON_CHARACTERS;
use wire::{Access, Caller, Error, Handle};

use crate::{Ecs, access, answer::Refusal, lookup, records::TaskRecord, render, tasks};

impl Handle<operations::StopTask> for Ecs {
    fn access(&self, caller: &Caller, input: &StopTaskRequest) -> Access {
        let task = input.task.as_deref().unwrap_or_default();
        access::in_cluster(
            "ecs:StopTask",
            caller,
            input.cluster.as_deref(),
            |scope, cluster| access::task(scope, cluster, task),
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: StopTaskRequest,
    ) -> Result<StopTaskResponse, Error> {
        let reason = reason(input.reason.as_deref())?;
        let now = self.clock.now();
        let (key, stopped) = self
            .transact(|tx| {
                let cluster = lookup::cluster(tx, caller, input.cluster.as_deref())?;
                let argument = input.task.as_deref().unwrap_or_default();
                let key =
                    lookup::task_key(caller, &cluster.name, argument)?.ok_or_else(not_found)?;
                tasks::stop(tx, &key, stop_code::USER_INITIATED, &reason, now);
                let stopped = tx.get::<TaskRecord>(&key);
                Ok::<_, Refusal>((key, stopped))
            })
            .await?;
        let stopped = match stopped {
            Some(task) => task,
            // STOPPED and archived long ago: stopping it again changes nothing.
            None => self.task_anywhere(&key).await?.ok_or_else(not_found)?,
        };
        Ok(StopTaskResponse {
            task: Some(render::task::task(&stopped, false)),
        })
    }
}

fn reason(reason: Option<&str>) -> Result<String, Error> {
    match reason.filter(|reason| !reason.is_empty()) {
        None => Ok(stopped_reason::STOPPED_BY_USER.into()),
        Some(reason) if reason.chars().count() > STOPPED_REASON_CHARACTERS => {
            Err(errors::invalid_parameter_exception(format!(
                "reason can be at most {STOPPED_REASON_CHARACTERS} characters long."
            )))
        }
        Some(reason) => Ok(reason.into()),
    }
}

fn not_found() -> Error {
    errors::invalid_parameter_exception("The referenced task was not found.")
}
