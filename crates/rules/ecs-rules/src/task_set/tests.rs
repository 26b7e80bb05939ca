//! Examples, and a small world in which the plans of several sets are carried out.

use api_ecs::types::{
    CreateServiceRequest, DeploymentCircuitBreaker, DeploymentConfiguration, LaunchType, Scale,
    SchedulingStrategy, UpdateServiceRequest,
};
use proptest::prelude::*;

use super::*;
use crate::task_state::{HealthStatus, TaskStatus};

fn set(id: &str, count: i32, status: TaskSetStatus) -> TaskSetView {
    TaskSetView {
        deployment: DeploymentView {
            id: id.into(),
            completed: true,
            failed: false,
            failed_tasks: 0,
            last_failure: None,
            short_runs: 0,
            last_short_run: None,
            without_room: false,
        },
        computed_desired_count: count,
        status,
        stability: Stability::Stabilizing,
    }
}

fn task(key: String, set: &str, status: TaskStatus) -> TaskView {
    TaskView {
        key,
        deployment_id: set.into(),
        status,
        stopping: false,
        draining: false,
        protected: false,
        has_health_check: false,
        unproven: false,
        health: HealthStatus::Unknown,
        availability_zone: None,
        node: None,
        created: UnixMillis(0),
        started: None,
    }
}

fn view(sets: Vec<TaskSetView>) -> TaskSetsView {
    TaskSetsView {
        minimum_healthy_percent: 100,
        maximum_percent: 200,
        draining: false,
        sets,
        tasks: vec![],
    }
}

/// Does what the plan says: starts run at once, stops are over at once.
fn carry_out(view: &mut TaskSetsView, plan: &TaskSetsPlan, made: &mut u32) {
    for planned in &plan.sets {
        let gone = |task: &TaskView| planned.tasks.stop.iter().any(|stop| stop.key == task.key);
        view.tasks.retain(|task| !gone(task));
        for _ in 0..planned.tasks.start {
            *made += 1;
            let key = format!("task-{made}");
            view.tasks.push(task(key, &planned.id, TaskStatus::Running));
        }
        let set = view
            .sets
            .iter_mut()
            .find(|set| set.deployment.id == planned.id);
        if let (Some(set), Some(stability)) = (set, planned.stability) {
            set.stability = stability;
        }
    }
    let gone: Vec<&str> = plan
        .sets
        .iter()
        .filter(|set| set.gone)
        .map(|set| set.id.as_str())
        .collect();
    view.sets
        .retain(|set| !gone.contains(&set.deployment.id.as_str()));
}

fn running(view: &TaskSetsView, id: &str) -> i32 {
    let own = view.tasks.iter().filter(|task| task.deployment_id == id);
    i32::try_from(own.count()).unwrap()
}

#[test]
fn counts_are_rounded_up() {
    for (desired, percent, expected) in [
        (0, 100.0, 0),
        (4, 0.0, 0),
        (4, 30.0, 2),
        (12, 10.0, 2),
        (10, 30.0, 3),
        (3, 100.0, 3),
        (1000, 0.1, 1),
        (5, 0.01, 1),
    ] {
        let count = computed_desired_count(desired, percent);
        assert_eq!(count, expected, "{percent} % of {desired}");
    }
}

#[test]
fn a_set_that_drains_loses_its_tasks_and_goes() {
    let mut view = view(vec![
        set("ecs-svc/1", 2, TaskSetStatus::Draining),
        set("ecs-svc/2", 1, TaskSetStatus::Primary),
    ]);
    view.tasks = vec![
        task("a".into(), "ecs-svc/1", TaskStatus::Running),
        task("b".into(), "ecs-svc/2", TaskStatus::Running),
    ];
    let planned = plan(&view, UnixMillis(0));
    assert!(!planned.steady && !planned.inactive);
    let stop = &planned.sets[0].tasks.stop;
    let cause = StopCause::Scaling {
        deployment_id: "ecs-svc/1".into(),
    };
    assert_eq!((stop.len(), &stop[0].cause), (1, &cause));
    assert!(!planned.sets[0].gone);
    assert!(planned.sets[1].tasks.stop.is_empty());
    assert_eq!(planned.sets[1].stability, Some(Stability::SteadyState));
    carry_out(&mut view, &planned, &mut 0);
    assert!(plan(&view, UnixMillis(0)).sets[0].gone);
}

#[test]
fn a_set_with_a_protected_task_too_many_is_not_stable() {
    let mut view = view(vec![set("ecs-svc/1", 1, TaskSetStatus::Primary)]);
    // It was replaced for its node, and stays as long as it is protected.
    let replaced = TaskView {
        protected: true,
        draining: true,
        ..task("a".into(), "ecs-svc/1", TaskStatus::Running)
    };
    let in_its_place = task("b".into(), "ecs-svc/1", TaskStatus::Running);
    view.tasks = vec![in_its_place, replaced];
    let planned = plan(&view, UnixMillis(0));
    assert_eq!(
        (planned.sets[0].tasks.start, &planned.sets[0].tasks.stop),
        (0, &vec![])
    );
    assert_eq!(planned.sets[0].stability, None);
    view.tasks.pop();
    let planned = plan(&view, UnixMillis(0));
    assert_eq!(planned.sets[0].stability, Some(Stability::SteadyState));
}

#[test]
fn what_belongs_to_task_sets_is_not_said_of_the_service() {
    let message = |request: CreateServiceRequest| {
        check_creation_of_service(&request)
            .unwrap_err()
            .message()
            .to_owned()
    };
    let with_definition = CreateServiceRequest {
        task_definition: Some("web:1".into()),
        ..CreateServiceRequest::default()
    };
    assert_eq!(message(with_definition), "TaskDefinition must be blank.");
    let with_launch_type = CreateServiceRequest {
        launch_type: Some(LaunchType::FARGATE),
        ..CreateServiceRequest::default()
    };
    assert_eq!(message(with_launch_type), "LaunchType must be blank.");
    let daemon = CreateServiceRequest {
        scheduling_strategy: Some(SchedulingStrategy::DAEMON),
        ..CreateServiceRequest::default()
    };
    assert!(message(daemon).contains("DAEMON"));
    let with_breaker = CreateServiceRequest {
        deployment_configuration: Some(DeploymentConfiguration {
            deployment_circuit_breaker: Some(DeploymentCircuitBreaker {
                enable: Some(true),
                ..DeploymentCircuitBreaker::default()
            }),
            ..DeploymentConfiguration::default()
        }),
        ..CreateServiceRequest::default()
    };
    assert!(message(with_breaker).contains("ECS deployment controller"));
    let blank = CreateServiceRequest {
        task_definition: Some(String::new()),
        ..CreateServiceRequest::default()
    };
    assert_eq!(check_creation_of_service(&blank), Ok(()));
    let forced = UpdateServiceRequest {
        force_new_deployment: Some(true),
        ..UpdateServiceRequest::default()
    };
    assert!(check_update_of_service(&forced).is_err());
    let scaled = UpdateServiceRequest {
        desired_count: Some(3),
        ..UpdateServiceRequest::default()
    };
    assert_eq!(check_update_of_service(&scaled), Ok(()));
}

#[test]
fn scales_are_percentages() {
    let scale = |value: f64, unit: &str| Scale {
        value: Some(value),
        unit: Some(unit.into()),
    };
    assert_eq!(check_scale(None), Ok(0.0));
    assert_eq!(check_scale(Some(&scale(12.5, "PERCENT"))), Ok(12.5));
    for bad in [
        scale(-1.0, "PERCENT"),
        scale(100.5, "PERCENT"),
        scale(f64::NAN, "PERCENT"),
        scale(1.0, "TASKS"),
    ] {
        assert!(check_scale(Some(&bad)).is_err(), "{bad:?}");
    }
}

fn statuses() -> impl Strategy<Value = TaskSetStatus> {
    prop_oneof![
        3 => Just(TaskSetStatus::Active),
        1 => Just(TaskSetStatus::Primary),
        1 => Just(TaskSetStatus::Draining),
    ]
}

proptest! {
    /// Scales that make up the whole make up the service, but for one task a set.
    #[test]
    fn shares_add_up(desired in 0..5_000i32, weights in prop::collection::vec(1..100u32, 1..5)) {
        let all: u32 = weights.iter().sum();
        let shares = weights.iter().map(|weight| 100.0 * f64::from(*weight) / f64::from(all));
        let counts: Vec<i32> = shares.map(|share| computed_desired_count(desired, share)).collect();
        let sum: i32 = counts.iter().sum();
        prop_assert!(sum >= desired);
        prop_assert!(sum < desired + i32::try_from(weights.len()).unwrap());
    }

    /// More of the same service is never fewer tasks.
    #[test]
    fn more_is_never_less(desired in 0..5_000i32, percent in 0.0..100.0f64, more in 0.0..100.0f64) {
        let (small, large) = if percent < more { (percent, more) } else { (more, percent) };
        prop_assert!(computed_desired_count(desired, small) <= computed_desired_count(desired, large));
    }

    /// Whatever ran before, every set ends with its own count, sets that drain are gone, and no set touches another's.
    #[test]
    fn sets_end_with_their_own_counts(
        wanted in prop::collection::vec((0..12i32, statuses(), 0..12usize), 1..5),
    ) {
        let sets = wanted.iter().enumerate().map(|(number, (count, status, _))| {
            set(&format!("ecs-svc/{number}"), *count, *status)
        });
        let mut view = view(sets.collect());
        for (number, (_, _, before)) in wanted.iter().enumerate() {
            let id = format!("ecs-svc/{number}");
            view.tasks.extend((0..*before).map(|task_number| {
                task(format!("old-{number}-{task_number}"), &id, TaskStatus::Running)
            }));
        }
        let mut made = 0;
        for _ in 0..40 {
            let planned = plan(&view, UnixMillis(0));
            for one in &planned.sets {
                for stop in &one.tasks.stop {
                    let stopped = view.tasks.iter().find(|task| task.key == stop.key).unwrap();
                    prop_assert_eq!(&stopped.deployment_id, &one.id);
                }
            }
            if planned.is_empty() {
                break;
            }
            carry_out(&mut view, &planned, &mut made);
        }
        let planned = plan(&view, UnixMillis(0));
        prop_assert!(planned.is_empty() && planned.steady, "{:?}", planned);
        for (number, (count, status, _)) in wanted.iter().enumerate() {
            let expected = if *status == TaskSetStatus::Draining { 0 } else { *count };
            prop_assert_eq!(running(&view, &format!("ecs-svc/{number}")), expected);
        }
        prop_assert!(view.sets.iter().all(|set| set.stability == Stability::SteadyState));
        prop_assert!(view.sets.iter().all(|set| set.status != TaskSetStatus::Draining));
    }
}
