//! Service deployments: examples as golden text, and a world in which whole deployments run while tasks fail.

use std::time::Duration;

use api_ecs::types::{DeploymentCircuitBreaker, ThresholdConfiguration};
use proptest::prelude::*;

use super::{
    rollout::{AlarmsView, BreakerView, EarlySuccess, FailureCause, breaker_threshold},
    stages::{HookAction, HookStatus, HookView, Shift, StageStep, StagesView, WHOLE_PERMILLE},
    tests::{deployment, running, task, unhealthy, view},
    *,
};

const MINUTE: Duration = Duration::from_secs(60);

fn under_way() -> RolloutView {
    RolloutView {
        status: RolloutStatus::InProgress,
        breaker: None,
        alarms: None,
        early_success: None,
        bake: Duration::ZERO,
        baking_since: None,
        stages: None,
    }
}

fn breaker(failures: i32, rollback: bool) -> BreakerView {
    BreakerView {
        threshold: 3,
        failures,
        last_failure: Some(UnixMillis(1_000)),
        resets: true,
        rollback,
    }
}

fn stages(stage: Stage, shift: Shift) -> StagesView {
    StagesView {
        shift,
        bake: 5 * MINUTE,
        stage,
        entered: UnixMillis(0),
        production_permille: 0,
        shifted: None,
        test_permille: 0,
        has_hooks: false,
        hooks: vec![],
    }
}

fn planned(service: &ServiceView, now: u64) -> String {
    plan(service, UnixMillis(i64::try_from(now).unwrap())).to_string()
}

#[test]
fn thresholds_of_every_kind() {
    let threshold = |kind: Option<(&str, i32)>, desired| {
        let breaker = DeploymentCircuitBreaker {
            threshold_configuration: kind.map(|(kind, value)| ThresholdConfiguration {
                r#type: Some(kind.into()),
                value: Some(value),
            }),
            ..DeploymentCircuitBreaker::default()
        };
        breaker_threshold(&breaker, desired)
    };
    let by_default = [
        (0, 3),
        (1, 3),
        (6, 3),
        (7, 4),
        (25, 13),
        (400, 200),
        (5_000, 200),
    ];
    for (desired, failures) in by_default {
        assert_eq!(threshold(None, desired), failures, "{desired}");
    }
    assert_eq!(threshold(Some(("BOUNDED_PERCENT", 10)), 100), 10);
    assert_eq!(threshold(Some(("BOUNDED_PERCENT", 100)), 5_000), 200);
    assert_eq!(threshold(Some(("UNBOUNDED_PERCENT", 50)), 5_000), 2_500);
    assert_eq!(threshold(Some(("UNBOUNDED_PERCENT", 50)), 1), 1);
    assert_eq!(threshold(Some(("COUNT", 1)), 5_000), 1);
}

#[test]
fn the_breaker_trips_at_its_threshold() {
    let mut service = view(1, 100, 200);
    service.deployments.push(deployment("old"));
    service.tasks = running("o", "old", 1);
    let trip = |failures, rollback| RolloutView {
        breaker: Some(breaker(failures, rollback)),
        ..under_way()
    };
    service.rollout = Some(trip(2, true));
    assert_eq!(planned(&service, 2_000), "start 1; waits: 1 to start");
    service.rollout = Some(trip(3, true));
    assert!(planned(&service, 2_000).contains("fail (tasks failed to start), roll back"));
    service.rollout = Some(trip(3, false));
    assert!(planned(&service, 2_000).contains("fail (tasks failed to start);"));
}

proptest! {
    /// Not before, whatever runs; and the plan that trips it starts and stops nothing.
    #[test]
    fn the_breaker_trips_at_its_threshold_whatever_runs(
        (threshold, failures) in (1..8i32, 0..12i32),
        (rollback, resets) in any::<(bool, bool)>(),
        (desired, old, new) in (1..6i32, 1..6usize, 0..6usize),
        now in 1_000..30_000i64,
    ) {
        let mut service = view(desired, 50, 200);
        service.deployments.push(deployment("old"));
        service.tasks = running("o", "old", old);
        service.tasks.extend(running("n", "new", new));
        service.rollout = Some(RolloutView {
            breaker: Some(BreakerView { threshold, failures, resets, ..breaker(failures, rollback) }),
            ..under_way()
        });
        let plan = plan(&service, UnixMillis(now));
        let has_tripped = matches!(plan.rollout, Some(RolloutStep::Fail { .. }));
        prop_assert_eq!(has_tripped, failures >= threshold, "{}", plan);
        prop_assert!(!has_tripped || plan.start == 0 && plan.stop.is_empty(), "{}", plan);
    }
}

#[test]
fn what_is_given_up_starts_and_stops_nothing_with_the_same_plan() {
    let mut service = view(2, 50, 100);
    service.deployments.push(deployment("old"));
    service.tasks = running("o", "old", 2);
    service.rollout = Some(under_way());
    let going_on = plan(&service, UnixMillis(2_000));
    assert_eq!((going_on.start, going_on.stop.len()), (1, 1));
    let given_up = [
        RolloutView {
            status: RolloutStatus::StopRequested,
            ..under_way()
        },
        RolloutView {
            status: RolloutStatus::RollbackRequested,
            ..under_way()
        },
        RolloutView {
            breaker: Some(breaker(3, true)),
            ..under_way()
        },
    ];
    for rollout in given_up {
        service.rollout = Some(rollout);
        let plan = plan(&service, UnixMillis(2_000));
        assert!(plan.rollout.is_some(), "{plan}");
        assert_eq!((plan.start, plan.stop.len()), (0, 0), "{plan}");
    }
}

#[test]
fn what_failed_starts_nothing_and_leaves_what_runs_alone() {
    let mut service = view(2, 100, 200);
    service.deployments[0].failed = true;
    service.deployments.push(deployment("old"));
    service.tasks = running("o", "old", 2);
    service.tasks.push(unhealthy("n0"));
    assert_eq!(
        planned(&service, 0),
        "waits: another deployment: this one has failed"
    );
    service.tasks.extend(running("m", "new", 2));
    assert!(
        planned(&service, 0).starts_with("stop n0 (unhealthy)"),
        "scaling in goes on"
    );
}

#[test]
fn what_failed_keeps_its_minimum_when_it_scales_in() {
    let mut service = view(1, 100, 200);
    service.deployments[0].failed = true;
    service.tasks = running("n", "new", 1);
    for key in ["p0", "p1"] {
        service.tasks.push(task(key, "new", TaskStatus::Pending));
    }
    // One that is protected stays although it does not serve yet: the one that does is needed.
    service.tasks[1].protected = true;
    assert!(
        planned(&service, 0).starts_with("stop p1 (scaling); waits"),
        "{}",
        planned(&service, 0)
    );
    service.tasks[1].protected = false;
    let both = planned(&service, 0);
    assert!(
        both.contains("p0") && both.contains("p1") && !both.contains("n0"),
        "{both}"
    );
}

#[test]
fn a_task_that_ran_for_a_moment_resets_the_breaker() {
    let mut service = view(2, 100, 200);
    service.rollout = Some(RolloutView {
        breaker: Some(breaker(2, true)),
        ..under_way()
    });
    service.tasks = running("t", "new", 1);
    service.tasks[0].started = Some(UnixMillis(5_000));
    let early = plan(&service, UnixMillis(6_000));
    assert!(!early.forget_failures);
    assert_eq!(early.look_again, Some(UnixMillis(15_000)));
    assert!(plan(&service, UnixMillis(15_000)).forget_failures);
    let last_failure = Some(UnixMillis(15_001));
    service
        .rollout
        .as_mut()
        .unwrap()
        .breaker
        .as_mut()
        .unwrap()
        .last_failure = last_failure;
    let failed_since = plan(&service, UnixMillis(20_000));
    assert!(!failed_since.forget_failures, "a failure after it counts");
}

#[test]
fn alarms_fail_a_deployment_also_while_it_bakes() {
    let mut service = view(1, 100, 200);
    service.tasks = running("t", "new", 1);
    service.rollout = Some(RolloutView {
        bake: 10 * MINUTE,
        alarms: Some(AlarmsView {
            in_alarm: vec![],
            rollback: true,
        }),
        ..under_way()
    });
    assert_eq!(planned(&service, 0), "bake");
    service.rollout.as_mut().unwrap().baking_since = Some(UnixMillis(0));
    let baking = plan(&service, UnixMillis(1));
    assert_eq!(baking.look_again, Some(UnixMillis(600_000)));
    assert!(!baking.steady && baking.is_empty(), "{baking}");
    assert_eq!(planned(&service, 600_000), "complete; steady");
    let alarms = service.rollout.as_mut().unwrap().alarms.as_mut().unwrap();
    alarms.in_alarm.push("errors".into());
    let failed = plan(&service, UnixMillis(1)).rollout;
    assert_eq!(
        failed,
        Some(RolloutStep::Fail {
            cause: FailureCause::Alarms(vec!["errors".into()]),
            rollback: true
        })
    );
}

#[test]
fn early_success_blocks_on_the_source_or_defers_it() {
    let mut service = view(4, 50, 100);
    service.deployments.push(deployment("old"));
    service.tasks = running("n", "new", 2);
    service.tasks.extend(running("o", "old", 2));
    let early = |blocking| RolloutView {
        early_success: Some(EarlySuccess {
            healthy_percent: 50,
            blocking,
        }),
        ..under_way()
    };
    service.rollout = Some(early(false));
    let plan_deferred = plan(&service, UnixMillis(0));
    assert!(plan_deferred.complete && !plan_deferred.steady);
    service.rollout = Some(early(true));
    let blocking = plan(&service, UnixMillis(0));
    assert!(!blocking.complete);
    assert_eq!(
        blocking.stop.len(),
        2,
        "the source goes at once: {blocking}"
    );
    service.tasks.truncate(2);
    assert!(plan(&service, UnixMillis(0)).complete);
}

#[test]
fn the_stages_of_blue_green_in_order() {
    let mut service = view(2, 100, 200);
    service.deployments.push(deployment("old"));
    service.source = Some("old".into());
    service.tasks = running("o", "old", 2);
    let mut told = vec![];
    let mut now = 0;
    service.rollout = Some(RolloutView {
        stages: Some(stages(Stage::ReconcileService, Shift::AllAtOnce)),
        ..under_way()
    });
    for _ in 0..40 {
        let plan = plan(&service, UnixMillis(now));
        told.push(plan.to_string());
        if plan.complete {
            break;
        }
        now = carry_out(&mut service, &plan, now);
    }
    assert_eq!(
        told,
        [
            "enter PRE_SCALE_UP",
            "enter SCALE_UP",
            "start 2; waits: 2 to start",
            "enter POST_SCALE_UP",
            "enter TEST_TRAFFIC_SHIFT",
            "test traffic",
            "enter POST_TEST_TRAFFIC_SHIFT",
            "enter PRE_PRODUCTION_TRAFFIC_SHIFT",
            "enter PRODUCTION_TRAFFIC_SHIFT",
            "production traffic 1000/1000",
            "enter POST_PRODUCTION_TRAFFIC_SHIFT",
            "enter BAKE_TIME",
            "waits: the bake time, until UnixMillis(300000)",
            "enter CLEAN_UP",
            "stop o1 (scaling); stop o0 (scaling); waits: 2 to stop",
            "drop old; complete; steady",
        ]
    );
}

/// Does what a plan says in a world where all goes well, and says what time it is then.
fn carry_out(service: &mut ServiceView, plan: &Plan, now: i64) -> i64 {
    for stop in &plan.stop {
        service.tasks.retain(|task| task.key != stop.key);
    }
    let primary = service.deployments[0].id.clone();
    for (deployment, count) in [
        (Some(primary), plan.start),
        (service.source.clone(), plan.start_source),
    ] {
        for number in 0..count {
            let key = format!("s{now}-{number}-{}", service.tasks.len());
            let id = deployment.clone().unwrap();
            service.tasks.push(task(&key, &id, TaskStatus::Running));
        }
    }
    service
        .deployments
        .retain(|deployment| !plan.drop_deployments.contains(&deployment.id));
    let rollout = service.rollout.as_mut().unwrap();
    let stages = rollout.stages.as_mut().unwrap();
    match &plan.rollout {
        Some(RolloutStep::Stage(StageStep::Enter(stage))) => {
            stages.stage = *stage;
            stages.entered = UnixMillis(now);
        }
        Some(RolloutStep::Stage(StageStep::ShiftTest)) => stages.test_permille = WHOLE_PERMILLE,
        Some(RolloutStep::Stage(StageStep::ShiftProduction { permille })) => {
            assert!(
                *permille > stages.production_permille,
                "traffic only goes over"
            );
            stages.production_permille = *permille;
            stages.shifted = Some(UnixMillis(now));
        }
        _ => {}
    }
    match plan.look_again {
        Some(UnixMillis(at)) if plan.is_empty() => at,
        _ => now,
    }
}

fn weights(shift: Shift) -> Vec<(i64, i32)> {
    let mut view = stages(Stage::ProductionTrafficShift, shift);
    let facts = Facts {
        settled: true,
        healthy: 1,
        desired: 1,
        old: 1,
    };
    let (mut told, mut now) = (vec![], 0);
    loop {
        match super::stages::step(&view, facts, UnixMillis(now)) {
            (StageStep::ShiftProduction { permille }, _) => {
                told.push((now / 60_000, permille));
                view.production_permille = permille;
                view.shifted = Some(UnixMillis(now));
            }
            (StageStep::Wait, Some(UnixMillis(at))) => now = at,
            (StageStep::Enter(Stage::PostProductionTrafficShift), _) => return told,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn traffic_goes_over_by_its_strategy() {
    assert_eq!(weights(Shift::AllAtOnce), [(0, 1_000)]);
    let linear = Shift::Linear {
        step_permille: 300,
        bake: 6 * MINUTE,
    };
    assert_eq!(
        weights(linear),
        [(0, 300), (6, 600), (12, 900), (18, 1_000)]
    );
    let canary = Shift::Canary {
        permille: 50,
        bake: 10 * MINUTE,
    };
    assert_eq!(weights(canary), [(0, 50), (10, 1_000)]);
}

#[test]
fn every_step_of_traffic_has_its_hooks() {
    let shift = Shift::Linear {
        step_permille: 500,
        bake: MINUTE,
    };
    let mut view = stages(Stage::ProductionTrafficShift, shift);
    view.has_hooks = true;
    let facts = Facts {
        settled: true,
        healthy: 1,
        desired: 1,
        old: 1,
    };
    let step = |view: &StagesView, now: i64| super::stages::step(view, facts, UnixMillis(now)).0;
    let answered = HookView {
        id: "ecs-pause-1".into(),
        status: HookStatus::Succeeded,
        expires: UnixMillis(0),
        timeout_action: HookAction::Rollback,
        answer: None,
    };
    assert_eq!(step(&view, 0), StageStep::OpenHooks);
    view.hooks.push(answered.clone());
    assert_eq!(step(&view, 0), StageStep::ShiftProduction { permille: 500 });
    // The step is watched, then the hooks of the next one are asked.
    view.production_permille = 500;
    view.shifted = Some(UnixMillis(0));
    view.hooks.clear();
    assert_eq!(step(&view, 59_999), StageStep::Wait);
    assert_eq!(step(&view, 60_000), StageStep::OpenHooks);
    view.hooks.push(answered);
    assert_eq!(
        step(&view, 60_000),
        StageStep::ShiftProduction { permille: 1_000 }
    );
    view.production_permille = 1_000;
    view.hooks.clear();
    assert_eq!(
        step(&view, 60_000),
        StageStep::Enter(Stage::PostProductionTrafficShift)
    );
}

proptest! {
    /// Whatever the steps, weights only grow, each but the last is watched, and all of the traffic goes over.
    #[test]
    fn weights_only_grow(
        is_linear in any::<bool>(),
        permille in 0..1_000i32,
        minutes in 0..1_440u32,
    ) {
        let bake = MINUTE * minutes;
        let shift = match is_linear {
            true => Shift::Linear { step_permille: permille.max(30), bake },
            false => Shift::Canary { permille, bake },
        };
        let told = weights(shift);
        prop_assert_eq!(told.last().unwrap().1, 1_000);
        for pair in told.windows(2) {
            prop_assert!(pair[0].1 < pair[1].1);
            prop_assert_eq!(pair[1].0 - pair[0].0, i64::from(minutes));
        }
        if !is_linear {
            prop_assert!(told.len() <= 2);
        }
    }
}

#[test]
fn a_hook_holds_its_stage_until_it_is_answered() {
    let mut service = view(1, 100, 200);
    let mut held = stages(Stage::PreScaleUp, Shift::AllAtOnce);
    held.has_hooks = true;
    let with = |stages: &StagesView| {
        Some(RolloutView {
            stages: Some(stages.clone()),
            ..under_way()
        })
    };
    service.rollout = with(&held);
    assert_eq!(planned(&service, 0), "open hooks");
    held.hooks.push(HookView {
        id: "ecs-pause-1".into(),
        status: HookStatus::AwaitingAction,
        expires: UnixMillis(60_000),
        timeout_action: HookAction::Rollback,
        answer: None,
    });
    service.rollout = with(&held);
    assert_eq!(planned(&service, 0), "waits: hooks of PRE_SCALE_UP");
    assert_eq!(planned(&service, 60_000), "time ecs-pause-1 out");
    held.hooks[0].status = HookStatus::Succeeded;
    service.rollout = with(&held);
    assert_eq!(planned(&service, 0), "enter SCALE_UP");
    held.hooks[0].status = HookStatus::TimedOut;
    service.rollout = with(&held);
    assert_eq!(
        planned(&service, 0),
        "fail (hook of PRE_SCALE_UP), roll back"
    );
    held.hooks[0].timeout_action = HookAction::Continue;
    service.rollout = with(&held);
    assert_eq!(planned(&service, 0), "enter SCALE_UP");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever dies on either side: the source is kept whole until the clean-up, and the deployment ends.
    #[test]
    fn a_shift_keeps_its_source_whole_and_ends(
        desired in 0..6_i32,
        deaths in proptest::collection::vec(proptest::option::weighted(0.3, 0..12_usize), 0..40),
        linear in any::<bool>(),
    ) {
        let shift = if linear {
            Shift::Linear { step_permille: 250, bake: MINUTE }
        } else {
            Shift::Canary { permille: 100, bake: MINUTE }
        };
        let mut service = view(desired, 100, 200);
        service.deployments.push(deployment("old"));
        service.source = Some("old".into());
        service.tasks = running("o", "old", usize::try_from(desired).unwrap());
        service.rollout = Some(RolloutView {
            stages: Some(stages(Stage::ReconcileService, shift)),
            ..under_way()
        });
        let (mut now, mut deaths) = (0, deaths.into_iter());
        for _ in 0..200 {
            if let Some(Some(choice)) = deaths.next()
                && !service.tasks.is_empty()
            {
                let position = choice % service.tasks.len();
                service.tasks.remove(position);
            }
            let plan = plan(&service, UnixMillis(now));
            let stage = service.rollout.as_ref().unwrap().stages.as_ref().unwrap().stage;
            if stage.keeps_source() {
                let of_source = |stop: &Stop| service.tasks.iter()
                    .any(|task| task.key == stop.key && task.deployment_id == "old");
                prop_assert!(!plan.stop.iter().any(of_source), "{plan}");
            }
            if plan.complete {
                let new = service.tasks.iter().filter(|task| task.deployment_id == "new");
                prop_assert_eq!(new.count(), usize::try_from(desired).unwrap());
                return Ok(());
            }
            now = carry_out(&mut service, &plan, now);
        }
        prop_assert!(false, "does not end: {service:#?}");
    }
}

/// The order costs little more than its length: 5,000 tasks, all to be given up, on 500 nodes in three zones.
#[test]
fn a_service_of_five_thousand_tasks_is_planned_quickly() {
    let mut service = view(5_000, 100, 200);
    service.deployments.push(deployment("old"));
    service.tasks = running("n", "new", 5_000);
    service.tasks.extend(running("o", "old", 5_000));
    for (number, task) in service.tasks.iter_mut().enumerate() {
        task.availability_zone = Some(format!("zone-{}", number % 3));
        task.node = Some(format!("node-{}", number % 500));
    }
    let mut shortest = Duration::MAX;
    for _ in 0..5 {
        #[allow(clippy::disallowed_methods, reason = "measures real time")]
        let before = std::time::Instant::now();
        let plan = plan(&service, UnixMillis(0));
        shortest = shortest.min(before.elapsed());
        assert_eq!(plan.stop.len(), 5_000);
    }
    println!(
        "5,000 tasks replaced by 5,000: planned in {shortest:?} (debug build counts for nothing)"
    );
    assert!(shortest < Duration::from_secs(2), "{shortest:?}");
}
