use std::time::Duration;

use api_ecs::{
    errors,
    operations::UpdateTaskProtection,
    types::{UpdateTaskProtectionRequest, UpdateTaskProtectionResponse},
};
use limits::{TASK_PROTECTION_MINUTES, TASK_PROTECTION_MINUTES_MAX, TASKS_PER_UPDATE_PROTECTION};
use wire::{Access, Caller, Error, Handle};

use super::{clusters, task_protection};
use crate::{Ecs, answer::Refusal, lookup, records::TaskRecord};

impl Handle<UpdateTaskProtection> for Ecs {
    fn access(&self, caller: &Caller, input: &UpdateTaskProtectionRequest) -> Access {
        task_protection::access(
            "ecs:UpdateTaskProtection",
            caller,
            input.cluster.as_deref(),
            &input.tasks,
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: UpdateTaskProtectionRequest,
    ) -> Result<UpdateTaskProtectionResponse, Error> {
        let cluster = clusters::required(input.cluster.as_deref())?;
        let lasts = lasts(&input)?;
        let tasks = task_protection::named(input.tasks, TASKS_PER_UPDATE_PROTECTION)?;
        let now = self.clock.now();
        let (protected, failures) = self
            .transact(|tx| {
                let cluster = lookup::cluster(tx, caller, Some(cluster))?;
                let (mut protected, mut failures) = (vec![], vec![]);
                for name in &tasks {
                    let known = match task_protection::find(tx, caller, &cluster.name, name)? {
                        Ok(known) => known,
                        Err(failure) => {
                            failures.push(failure);
                            continue;
                        }
                    };
                    let mut task = TaskRecord::clone(&known);
                    task.protection_ends_at = lasts.map(|lasts| now + lasts);
                    protected.push(task_protection::render(&task, now));
                    tx.put(task);
                }
                Ok::<_, Refusal>((protected, failures))
            })
            .await?;
        Ok(UpdateTaskProtectionResponse {
            protected_tasks: Some(protected),
            failures: Some(failures),
        })
    }
}

/// How long the protection lasts; `None` takes it away.
fn lasts(input: &UpdateTaskProtectionRequest) -> Result<Option<Duration>, Error> {
    let Some(is_enabled) = input.protection_enabled else {
        return Err(errors::invalid_parameter_exception(
            "protectionEnabled should not be null.",
        ));
    };
    let minutes = input.expires_in_minutes.unwrap_or(TASK_PROTECTION_MINUTES);
    if !(1..=TASK_PROTECTION_MINUTES_MAX).contains(&minutes) {
        return Err(errors::invalid_parameter_exception(format!(
            "expiresInMinutes must be between 1 and {TASK_PROTECTION_MINUTES_MAX}."
        )));
    }
    let minutes = u64::try_from(minutes).unwrap_or_default();
    Ok(is_enabled.then(|| Duration::from_secs(minutes * 60)))
}
