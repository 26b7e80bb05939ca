//! DescribeTasks: those that live, and those that stopped, from the history.

use api_ecs::{
    errors, operations,
    types::{DescribeTasksRequest, DescribeTasksResponse, Failure},
};
use limits::DESCRIBE_ITEMS;
use wire::{Access, Caller, Error, Handle};

use crate::{Ecs, access, lookup, render};

impl Handle<operations::DescribeTasks> for Ecs {
    fn access(&self, caller: &Caller, input: &DescribeTasksRequest) -> Access {
        let scope = access::scope_of(caller);
        let cluster = access::cluster_of(input.cluster.as_deref());
        let tasks = input.tasks.iter().flatten();
        Access::action("ecs:DescribeTasks")
            .resources(tasks.map(|task| access::task(&scope, &cluster, task)))
            .condition("ecs:cluster", scope.cluster(&cluster))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeTasksRequest,
    ) -> Result<DescribeTasksResponse, Error> {
        let names = input.tasks.unwrap_or_default();
        if names.is_empty() {
            return Err(errors::invalid_parameter_exception(
                "Tasks cannot be empty.",
            ));
        }
        if names.len() > DESCRIBE_ITEMS {
            return Err(errors::invalid_parameter_exception(format!(
                "Tasks cannot have more than {DESCRIBE_ITEMS} elements."
            )));
        }
        let with_tags = with_tags(input.include.as_deref().unwrap_or_default())?;
        let (cluster, keys) = self
            .look(|head| {
                let cluster = lookup::cluster(head, caller, input.cluster.as_deref())?;
                let key = |name: &String| lookup::task_key(caller, &cluster.name, name);
                let keys = names.iter().map(key).collect::<Result<Vec<_>, _>>()?;
                Ok((cluster.name.clone(), keys))
            })
            .await?;
        let found = self.tasks_anywhere(keys.iter().flatten()).await?;
        let (mut tasks, mut failures) = (vec![], vec![]);
        for (name, key) in names.iter().zip(keys) {
            match key.and_then(|key| found.get(&key)) {
                Some(task) => tasks.push(render::task::task(task, with_tags)),
                None => failures.push(missing(caller, &cluster, name)),
            }
        }
        Ok(DescribeTasksResponse {
            tasks: Some(tasks),
            failures: Some(failures),
        })
    }
}

fn with_tags(include: &[api_ecs::types::TaskField]) -> Result<bool, Error> {
    match include.iter().find(|field| field.as_str() != "TAGS") {
        None => Ok(!include.is_empty()),
        Some(unknown) => Err(errors::invalid_parameter_exception(format!(
            "Unknown include value: {unknown}. Valid values are [TAGS]."
        ))),
    }
}

fn missing(caller: &Caller, cluster: &str, name: &str) -> Failure {
    Failure {
        arn: Some(access::task(&access::scope_of(caller), cluster, name)),
        reason: Some("MISSING".into()),
        detail: None,
    }
}
