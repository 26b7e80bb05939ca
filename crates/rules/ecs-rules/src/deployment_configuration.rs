//! What a deployment configuration may ask for, and what one that says less means. Sources:
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html> and the pages of its members.

use std::time::Duration;

use api_ecs::types::{
    CanaryConfiguration, DeploymentAlarms, DeploymentCircuitBreaker, DeploymentConfiguration,
    DeploymentEarlySuccessCriteria, DeploymentLifecycleHook, DeploymentLifecycleHookAction,
    DeploymentLifecycleHookStage, DeploymentLifecycleHookTargetType, DeploymentStrategy,
    LinearConfiguration, ServiceRevisionCleanup, ThresholdConfiguration, ThresholdType,
};
use limits::{
    DEPLOYMENT_ALARMS, DEPLOYMENT_BAKE_MINUTES, DEPLOYMENT_HOOK_MINUTES, DEPLOYMENT_HOOKS,
    DEPLOYMENT_PERCENT,
};

use crate::{Refusal, deployment::stages::Shift};

/// The percentages of a service that names none.
pub const MINIMUM_HEALTHY_PERCENT: i32 = 100;
pub const MAXIMUM_PERCENT: i32 = 200;

/// The configuration after a request: what it does not name keeps its value, or gets AWS's default.
pub fn deployment_configuration(
    current: Option<&DeploymentConfiguration>,
    asked: Option<DeploymentConfiguration>,
) -> Result<DeploymentConfiguration, Refusal> {
    let mut result = current.cloned().unwrap_or_else(default_configuration);
    let Some(asked) = asked else {
        return Ok(result);
    };
    if let Some(asked) = asked.strategy.filter(|asked| !asked.as_str().is_empty()) {
        if strategy(&result) != asked.as_str() {
            forget_of_strategy(&mut result);
        }
        result.strategy = Some(checked_strategy(asked)?);
    }
    result.minimum_healthy_percent = asked
        .minimum_healthy_percent
        .or(result.minimum_healthy_percent);
    result.maximum_percent = asked.maximum_percent.or(result.maximum_percent);
    check_percentages(&result)?;
    if let Some(breaker) = asked.deployment_circuit_breaker {
        result.deployment_circuit_breaker = Some(checked_breaker(breaker)?);
    }
    if let Some(alarms) = asked.alarms {
        result.alarms = Some(checked_alarms(alarms)?);
    }
    if let Some(minutes) = asked.bake_time_in_minutes {
        check_minutes("bakeTimeInMinutes", minutes)?;
        result.bake_time_in_minutes = Some(minutes);
    }
    if let Some(hooks) = asked.lifecycle_hooks {
        result.lifecycle_hooks = Some(checked_hooks(hooks)?);
    }
    if let Some(linear) = asked.linear_configuration {
        result.linear_configuration = Some(linear);
    }
    if let Some(canary) = asked.canary_configuration {
        result.canary_configuration = Some(canary);
    }
    if let Some(criteria) = asked.early_success_criteria {
        result.early_success_criteria = Some(criteria);
    }
    fill_by_strategy(&mut result);
    check_by_strategy(&result)?;
    Ok(result)
}

/// How traffic goes over.
pub fn shift(configuration: &DeploymentConfiguration) -> Shift {
    let minutes = |asked: Option<i32>, default: i32| {
        Duration::from_secs(u64::try_from(asked.unwrap_or(default)).unwrap_or(0) * 60)
    };
    match strategy(configuration) {
        "LINEAR" => {
            let linear = configuration.linear_configuration.clone();
            let linear = linear.unwrap_or_default();
            Shift::Linear {
                step_permille: permille(linear.step_percent.unwrap_or(LINEAR_STEP_PERCENT)),
                bake: minutes(linear.step_bake_time_in_minutes, LINEAR_BAKE_MINUTES),
            }
        }
        "CANARY" => {
            let canary = configuration.canary_configuration.clone();
            let canary = canary.unwrap_or_default();
            Shift::Canary {
                permille: permille(canary.canary_percent.unwrap_or(CANARY_PERCENT)),
                bake: minutes(canary.canary_bake_time_in_minutes, CANARY_BAKE_MINUTES),
            }
        }
        _ => Shift::AllAtOnce,
    }
}

const LINEAR_STEP_PERCENT: f64 = 10.0;
const LINEAR_BAKE_MINUTES: i32 = 6;
const CANARY_PERCENT: f64 = 5.0;
const CANARY_BAKE_MINUTES: i32 = 10;

fn default_configuration() -> DeploymentConfiguration {
    DeploymentConfiguration {
        minimum_healthy_percent: Some(MINIMUM_HEALTHY_PERCENT),
        maximum_percent: Some(MAXIMUM_PERCENT),
        deployment_circuit_breaker: Some(DeploymentCircuitBreaker {
            enable: Some(false),
            rollback: Some(false),
            ..DeploymentCircuitBreaker::default()
        }),
        strategy: Some(DeploymentStrategy::ROLLING),
        bake_time_in_minutes: Some(0),
        ..DeploymentConfiguration::default()
    }
}

fn strategy(configuration: &DeploymentConfiguration) -> &str {
    configuration
        .strategy
        .as_ref()
        .map_or("ROLLING", DeploymentStrategy::as_str)
}

/// What was set for another strategy.
fn forget_of_strategy(result: &mut DeploymentConfiguration) {
    result.lifecycle_hooks = None;
    result.linear_configuration = None;
    result.canary_configuration = None;
    result.early_success_criteria = None;
}

fn checked_strategy(asked: DeploymentStrategy) -> Result<DeploymentStrategy, Refusal> {
    match asked.as_str() {
        // AWS asks for a load balancer or Service Connect with LINEAR and CANARY. Here the weights are written down also
        // without one, for whoever follows them.
        "ROLLING" | "BLUE_GREEN" | "LINEAR" | "CANARY" => Ok(asked),
        _ => Err(Refusal::invalid_parameter(
            "Invalid deployment strategy. Valid values are ROLLING, BLUE_GREEN, LINEAR and CANARY.",
        )),
    }
}

fn check_percentages(result: &DeploymentConfiguration) -> Result<(), Refusal> {
    let minimum = result
        .minimum_healthy_percent
        .unwrap_or(MINIMUM_HEALTHY_PERCENT);
    let maximum = result.maximum_percent.unwrap_or(MAXIMUM_PERCENT);
    if !(0..=100).contains(&minimum) {
        return Err(Refusal::invalid_parameter(
            "minimumHealthyPercent must be between 0 and 100.",
        ));
    }
    if !(100..=DEPLOYMENT_PERCENT).contains(&maximum) {
        return Err(Refusal::invalid_parameter(format!(
            "maximumPercent must be between 100 and {DEPLOYMENT_PERCENT}."
        )));
    }
    if minimum == 100 && maximum == 100 {
        return Err(Refusal::invalid_parameter(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
        ));
    }
    Ok(())
}

fn checked_breaker(breaker: DeploymentCircuitBreaker) -> Result<DeploymentCircuitBreaker, Refusal> {
    if let Some(threshold) = &breaker.threshold_configuration {
        check_threshold(threshold)?;
    }
    Ok(DeploymentCircuitBreaker {
        enable: breaker.enable.or(Some(false)),
        rollback: breaker.rollback.or(Some(false)),
        ..breaker
    })
}

fn check_threshold(threshold: &ThresholdConfiguration) -> Result<(), Refusal> {
    let kind = threshold.r#type.as_ref().map(ThresholdType::as_str);
    let value = threshold.value.unwrap_or_default();
    let range = match kind {
        Some("COUNT") => 1..=i32::MAX,
        Some("BOUNDED_PERCENT" | "UNBOUNDED_PERCENT") => 1..=100,
        _ => {
            return Err(Refusal::invalid_parameter(
                "Invalid thresholdConfiguration type. Valid values are COUNT, BOUNDED_PERCENT and UNBOUNDED_PERCENT.",
            ));
        }
    };
    if range.contains(&value) {
        return Ok(());
    }
    Err(Refusal::invalid_parameter(match kind {
        Some("COUNT") => "thresholdConfiguration value must be at least 1.",
        _ => "thresholdConfiguration value must be between 1 and 100.",
    }))
}

fn checked_alarms(alarms: DeploymentAlarms) -> Result<DeploymentAlarms, Refusal> {
    let count = alarms.alarm_names.iter().flatten().count();
    if alarms.enable == Some(true) && count == 0 {
        return Err(Refusal::invalid_parameter(
            "alarmNames cannot be empty when deployment alarms are enabled.",
        ));
    }
    if count > DEPLOYMENT_ALARMS {
        return Err(Refusal::invalid_parameter(format!(
            "alarmNames cannot have more than {DEPLOYMENT_ALARMS} elements."
        )));
    }
    Ok(alarms)
}

fn check_minutes(field: &str, minutes: i32) -> Result<(), Refusal> {
    if (0..=DEPLOYMENT_BAKE_MINUTES).contains(&minutes) {
        return Ok(());
    }
    Err(Refusal::invalid_parameter(format!(
        "{field} must be between 0 and {DEPLOYMENT_BAKE_MINUTES}."
    )))
}

fn checked_hooks(
    hooks: Vec<DeploymentLifecycleHook>,
) -> Result<Vec<DeploymentLifecycleHook>, Refusal> {
    if hooks.len() > DEPLOYMENT_HOOKS {
        return Err(Refusal::invalid_parameter(format!(
            "lifecycleHooks cannot have more than {DEPLOYMENT_HOOKS} elements."
        )));
    }
    hooks.iter().try_for_each(check_hook)?;
    Ok(hooks)
}

fn check_hook(hook: &DeploymentLifecycleHook) -> Result<(), Refusal> {
    let target = hook.target_type.as_ref();
    match target.map(DeploymentLifecycleHookTargetType::as_str) {
        Some("PAUSE") => {
            if hook.hook_target_arn.is_some() || hook.hook_details.is_some() {
                return Err(Refusal::invalid_parameter(
                    "hookTargetArn and hookDetails cannot be specified for a lifecycle hook with the targetType PAUSE.",
                ));
            }
        }
        None | Some("" | "AWS_LAMBDA") => {
            for (field, value) in [
                ("hookTargetArn", &hook.hook_target_arn),
                ("roleArn", &hook.role_arn),
            ] {
                if value.as_deref().unwrap_or_default().is_empty() {
                    return Err(Refusal::invalid_parameter(format!(
                        "{field} is required for a lifecycle hook with the targetType AWS_LAMBDA."
                    )));
                }
            }
        }
        Some(_) => {
            return Err(Refusal::invalid_parameter(
                "Invalid lifecycle hook targetType. Valid values are AWS_LAMBDA and PAUSE.",
            ));
        }
    }
    let stages: Vec<&str> = hook
        .lifecycle_stages
        .iter()
        .flatten()
        .map(DeploymentLifecycleHookStage::as_str)
        .collect();
    let known = DeploymentLifecycleHookStage::VALUES;
    if stages.is_empty() || stages.iter().any(|stage| !known.contains(stage)) {
        return Err(Refusal::invalid_parameter(format!(
            "Invalid lifecycleStages of a lifecycle hook. Valid values are {}.",
            known.join(", ")
        )));
    }
    let Some(timeout) = &hook.timeout_configuration else {
        return Ok(());
    };
    let minutes = timeout.timeout_in_minutes.unwrap_or(1);
    if !(1..=DEPLOYMENT_HOOK_MINUTES).contains(&minutes) {
        return Err(Refusal::invalid_parameter(format!(
            "timeoutInMinutes must be between 1 and {DEPLOYMENT_HOOK_MINUTES}."
        )));
    }
    let action = timeout.action.as_ref();
    match action.map(DeploymentLifecycleHookAction::as_str) {
        None | Some("" | "ROLLBACK" | "CONTINUE") => Ok(()),
        Some(_) => Err(Refusal::invalid_parameter(
            "Invalid timeoutConfiguration action. Valid values are ROLLBACK and CONTINUE.",
        )),
    }
}

/// The steps of a strategy that shifts traffic by and by, where the request leaves them open.
fn fill_by_strategy(result: &mut DeploymentConfiguration) {
    match strategy(result) {
        "LINEAR" => {
            let linear = result.linear_configuration.get_or_insert_default();
            linear.step_percent.get_or_insert(LINEAR_STEP_PERCENT);
            linear
                .step_bake_time_in_minutes
                .get_or_insert(LINEAR_BAKE_MINUTES);
        }
        "CANARY" => {
            let canary = result.canary_configuration.get_or_insert_default();
            canary.canary_percent.get_or_insert(CANARY_PERCENT);
            canary
                .canary_bake_time_in_minutes
                .get_or_insert(CANARY_BAKE_MINUTES);
        }
        _ => {}
    }
}

/// What goes with one strategy only.
fn check_by_strategy(result: &DeploymentConfiguration) -> Result<(), Refusal> {
    let strategy = strategy(result).to_owned();
    let is_rolling = strategy == "ROLLING";
    if is_rolling && result.lifecycle_hooks.iter().flatten().count() > 0 {
        return Err(Refusal::invalid_parameter(
            "lifecycleHooks can only be used with the BLUE_GREEN, LINEAR and CANARY deployment strategies.",
        ));
    }
    if strategy != "LINEAR" && result.linear_configuration.is_some() {
        return Err(Refusal::invalid_parameter(
            "linearConfiguration can only be used with the LINEAR deployment strategy.",
        ));
    }
    if strategy != "CANARY" && result.canary_configuration.is_some() {
        return Err(Refusal::invalid_parameter(
            "canaryConfiguration can only be used with the CANARY deployment strategy.",
        ));
    }
    if let Some(linear) = &result.linear_configuration {
        check_linear(linear)?;
    }
    if let Some(canary) = &result.canary_configuration {
        check_canary(canary)?;
    }
    let minimum = result.minimum_healthy_percent;
    match &result.early_success_criteria {
        Some(criteria) if criteria.enable == Some(true) => {
            if !is_rolling {
                return Err(Refusal::invalid_parameter(
                    "earlySuccessCriteria can only be used with the ROLLING deployment strategy.",
                ));
            }
            check_early_success(criteria, minimum.unwrap_or(MINIMUM_HEALTHY_PERCENT))
        }
        _ => Ok(()),
    }
}

fn check_early_success(
    criteria: &DeploymentEarlySuccessCriteria,
    minimum_healthy_percent: i32,
) -> Result<(), Refusal> {
    let cleanup = criteria.source_service_revision_cleanup.as_ref();
    let (Some(percent), Some(cleanup)) = (criteria.healthy_percent, cleanup) else {
        return Err(Refusal::invalid_parameter(
            "healthyPercent and sourceServiceRevisionCleanup are required when earlySuccessCriteria is enabled.",
        ));
    };
    if !ServiceRevisionCleanup::VALUES.contains(&cleanup.as_str()) {
        return Err(Refusal::invalid_parameter(
            "Invalid sourceServiceRevisionCleanup. Valid values are BLOCKING and DEFERRED.",
        ));
    }
    if !(0..=100).contains(&percent) {
        return Err(Refusal::invalid_parameter(
            "healthyPercent must be between 0 and 100.",
        ));
    }
    if percent < minimum_healthy_percent {
        return Err(Refusal::invalid_parameter(
            "healthyPercent must be greater than or equal to minimumHealthyPercent.",
        ));
    }
    Ok(())
}

fn check_linear(linear: &LinearConfiguration) -> Result<(), Refusal> {
    check_percent("stepPercent", linear.step_percent, 3.0)?;
    check_minutes(
        "stepBakeTimeInMinutes",
        linear.step_bake_time_in_minutes.unwrap_or_default(),
    )
}

fn check_canary(canary: &CanaryConfiguration) -> Result<(), Refusal> {
    check_percent("canaryPercent", canary.canary_percent, 0.1)?;
    check_minutes(
        "canaryBakeTimeInMinutes",
        canary.canary_bake_time_in_minutes.unwrap_or_default(),
    )
}

fn check_percent(field: &str, percent: Option<f64>, least: f64) -> Result<(), Refusal> {
    let Some(percent) = percent else {
        return Ok(());
    };
    let tenths = percent * 10.0;
    let is_whole = (tenths - tenths.round()).abs() < 1e-6;
    if (least..=100.0).contains(&percent) && is_whole {
        return Ok(());
    }
    Err(Refusal::invalid_parameter(format!(
        "{field} must be between {least:.1} and 100.0, in multiples of 0.1."
    )))
}

/// Of a percentage that was checked: at most 1,000.
fn permille(percent: f64) -> i32 {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "clamped to 0..=1000 before"
    )]
    let permille = (percent * 10.0).round().clamp(0.0, 1_000.0) as i32;
    permille
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn percents(minimum: Option<i32>, maximum: Option<i32>) -> DeploymentConfiguration {
        DeploymentConfiguration {
            minimum_healthy_percent: minimum,
            maximum_percent: maximum,
            ..DeploymentConfiguration::default()
        }
    }

    fn configured(
        minimum: Option<i32>,
        maximum: Option<i32>,
    ) -> Result<(Option<i32>, Option<i32>), Refusal> {
        deployment_configuration(None, Some(percents(minimum, maximum)))
            .map(|result| (result.minimum_healthy_percent, result.maximum_percent))
    }

    #[test]
    fn percentages_have_defaults_and_bounds() {
        assert_eq!(configured(None, None), Ok((Some(100), Some(200))));
        assert_eq!(configured(Some(0), Some(100)), Ok((Some(0), Some(100))));
        assert_eq!(
            configured(None, Some(100)),
            Err(Refusal::invalid_parameter(
                "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."
            ))
        );
        for (minimum, maximum) in [(-1, 200), (101, 200), (50, 99)] {
            assert!(configured(Some(minimum), Some(maximum)).is_err());
        }
    }

    #[test]
    fn an_update_keeps_what_it_does_not_name() {
        let first = deployment_configuration(None, Some(percents(Some(50), Some(150)))).unwrap();
        let second =
            deployment_configuration(Some(&first), Some(percents(Some(25), None))).unwrap();
        assert_eq!(second.minimum_healthy_percent, Some(25));
        assert_eq!(second.maximum_percent, Some(150));
        assert_eq!(second.strategy, Some(DeploymentStrategy::ROLLING));
    }

    fn asked(change: impl FnOnce(&mut DeploymentConfiguration)) -> Result<(), String> {
        let mut asked = DeploymentConfiguration::default();
        change(&mut asked);
        match deployment_configuration(None, Some(asked)) {
            Ok(_) => Ok(()),
            Err(refusal) => Err(refusal.to_string()),
        }
    }

    #[test]
    fn steps_have_defaults_and_bounds() {
        let whole = |change: &dyn Fn(&mut DeploymentConfiguration)| {
            let mut asked = DeploymentConfiguration::default();
            change(&mut asked);
            deployment_configuration(None, Some(asked))
        };
        let linear = whole(&|asked| asked.strategy = Some(DeploymentStrategy::LINEAR)).unwrap();
        let steps = linear.linear_configuration.clone().unwrap();
        assert_eq!(steps.step_percent, Some(10.0));
        assert_eq!(steps.step_bake_time_in_minutes, Some(6));
        let canary = whole(&|asked| asked.strategy = Some(DeploymentStrategy::CANARY)).unwrap();
        let steps = canary.canary_configuration.clone().unwrap();
        assert_eq!(steps.canary_percent, Some(5.0));
        assert_eq!(steps.canary_bake_time_in_minutes, Some(10));
        // Another strategy forgets the steps of the one before.
        let rolling = DeploymentConfiguration {
            strategy: Some(DeploymentStrategy::ROLLING),
            ..DeploymentConfiguration::default()
        };
        let rolling = deployment_configuration(Some(&canary), Some(rolling)).unwrap();
        assert_eq!(rolling.canary_configuration, None);
        for percent in [2.9, 100.1, 3.05] {
            let refused = whole(&|asked| {
                asked.strategy = Some(DeploymentStrategy::LINEAR);
                asked.linear_configuration = Some(LinearConfiguration {
                    step_percent: Some(percent),
                    step_bake_time_in_minutes: None,
                });
            });
            assert!(refused.is_err(), "{percent}");
        }
        let misplaced = whole(&|asked| {
            asked.strategy = Some(DeploymentStrategy::LINEAR);
            asked.canary_configuration = Some(CanaryConfiguration::default());
        });
        assert!(misplaced.is_err());
    }

    #[test]
    fn hooks_name_their_function_and_its_role_or_pause() {
        let hook = DeploymentLifecycleHook {
            hook_target_arn: Some("arn:aws:lambda:us-east-1:123456789012:function:x".into()),
            lifecycle_stages: Some(vec![DeploymentLifecycleHookStage::POST_SCALE_UP]),
            ..DeploymentLifecycleHook::default()
        };
        let refused = asked(|asked| {
            asked.strategy = Some(DeploymentStrategy::BLUE_GREEN);
            asked.lifecycle_hooks = Some(vec![hook.clone()]);
        });
        assert!(refused.unwrap_err().contains("roleArn is required"));
        let whole = DeploymentLifecycleHook {
            role_arn: Some("arn:aws:iam::123456789012:role/hooks".into()),
            ..hook.clone()
        };
        let accepted = asked(|asked| {
            asked.strategy = Some(DeploymentStrategy::BLUE_GREEN);
            asked.lifecycle_hooks = Some(vec![whole]);
        });
        assert_eq!(accepted, Ok(()));
        let pause = DeploymentLifecycleHook {
            target_type: Some(DeploymentLifecycleHookTargetType::PAUSE),
            hook_target_arn: None,
            ..hook
        };
        let accepted = asked(|asked| {
            asked.strategy = Some(DeploymentStrategy::BLUE_GREEN);
            asked.lifecycle_hooks = Some(vec![pause.clone()]);
        });
        assert_eq!(accepted, Ok(()));
        assert!(asked(|asked| asked.lifecycle_hooks = Some(vec![pause])).is_err());
    }

    #[test]
    fn early_success_is_checked_whole() {
        let criteria = |percent, cleanup| DeploymentEarlySuccessCriteria {
            enable: Some(true),
            healthy_percent: percent,
            source_service_revision_cleanup: cleanup,
        };
        let blocking = Some(ServiceRevisionCleanup::BLOCKING);
        let check = |criteria| {
            asked(|asked| {
                asked.minimum_healthy_percent = Some(50);
                asked.early_success_criteria = Some(criteria);
            })
        };
        assert_eq!(check(criteria(Some(50), blocking.clone())), Ok(()));
        assert!(check(criteria(Some(49), blocking.clone())).is_err());
        assert!(check(criteria(None, blocking)).is_err());
        assert!(check(criteria(Some(80), None)).is_err());
    }

    #[test]
    fn thresholds_are_checked() {
        let check = |kind: &str, value| {
            asked(|asked| {
                asked.deployment_circuit_breaker = Some(DeploymentCircuitBreaker {
                    enable: Some(true),
                    threshold_configuration: Some(ThresholdConfiguration {
                        r#type: Some(kind.into()),
                        value: Some(value),
                    }),
                    ..DeploymentCircuitBreaker::default()
                });
            })
        };
        assert_eq!(check("COUNT", 7_000), Ok(()));
        assert_eq!(check("UNBOUNDED_PERCENT", 100), Ok(()));
        assert!(check("BOUNDED_PERCENT", 101).is_err());
        assert!(check("COUNT", 0).is_err());
        assert!(check("OTHER", 1).is_err());
    }

    proptest! {
        #[test]
        fn what_is_accepted_lets_deployments_go_on(
            minimum in proptest::option::of(-10..120_i32),
            maximum in proptest::option::of(50..300_i32),
        ) {
            if let Ok((minimum, maximum)) = configured(minimum, maximum) {
                let (minimum, maximum) = (minimum.unwrap(), maximum.unwrap());
                prop_assert!((0..=100).contains(&minimum) && maximum >= 100);
                let (lower, upper) = crate::deployment::bounds(1_000, minimum, maximum);
                prop_assert!(lower < upper, "{minimum}/{maximum} blocks every deployment");
            }
        }
    }
}
