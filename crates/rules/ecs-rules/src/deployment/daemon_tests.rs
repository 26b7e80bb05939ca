//! Whatever nodes and tasks do, one task ends up on each node that matches, and none of our own acts takes too many away.

use proptest::prelude::*;

use super::*;
use crate::{
    deployment::plan,
    task_state::{HealthStatus, TaskStatus},
};

const NOW: UnixMillis = UnixMillis(1_000_000);

fn deployment(id: &str) -> DeploymentView {
    DeploymentView {
        id: id.into(),
        completed: false,
        failed: false,
        failed_tasks: 0,
        last_failure: None,
        short_runs: 0,
        last_short_run: None,
        without_room: false,
    }
}

fn task(number: usize, node: &str, deployment: &str, status: TaskStatus) -> TaskView {
    TaskView {
        key: format!("t{number}"),
        deployment_id: deployment.into(),
        status,
        stopping: false,
        draining: false,
        protected: false,
        has_health_check: false,
        unproven: false,
        health: HealthStatus::Unknown,
        availability_zone: None,
        node: Some(node.into()),
        created: UnixMillis(0),
        started: Some(UnixMillis(0)),
    }
}

fn node(key: &str, is_wanted: bool) -> NodeView {
    NodeView {
        key: key.into(),
        is_wanted,
    }
}

fn service(nodes: Vec<NodeView>, tasks: Vec<TaskView>) -> ServiceView {
    let has_task = |key: &str| tasks.iter().any(|task| task.node.as_deref() == Some(key));
    let desired = nodes
        .iter()
        .filter(|node| node.is_wanted || has_task(&node.key))
        .count();
    ServiceView {
        desired_count: narrow(desired),
        minimum_healthy_percent: 0,
        maximum_percent: 100,
        draining: false,
        deployments: vec![deployment("new"), deployment("old")],
        source: None,
        rollout: None,
        rebalance: None,
        nodes: Some(nodes),
        tasks,
    }
}

fn stopped(plan: &Plan) -> Vec<&str> {
    plan.stop.iter().map(|stop| stop.key.as_str()).collect()
}

#[test]
fn one_on_each_node_that_is_wanted() {
    let nodes = vec![node("a", true), node("b", true), node("away", false)];
    let tasks = vec![task(1, "b", "new", TaskStatus::Running)];
    let planned = plan(&service(nodes, tasks), NOW);
    assert_eq!(planned.start_on, ["a"]);
    assert_eq!(stopped(&planned), [""; 0]);
}

#[test]
fn a_protected_task_is_not_replaced_before_its_time() {
    let nodes = vec![node("a", true), node("b", true)];
    let protected = TaskView {
        protected: true,
        ..task(1, "a", "old", TaskStatus::Running)
    };
    let tasks = vec![protected, task(2, "b", "old", TaskStatus::Running)];
    let planned = plan(&service(nodes.clone(), tasks.clone()), NOW);
    assert_eq!(stopped(&planned), ["t2"]);
    assert!(planned.waits_for.contains(&Wait::ProtectedTasks));
    // One on a node that is none of the service's any more goes all the same: there it is not to be.
    let planned = plan(&service(nodes[1..].to_vec(), tasks), NOW);
    assert!(stopped(&planned).contains(&"t1"));
}

#[test]
fn a_second_one_and_one_elsewhere_go() {
    let nodes = vec![node("a", true)];
    let tasks = vec![
        task(1, "a", "new", TaskStatus::Running),
        task(2, "a", "new", TaskStatus::Running),
        task(3, "elsewhere", "new", TaskStatus::Running),
    ];
    let planned = plan(&service(nodes, tasks), NOW);
    assert_eq!(stopped(&planned), ["t3", "t2"]);
    assert!(planned.start_on.is_empty());
}

#[test]
fn old_ones_stop_first_and_only_as_many_as_the_minimum_lets() {
    let nodes: Vec<_> = ["a", "b", "c", "d"].map(|key| node(key, true)).into();
    let tasks = nodes.iter().enumerate();
    let tasks = tasks
        .map(|(number, node)| task(number, &node.key, "old", TaskStatus::Running))
        .collect();
    let mut view = service(nodes, tasks);
    view.minimum_healthy_percent = 50;
    let planned = plan(&view, NOW);
    assert_eq!(stopped(&planned), ["t0", "t1"]);
    assert!(planned.start_on.is_empty(), "their nodes are not free yet");

    // Nothing is under way, and no more may go: that is what it waits for.
    view.minimum_healthy_percent = 100;
    let planned = plan(&view, NOW);
    assert_eq!(stopped(&planned), [""; 0]);
    assert!(planned.waits_for.contains(&Wait::Percentages));
}

#[test]
fn an_old_one_stays_where_no_new_one_could_follow() {
    let nodes = vec![node("away", false), node("drains", false)];
    let tasks = vec![
        task(1, "away", "old", TaskStatus::Running),
        task(2, "drains", "old", TaskStatus::Running),
    ];
    assert_eq!(stopped(&plan(&service(nodes, tasks), NOW)), [""; 0]);
}

#[test]
fn a_deployment_that_failed_only_leaves_nodes_that_are_none() {
    let nodes = vec![node("a", true), node("b", true)];
    let tasks = vec![
        task(1, "a", "old", TaskStatus::Running),
        task(2, "gone", "old", TaskStatus::Running),
    ];
    let mut view = service(nodes, tasks);
    view.deployments[0].failed = true;
    let planned = plan(&view, NOW);
    assert_eq!((stopped(&planned), planned.start), (vec!["t2"], 0));
    assert!(planned.waits_for.contains(&Wait::Failed));
}

#[test]
fn on_a_node_that_is_kept_nothing_is_started_or_stopped() {
    let nodes = vec![node("drains", false), node("empty", false)];
    let tasks = vec![task(1, "drains", "new", TaskStatus::Running)];
    let planned = plan(&service(nodes, tasks), NOW);
    assert_eq!((planned.start, stopped(&planned)), (0, vec![]));
}

/// What the world does between two plans.
#[derive(Debug, Clone)]
enum Turn {
    /// Tasks that were started run, those that were stopped are gone.
    Settle,
    Die(usize),
    Appear(usize),
    Vanish(usize),
    Deploy,
}

fn any_turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        4 => Just(Turn::Settle),
        1 => any::<usize>().prop_map(Turn::Die),
        1 => (0..8_usize).prop_map(Turn::Appear),
        1 => (0..8_usize).prop_map(Turn::Vanish),
        1 => Just(Turn::Deploy),
    ]
}

struct World {
    nodes: Vec<usize>,
    tasks: Vec<TaskView>,
    made: usize,
    deployments: usize,
    minimum_healthy_percent: i32,
}

impl World {
    fn view(&self) -> ServiceView {
        let nodes = self
            .nodes
            .iter()
            .map(|number| node(&format!("n{number}"), true));
        let mut view = service(nodes.collect(), self.tasks.clone());
        view.minimum_healthy_percent = self.minimum_healthy_percent;
        let ids = (0..=self.deployments).rev();
        view.deployments = ids
            .map(|number| deployment(&format!("d{number}")))
            .collect();
        view
    }

    fn carry_out(&mut self) {
        let view = self.view();
        let plan = plan(&view, NOW);
        let healthy = |tasks: &[TaskView]| {
            let active = tasks.iter().filter(|task| !task.stopping);
            active.filter(|task| task.is_healthy()).count()
        };
        let (lower, _) =
            crate::deployment::bounds(view.desired_count, self.minimum_healthy_percent, 100);
        let wanted: HashSet<String> = self.nodes.iter().map(|node| format!("n{node}")).collect();
        // Of nodes that are gone nothing is kept, and a second task on a node is none that counts.
        let counted = |tasks: &[TaskView]| {
            let mut seen = HashSet::new();
            let on_wanted = tasks
                .iter()
                .filter(|task| wanted.contains(task.node.as_ref().unwrap()));
            let one_each = on_wanted.filter(|task| !task.stopping && task.is_healthy());
            one_each
                .filter(|task| seen.insert(task.node.clone()))
                .count()
        };
        let before = counted(&self.tasks);
        for stop in &plan.stop {
            let task = self
                .tasks
                .iter_mut()
                .find(|task| task.key == stop.key)
                .unwrap();
            assert!(!task.stopping, "{} was asked twice", task.key);
            task.stopping = true;
        }
        let after = counted(&self.tasks);
        assert!(
            after == before || narrow(after) >= lower,
            "{before} healthy became {after} of at least {lower}"
        );
        assert!(healthy(&self.tasks) >= after);
        let primary = format!("d{}", self.deployments);
        for node in &plan.start_on {
            let is_free = !self
                .tasks
                .iter()
                .any(|task| task.node.as_ref() == Some(node));
            assert!(is_free, "{node} has a task");
            self.made += 1;
            let new = task(self.made, node, &primary, TaskStatus::Pending);
            self.tasks.push(new);
        }
    }

    fn turn(&mut self, turn: &Turn) {
        match turn {
            Turn::Settle => {
                self.tasks.retain(|task| !task.stopping);
                self.tasks
                    .iter_mut()
                    .for_each(|task| task.status = TaskStatus::Running);
            }
            Turn::Die(which) if !self.tasks.is_empty() => {
                self.tasks.remove(which % self.tasks.len());
            }
            Turn::Appear(number) if !self.nodes.contains(number) => self.nodes.push(*number),
            Turn::Vanish(number) => self.nodes.retain(|known| known != number),
            Turn::Deploy => self.deployments += 1,
            Turn::Die(_) | Turn::Appear(_) => {}
        }
    }
}

proptest! {
    #[test]
    fn it_keeps_the_minimum_and_gets_there(
        turns in proptest::collection::vec(any_turn(), 0..40), minimum_healthy_percent in 0..100_i32,
    ) {
        let mut world = World { nodes: vec![], tasks: vec![], made: 0, deployments: 0, minimum_healthy_percent };
        for turn in &turns {
            world.turn(turn);
            world.carry_out();
        }
        // With a minimum of all but a few, a deployment goes node by node: each takes two turns. One that is so high
        // that no node may be without its task gets nowhere, as AWS says.
        let desired = narrow(world.nodes.len());
        let (lower, _) = crate::deployment::bounds(desired, minimum_healthy_percent, 100);
        prop_assume!(lower < desired || desired == 0);
        for _ in 0..4 * world.nodes.len() + 8 {
            world.turn(&Turn::Settle);
            world.carry_out();
        }
        let view = world.view();
        let planned = plan(&view, NOW);
        prop_assert!(planned.stop.is_empty() && planned.start == 0, "{planned:?}");
        let primary = format!("d{}", world.deployments);
        let mut on: Vec<_> = world.tasks.iter().map(|task| (task.node.clone().unwrap(), task.deployment_id.clone())).collect();
        on.sort();
        let mut expected: Vec<_> = world.nodes.iter().map(|node| (format!("n{node}"), primary.clone())).collect();
        expected.sort();
        prop_assert_eq!(on, expected);
    }
}
