//! The rules by example and by property: random tasks are driven to their end by a made-up world.

use std::time::Duration;

use clock::UnixMillis;
use proptest::prelude::*;

use super::plan::{Condition, ContainerPlan, TaskPlan};
use super::rules::*;

const NOW: UnixMillis = UnixMillis(1_000_000);

/// Name, essential, dependencies.
type Sketch<'a> = (&'a str, bool, &'a [(usize, Condition)]);
/// The dependency as it stands, and whether it is then met (`None`: not yet).
type Case = (Condition, Phase, Option<i32>, Health, Option<bool>);

fn plan(containers: &[Sketch<'_>]) -> TaskPlan {
    TaskPlan {
        containers: containers
            .iter()
            .map(|(name, essential, depends_on)| ContainerPlan {
                name: (*name).into(),
                essential: *essential,
                depends_on: depends_on.to_vec(),
                ..Default::default()
            })
            .collect(),
    }
}

fn ready(count: usize) -> TaskView {
    let container = ContainerView {
        image_ready: true,
        ..Default::default()
    };
    TaskView {
        stop_wanted: false,
        ready: true,
        containers: vec![container; count],
    }
}

fn set(view: &mut TaskView, index: usize, phase: Phase, exit_code: Option<i32>) {
    let container = &mut view.containers[index];
    container.phase = phase;
    container.exit_code = exit_code;
    container.started_at = container.started_at.or(Some(NOW));
}

#[test]
fn nothing_starts_before_network_and_image_are_there() {
    let plan = plan(&[("web", true, &[])]);
    let mut view = ready(1);
    view.ready = false;
    assert_eq!(decide(&plan, &view, NOW).actions, []);
    view.ready = true;
    view.containers[0].image_ready = false;
    assert_eq!(decide(&plan, &view, NOW).actions, []);
    view.containers[0].image_ready = true;
    assert_eq!(decide(&plan, &view, NOW).actions, [Action::Start(0)]);
}

#[test]
fn each_condition_is_met_by_what_it_says() {
    let cases: &[Case] = &[
        (
            Condition::Start,
            Phase::Starting,
            None,
            Health::Unknown,
            None,
        ),
        (
            Condition::Start,
            Phase::Running,
            None,
            Health::Unknown,
            Some(true),
        ),
        (
            Condition::Start,
            Phase::Stopped,
            Some(1),
            Health::Unknown,
            Some(true),
        ),
        (
            Condition::Complete,
            Phase::Running,
            None,
            Health::Healthy,
            None,
        ),
        (
            Condition::Complete,
            Phase::Stopped,
            Some(1),
            Health::Unknown,
            Some(true),
        ),
        (
            Condition::Success,
            Phase::Stopped,
            Some(0),
            Health::Unknown,
            Some(true),
        ),
        (
            Condition::Success,
            Phase::Stopped,
            Some(1),
            Health::Unknown,
            Some(false),
        ),
        (
            Condition::Healthy,
            Phase::Running,
            None,
            Health::Unhealthy,
            None,
        ),
        (
            Condition::Healthy,
            Phase::Running,
            None,
            Health::Healthy,
            Some(true),
        ),
        (
            Condition::Healthy,
            Phase::Stopped,
            Some(0),
            Health::Healthy,
            Some(false),
        ),
    ];
    for (condition, phase, exit_code, health, expected) in cases {
        let plan = plan(&[("app", true, &[(1, *condition)]), ("side", false, &[])]);
        let mut view = ready(2);
        set(&mut view, 1, *phase, *exit_code);
        view.containers[1].health = *health;
        let decision = decide(&plan, &view, NOW);
        match expected {
            Some(true) => assert_eq!(
                decision.actions,
                [Action::Start(0)],
                "{condition:?} {phase:?}"
            ),
            None => assert_eq!(decision.actions, [], "{condition:?} {phase:?}"),
            Some(false) => {
                let [
                    Action::Abandon {
                        container: 0,
                        exit_code,
                        reason: Some(reason),
                    },
                ] = &decision.actions[..]
                else {
                    panic!("{decision:?}");
                };
                assert_eq!(*exit_code, Some(DEPENDENCY_EXIT_CODE));
                assert!(
                    reason.starts_with("CannotStartContainerError: dependency graph: "),
                    "{reason}"
                );
            }
        }
    }
}

#[test]
fn a_start_timeout_counts_from_the_dependencys_start() {
    let mut plan = plan(&[("app", true, &[(1, Condition::Healthy)]), ("db", true, &[])]);
    plan.containers[1].start_timeout = Some(Duration::from_secs(5));
    let mut view = ready(2);
    set(&mut view, 1, Phase::Running, None);
    let deadline = NOW + Duration::from_secs(5);
    let decision = decide(&plan, &view, NOW);
    assert_eq!(
        (decision.actions, decision.wake_at),
        (vec![], Some(deadline))
    );
    let late = decide(&plan, &view, deadline);
    assert!(
        matches!(&late.actions[..], [Action::Abandon { container: 0, .. }]),
        "{late:?}"
    );
}

#[test]
fn an_essential_end_stops_the_others_against_the_order_of_dependence() {
    let plan = plan(&[
        ("app", false, &[(1, Condition::Start)]),
        ("db", false, &[]),
        ("job", true, &[]),
    ]);
    let mut view = ready(3);
    for index in 0..3 {
        set(&mut view, index, Phase::Running, None);
    }
    assert_eq!(decide(&plan, &view, NOW), Decision::default());
    assert_eq!(status(&view), TaskStatus::Running);
    set(&mut view, 2, Phase::Stopped, Some(0));
    assert_eq!(decide(&plan, &view, NOW).actions, [Action::Stop(0)]);
    set(&mut view, 0, Phase::Stopped, Some(143));
    assert_eq!(decide(&plan, &view, NOW).actions, [Action::Stop(1)]);
    set(&mut view, 1, Phase::Stopped, Some(143));
    assert_eq!(status(&view), TaskStatus::Stopped);
}

#[test]
fn a_task_that_is_stopped_early_starts_nothing() {
    let plan = plan(&[("web", true, &[]), ("side", false, &[])]);
    let mut view = ready(2);
    view.stop_wanted = true;
    let abandoned = |container| Action::Abandon {
        container,
        exit_code: None,
        reason: None,
    };
    assert_eq!(
        decide(&plan, &view, NOW).actions,
        [abandoned(0), abandoned(1)]
    );
    // One whose start is under way is waited for, then stopped.
    view.containers[0].phase = Phase::Starting;
    assert_eq!(decide(&plan, &view, NOW).actions, [abandoned(1)]);
}

/// How the made-up world treats one container.
#[derive(Debug, Clone)]
struct Fate {
    starts: bool,
    exit_code: i32,
    ends_by_itself: bool,
    becomes_healthy: bool,
}

fn tasks() -> impl Strategy<Value = (TaskPlan, Vec<Fate>, Option<usize>)> {
    let condition = prop::sample::select(vec![
        Condition::Start,
        Condition::Complete,
        Condition::Success,
        Condition::Healthy,
    ]);
    let fate = (any::<bool>(), 0..2i32, any::<bool>(), any::<bool>()).prop_map(
        |(starts, exit_code, ends, healthy)| Fate {
            starts: starts || exit_code == 0,
            exit_code,
            ends_by_itself: ends,
            becomes_healthy: healthy,
        },
    );
    let container = (
        any::<bool>(),
        prop::collection::vec((any::<prop::sample::Index>(), condition), 0..3),
        fate,
    );
    (
        prop::collection::vec(container, 1..7),
        prop::option::of(0..40usize),
    )
        .prop_map(|(containers, stop_at_step)| {
            let mut plan = TaskPlan::default();
            let mut fates = Vec::new();
            for (index, (essential, depends_on, fate)) in containers.into_iter().enumerate() {
                // Only on earlier ones, so that there is no circle.
                let depends_on: Vec<_> = if index == 0 {
                    Vec::new()
                } else {
                    depends_on
                        .into_iter()
                        .map(|(on, condition)| (on.index(index), condition))
                        .collect()
                };
                plan.containers.push(ContainerPlan {
                    name: format!("c{index}"),
                    essential,
                    depends_on,
                    start_timeout: Some(Duration::from_millis(10)),
                    ..Default::default()
                });
                fates.push(fate);
            }
            (plan, fates, stop_at_step)
        })
}

/// Carries one action out and checks that it was allowed.
fn apply(plan: &TaskPlan, view: &mut TaskView, fates: &[Fate], action: &Action) {
    match action {
        Action::Start(index) => {
            assert_eq!(
                view.containers[*index].phase,
                Phase::Waiting,
                "started once"
            );
            assert!(
                !view.stop_wanted,
                "nothing starts in a task that is to stop"
            );
            for (on, condition) in &plan.containers[*index].depends_on {
                let target = &view.containers[*on];
                assert!(target.started_at.is_some(), "a dependency has run");
                if *condition == Condition::Success {
                    assert_eq!(target.exit_code, Some(0));
                }
            }
            view.containers[*index].phase = if fates[*index].starts {
                Phase::Starting
            } else {
                Phase::Stopped
            };
        }
        Action::Stop(index) => {
            assert_eq!(view.containers[*index].phase, Phase::Running);
            for dependent in plan.dependents(*index) {
                assert_eq!(
                    view.containers[dependent].phase,
                    Phase::Stopped,
                    "dependents stop first"
                );
            }
            view.containers[*index].phase = Phase::Stopping;
        }
        Action::Abandon {
            container,
            exit_code,
            ..
        } => {
            assert_eq!(view.containers[*container].phase, Phase::Waiting);
            view.containers[*container].phase = Phase::Stopped;
            view.containers[*container].exit_code = *exit_code;
        }
    }
}

/// The world moves on by one step: starts succeed, stops end, some end by themselves.
fn world(view: &mut TaskView, fates: &[Fate], now: UnixMillis) {
    for (container, fate) in view.containers.iter_mut().zip(fates) {
        match container.phase {
            Phase::Starting => {
                container.phase = Phase::Running;
                container.started_at = Some(now);
            }
            Phase::Running if fate.ends_by_itself => {
                container.phase = Phase::Stopped;
                container.exit_code = Some(fate.exit_code);
            }
            Phase::Running if fate.becomes_healthy => container.health = Health::Healthy,
            Phase::Stopping => {
                container.phase = Phase::Stopped;
                container.exit_code = Some(137);
            }
            _ => {}
        }
    }
}

proptest! {
    /// Whatever happens, a task comes to rest: all wanted containers run, or everything is stopped.
    #[test]
    fn every_task_comes_to_rest((plan, fates, stop_at_step) in tasks()) {
        let mut view = ready(plan.containers.len());
        let mut highest = TaskStatus::Pending;
        for step in 0..60 {
            let now = NOW + Duration::from_millis(step as u64 * 5);
            view.stop_wanted |= stop_at_step == Some(step);
            let decision = decide(&plan, &view, now);
            for action in &decision.actions {
                apply(&plan, &mut view, &fates, action);
            }
            world(&mut view, &fates, now);
            let known = status(&view);
            prop_assert!(known >= highest, "status goes forward only: {:?} after {:?}", known, highest);
            highest = known;
        }
        let end = NOW + Duration::from_secs(1);
        let decision = decide(&plan, &view, end);
        prop_assert_eq!(&decision.actions, &vec![], "nothing is left to do in {:?}", &view);
        let at_rest = if decision.stopping {
            status(&view) == TaskStatus::Stopped
        } else {
            view.containers.iter().all(|container| matches!(container.phase, Phase::Running | Phase::Stopped))
        };
        prop_assert!(at_rest, "{:?} of {:?}", view, plan);
    }
}
