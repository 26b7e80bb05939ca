//! How long the planner takes for one look at a service: `cargo run --release -p ecs-rules --example planning`.
//!
//! At rest, in the middle of a rolling deployment, and scaling in by half; medians of many looks, in milliseconds.

use std::{hint::black_box, time::Duration};

use clock::{Clock, UnixMillis};
use ecs_rules::{
    deployment::{DeploymentView, ServiceView, TaskView, plan},
    task_state::{HealthStatus, TaskStatus},
};

const LONGEST: Duration = Duration::from_millis(500);
const ZONES: [&str; 3] = ["us-east-1a", "us-east-1b", "us-east-1c"];

fn main() {
    let clock = Clock::system();
    println!(" tasks   at rest  deploying  scaling in");
    for tasks in [50, 500, 5_000, 50_000] {
        let rest = service(tasks, tasks, 0);
        let deploying = service(tasks, tasks * 3 / 2, tasks / 2);
        let scaling_in = service(tasks / 2, tasks, 0);
        assert!(plan(&rest, UnixMillis(0)).is_empty());
        assert!(!plan(&deploying, UnixMillis(0)).stop.is_empty());
        assert_eq!(plan(&scaling_in, UnixMillis(0)).stop.len(), tasks / 2);
        println!(
            "{tasks:>6} {:>9.3} {:>10.3} {:>11.3}",
            median(&clock, &rest),
            median(&clock, &deploying),
            median(&clock, &scaling_in),
        );
    }
}

/// The newest `of_primary` tasks are the primary deployment's, the others the one's before, if there are any of both.
fn service(desired: usize, tasks: usize, of_primary: usize) -> ServiceView {
    let deployment = |id: &str| DeploymentView {
        id: id.into(),
        completed: true,
        ..DeploymentView::default()
    };
    let mut deployments = vec![deployment("ecs-svc/0000000000000000002")];
    if of_primary > 0 {
        deployments[0].completed = false;
        deployments.push(deployment("ecs-svc/0000000000000000001"));
    }
    let first_of_primary = if of_primary > 0 {
        tasks - of_primary
    } else {
        0
    };
    let task = |number: usize| TaskView {
        key: format!("123456789012/us-east-1/default/{number:032x}"),
        deployment_id: deployments[usize::from(number < first_of_primary)]
            .id
            .clone(),
        status: TaskStatus::Running,
        stopping: false,
        draining: false,
        protected: false,
        has_health_check: true,
        unproven: false,
        health: HealthStatus::Healthy,
        availability_zone: Some(ZONES[number % ZONES.len()].into()),
        node: Some(format!("node-{}", number % 500)),
        created: UnixMillis(number as i64),
        started: Some(UnixMillis(number as i64)),
    };
    ServiceView {
        desired_count: desired as i32,
        minimum_healthy_percent: 100,
        maximum_percent: 200,
        tasks: (0..tasks).map(task).collect(),
        deployments,
        ..ServiceView::default()
    }
}

fn median(clock: &Clock, service: &ServiceView) -> f64 {
    let mut times = vec![];
    let begun = clock.monotonic();
    while clock.monotonic() - begun < LONGEST {
        let from = clock.monotonic();
        black_box(plan(black_box(service), UnixMillis(1_000_000)));
        times.push(clock.monotonic() - from);
    }
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}
