use api_ecs::{
    operations::GetTaskProtection,
    types::{GetTaskProtectionRequest, GetTaskProtectionResponse},
};
use limits::DESCRIBE_ITEMS;
use wire::{Access, Caller, Error, Handle};

use super::{clusters, task_protection};
use crate::{Ecs, lookup};

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
                    match task_protection::find(head, caller, &cluster.name, name)? {
                        Ok(task) => protected.push(task_protection::render(&task, now)),
                        Err(failure) => failures.push(failure),
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
