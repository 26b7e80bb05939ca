//! What a name means: a task, a service, a deployment or a node.

use std::{collections::BTreeMap, sync::Arc};

use api_gantry::errors::{invalid_parameter_exception, resource_not_found_exception};
use history::Query;
use names::Arn;
use service_ecs::records::{
    ContainerInstanceRecord, ContainerInstanceStatus, ServiceDeploymentRecord, ServiceRecord,
    TaskRecord, TaskStatus,
};
use state::{Head, Record};
use wire::{Caller, Error};

use crate::{Control, NodeRecord};

/// The beginning of an id must say at least so much.
const PREFIX_LEAST: usize = 4;
const RECENT_LOOKED_AT: usize = 500;
const RECENT_TOLD: usize = 5;

/// Something to explain, as somebody named it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// `account/region/`.
    scope: String,
    cluster: String,
    kind: Option<Kind>,
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Task,
    Service,
    Deployment,
    Node,
}

#[derive(Debug, Clone)]
pub(crate) enum Found {
    Task(Box<TaskRecord>),
    Service(Arc<ServiceRecord>),
    Deployment(Arc<ServiceRecord>, Arc<ServiceDeploymentRecord>),
    Node(Arc<ContainerInstanceRecord>),
}

impl Reference {
    /// An ARN, a name, an id or its beginning; `task/…`, `service/…`, `deployment/…` and `node/…` say which is meant.
    pub fn parse(caller: &Caller, text: &str, cluster: Option<&str>) -> Result<Self, Error> {
        let invalid = |reason: String| Err(invalid_parameter_exception(reason));
        let mut reference = Self {
            scope: format!("{}/{}/", caller.account, caller.region),
            cluster: cluster.unwrap_or("default").to_owned(),
            kind: None,
            name: text.to_owned(),
        };
        if Arn::is_arn(text) {
            let Ok(arn) = Arn::parse(text) else {
                return invalid(format!("{text} is no ARN."));
            };
            if (&arn.account, &arn.region) != (&caller.account, &caller.region) {
                return invalid(format!("{text} is of another account or region."));
            }
            let (kind, rest) = arn.resource_parts();
            let Some(kind) = Kind::of(kind) else {
                return invalid(format!(
                    "Explained are tasks, services, service deployments and container instances, not {kind}."
                ));
            };
            reference.kind = Some(kind);
            let parts: Vec<&str> = rest.split('/').collect();
            reference.name = parts.last().copied().unwrap_or_default().to_owned();
            if parts.len() > 1 {
                reference.cluster = parts[0].to_owned();
            }
        } else if let Some((kind, name)) = text.split_once('/')
            && let Some(kind) = Kind::of(kind)
        {
            reference.kind = Some(kind);
            reference.name = name.to_owned();
        }
        if reference.name.is_empty() {
            return invalid("resource must say what is to be explained.".to_owned());
        }
        Ok(reference)
    }

    fn in_cluster(&self) -> String {
        format!("{}{}/", self.scope, self.cluster)
    }

    /// The beginning of a task's or a node's id.
    fn id_prefix(&self) -> Option<&str> {
        let name = self.name.as_str();
        let is_hexadecimal = name.bytes().all(|byte| byte.is_ascii_hexdigit());
        ((PREFIX_LEAST..=32).contains(&name.len()) && is_hexadecimal).then_some(name)
    }

    fn may_be(&self, kind: Kind) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
    }
}

impl Kind {
    fn of(text: &str) -> Option<Self> {
        Some(match text {
            "task" => Self::Task,
            "service" => Self::Service,
            "deployment" | "service-deployment" => Self::Deployment,
            "node" | "container-instance" => Self::Node,
            _ => return None,
        })
    }
}

impl Found {
    /// Unambiguous, for the message that asks for it.
    fn name(&self) -> String {
        match self {
            Self::Task(task) => format!("task/{}", task.id),
            Self::Service(service) => format!("service/{}", service.name),
            Self::Deployment(_, deployment) => format!("deployment/{}", deployment.id),
            Self::Node(node) => format!("node/{}", node.id),
        }
    }
}

impl Control {
    /// The one thing that a reference means.
    pub(crate) async fn find(&self, reference: &Reference) -> Result<Found, Error> {
        let mut found =
            kit::answer::look(&self.store, |head| Ok(in_tables(head, reference))).await?;
        if reference.may_be(Kind::Task)
            && let Some(prefix) = reference.id_prefix()
        {
            found.extend(self.stopped(reference, prefix).await?);
        }
        let mut by_name: BTreeMap<String, Found> = BTreeMap::new();
        for one in found {
            by_name.entry(one.name()).or_insert(one);
        }
        if by_name.len() > 1 {
            let names: Vec<String> = by_name.into_keys().take(5).collect();
            return Err(invalid_parameter_exception(format!(
                "{} may mean any of {}: say which.",
                reference.name,
                names.join(", ")
            )));
        }
        by_name.into_values().next().ok_or_else(|| {
            resource_not_found_exception(format!(
                "There is no task, service or deployment {} in cluster {}, and no node of that name.",
                reference.name, reference.cluster
            ))
        })
    }

    /// The last tasks of a service that ended, but for those that nothing was wrong with, newest first.
    pub(crate) async fn recent_failures(
        &self,
        service: &ServiceRecord,
    ) -> Result<Vec<TaskRecord>, Error> {
        let prefix = format!(
            "{}/{}/{}/",
            service.account, service.region, service.cluster
        );
        let query = Query {
            prefix: &prefix,
            since: service.created_at,
            limit: RECENT_LOOKED_AT,
            ..Query::default()
        };
        let tasks = self.ecs.stopped_tasks(&query).await?.into_iter();
        let failed = tasks.filter(|task| {
            let of_service = task.service.as_deref() == Some(service.name.as_str());
            let reason = task.stopped_reason.as_deref().unwrap_or_default();
            of_service && !reason.starts_with("Scaling activity initiated by")
        });
        Ok(failed.take(RECENT_TOLD).collect())
    }

    async fn stopped(&self, reference: &Reference, prefix: &str) -> Result<Vec<Found>, Error> {
        let prefix = format!("{}{prefix}", reference.in_cluster());
        let query = Query {
            prefix: &prefix,
            limit: 2,
            ..Query::default()
        };
        let tasks = self.ecs.stopped_tasks(&query).await?.into_iter();
        Ok(tasks.map(|task| Found::Task(Box::new(task))).collect())
    }
}

fn in_tables(head: &Head, reference: &Reference) -> Vec<Found> {
    let mut found = vec![];
    let in_cluster = reference.in_cluster();
    if reference.may_be(Kind::Task)
        && let Some(prefix) = reference.id_prefix()
    {
        let tasks = head.scan::<TaskRecord>(&format!("{in_cluster}{prefix}"));
        let live = tasks.filter(|task| task.last_status != TaskStatus::Stopped);
        found.extend(
            live.take(2)
                .map(|task| Found::Task(Box::new(TaskRecord::clone(task)))),
        );
    }
    if reference.may_be(Kind::Service) {
        let service = head.get::<ServiceRecord>(&format!("{in_cluster}{}", reference.name));
        found.extend(service.map(Found::Service));
    }
    if reference.may_be(Kind::Deployment) {
        found.extend(deployment(head, &in_cluster, &reference.name));
    }
    if reference.may_be(Kind::Node) {
        found.extend(nodes(head, reference).into_iter().map(Found::Node));
    }
    found
}

/// By the id of the service deployment, or by `ecs-svc/…`.
fn deployment(head: &Head, in_cluster: &str, name: &str) -> Option<Found> {
    let mut all = head.scan::<ServiceDeploymentRecord>(in_cluster);
    let record = all.find(|record| record.id == name || record.target.deployment_id == name)?;
    let service = head.get::<ServiceRecord>(&record.service_key())?;
    Some(Found::Deployment(service, Arc::clone(record)))
}

/// By the name under which it joined, or by the beginning of its container instance's id.
fn nodes(head: &Head, reference: &Reference) -> Vec<Arc<ContainerInstanceRecord>> {
    let name_key = format!("{}{}", reference.scope, reference.name);
    let joined = head.get::<NodeRecord>(&name_key);
    let mut found = joined
        .map(|joined| head.index::<ContainerInstanceRecord>("by_node", &joined.node_id))
        .unwrap_or_default();
    if let Some(prefix) = reference.id_prefix() {
        let all = head.scan::<ContainerInstanceRecord>(&reference.scope);
        found.extend(
            all.filter(|node| node.id.starts_with(prefix))
                .take(2)
                .cloned(),
        );
    }
    // One that was deregistered is meant only if there is no other.
    found.sort_by_key(|node| node.status == ContainerInstanceStatus::Inactive);
    let is_gone =
        |node: &Arc<ContainerInstanceRecord>| node.status == ContainerInstanceStatus::Inactive;
    if found.first().is_some_and(|first| !is_gone(first)) {
        found.retain(|node| !is_gone(node));
    } else {
        found.sort_by_key(|node| std::cmp::Reverse(node.registered_at));
        found.truncate(1);
    }
    found.dedup_by_key(|node| node.key());
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::root;

    fn parse(text: &str) -> Result<Reference, Error> {
        Reference::parse(&root(), text, None)
    }

    #[test]
    fn names_arns_and_kinds_are_understood() {
        let reference = |kind, cluster: &str, name: &str| Reference {
            scope: "123456789012/us-east-1/".into(),
            cluster: cluster.into(),
            kind,
            name: name.into(),
        };
        let arn = |rest: &str| parse(&format!("arn:aws:ecs:us-east-1:123456789012:{rest}"));
        assert_eq!(parse("web").unwrap(), reference(None, "default", "web"));
        let task = arn("task/prod/0af").unwrap();
        assert_eq!(task, reference(Some(Kind::Task), "prod", "0af"));
        let deployment = arn("service-deployment/prod/web/abc").unwrap();
        assert_eq!(deployment, reference(Some(Kind::Deployment), "prod", "abc"));
        let old = arn("container-instance/0af").unwrap();
        assert_eq!(old, reference(Some(Kind::Node), "default", "0af"));
        let node = parse("node/one").unwrap();
        assert_eq!(node, reference(Some(Kind::Node), "default", "one"));
        let started_by = parse("ecs-svc/123").unwrap();
        assert_eq!(started_by, reference(None, "default", "ecs-svc/123"));
        for refused in ["", "node/", "arn:aws:ecs:us-east-1:123456789012:cluster/x"] {
            assert!(parse(refused).is_err(), "{refused}");
        }
        assert!(parse("arn:aws:ecs:us-east-1:999999999999:task/x/0af").is_err());
    }
}
