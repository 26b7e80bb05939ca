use proptest::prelude::*;

use super::*;

fn container(name: &str, essential: bool) -> ContainerState {
    ContainerState {
        name: name.into(),
        essential,
        status: ContainerStatus::Pending,
        exit_code: None,
        reason: None,
    }
}

fn task() -> TaskState {
    TaskState {
        last_status: TaskStatus::Provisioning,
        desired_status: DesiredStatus::Running,
        has_started: false,
        stop: None,
        containers: vec![container("web", true), container("sidecar", false)],
    }
}

fn report(status: Option<ContainerStatus>) -> Report {
    Report {
        status,
        ..Report::default()
    }
}

fn stopped(name: &str, exit_code: Option<i32>, reason: &str) -> ContainerReport {
    ContainerReport {
        name: name.into(),
        status: Some(ContainerStatus::Stopped),
        exit_code,
        reason: Some(reason.into()),
    }
}

#[test]
fn the_plain_life() {
    let mut task = task();
    apply(&mut task, &report(Some(ContainerStatus::Pending)));
    assert_eq!(task.last_status, TaskStatus::Pending);
    apply(&mut task, &report(Some(ContainerStatus::Running)));
    assert_eq!(task.last_status, TaskStatus::Running);
    let exited = Report {
        status: Some(ContainerStatus::Stopped),
        reason: None,
        containers: vec![stopped("web", Some(0), "")],
    };
    apply(&mut task, &exited);
    assert_eq!(task.last_status, TaskStatus::Stopped);
    assert_eq!(task.desired_status, DesiredStatus::Stopped);
    let stop = task.stop.unwrap();
    assert_eq!(
        (stop.code, stop.reason.as_str()),
        (
            "EssentialContainerExited",
            "Essential container in task exited"
        )
    );
    assert_eq!(task.containers[0].exit_code, Some(0));
    assert_eq!(task.containers[1].status, ContainerStatus::Stopped);
}

#[test]
fn a_bad_image_is_a_failure_to_start() {
    let mut task = task();
    let failed = Report {
        status: Some(ContainerStatus::Stopped),
        reason: None,
        containers: vec![stopped(
            "web",
            None,
            "CannotPullContainerError: no such image",
        )],
    };
    apply(&mut task, &failed);
    let stop = task.stop.unwrap();
    assert_eq!(stop.code, "TaskFailedToStart");
    assert_eq!(stop.reason, "CannotPullContainerError: no such image");
    assert!(!task.has_started);
}

#[test]
fn a_container_that_exits_before_running_was_reported_did_start() {
    let mut task = task();
    let exited = Report {
        status: Some(ContainerStatus::Stopped),
        reason: None,
        containers: vec![stopped("web", Some(3), "")],
    };
    apply(&mut task, &exited);
    assert!(task.has_started);
    assert_eq!(task.stop.unwrap().code, "EssentialContainerExited");
}

#[test]
fn a_failed_dependency_did_not_start_although_it_has_an_exit_code() {
    let mut task = task();
    let failed = Report {
        status: Some(ContainerStatus::Stopped),
        reason: None,
        containers: vec![stopped(
            "web",
            Some(143),
            "CannotStartContainerError: dependency graph: failed",
        )],
    };
    apply(&mut task, &failed);
    assert!(!task.has_started);
    assert_eq!(task.stop.unwrap().code, "TaskFailedToStart");
}

#[test]
fn an_essential_exit_stops_the_task_and_another_one_does_not() {
    let mut task = task();
    apply(&mut task, &report(Some(ContainerStatus::Running)));
    let of = |name: &str| Report {
        containers: vec![stopped(name, Some(1), "")],
        ..Report::default()
    };
    apply(&mut task, &of("sidecar"));
    assert_eq!(task.last_status, TaskStatus::Running);
    apply(&mut task, &of("web"));
    assert_eq!(task.last_status, TaskStatus::Stopping);
    assert_eq!(task.desired_status, DesiredStatus::Stopped);
}

#[test]
fn the_cause_from_elsewhere_is_kept() {
    let mut task = task();
    task.desired_status = DesiredStatus::Stopped;
    task.last_status = TaskStatus::Stopping;
    apply(&mut task, &report(Some(ContainerStatus::Running)));
    assert_eq!(task.last_status, TaskStatus::Stopping, "no way back");
    apply(&mut task, &report(Some(ContainerStatus::Stopped)));
    assert_eq!((task.last_status, task.stop), (TaskStatus::Stopped, None));
}

#[test]
fn health_is_the_worst_of_the_essential() {
    use HealthStatus::{Healthy, Unhealthy, Unknown};
    assert_eq!(task_health([]), Unknown);
    assert_eq!(task_health([Healthy, Healthy]), Healthy);
    assert_eq!(task_health([Healthy, Unknown]), Unknown);
    assert_eq!(task_health([Unknown, Unhealthy, Healthy]), Unhealthy);
}

fn any_status() -> impl Strategy<Value = ContainerStatus> {
    prop_oneof![
        Just(ContainerStatus::Pending),
        Just(ContainerStatus::Running),
        Just(ContainerStatus::Stopped),
    ]
}

fn any_report() -> impl Strategy<Value = Report> {
    let reason =
        || proptest::option::of("(CannotPullContainerError: |OutOfMemoryError: )?[a-z]{0,3}");
    let container = (
        prop_oneof![Just("web"), Just("sidecar"), Just("stranger")],
        proptest::option::of(any_status()),
        proptest::option::of(0..256i32),
        reason(),
    )
        .prop_map(|(name, status, exit_code, reason)| ContainerReport {
            name: name.into(),
            status,
            exit_code,
            reason,
        });
    (
        proptest::option::of(any_status()),
        reason(),
        proptest::collection::vec(container, 0..4),
    )
        .prop_map(|(status, reason, containers)| Report {
            status,
            reason,
            containers,
        })
}

proptest! {
    #[test]
    fn states_only_move_forward(reports in proptest::collection::vec(any_report(), 0..12)) {
        let mut task = task();
        for report in &reports {
            let before = task.clone();
            apply(&mut task, report);
            prop_assert!(task.last_status >= before.last_status);
            prop_assert!(task.desired_status >= before.desired_status);
            prop_assert!(task.has_started >= before.has_started);
            prop_assert!(before.stop.is_none() || task.stop == before.stop, "the first cause wins");
            for (now, then) in task.containers.iter().zip(&before.containers) {
                prop_assert!(now.status >= then.status);
                prop_assert!(then.status != ContainerStatus::Stopped || now == then);
            }
            if before.last_status == TaskStatus::Stopped {
                prop_assert_eq!(&task, &before);
            }
            prop_assert_eq!(task.desired_status == DesiredStatus::Stopped, task.stop.is_some());
        }
    }

    #[test]
    fn a_repeated_report_changes_nothing(reports in proptest::collection::vec(any_report(), 1..8)) {
        let mut task = task();
        for report in &reports {
            apply(&mut task, report);
            let once = task.clone();
            apply(&mut task, report);
            prop_assert_eq!(&task, &once);
        }
    }

    #[test]
    fn stopped_ends_everything(reports in proptest::collection::vec(any_report(), 0..8)) {
        let mut task = task();
        for report in &reports {
            apply(&mut task, report);
        }
        apply(&mut task, &report(Some(ContainerStatus::Stopped)));
        prop_assert_eq!(task.last_status, TaskStatus::Stopped);
        prop_assert!(task.containers.iter().all(|c| c.status == ContainerStatus::Stopped));
    }
}
