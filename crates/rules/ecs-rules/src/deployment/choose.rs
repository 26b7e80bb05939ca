//! Which tasks go first when a service has too many.

use std::collections::BTreeMap;

use super::TaskView;

/// The order in which tasks are given up: those that do not serve, then from the zone with most tasks, then from the
/// node with most, then the newest. Balance is kept after each one, so the counts go along. Each step costs one pass.
pub(super) fn scale_in_order<'a>(tasks: &[&'a TaskView]) -> impl Iterator<Item = &'a TaskView> {
    let mut left: Vec<&TaskView> = tasks.to_vec();
    let mut zones = tally(&left, |task| task.availability_zone.as_deref());
    let mut nodes = tally(&left, |task| task.node.as_deref());
    std::iter::from_fn(move || {
        let (position, _) = left.iter().enumerate().max_by_key(|(_, task)| {
            (
                task.is_unhealthy(),
                !task.is_healthy(),
                zones.get(&task.availability_zone.as_deref()).copied(),
                nodes.get(&task.node.as_deref()).copied(),
                task.created,
                task.key.as_str(),
            )
        })?;
        let task = left.swap_remove(position);
        for count in [
            zones.get_mut(&task.availability_zone.as_deref()),
            nodes.get_mut(&task.node.as_deref()),
        ]
        .into_iter()
        .flatten()
        {
            *count -= 1;
        }
        Some(task)
    })
}

fn tally<'a>(
    tasks: &[&'a TaskView],
    key: impl Fn(&'a TaskView) -> Option<&'a str>,
) -> BTreeMap<Option<&'a str>, usize> {
    let mut counts = BTreeMap::new();
    for task in tasks {
        *counts.entry(key(task)).or_insert(0) += 1;
    }
    counts
}
