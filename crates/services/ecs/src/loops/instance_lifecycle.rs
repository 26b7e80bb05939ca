//! Publishes of each instance of an Auto Scaling group's provider whether scaling in may take it, and drains those that are
//! about to be terminated: managed termination protection and managed draining.

use std::{collections::BTreeSet, sync::Arc};

use ecs_rules::instance_lifecycle::{InstanceView, verdict};
use kit::{
    Loop, LoopError, Next,
    facts::{InstanceProtection, InstanceTermination},
};
use state::{Change, Head, Record, StateError, Tx};

use crate::{
    Ecs,
    answer::Refusal,
    loops::service_scheduler::daemon,
    records::{
        CapacityProviderRecord, ContainerInstanceRecord, ContainerInstanceStatus, TaskRecord,
        TaskStatus,
    },
};

/// Keyed by container instance.
pub(super) struct InstanceLifecycle(pub Arc<Ecs>);

impl Loop for InstanceLifecycle {
    const NAME: &'static str = "instance_lifecycle";

    fn dirty(&self, change: &Change, keys: &mut BTreeSet<String>) {
        if let Some((before, after)) = change.of::<TaskRecord>() {
            // On a node, and no more.
            let place = |task: &TaskRecord| {
                let is_living = task.last_status != TaskStatus::Stopped;
                let on_provider = task.launch_type != "FARGATE";
                task.container_instance_key
                    .clone()
                    .filter(|_| is_living && on_provider)
            };
            let (before, after) = (before.and_then(place), after.and_then(place));
            if before != after {
                keys.extend(before.into_iter().chain(after));
            }
        } else if let Some((before, after)) = change.of::<ContainerInstanceRecord>() {
            let seen = |node: &ContainerInstanceRecord| {
                (node.status, node.capacity_provider().map(str::to_owned))
            };
            if before.map(seen) != after.map(seen) {
                keys.insert(change.key.to_string());
            }
        } else if let Some((_, after)) = change.of::<CapacityProviderRecord>() {
            if let Some(provider) = after {
                let found = self.0.store.read(|head| instances_of(head, provider));
                keys.extend(found.head());
            }
        } else if change.of::<InstanceTermination>().is_some() {
            keys.insert(change.key.to_string());
        }
    }

    fn sweep(&self, head: &Head) -> Vec<String> {
        let nodes = head.scan::<ContainerInstanceRecord>("");
        let of_providers = nodes.filter(|node| node.capacity_provider().is_some());
        let published = head.scan::<InstanceProtection>("");
        of_providers
            .map(|node| node.key())
            .chain(published.map(|fact| fact.key()))
            .collect()
    }

    async fn reconcile(&self, key: &str) -> Result<Next, LoopError> {
        let done = self.0.store.transact(|tx| {
            look_at(tx, key);
            Ok::<_, StateError>(())
        })?;
        done.head();
        Ok(Next::OnChange)
    }
}

impl Ecs {
    /// An operator ends the machine of a capacity provider's instance, or no more: what a group that scales would publish.
    /// Gives whether the instance drains, and what is published of it; `None` if it is no provider's.
    pub async fn release_instance(
        &self,
        container_instance_key: &str,
        is_cancelled: bool,
    ) -> Result<Option<(bool, InstanceProtection)>, wire::Error> {
        let key = container_instance_key;
        self.transact(|tx| {
            let node = tx.get::<ContainerInstanceRecord>(key);
            if node.and_then(|node| provider_of(tx, &node)).is_none() {
                return Ok(None);
            }
            let known = tx.get::<InstanceTermination>(key);
            match (is_cancelled, known) {
                (true, Some(_)) => {
                    tx.delete::<InstanceTermination>(key);
                }
                (false, None) => tx.put(InstanceTermination {
                    container_instance_key: key.to_owned(),
                    requested_at: self.clock.now(),
                }),
                _ => {}
            }
            look_at(tx, key);
            let node = tx.get::<ContainerInstanceRecord>(key);
            let is_draining =
                node.is_some_and(|node| node.status == ContainerInstanceStatus::Draining);
            let published = tx.get::<InstanceProtection>(key);
            Ok::<_, Refusal>(published.map(|fact| (is_draining, InstanceProtection::clone(&fact))))
        })
        .await
    }
}

fn look_at(tx: &mut Tx<'_>, key: &str) {
    let known = tx.get::<InstanceProtection>(key);
    let termination = tx.get::<InstanceTermination>(key);
    let node = tx
        .get::<ContainerInstanceRecord>(key)
        .filter(|node| node.status != ContainerInstanceStatus::Inactive);
    let provider = node.as_ref().and_then(|node| provider_of(tx, node));
    if node.is_none() && termination.is_some() {
        tx.delete::<InstanceTermination>(key);
    }
    let (Some(node), Some(provider)) = (node, provider) else {
        if known.is_some() {
            tx.delete::<InstanceProtection>(key);
        }
        return;
    };
    let has_tasks = daemon::has_other_tasks(tx, key);
    let said = verdict(
        &provider.auto_scaling_group,
        InstanceView {
            is_draining: node.status == ContainerInstanceStatus::Draining,
            has_tasks,
            is_leaving: termination.is_some(),
        },
    );
    if said.drains {
        tx.update::<ContainerInstanceRecord>(key, |node| {
            node.status = ContainerInstanceStatus::Draining;
            node.version += 1;
        });
    }
    let fact = InstanceProtection {
        container_instance_key: key.to_owned(),
        capacity_provider: provider.name.clone(),
        is_protected_from_scale_in: said.is_protected,
        is_empty: !has_tasks,
        draining_since: termination
            .filter(|_| said.is_awaited)
            .map(|termination| termination.requested_at),
    };
    if known.as_deref() != Some(&fact) {
        tx.put(fact);
    }
}

fn provider_of(head: &Head, node: &ContainerInstanceRecord) -> Option<Arc<CapacityProviderRecord>> {
    let name = node.capacity_provider()?;
    let key = CapacityProviderRecord::key_of(&node.account, &node.region, name);
    head.get::<CapacityProviderRecord>(&key)
}

fn instances_of(head: &Head, provider: &CapacityProviderRecord) -> Vec<String> {
    let prefix = format!("{}/{}/", provider.account, provider.region);
    head.scan::<ContainerInstanceRecord>(&prefix)
        .filter(|node| node.capacity_provider() == Some(&provider.name))
        .map(|node| node.key())
        .collect()
}
