use api_ecs::{
    errors,
    operations::DescribeTaskSets,
    types::{DescribeTaskSetsRequest, DescribeTaskSetsResponse, TaskSetField},
};
use limits::DESCRIBE_ITEMS;
use names::TaskSetReference;
use wire::{Access, Caller, Error, Handle};

use super::task_sets;
use crate::{Ecs, access, lookup, records::ServiceRecord, render};

impl Handle<DescribeTaskSets> for Ecs {
    fn access(&self, caller: &Caller, input: &DescribeTaskSetsRequest) -> Access {
        let mut sets: Vec<&str> = input
            .task_sets
            .iter()
            .flatten()
            .map(String::as_str)
            .collect();
        if sets.is_empty() {
            sets.push("*");
        }
        task_sets::access(
            "ecs:DescribeTaskSets",
            caller,
            input.cluster.as_deref(),
            input.service.as_deref(),
            &sets,
        )
    }

    /// Those that are named, or all.
    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeTaskSetsRequest,
    ) -> Result<DescribeTaskSetsResponse, Error> {
        let named = input.task_sets.unwrap_or_default();
        if named.len() > DESCRIBE_ITEMS {
            return Err(errors::invalid_parameter_exception(format!(
                "TaskSets cannot have more than {DESCRIBE_ITEMS} elements."
            )));
        }
        let include = input.include.unwrap_or_default();
        lookup::check_include(&include, TaskSetField::VALUES, TaskSetField::as_str)?;
        let with_tags = include.contains(&TaskSetField::TAGS);
        self.look(|head| {
            let (cluster, service) = (input.cluster.as_deref(), input.service.as_deref());
            let service = task_sets::service(head, caller, cluster, service)?;
            let (mut found, mut failures) = (vec![], vec![]);
            for name in &named {
                match task_sets::find(caller, &service, name)? {
                    Some(set) => found.push(set),
                    None => failures.push(render::missing(arn(caller, &service, name))),
                }
            }
            if named.is_empty() {
                found.extend(&service.task_sets);
            }
            let render = |set| render::task_set::task_set(head, &service, set, with_tags);
            Ok(DescribeTaskSetsResponse {
                task_sets: Some(found.into_iter().map(render).collect()),
                failures: Some(failures),
            })
        })
        .await
    }
}

fn arn(caller: &Caller, service: &ServiceRecord, name: &str) -> String {
    match TaskSetReference::parse(name) {
        Ok(reference) if reference.service.is_none() => {
            access::scope_of(caller).task_set(&service.cluster, &service.name, &reference.id)
        }
        _ => name.to_owned(),
    }
}
