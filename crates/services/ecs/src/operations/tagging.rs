//! Where the tags of each kind of record live.

use api_ecs::errors;
use names::{Arn, ContainerInstanceReference, ServiceReference, TaskReference, TaskSetReference};
use state::{Head, Tx};
use wire::{Access, Caller, Error};

use super::{daemon_task_definitions, daemons};
use crate::{
    Ecs,
    answer::Refusal,
    lookup,
    records::{
        Capacity, CapacityProviderRecord, ClusterRecord, ContainerInstanceRecord, ServiceRecord,
        Tags, TaskDefinitionRecord, TaskRecord,
    },
};

/// A record that can have tags, found by its ARN.
pub(super) enum Tagged {
    Cluster(String),
    Service(String),
    /// Of its service, and its own id.
    TaskSet(String, String),
    Task(String),
    TaskDefinition(String),
    ContainerInstance(String),
    CapacityProvider(String),
    /// FARGATE and FARGATE_SPOT: they have none and get none.
    FargateProvider,
}

pub(super) fn access(action: &'static str, arn: &Option<String>) -> Access {
    Access::action(action).resource(arn.clone().unwrap_or_default())
}

impl Ecs {
    /// The tags of what an ARN in the long format names, of this service; none if there is no such thing.
    pub fn tags_of(&self, text: &str) -> Option<Tags> {
        let arn = Arn::parse(text).ok().filter(|arn| arn.service == "ecs")?;
        let owner = Caller {
            account: arn.account,
            region: arn.region,
            principal: wire::Principal::Root,
            access_key_id: String::new(),
            request_id: String::new(),
            source_ip: None,
            user_agent: String::new(),
        };
        let found = self.store.read(|head| {
            let tagged = find(head, &owner, text).ok()?;
            Some(read(head, &tagged))
        });
        found.head()
    }
}

/// Finds the record of an ARN in the long format.
pub(super) fn find(head: &Head, caller: &Caller, text: &str) -> Result<Tagged, Error> {
    let malformed = || errors::invalid_parameter_exception(format!("Invalid ARN: '{text}'."));
    let arn = Arn::parse(text).map_err(|_| malformed())?;
    if arn.service != "ecs" {
        return Err(malformed());
    }
    lookup::check_scope(caller, text)?;
    let (account, region) = (&arn.account, &arn.region);
    let (kind, rest) = arn.resource_parts();
    let in_cluster = |cluster: Option<String>| {
        cluster.ok_or_else(|| {
            errors::invalid_parameter_exception(
                "Long arn format must be used for tagging operations",
            )
        })
    };
    match kind {
        "cluster" => {
            let record = lookup::cluster(head, caller, Some(text))?;
            Ok(Tagged::Cluster(state::Record::key(&*record)))
        }
        "service" => {
            let reference = ServiceReference::parse(text).map_err(|_| malformed())?;
            let cluster = in_cluster(reference.cluster)?;
            let key = ServiceRecord::key_of(account, region, &cluster, &reference.name);
            exists::<ServiceRecord>(head, &key).map(|()| Tagged::Service(key))
        }
        "task-set" => {
            let reference = TaskSetReference::parse(text).map_err(|_| malformed())?;
            let (cluster, service) = reference.service.ok_or_else(malformed)?;
            let key = ServiceRecord::key_of(account, region, &cluster, &service);
            let service = head.get::<ServiceRecord>(&key).ok_or_else(not_found)?;
            let set = service.task_set(&reference.id).ok_or_else(not_found)?;
            Ok(Tagged::TaskSet(key, set.id().to_owned()))
        }
        "daemon" => {
            let daemon = daemons::require(head, caller, Some(text)).map_err(|_| not_found())?;
            Ok(Tagged::Service(state::Record::key(&*daemon)))
        }
        "daemon-task-definition" => {
            let record = daemon_task_definitions::find(head, caller, text).ok_or_else(not_found)?;
            Ok(Tagged::TaskDefinition(state::Record::key(&*record)))
        }
        "task" => {
            let reference = TaskReference::parse(text).map_err(|_| malformed())?;
            let cluster = in_cluster(reference.cluster)?;
            let key = TaskRecord::key_of(account, region, &cluster, &reference.id);
            exists::<TaskRecord>(head, &key).map(|()| Tagged::Task(key))
        }
        "container-instance" => {
            let reference = ContainerInstanceReference::parse(text).map_err(|_| malformed())?;
            let cluster = in_cluster(reference.cluster)?;
            let key = ContainerInstanceRecord::key_of(account, region, &cluster, &reference.id);
            let record = head
                .get::<ContainerInstanceRecord>(&key)
                .ok_or_else(not_found)?;
            match record.capacity {
                Capacity::ContainerInstance => Ok(Tagged::ContainerInstance(key)),
                Capacity::Serverless => Err(not_found()),
            }
        }
        "task-definition" => {
            let record = lookup::task_definition(head, caller, text).ok_or_else(not_found)?;
            Ok(Tagged::TaskDefinition(state::Record::key(&*record)))
        }
        "capacity-provider" if ecs_rules::cluster::FARGATE_PROVIDERS.contains(&rest) => {
            Ok(Tagged::FargateProvider)
        }
        "capacity-provider" => {
            let key = CapacityProviderRecord::key_of(account, region, rest);
            exists::<CapacityProviderRecord>(head, &key).map(|()| Tagged::CapacityProvider(key))
        }
        _ => Err(malformed()),
    }
}

pub(super) fn read(head: &Head, tagged: &Tagged) -> Tags {
    let tags = match tagged {
        Tagged::Cluster(key) => head
            .get::<ClusterRecord>(key)
            .map(|record| record.tags.clone()),
        Tagged::Service(key) => head
            .get::<ServiceRecord>(key)
            .map(|record| record.tags.clone()),
        Tagged::TaskSet(service, id) => head
            .get::<ServiceRecord>(service)
            .and_then(|service| Some(service.task_set(id)?.tags.clone())),
        Tagged::Task(key) => head
            .get::<TaskRecord>(key)
            .map(|record| record.tags.clone()),
        Tagged::TaskDefinition(key) => head
            .get::<TaskDefinitionRecord>(key)
            .map(|record| record.tags.clone()),
        Tagged::ContainerInstance(key) => head
            .get::<ContainerInstanceRecord>(key)
            .map(|record| record.tags.clone()),
        Tagged::CapacityProvider(key) => head
            .get::<CapacityProviderRecord>(key)
            .map(|record| record.tags.clone()),
        Tagged::FargateProvider => None,
    };
    tags.unwrap_or_default()
}

pub(super) fn write(tx: &mut Tx<'_>, tagged: &Tagged, tags: Tags) -> Result<(), Refusal> {
    match tagged {
        Tagged::Cluster(key) => tx.update::<ClusterRecord>(key, |record| record.tags = tags),
        Tagged::Service(key) => tx.update::<ServiceRecord>(key, |record| record.tags = tags),
        Tagged::TaskSet(service, id) => tx.update::<ServiceRecord>(service, |record| {
            if let Some(set) = record.task_set_mut(id) {
                set.tags = tags;
            }
        }),
        Tagged::Task(key) => tx.update::<TaskRecord>(key, |record| {
            record.tags = tags;
            record.version += 1;
        }),
        Tagged::TaskDefinition(key) => {
            tx.update::<TaskDefinitionRecord>(key, |record| record.tags = tags)
        }
        Tagged::ContainerInstance(key) => tx.update::<ContainerInstanceRecord>(key, |record| {
            record.tags = tags;
            record.version += 1;
        }),
        Tagged::CapacityProvider(key) => {
            tx.update::<CapacityProviderRecord>(key, |record| record.tags = tags)
        }
        Tagged::FargateProvider => {
            return Err(errors::invalid_parameter_exception(
                "The FARGATE and FARGATE_SPOT capacity providers cannot be tagged.",
            )
            .into());
        }
    };
    Ok(())
}

fn exists<R: state::Record>(head: &Head, key: &str) -> Result<(), Error> {
    if head.contains::<R>(key) {
        Ok(())
    } else {
        Err(not_found())
    }
}

fn not_found() -> Error {
    errors::resource_not_found_exception("The specified resource could not be found.")
}
