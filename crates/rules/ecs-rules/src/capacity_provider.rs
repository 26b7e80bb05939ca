//! Capacity providers of Auto Scaling groups: what they may be configured with
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AutoScalingGroupProvider.html>).

use std::ops::RangeInclusive;

use api_ecs::types::{
    AutoScalingGroupProvider, AutoScalingGroupProviderUpdate, ManagedDraining, ManagedScaling,
    ManagedScalingStatus, ManagedTerminationProtection,
};

use crate::Refusal;

const NAME_CHARACTERS: usize = 255;
const RESERVED_PREFIXES: [&str; 3] = ["aws", "ecs", "fargate"];
const GROUP_CHARACTERS: usize = 1600;
const TARGET_CAPACITY: RangeInclusive<i32> = 1..=100;
const STEP_SIZE: RangeInclusive<i32> = 1..=10_000;
const WARMUP_SECONDS: RangeInclusive<i32> = 0..=10_000;

/// Which names a provider of one's own may have.
pub fn check_name(name: &str) -> Result<(), Refusal> {
    let is_name = (1..=NAME_CHARACTERS).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let lower = name.to_ascii_lowercase();
    let is_reserved = RESERVED_PREFIXES
        .iter()
        .any(|prefix| lower.starts_with(prefix));
    if is_name && !is_reserved {
        return Ok(());
    }
    Err(Refusal::invalid_parameter(
        "The specified capacity provider name is invalid. Up to 255 characters are allowed, including letters (upper and lowercase), numbers, underscores, and hyphens. The name cannot be prefixed with \"aws\", \"ecs\", or \"fargate\".",
    ))
}

/// A new provider as it is kept: checked, with AWS's defaults.
pub fn created(asked: AutoScalingGroupProvider) -> Result<AutoScalingGroupProvider, Refusal> {
    let group = asked.auto_scaling_group_arn.as_deref().unwrap_or_default();
    check_group(group)?;
    whole(asked)
}

/// A provider after UpdateCapacityProvider: what the request leaves out stays.
pub fn updated(
    current: &AutoScalingGroupProvider,
    asked: AutoScalingGroupProviderUpdate,
) -> Result<AutoScalingGroupProvider, Refusal> {
    let known = current.managed_scaling.clone().unwrap_or_default();
    let scaling = asked.managed_scaling.unwrap_or_default();
    whole(AutoScalingGroupProvider {
        auto_scaling_group_arn: current.auto_scaling_group_arn.clone(),
        managed_scaling: Some(ManagedScaling {
            status: scaling.status.or(known.status),
            target_capacity: scaling.target_capacity.or(known.target_capacity),
            minimum_scaling_step_size: scaling
                .minimum_scaling_step_size
                .or(known.minimum_scaling_step_size),
            maximum_scaling_step_size: scaling
                .maximum_scaling_step_size
                .or(known.maximum_scaling_step_size),
            instance_warmup_period: scaling
                .instance_warmup_period
                .or(known.instance_warmup_period),
        }),
        managed_termination_protection: asked
            .managed_termination_protection
            .or_else(|| current.managed_termination_protection.clone()),
        managed_draining: asked
            .managed_draining
            .or_else(|| current.managed_draining.clone()),
    })
}

/// The name of an Auto Scaling group, of a name or an ARN
/// (`arn:aws:autoscaling:REGION:ACCOUNT:autoScalingGroup:UUID:autoScalingGroupName/NAME`).
pub fn group_name(group: &str) -> &str {
    group
        .rsplit_once("autoScalingGroupName/")
        .map_or(group, |(_, name)| name)
}

fn check_group(group: &str) -> Result<(), Refusal> {
    let is_foreign_arn = group.starts_with("arn:") && !is_group_arn(group);
    if group.is_empty() || group.len() > GROUP_CHARACTERS || is_foreign_arn {
        return Err(Refusal::invalid_parameter(
            "The specified Auto Scaling group ARN is not valid. Specify a valid Auto Scaling group ARN and try again.",
        ));
    }
    Ok(())
}

fn is_group_arn(text: &str) -> bool {
    text.split(':').nth(2) == Some("autoscaling") && !group_name(text).starts_with("arn:")
}

fn whole(provider: AutoScalingGroupProvider) -> Result<AutoScalingGroupProvider, Refusal> {
    let scaling = scaling(provider.managed_scaling.unwrap_or_default())?;
    let protection = provider
        .managed_termination_protection
        .unwrap_or(ManagedTerminationProtection::DISABLED);
    check_value(
        "managedTerminationProtection",
        protection.as_str(),
        ManagedTerminationProtection::VALUES,
    )?;
    let draining = provider
        .managed_draining
        .unwrap_or(ManagedDraining::ENABLED);
    check_value(
        "managedDraining",
        draining.as_str(),
        ManagedDraining::VALUES,
    )?;
    let is_scaled = scaling.status == Some(ManagedScalingStatus::ENABLED);
    if protection == ManagedTerminationProtection::ENABLED && !is_scaled {
        return Err(Refusal::invalid_parameter(
            "The managed termination protection setting for the capacity provider is invalid. To enable managed termination protection for a capacity provider, managed scaling must be enabled.",
        ));
    }
    Ok(AutoScalingGroupProvider {
        auto_scaling_group_arn: provider.auto_scaling_group_arn,
        managed_scaling: Some(scaling),
        managed_termination_protection: Some(protection),
        managed_draining: Some(draining),
    })
}

fn scaling(asked: ManagedScaling) -> Result<ManagedScaling, Refusal> {
    let status = asked.status.unwrap_or(ManagedScalingStatus::DISABLED);
    check_value(
        "managedScaling.status",
        status.as_str(),
        ManagedScalingStatus::VALUES,
    )?;
    let within = |field: &str, value: Option<i32>, default: i32, range: RangeInclusive<i32>| {
        let value = value.unwrap_or(default);
        if range.contains(&value) {
            return Ok(value);
        }
        let (least, most) = (range.start(), range.end());
        Err(Refusal::invalid_parameter(format!(
            "The managed scaling {field} for the capacity provider is invalid. Specify a value between {least} and {most} and try again."
        )))
    };
    let target = within(
        "targetCapacity",
        asked.target_capacity,
        100,
        TARGET_CAPACITY,
    )?;
    let minimum = within(
        "minimumScalingStepSize",
        asked.minimum_scaling_step_size,
        1,
        STEP_SIZE,
    )?;
    let maximum = within(
        "maximumScalingStepSize",
        asked.maximum_scaling_step_size,
        10_000,
        STEP_SIZE,
    )?;
    let warmup = within(
        "instanceWarmupPeriod",
        asked.instance_warmup_period,
        300,
        WARMUP_SECONDS,
    )?;
    if minimum > maximum {
        return Err(Refusal::invalid_parameter(
            "The managed scaling minimumScalingStepSize for the capacity provider is invalid. It cannot be greater than the maximumScalingStepSize.",
        ));
    }
    Ok(ManagedScaling {
        status: Some(status),
        target_capacity: Some(target),
        minimum_scaling_step_size: Some(minimum),
        maximum_scaling_step_size: Some(maximum),
        instance_warmup_period: Some(warmup),
    })
}

fn check_value(field: &str, value: &str, known: &[&str]) -> Result<(), Refusal> {
    if known.contains(&value) {
        return Ok(());
    }
    Err(Refusal::invalid_parameter(format!(
        "Invalid {field} value: '{value}'. Valid values are {}.",
        known.join(" and ")
    )))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn group() -> AutoScalingGroupProvider {
        AutoScalingGroupProvider {
            auto_scaling_group_arn: Some("web".into()),
            ..AutoScalingGroupProvider::default()
        }
    }

    #[test]
    fn names_are_aws_s() {
        for name in ["web", "a_b-1", &"x".repeat(255)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "a b",
            "aws-x",
            "ECSthing",
            "fargate2",
            "é",
            &"x".repeat(256),
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let made = created(group()).unwrap();
        let scaling = made.managed_scaling.unwrap();
        assert_eq!(scaling.status, Some(ManagedScalingStatus::DISABLED));
        assert_eq!(scaling.target_capacity, Some(100));
        assert_eq!(scaling.minimum_scaling_step_size, Some(1));
        assert_eq!(scaling.maximum_scaling_step_size, Some(10_000));
        assert_eq!(scaling.instance_warmup_period, Some(300));
        let protection = made.managed_termination_protection;
        assert_eq!(protection, Some(ManagedTerminationProtection::DISABLED));
        assert_eq!(made.managed_draining, Some(ManagedDraining::ENABLED));
    }

    #[test]
    fn groups_have_names_and_arns() {
        let arn = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:uuid:autoScalingGroupName/web";
        assert_eq!((group_name(arn), group_name("web")), ("web", "web"));
        let of = |group: &str| {
            created(AutoScalingGroupProvider {
                auto_scaling_group_arn: Some(group.into()),
                ..AutoScalingGroupProvider::default()
            })
        };
        assert!(of(arn).is_ok());
        for group in ["", "arn:aws:ecs:us-east-1:123456789012:cluster/c"] {
            assert!(of(group).is_err(), "{group}");
        }
    }

    #[test]
    fn termination_protection_needs_managed_scaling() {
        let asked = AutoScalingGroupProvider {
            managed_termination_protection: Some(ManagedTerminationProtection::ENABLED),
            ..group()
        };
        assert!(created(asked.clone()).is_err());
        let scaled = AutoScalingGroupProvider {
            managed_scaling: Some(ManagedScaling {
                status: Some(ManagedScalingStatus::ENABLED),
                ..ManagedScaling::default()
            }),
            ..asked
        };
        let made = created(scaled).unwrap();
        let off = AutoScalingGroupProviderUpdate {
            managed_scaling: Some(ManagedScaling {
                status: Some(ManagedScalingStatus::DISABLED),
                ..ManagedScaling::default()
            }),
            ..AutoScalingGroupProviderUpdate::default()
        };
        assert!(updated(&made, off).is_err());
    }

    proptest! {
        /// Whatever is asked for, what is kept is whole and within the bounds, and an empty update changes nothing.
        #[test]
        fn what_is_kept_is_within_bounds(
            target in prop::option::of(-5..200i32),
            minimum in prop::option::of(-5..20_000i32),
            maximum in prop::option::of(-5..20_000i32),
            warmup in prop::option::of(-5..20_000i32),
        ) {
            let scaling = ManagedScaling {
                target_capacity: target,
                minimum_scaling_step_size: minimum,
                maximum_scaling_step_size: maximum,
                instance_warmup_period: warmup,
                ..ManagedScaling::default()
            };
            let asked = AutoScalingGroupProvider { managed_scaling: Some(scaling), ..group() };
            let outside = |value: Option<i32>, range: RangeInclusive<i32>| {
                value.is_some_and(|value| !range.contains(&value))
            };
            let is_wrong = outside(target, TARGET_CAPACITY)
                || outside(minimum, STEP_SIZE)
                || outside(maximum, STEP_SIZE)
                || outside(warmup, WARMUP_SECONDS)
                || minimum.unwrap_or(1) > maximum.unwrap_or(10_000);
            match created(asked) {
                Ok(made) => {
                    prop_assert!(!is_wrong);
                    let same = updated(&made, AutoScalingGroupProviderUpdate::default());
                    prop_assert_eq!(same, Ok(made));
                }
                Err(_) => prop_assert!(is_wrong),
            }
        }
    }
}
