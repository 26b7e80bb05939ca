use api_ecs::{
    operations::GetTaskProtection,
    types::{GetTaskProtectionRequest, GetTaskProtectionResponse},
};
use limits::DESCRIBE_ITEMS;
use wire::{Access, Caller, Error, Handle};

use super::{clusters, task_protection};
use crate::{Ecs, lookup, records::TaskRecord};

impl Handle<GetTaskProtection> for Ecs {
    fn access(&self, caller: &Caller, input: &GetTaskProtectionRequest) -> Access {
        task_protection::access(
            "ecs:GetTaskProtection",
            caller,
            input.cluster.as_deref(),
            &input.tasks,
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: GetTaskProtectionRequest,
    ) -> Result<GetTaskProtectionResponse, Error> {
        let cluster = clusters::required(input.cluster.as_deref())?;
        let tasks = task_protection::named(input.tasks, DESCRIBE_ITEMS)?;
        let now = self.clock.now();
        let (protected, failures) = self
            .look(|head| {
                let cluster = lookup::cluster(head, caller, Some(cluster))?;
                let (mut protected, mut failures) = (vec![], vec![]);
                for name in &tasks {
                    let key = lookup::task_key(caller, &cluster.name, name)?;
                    match key.and_then(|key| head.get::<TaskRecord>(&key)) {
                        None => {
                            failures.push(task_protection::missing(caller, &cluster.name, name))
                        }
                        Some(task) => match task_protection::not_valid(&task) {
                            Some(failure) => failures.push(failure),
                            None => protected.push(task_protection::render(&task, now)),
                        },
                    }
                }
                Ok((protected, failures))
            })
            .await?;
        Ok(GetTaskProtectionResponse {
            protected_tasks: Some(protected),
            failures: Some(failures),
        })
    }
}
