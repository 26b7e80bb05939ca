//! How instances of an Auto Scaling group's capacity provider are kept, and how they go
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-termination-protection.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-instance-draining.html>).

use api_ecs::types::{
    AutoScalingGroupProvider, ManagedDraining, ManagedScalingStatus, ManagedTerminationProtection,
};

/// What counts of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceView {
    pub is_draining: bool,
    /// It runs, or starts, a task that is no daemon's.
    pub has_tasks: bool,
    /// It is about to be terminated.
    pub is_leaving: bool,
}

/// What is to be said and done of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Scaling in must not take it.
    pub is_protected: bool,
    /// It is to become DRAINING now.
    pub drains: bool,
    /// Its termination waits for its tasks.
    pub is_awaited: bool,
}

/// An instance without tasks is not protected, and one that is to go anyway is not either. Termination protection needs
/// managed scaling.
pub fn verdict(provider: &AutoScalingGroupProvider, instance: InstanceView) -> Verdict {
    let scaling = provider.managed_scaling.as_ref();
    let is_scaled =
        scaling.and_then(|scaling| scaling.status.as_ref()) == Some(&ManagedScalingStatus::ENABLED);
    let is_kept =
        provider.managed_termination_protection == Some(ManagedTerminationProtection::ENABLED);
    let drains = provider.managed_draining == Some(ManagedDraining::ENABLED);
    Verdict {
        is_protected: is_scaled && is_kept && instance.has_tasks && !instance.is_leaving,
        drains: drains && instance.is_leaving && !instance.is_draining,
        is_awaited: drains && instance.is_leaving && instance.has_tasks,
    }
}

#[cfg(test)]
mod tests {
    use api_ecs::types::ManagedScaling;

    use super::*;

    fn provider(scaled: bool, kept: bool, drains: bool) -> AutoScalingGroupProvider {
        let scaling = match scaled {
            true => ManagedScalingStatus::ENABLED,
            false => ManagedScalingStatus::DISABLED,
        };
        AutoScalingGroupProvider {
            managed_scaling: Some(ManagedScaling {
                status: Some(scaling),
                ..ManagedScaling::default()
            }),
            managed_termination_protection: kept.then_some(ManagedTerminationProtection::ENABLED),
            managed_draining: drains.then_some(ManagedDraining::ENABLED),
            ..AutoScalingGroupProvider::default()
        }
    }

    const BUSY: InstanceView = InstanceView {
        is_draining: false,
        has_tasks: true,
        is_leaving: false,
    };

    #[test]
    fn what_runs_tasks_is_protected_where_that_is_asked_for() {
        let idle = InstanceView {
            has_tasks: false,
            ..BUSY
        };
        assert!(verdict(&provider(true, true, true), BUSY).is_protected);
        assert!(!verdict(&provider(true, true, true), idle).is_protected);
        assert!(!verdict(&provider(true, false, true), BUSY).is_protected);
        assert!(!verdict(&provider(false, true, true), BUSY).is_protected);
    }

    #[test]
    fn what_leaves_drains_once_and_is_awaited_until_it_is_empty() {
        let leaving = InstanceView {
            is_leaving: true,
            ..BUSY
        };
        let all = provider(true, true, true);
        let first = verdict(&all, leaving);
        assert!(first.drains && first.is_awaited && !first.is_protected);
        let draining = InstanceView {
            is_draining: true,
            ..leaving
        };
        let then = verdict(&all, draining);
        assert!(!then.drains && then.is_awaited);
        let empty = InstanceView {
            has_tasks: false,
            ..draining
        };
        assert!(!verdict(&all, empty).is_awaited);
        let undrained = verdict(&provider(true, true, false), leaving);
        assert!(!undrained.drains && !undrained.is_awaited);
    }
}
