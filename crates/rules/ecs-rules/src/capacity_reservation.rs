//! How much of a capacity provider's instances is needed, in percent: the figure that managed scaling follows
//! (`CapacityProviderReservation`,
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-auto-scaling.html>).
//!
//! More than 100 asks for instances, less gives some back; an Auto Scaling group keeps it at the provider's target capacity.

/// CPU units, MiB of memory and GPUs: what an instance has, or what a task asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    pub cpu_units: i64,
    pub memory_mib: i64,
    pub gpus: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceView {
    pub size: Size,
    /// It runs a task that is no daemon's.
    pub is_busy: bool,
}

/// What there is, and what waits in PROVISIONING. Without instances AWS answers 200 when a task waits, else 100.
pub fn reservation_percent(instances: &[InstanceView], waiting: &[Size]) -> f64 {
    if instances.is_empty() {
        return if waiting.is_empty() { 100.0 } else { 200.0 };
    }
    let needed = match waiting {
        [] => instances.iter().filter(|instance| instance.is_busy).count(),
        // What waits found no room on those that are there.
        _ => instances.len() + instances_for(waiting, largest(instances)),
    };
    100.0 * count(needed) / count(instances.len())
}

/// Instances of this size that take the tasks, the largest first, each where it still fits. A task that is larger than an
/// instance counts as one: there may be larger ones.
pub fn instances_for(tasks: &[Size], size: Size) -> usize {
    let mut tasks = tasks.to_vec();
    tasks.sort_by_key(|task| std::cmp::Reverse((task.gpus, task.memory_mib, task.cpu_units)));
    let mut free: Vec<Size> = vec![];
    for task in tasks {
        let fits = |room: &&mut Size| {
            room.cpu_units >= task.cpu_units
                && room.memory_mib >= task.memory_mib
                && room.gpus >= task.gpus
        };
        if let Some(room) = free.iter_mut().find(fits) {
            room.cpu_units -= task.cpu_units;
            room.memory_mib -= task.memory_mib;
            room.gpus -= task.gpus;
        } else {
            free.push(Size {
                cpu_units: size.cpu_units - task.cpu_units,
                memory_mib: size.memory_mib - task.memory_mib,
                gpus: size.gpus - task.gpus,
            });
        }
    }
    free.len()
}

fn largest(instances: &[InstanceView]) -> Size {
    let sizes = instances.iter().map(|instance| instance.size);
    let largest = sizes.max_by_key(|size| (size.gpus, size.memory_mib, size.cpu_units));
    largest.unwrap_or_default()
}

fn count(items: usize) -> f64 {
    f64::from(u32::try_from(items).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(cpu_units: i64, memory_mib: i64) -> Size {
        Size {
            cpu_units,
            memory_mib,
            gpus: 0,
        }
    }

    fn instances(busy: usize, idle: usize) -> Vec<InstanceView> {
        let instance = |is_busy| InstanceView {
            size: size(1024, 2048),
            is_busy,
        };
        let busy = std::iter::repeat_n(instance(true), busy);
        busy.chain(std::iter::repeat_n(instance(false), idle))
            .collect()
    }

    #[test]
    fn figures_as_aws_gives_them() {
        assert_eq!(reservation_percent(&[], &[]), 100.0);
        assert_eq!(reservation_percent(&[], &[size(1, 1)]), 200.0);
        assert_eq!(reservation_percent(&instances(4, 0), &[]), 100.0);
        assert_eq!(reservation_percent(&instances(3, 1), &[]), 75.0);
        assert_eq!(reservation_percent(&instances(0, 2), &[]), 0.0);
        // Two halves fit one more instance, three need two.
        let half = size(512, 1024);
        assert_eq!(reservation_percent(&instances(2, 0), &[half; 2]), 150.0);
        assert_eq!(reservation_percent(&instances(2, 0), &[half; 3]), 200.0);
        assert_eq!(instances_for(&[size(4096, 1)], size(1024, 2048)), 1);
        // Two small tasks with a GPU each need two instances of one GPU.
        let with_gpu = |size: Size| Size { gpus: 1, ..size };
        let tasks = [with_gpu(size(1, 1)); 2];
        assert_eq!(instances_for(&tasks, with_gpu(size(1024, 2048))), 2);
    }

    proptest! {
        /// Never fewer than the sums say, never more than one an item; and what waits always asks for more than there is.
        #[test]
        fn packing_is_bounded(tasks in prop::collection::vec((1..1024i64, 1..2048i64), 0..40), there in 1..9usize) {
            let tasks: Vec<Size> = tasks.into_iter().map(|(cpu, memory)| size(cpu, memory)).collect();
            let needed = instances_for(&tasks, size(1024, 2048));
            prop_assert!(needed <= tasks.len());
            let cpu: i64 = tasks.iter().map(|task| task.cpu_units).sum();
            let memory: i64 = tasks.iter().map(|task| task.memory_mib).sum();
            let needed = i64::try_from(needed).unwrap();
            prop_assert!(needed * 1024 >= cpu && needed * 2048 >= memory);
            let percent = reservation_percent(&instances(there, 0), &tasks);
            prop_assert_eq!(percent > 100.0, !tasks.is_empty());
            prop_assert!(percent >= 100.0);
        }
    }
}
