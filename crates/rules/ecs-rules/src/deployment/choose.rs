//! Which tasks go first when a service has too many.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use clock::UnixMillis;

use super::TaskView;

/// The order in which tasks are given up: those that do not serve, then from the zone with most tasks, then from the
/// node with most, then the newest. Balance is kept after each one, so the counts go along. A step costs one look at
/// each zone, however many tasks there are. Protected tasks are not given up, but count for the balance.
pub(super) fn scale_in_order<'a>(tasks: &[&'a TaskView]) -> impl Iterator<Item = &'a TaskView> {
    let mut classes: BTreeMap<Reverse<(bool, bool)>, Vec<&TaskView>> = BTreeMap::new();
    let (mut zones, mut nodes) = (Tally::default(), Tally::default());
    for task in tasks {
        if !task.protected {
            let class = Reverse((task.is_unhealthy(), !task.is_healthy()));
            classes.entry(class).or_default().push(task);
        }
        *zones.entry(zone_of(task)).or_insert(0) += 1;
        *nodes.entry(node_of(task)).or_insert(0) += 1;
    }
    let mut classes = classes.into_values();
    let mut class = Class::default();
    std::iter::from_fn(move || {
        while class.zones.is_empty() {
            class = Class::of(&classes.next()?, &nodes);
        }
        let task = class.take(&zones)?;
        *zones.get_mut(&zone_of(task))? -= 1;
        let on_node = nodes.get_mut(&node_of(task))?;
        *on_node -= 1;
        class.recount(task, *on_node);
        Some(task)
    })
}

type Tally<'a> = BTreeMap<Option<&'a str>, usize>;
/// How many tasks the node has, its newest task, and the node.
type Place<'a> = (usize, UnixMillis, &'a str, Option<&'a str>);

/// Tasks that are as good as each other: by zone the nodes in order, and by node its tasks, the newest last.
#[derive(Default)]
struct Class<'a> {
    zones: BTreeMap<Option<&'a str>, BTreeSet<Place<'a>>>,
    tasks: BTreeMap<(Option<&'a str>, Option<&'a str>), Vec<&'a TaskView>>,
}

impl<'a> Class<'a> {
    fn of(tasks: &[&'a TaskView], nodes: &Tally<'_>) -> Self {
        let mut class = Self::default();
        for task in tasks {
            let of_node = class.tasks.entry((zone_of(task), node_of(task)));
            of_node.or_default().push(task);
        }
        for ((zone, node), tasks) in &mut class.tasks {
            tasks.sort_by_key(|task| (task.created, task.key.as_str()));
            if let Some(newest) = tasks.last() {
                let count = nodes.get(node).copied().unwrap_or_default();
                let place = (count, newest.created, newest.key.as_str(), *node);
                class.zones.entry(*zone).or_default().insert(place);
            }
        }
        class
    }

    /// The task that goes first now.
    fn take(&mut self, counts: &Tally<'_>) -> Option<&'a TaskView> {
        let best = self.zones.iter().filter_map(|(zone, places)| {
            let place = places.last()?;
            Some((counts.get(zone).copied(), *place, *zone))
        });
        let (_, place, zone) = best.max()?;
        let places = self.zones.get_mut(&zone)?;
        places.remove(&place);
        if places.is_empty() {
            self.zones.remove(&zone);
        }
        self.tasks.get_mut(&(zone, place.3))?.pop()
    }

    /// The task's node has one less, and another newest one.
    fn recount(&mut self, taken: &'a TaskView, on_node: usize) {
        let (zone, node) = (zone_of(taken), node_of(taken));
        let left = self.tasks.get(&(zone, node));
        if let Some(newest) = left.and_then(|tasks| tasks.last()) {
            let place = (on_node, newest.created, newest.key.as_str(), node);
            self.zones.entry(zone).or_default().insert(place);
        }
    }
}

fn zone_of(task: &TaskView) -> Option<&str> {
    task.availability_zone.as_deref()
}

fn node_of(task: &TaskView) -> Option<&str> {
    task.node.as_deref()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::task_state::{HealthStatus, TaskStatus};

    /// Node, protected, health, age.
    type Drawn = (usize, bool, u8, u64);

    fn task(number: usize, (node, protected, health, created): Drawn) -> TaskView {
        TaskView {
            key: format!("t{number:02}"),
            deployment_id: "d".into(),
            status: match health {
                0 => TaskStatus::Pending,
                _ => TaskStatus::Running,
            },
            stopping: false,
            draining: false,
            protected,
            has_health_check: true,
            unproven: false,
            health: match health {
                1 => HealthStatus::Unhealthy,
                2 => HealthStatus::Unknown,
                _ => HealthStatus::Healthy,
            },
            availability_zone: Some(format!("z{}", node % 3)),
            node: Some(format!("n{node}")),
            created: UnixMillis(i64::try_from(created).expect("it is small")),
            started: None,
        }
    }

    /// The same by looking at all that are left, each time.
    fn by_looking(tasks: &[&TaskView]) -> Vec<String> {
        let mut left = tasks.to_vec();
        let mut order = vec![];
        loop {
            let alike =
                |same: &dyn Fn(&TaskView) -> bool| left.iter().filter(|one| same(one)).count();
            let worth = |task: &TaskView| {
                let class = (task.is_unhealthy(), !task.is_healthy());
                let in_zone = alike(&|other| zone_of(other) == zone_of(task));
                let on_node = alike(&|other| node_of(other) == node_of(task));
                (class, in_zone, on_node, task.created, task.key.clone())
            };
            let candidates = left.iter().filter(|task| !task.protected);
            let Some(first) = candidates.max_by_key(|task| worth(task)) else {
                return order;
            };
            let key = first.key.clone();
            left.retain(|task| task.key != key);
            order.push(key);
        }
    }

    proptest! {
        #[test]
        fn the_order_is_the_one_that_looking_at_all_gives(
            drawn in prop::collection::vec((0..6usize, prop::bool::weighted(0.2), 0..5u8, 0..4u64), 0..24),
        ) {
            let tasks: Vec<TaskView> = drawn.into_iter().enumerate().map(|(number, drawn)| task(number, drawn)).collect();
            let tasks: Vec<&TaskView> = tasks.iter().collect();
            let order: Vec<String> = scale_in_order(&tasks).map(|task| task.key.clone()).collect();
            prop_assert_eq!(order, by_looking(&tasks));
        }
    }
}
