//! Whole deployments as golden text: the planner, asked again and again, and tasks that take a step to start and to stop.
//! `INSTA_UPDATE=always cargo test -p ecs-rules --test it plans` writes the stories anew.

use std::fmt::Write as _;
use std::time::Duration;

use clock::UnixMillis;
use ecs_rules::deployment::{
    DeploymentView, Plan, ServiceView, TaskView, plan,
    rollout::{BreakerView, RolloutStatus, RolloutStep, RolloutView},
    stages::{Shift, Stage, StageStep, StagesView},
};
use ecs_rules::task_state::{HealthStatus, TaskStatus};

const STEP: Duration = Duration::from_secs(30);
const STEPS_MOST: usize = 40;

/// A service whose plans are carried out.
struct Story {
    service: ServiceView,
    now: UnixMillis,
    made: usize,
    /// New tasks of the primary never start.
    broken: bool,
    text: String,
}

impl Story {
    /// So many tasks of the deployment `old` run, one after the other in these places (zone and node).
    fn of(running: usize, places: &[(&str, &str)]) -> Self {
        let mut story = Self {
            service: ServiceView {
                desired_count: i32::try_from(running).unwrap(),
                minimum_healthy_percent: 100,
                maximum_percent: 200,
                draining: false,
                deployments: vec![deployment("old")],
                source: None,
                nodes: None,
                rebalance: None,
                rollout: None,
                tasks: vec![],
            },
            now: UnixMillis(0),
            made: 0,
            broken: false,
            text: String::new(),
        };
        for number in 0..running {
            story.start("old", places.get(number % places.len().max(1)));
        }
        for task in &mut story.service.tasks {
            task.status = TaskStatus::Running;
            task.started = Some(UnixMillis(0));
        }
        story
    }

    /// A new deployment replaces it, within these percentages.
    fn deploy(mut self, minimum: i32, maximum: i32) -> Self {
        self.service.minimum_healthy_percent = minimum;
        self.service.maximum_percent = maximum;
        self.service.deployments.insert(0, deployment("new"));
        self.service.source = Some("old".into());
        self.service.rollout = Some(RolloutView {
            status: RolloutStatus::Pending,
            breaker: None,
            alarms: None,
            early_success: None,
            bake: Duration::ZERO,
            baking_since: None,
            stages: None,
        });
        self
    }

    /// Until nothing is left to do; what is the same as before is told once.
    fn tell(mut self) -> String {
        let mut told = String::new();
        for _ in 0..STEPS_MOST {
            let planned = plan(&self.service, self.now);
            let (old, new) = (self.running("old"), self.running("new"));
            let seconds = self.now.0 / 1000;
            let line = format!("old {old}  new {new}  {planned}");
            let is_stuck = line == told && planned.is_empty() && planned.look_again.is_none();
            if is_stuck {
                self.text.push_str("        and so for ever\n");
                return self.text;
            }
            if line != told {
                writeln!(self.text, "{seconds:>4} s  {line}").unwrap();
            }
            told = line;
            let is_over = planned.is_empty() && planned.steady;
            if is_over || self.service.deployments[0].failed {
                return self.text;
            }
            let acts_at_once = self.carry_out(&planned);
            if !acts_at_once {
                self.pass();
            }
        }
        panic!("the story does not end:\n{}", self.text);
    }

    /// True when only the deployment went a step further: no time passes.
    fn carry_out(&mut self, planned: &Plan) -> bool {
        for _ in 0..planned.start {
            self.start(&self.service.deployments[0].id.clone(), None);
        }
        for _ in 0..planned.start_source {
            self.start("old", None);
        }
        for stop in &planned.stop {
            let mut tasks = self.service.tasks.iter_mut();
            tasks.find(|task| task.key == stop.key).unwrap().stopping = true;
        }
        let dropped = &planned.drop_deployments;
        self.service
            .deployments
            .retain(|own| !dropped.contains(&own.id));
        self.service.deployments[0].completed |= planned.complete;
        let Some(step) = &planned.rollout else {
            return false;
        };
        let now = self.now;
        let rollout = self.service.rollout.as_mut().unwrap();
        match step {
            RolloutStep::Begin => rollout.status = RolloutStatus::InProgress,
            RolloutStep::Bake => rollout.baking_since = Some(now),
            RolloutStep::Complete => rollout.status = RolloutStatus::Successful,
            RolloutStep::Fail { .. } => self.service.deployments[0].failed = true,
            RolloutStep::Stage(step) => {
                let stages = rollout.stages.as_mut().unwrap();
                match step {
                    StageStep::Enter(stage) => (stages.stage, stages.entered) = (*stage, now),
                    StageStep::ShiftProduction { permille } => {
                        (stages.production_permille, stages.shifted) = (*permille, Some(now));
                    }
                    StageStep::ShiftTest => stages.test_permille = 1000,
                    other => panic!("{other}"),
                }
            }
            other => panic!("{other}"),
        }
        planned.start == 0 && planned.stop.is_empty()
    }

    /// What was told to start runs, what was told to stop is gone.
    fn pass(&mut self) {
        self.now = self.now + STEP;
        let (now, broken) = (self.now, self.broken);
        self.service.tasks.retain(|task| !task.stopping);
        let mut failed = 0;
        self.service.tasks.retain_mut(|task| {
            if task.status == TaskStatus::Running {
                return true;
            }
            if broken && task.deployment_id == "new" {
                failed += 1;
                return false;
            }
            task.status = TaskStatus::Running;
            task.started = Some(now);
            true
        });
        if failed > 0 {
            let rollout = self.service.rollout.as_mut().unwrap();
            let breaker = rollout.breaker.as_mut().unwrap();
            breaker.failures += failed;
            breaker.last_failure = Some(now);
            let primary = &mut self.service.deployments[0];
            primary.failed_tasks += failed;
            primary.last_failure = Some(now);
        }
    }

    fn start(&mut self, deployment: &str, place: Option<&(&str, &str)>) {
        self.made += 1;
        self.service.tasks.push(TaskView {
            key: format!("{deployment}-{}", self.made),
            deployment_id: deployment.into(),
            status: TaskStatus::Pending,
            stopping: false,
            draining: false,
            protected: false,
            has_health_check: false,
            unproven: false,
            health: HealthStatus::Unknown,
            availability_zone: place.map(|(zone, _)| (*zone).into()),
            node: place.map(|(_, node)| (*node).into()),
            created: UnixMillis(i64::try_from(self.made).unwrap()),
            started: None,
        });
    }

    fn running(&self, deployment: &str) -> usize {
        let tasks = self.service.tasks.iter();
        tasks
            .filter(|task| task.deployment_id == deployment && task.is_healthy())
            .count()
    }
}

fn deployment(id: &str) -> DeploymentView {
    DeploymentView {
        id: id.into(),
        completed: id == "old",
        failed: false,
        failed_tasks: 0,
        last_failure: None,
        short_runs: 0,
        last_short_run: None,
        without_room: false,
    }
}

const PLACES: [(&str, &str); 6] = [
    ("a", "a1"),
    ("a", "a1"),
    ("a", "a2"),
    ("b", "b1"),
    ("b", "b1"),
    ("c", "c1"),
];

#[test]
fn rolling_deployments() {
    let mut stories = String::new();
    for (minimum, maximum) in [(100, 200), (50, 100), (75, 125), (0, 100), (100, 100)] {
        let story = Story::of(4, &[]).deploy(minimum, maximum).tell();
        stories.push_str(&format!("{minimum} % to {maximum} %\n{story}\n"));
    }
    insta::assert_snapshot!(stories);
}

#[test]
fn tasks_leave_a_node_that_drains() {
    let mut story = Story::of(6, &PLACES);
    for task in &mut story.service.tasks {
        task.draining = task.node.as_deref() == Some("a1");
    }
    insta::assert_snapshot!(story.tell());
}

#[test]
fn scaling_in_keeps_zones_and_nodes_even() {
    let mut story = Story::of(6, &PLACES);
    story.service.tasks[5].protected = true;
    story.service.desired_count = 2;
    insta::assert_snapshot!(story.tell());
}

#[test]
fn a_deployment_that_never_starts_trips_the_breaker() {
    let mut story = Story::of(2, &[]).deploy(100, 200);
    story.broken = true;
    story.service.rollout.as_mut().unwrap().breaker = Some(BreakerView {
        threshold: 3,
        failures: 0,
        last_failure: None,
        resets: true,
        rollback: true,
    });
    insta::assert_snapshot!(story.tell());
}

#[test]
fn traffic_is_shifted_in_stages() {
    let minute = Duration::from_secs(60);
    let mut stories = String::new();
    for (name, shift) in [
        ("blue/green", Shift::AllAtOnce),
        (
            "canary",
            Shift::Canary {
                permille: 100,
                bake: minute,
            },
        ),
        (
            "linear",
            Shift::Linear {
                step_permille: 500,
                bake: minute,
            },
        ),
    ] {
        let mut story = Story::of(2, &[]).deploy(100, 200);
        story.service.rollout.as_mut().unwrap().stages = Some(StagesView {
            shift,
            bake: 2 * minute,
            stage: Stage::ReconcileService,
            entered: UnixMillis(0),
            production_permille: 0,
            shifted: None,
            test_permille: 0,
            has_hooks: false,
            hooks: vec![],
        });
        stories.push_str(&format!("{name}\n{}\n", story.tell()));
    }
    insta::assert_snapshot!(stories);
}
