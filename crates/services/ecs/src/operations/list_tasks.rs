//! ListTasks, with every filter.

use std::{collections::BTreeSet, sync::Arc};

use api_ecs::{
    errors, operations,
    types::{ListTasksRequest, ListTasksResponse},
};
use limits::LIST_PAGE_ITEMS;
use state::{Head, Record};
use wire::{Access, Caller, Error, Handle};

use crate::{
    Ecs, access, lookup,
    records::{ContainerInstanceRecord, DAEMON_PREFIX, DesiredStatus, TaskRecord},
};

impl Handle<operations::ListTasks> for Ecs {
    fn access(&self, caller: &Caller, input: &ListTasksRequest) -> Access {
        access::in_cluster(
            "ecs:ListTasks",
            caller,
            input.cluster.as_deref(),
            |scope, cluster| scope.container_instance(cluster, "*"),
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListTasksRequest,
    ) -> Result<ListTasksResponse, Error> {
        let page = kit::Page::new(
            input.max_results,
            input.next_token.as_deref(),
            LIST_PAGE_ITEMS,
        )
        .map_err(|error| errors::invalid_parameter_exception(error.to_string()))?;
        let (cluster, filter, mut keys) = self
            .look(|head| {
                let cluster = lookup::cluster(head, caller, input.cluster.as_deref())?;
                let filter = Filter::of_request(head, caller, &cluster.name, &input)?;
                let keys = matching(head, caller, &cluster.name, &filter, &page);
                Ok((cluster.name.clone(), filter, keys))
            })
            .await?;
        if filter.desired == Some(DesiredStatus::Stopped) {
            let prefix = TaskRecord::key_of(&caller.account, &caller.region, &cluster, "");
            let archived = self.recently_stopped(&prefix).await?;
            let wanted = archived.iter().filter(|task| filter.matches(task));
            keys.extend(wanted.map(Record::key));
        }
        let (keys, next_token) = kit::paginate(&page, keys.into_iter(), String::clone);
        let scope = access::scope_of(caller);
        let arn = |key: &String| scope.task(&cluster, key.rsplit('/').next().unwrap_or_default());
        Ok(ListTasksResponse {
            task_arns: Some(keys.iter().map(arn).collect()),
            next_token,
        })
    }
}

/// What a task must be, all of it.
#[derive(Debug, Default)]
struct Filter {
    container_instance_key: Option<String>,
    family: Option<String>,
    service: Option<String>,
    started_by: Option<String>,
    launch_type: Option<String>,
    /// PENDING is allowed and matches nothing: no task ever desires it.
    desired: Option<DesiredStatus>,
}

impl Filter {
    fn of_request(
        head: &Head,
        caller: &Caller,
        cluster: &str,
        input: &ListTasksRequest,
    ) -> Result<Self, Error> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let desired = input.desired_status.as_ref().map(|status| status.as_str());
        let launch_type = input
            .launch_type
            .as_ref()
            .map(|kind| kind.as_str().to_owned());
        if let Some(kind) = &launch_type
            && !api_ecs::types::LaunchType::VALUES.contains(&kind.as_str())
        {
            return Err(errors::invalid_parameter_exception("Invalid launch type."));
        }
        let filter = Self {
            container_instance_key: given(&input.container_instance)
                .map(|argument| container_instance_key(head, caller, cluster, &argument))
                .transpose()?,
            family: given(&input.family),
            service: match (given(&input.service_name), given(&input.daemon_name)) {
                (Some(_), Some(_)) => {
                    return Err(errors::invalid_parameter_exception(
                        "cannot specify multiple filters: serviceName and daemonName.",
                    ));
                }
                (Some(argument), None) => Some(service_name(caller, &argument)?),
                (None, Some(daemon)) => Some(format!("{DAEMON_PREFIX}{daemon}")),
                (None, None) => None,
            },
            started_by: given(&input.started_by),
            launch_type,
            desired: match desired {
                None | Some("RUNNING" | "") => Some(DesiredStatus::Running),
                Some("STOPPED") => Some(DesiredStatus::Stopped),
                Some("PENDING") => None,
                Some(_) => {
                    return Err(errors::invalid_parameter_exception(
                        "Invalid desired status. Valid values are RUNNING, PENDING and STOPPED.",
                    ));
                }
            },
        };
        let has_others = filter.container_instance_key.is_some()
            || filter.family.is_some()
            || filter.service.is_some()
            || filter.launch_type.is_some();
        if filter.started_by.is_some() && has_others {
            return Err(errors::invalid_parameter_exception(
                "startedBy must be the only filter.",
            ));
        }
        if filter.family.is_some() && filter.service.is_some() {
            return Err(errors::invalid_parameter_exception(
                "cannot specify multiple filters: family and serviceName.",
            ));
        }
        Ok(filter)
    }

    fn matches(&self, task: &TaskRecord) -> bool {
        let is = |wanted: &Option<String>, has: Option<&String>| {
            wanted.is_none() || wanted.as_ref() == has
        };
        self.desired == Some(task.desired_status)
            && is(
                &self.container_instance_key,
                task.container_instance_key.as_ref(),
            )
            && is(&self.family, Some(&task.family))
            && is(&self.service, task.service.as_ref())
            && is(&self.started_by, task.started_by.as_ref())
            && is(&self.launch_type, Some(&task.launch_type))
    }
}

/// Keys of the living tasks that match and belong on the page, and one more that says whether there is a next.
fn matching(
    head: &Head,
    caller: &Caller,
    cluster: &str,
    filter: &Filter,
    page: &kit::Page,
) -> BTreeSet<String> {
    let (account, region) = (&caller.account, &caller.region);
    let prefix = TaskRecord::key_of(account, region, cluster, "");
    let after = page.after.as_deref().unwrap_or_default();
    let take = |tasks: &mut dyn Iterator<Item = &Arc<TaskRecord>>| {
        let matching = tasks.filter(|task| filter.matches(task));
        let keys = matching.map(|task| task.key());
        let of_cluster = keys.filter(|key| key.starts_with(&prefix));
        of_cluster.take(page.max_results + 1).collect()
    };
    let index = |name: &str, key: &str| {
        let found = head.index_after::<TaskRecord>(name, key, after);
        take(&mut { found })
    };
    if let Some(service) = &filter.service {
        let key = TaskRecord::service_key(account, region, cluster, service);
        index("by_service", &key)
    } else if let Some(instance) = &filter.container_instance_key {
        index("by_container_instance", instance)
    } else if let Some(family) = &filter.family {
        index(
            "by_family",
            &TaskRecord::family_key(account, region, cluster, family),
        )
    } else if let Some(started_by) = &filter.started_by {
        let key = TaskRecord::started_by_key(account, region, cluster, started_by);
        index("by_started_by", &key)
    } else {
        take(&mut head.scan_after::<TaskRecord>(&prefix, after))
    }
}

fn container_instance_key(
    head: &Head,
    caller: &Caller,
    cluster: &str,
    argument: &str,
) -> Result<String, Error> {
    let not_found =
        || errors::invalid_parameter_exception("The specified container instance was not found.");
    lookup::check_scope(caller, argument)?;
    let reference = names::ContainerInstanceReference::parse(argument).map_err(|_| not_found())?;
    let cluster = reference.cluster.as_deref().unwrap_or(cluster);
    let key =
        ContainerInstanceRecord::key_of(&caller.account, &caller.region, cluster, &reference.id);
    if head.contains::<ContainerInstanceRecord>(&key) {
        Ok(key)
    } else {
        Err(not_found())
    }
}

fn service_name(caller: &Caller, argument: &str) -> Result<String, Error> {
    lookup::check_scope(caller, argument)?;
    names::ServiceReference::parse(argument)
        .map(|reference| reference.name)
        .map_err(|_| errors::service_not_found_exception("Service not found."))
}
