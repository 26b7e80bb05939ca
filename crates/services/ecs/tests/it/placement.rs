//! Constraints and strategies, through RunTask, on several container instances.

use std::collections::BTreeMap;

use api_ecs::{operations as op, types::*};

use crate::world::{World, agent::Agent, container, refused, registration};

/// Instances by name: `a1` stands in zone `us-east-1a`. Their agents are connected.
struct Fleet {
    world: World,
    arns: BTreeMap<String, String>,
    _agents: Vec<Agent>,
}

impl Fleet {
    async fn new(names: &[&str]) -> Self {
        let world = World::new().await;
        let (mut arns, mut agents) = (BTreeMap::new(), vec![]);
        for name in names {
            let mut request = registration("default", "container-instance", 1024, 2048);
            let attributes = request.attributes.get_or_insert_default();
            for (attribute, value) in [
                ("ecs.availability-zone", format!("us-east-1{}", &name[..1])),
                ("name", (*name).to_owned()),
            ] {
                attributes.push(Attribute {
                    name: Some(attribute.into()),
                    value: Some(value),
                    ..Attribute::default()
                });
            }
            let arn = world.register(name, request).await;
            agents.push(Agent::connect(&world, name, &arn).await);
            arns.insert((*name).to_owned(), arn);
        }
        Self {
            world,
            arns,
            _agents: agents,
        }
    }

    async fn define(&self, family: &str, constraint: Option<&str>) -> Result<(), wire::Error> {
        let constraints = constraint.map(|expression| {
            vec![TaskDefinitionPlacementConstraint {
                r#type: Some(TaskDefinitionPlacementConstraintType::MEMBER_OF),
                expression: Some(expression.into()),
            }]
        });
        let request = RegisterTaskDefinitionRequest {
            family: Some(family.into()),
            container_definitions: Some(vec![ContainerDefinition {
                cpu: Some(128),
                memory: Some(256),
                ..container("app")
            }]),
            placement_constraints: constraints,
            ..RegisterTaskDefinitionRequest::default()
        };
        let defined = self.world.call::<op::RegisterTaskDefinition>(request).await;
        defined.map(drop)
    }

    /// The names of the instances that the tasks went to, sorted, and the failures' reasons by name.
    async fn run(&self, request: RunTaskRequest) -> (Vec<String>, Vec<(String, String)>) {
        let answer = self.world.call::<op::RunTask>(request).await.unwrap();
        let name_of = |arn: &String| {
            let mut known = self.arns.iter();
            known.find(|(_, known)| *known == arn).unwrap().0.clone()
        };
        let tasks = answer.tasks.unwrap();
        let on = tasks
            .iter()
            .map(|task| task.container_instance_arn.as_ref());
        let mut on: Vec<String> = on.map(|arn| name_of(arn.unwrap())).collect();
        on.sort();
        let failures = answer.failures.unwrap();
        let failures = failures.iter().map(|failure| {
            let name = name_of(failure.arn.as_ref().unwrap());
            (name, failure.reason.clone().unwrap())
        });
        let mut failures: Vec<_> = failures.collect();
        failures.sort();
        (on, failures)
    }
}

fn run(family: &str, count: i32) -> RunTaskRequest {
    RunTaskRequest {
        task_definition: Some(family.into()),
        launch_type: Some(LaunchType::EC2),
        count: Some(count),
        ..RunTaskRequest::default()
    }
}

fn member_of(expression: &str) -> Option<Vec<PlacementConstraint>> {
    Some(vec![PlacementConstraint {
        r#type: Some(PlacementConstraintType::MEMBER_OF),
        expression: Some(expression.into()),
    }])
}

fn strategy(kind: PlacementStrategyType, field: &str) -> PlacementStrategy {
    PlacementStrategy {
        r#type: Some(kind),
        field: Some(field.into()),
    }
}

#[tokio::test]
async fn the_default_spreads_over_zones_then_instances() {
    let fleet = Fleet::new(&["a1", "a2", "b1", "c1"]).await;
    fleet.define("web", None).await.unwrap();
    let (on, failures) = fleet.run(run("web", 6)).await;
    assert_eq!(on, ["a1", "a2", "b1", "b1", "c1", "c1"]);
    assert_eq!(failures, []);
}

#[tokio::test]
async fn strategies_work_one_after_another() {
    let fleet = Fleet::new(&["a1", "a2", "b1", "b2"]).await;
    fleet.define("web", None).await.unwrap();
    let request = RunTaskRequest {
        placement_strategy: Some(vec![
            strategy(
                PlacementStrategyType::SPREAD,
                "attribute:ecs.availability-zone",
            ),
            strategy(PlacementStrategyType::BINPACK, "memory"),
        ]),
        ..run("web", 4)
    };
    let (on, _) = fleet.run(request).await;
    assert_eq!(on[0], on[1], "packed within the zone");
    assert_eq!(on[2], on[3]);
    assert!(on[0].starts_with('a') && on[2].starts_with('b'), "{on:?}");
}

#[tokio::test]
async fn member_of_selects_by_attributes_and_by_tasks() {
    let fleet = Fleet::new(&["a1", "b1", "c1"]).await;
    fleet.define("db", None).await.unwrap();
    fleet.define("web", None).await.unwrap();
    let request = RunTaskRequest {
        placement_constraints: member_of("attribute:name == b1"),
        group: Some("databases".into()),
        ..run("db", 2)
    };
    assert_eq!(fleet.run(request).await.0, ["b1", "b1"]);
    let request = RunTaskRequest {
        placement_constraints: member_of("task:group == databases"),
        ..run("web", 2)
    };
    assert_eq!(fleet.run(request).await.0, ["b1", "b1"]);
    let request = RunTaskRequest {
        placement_constraints: member_of("not(task:group == databases) and attribute:name =~ a.*"),
        ..run("web", 1)
    };
    assert_eq!(fleet.run(request).await.0, ["a1"]);
}

#[tokio::test]
async fn failures_name_the_constraint() {
    let fleet = Fleet::new(&["a1", "b1"]).await;
    fleet.define("web", None).await.unwrap();
    let request = RunTaskRequest {
        placement_constraints: member_of("attribute:name == nobody"),
        ..run("web", 2)
    };
    let (on, failures) = fleet.run(request).await;
    assert!(on.is_empty());
    let unsatisfied = "MemberOf placement constraint unsatisfied.";
    let expected = ["a1", "b1"].map(|name| (name.to_owned(), unsatisfied.to_owned()));
    assert_eq!(failures, expected);

    let mut constraints = member_of("attribute:name == a1").unwrap();
    constraints.push(PlacementConstraint {
        r#type: Some(PlacementConstraintType::DISTINCT_INSTANCE),
        expression: None,
    });
    let request = RunTaskRequest {
        placement_constraints: Some(constraints),
        ..run("web", 2)
    };
    let (on, failures) = fleet.run(request).await;
    assert_eq!(on, ["a1"]);
    let distinct = "DistinctInstance placement constraint unsatisfied.";
    assert_eq!(failures[0], ("a1".to_owned(), distinct.to_owned()));
    assert_eq!(failures[1], ("b1".to_owned(), unsatisfied.to_owned()));
}

#[tokio::test]
async fn a_definition_has_constraints_of_its_own() {
    let fleet = Fleet::new(&["a1", "b1"]).await;
    fleet
        .define("web", Some("attribute:name == b1"))
        .await
        .unwrap();
    assert_eq!(fleet.run(run("web", 2)).await.0, ["b1", "b1"]);
    // Both must hold.
    let request = RunTaskRequest {
        placement_constraints: member_of("attribute:name == a1"),
        ..run("web", 1)
    };
    assert!(fleet.run(request).await.0.is_empty());
}

#[tokio::test]
async fn what_is_no_expression_is_refused() {
    let fleet = Fleet::new(&["a1"]).await;
    fleet.define("web", None).await.unwrap();
    for expression in ["", "attribute:name ==", "color == red"] {
        let request = RunTaskRequest {
            placement_constraints: member_of(expression),
            ..run("web", 1)
        };
        let (code, _) = refused(fleet.world.call::<op::RunTask>(request).await);
        assert_eq!(code, "InvalidParameterException", "{expression:?}");
    }
    let refusal = fleet.define("bad", Some("((")).await;
    assert_eq!(refused(refusal).0, "InvalidParameterException");
}

#[tokio::test]
async fn pages_of_a_list_add_up_whatever_the_filter() {
    let fleet = Fleet::new(&["a1", "b1"]).await;
    fleet.define("web", None).await.unwrap();
    fleet.define("db", None).await.unwrap();
    let mut made: Vec<Task> = vec![];
    for (family, started_by) in [("web", "me"), ("db", "me"), ("web", "you")] {
        let request = RunTaskRequest {
            started_by: Some(started_by.into()),
            ..run(family, 4)
        };
        let answer = fleet.world.call::<op::RunTask>(request).await.unwrap();
        made.extend(answer.tasks.unwrap());
    }
    assert_eq!(made.len(), 12);
    let arns_of = |wanted: &dyn Fn(&Task) -> bool| {
        let arns = made.iter().filter(|task| wanted(task));
        let mut arns: Vec<String> = arns.filter_map(|task| task.task_arn.clone()).collect();
        arns.sort();
        arns
    };
    let of_web = |task: &Task| task.group.as_deref() == Some("family:web");
    let by_me = |task: &Task| task.started_by.as_deref() == Some("me");
    let a1 = fleet.arns["a1"].clone();
    let on_a1 = |task: &Task| task.container_instance_arn.as_ref() == Some(&a1);
    let all = ListTasksRequest::default();
    for (request, expected) in [
        (all.clone(), arns_of(&|_| true)),
        (
            ListTasksRequest {
                family: Some("web".into()),
                ..all.clone()
            },
            arns_of(&of_web),
        ),
        (
            ListTasksRequest {
                started_by: Some("me".into()),
                ..all.clone()
            },
            arns_of(&by_me),
        ),
        (
            ListTasksRequest {
                container_instance: Some(a1.clone()),
                ..all.clone()
            },
            arns_of(&on_a1),
        ),
        (
            ListTasksRequest {
                family: Some("nobody's".into()),
                ..all
            },
            vec![],
        ),
    ] {
        for size in [1, 3, 100] {
            let (mut seen, mut token) = (vec![], None);
            loop {
                let page = ListTasksRequest {
                    max_results: Some(size),
                    next_token: token,
                    ..request.clone()
                };
                let answer = fleet.world.call::<op::ListTasks>(page).await.unwrap();
                let arns = answer.task_arns.unwrap();
                assert!(arns.len() <= size as usize);
                seen.extend(arns);
                token = answer.next_token;
                if token.is_none() {
                    break;
                }
            }
            seen.sort();
            assert_eq!(seen, expected, "{request:?} by {size}");
        }
    }
}
