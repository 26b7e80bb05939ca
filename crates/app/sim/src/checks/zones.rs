//! At rest a service that asks for it is even over the Availability Zones that have room for it.

use std::collections::BTreeMap;

use placement::{SpreadOver, Strategy};
use service_ecs::records::{
    Capacity, ContainerInstanceRecord, ContainerInstanceStatus, DesiredStatus, ServiceRecord,
    ServiceStatus, TaskRecord,
};
use state::Record;

use super::{placing, tables::Check};

impl Check {
    /// Services that are to move a task still.
    pub fn uneven(&self) -> Vec<String> {
        let asked = self.services.values().filter(|service| {
            service.status == ServiceStatus::Active
                && service.availability_zone_rebalancing == "ENABLED"
                && service.scheduling_strategy == "REPLICA"
        });
        asked
            .filter_map(|service| {
                let (counts, zones) = self.spread(service)?;
                let count = |zone: &str| counts.get(zone).copied().unwrap_or_default();
                let fewest = zones.iter().map(|zone| count(zone)).min()?;
                let most = counts.values().copied().max()?;
                (most > fewest + 1).then(|| {
                    format!(
                        "service {} is over zones as {counts:?}, with room in {zones:?}",
                        service.name
                    )
                })
            })
            .collect()
    }

    /// Its tasks by zone, and the zones with room for one more; none where nothing is to be moved.
    fn spread<'a>(
        &'a self,
        service: &ServiceRecord,
    ) -> Option<(BTreeMap<&'a str, usize>, Vec<&'a str>)> {
        let tasks = self.tasks_of_service.get(&service.key());
        let tasks: Vec<&TaskRecord> = tasks
            .into_iter()
            .flatten()
            .map(|key| &self.tasks[key])
            .filter(|task| task.desired_status == DesiredStatus::Running)
            .collect();
        let like = tasks.first()?;
        let is_by_zone = match like
            .placing
            .as_ref()
            .map(|placing| placing.strategies.first())
        {
            Some(Some(Strategy::Spread(SpreadOver::Attribute(name)))) => {
                name == "ecs.availability-zone"
            }
            Some(Some(_)) => false,
            None | Some(None) => true,
        };
        if !is_by_zone {
            return None;
        }
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for zone in tasks
            .iter()
            .filter_map(|task| task.availability_zone.as_deref())
        {
            *counts.entry(zone).or_default() += 1;
        }
        let with_room = self
            .nodes()
            .filter(|(key, node)| self.has_room(like, key, node));
        let mut zones: Vec<&str> = with_room
            .map(|(_, node)| node.availability_zone.as_str())
            .collect();
        zones.sort_unstable();
        zones.dedup();
        Some((counts, zones))
    }

    fn has_room(&self, task: &TaskRecord, key: &str, node: &ContainerInstanceRecord) -> bool {
        let capacity = match task.launch_type.as_str() {
            "FARGATE" => Capacity::Serverless,
            _ => Capacity::ContainerInstance,
        };
        let Some(held) = self.held(key) else {
            return false;
        };
        let cpu_units: i64 = held.tasks.iter().map(|task| task.cpu_units).sum();
        let memory_mib: i64 = held.tasks.iter().map(|task| task.memory_mib).sum();
        node.capacity == capacity
            && node.status == ContainerInstanceStatus::Active
            && node.connection.connected
            && node.awaited_daemons.is_empty()
            && cpu_units + task.cpu_units <= node.cpu_units
            && memory_mib + task.memory_mib <= node.memory_mib
            && placing::wrong_with_constraints(&without_zone(task), &held, 0).is_none()
    }
}

/// A task that was moved was bound to its zone.
fn without_zone(task: &TaskRecord) -> TaskRecord {
    let mut task = task.clone();
    if let Some(placing) = &mut task.placing {
        placing
            .member_of
            .retain(|expression| !expression.contains("ecs.availability-zone"));
    }
    task
}
