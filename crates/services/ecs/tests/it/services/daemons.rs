//! DAEMON services, on container instances that come, drain, fail and go.

use std::{collections::BTreeMap, time::Duration};

use api_ecs::{operations as op, types::*};
use link::acs;
use tokio::sync::watch;

use super::{
    QUIET, counts, delete, describe, looping, messages, nodes::set_state, of, percents, update,
};
use crate::{
    run_task::ec2_definition,
    world::{
        World,
        agent::{Agent, container_change},
        container, refused, registration,
    },
};

/// A cluster of container instances with agents that do what they are told.
pub(super) struct Fleet {
    pub(super) world: World,
    _stop: watch::Sender<bool>,
    pub(super) nodes: BTreeMap<String, Node>,
}

pub(super) struct Node {
    pub(super) arn: String,
    pub(super) agent: Agent,
    /// Living tasks by ARN: the revision that each runs.
    pub(super) tasks: BTreeMap<String, String>,
    /// What is asked to stop stays until this says otherwise.
    holds: bool,
}

impl Fleet {
    pub(super) async fn new(nodes: usize) -> Self {
        let (world, stop) = looping().await;
        let mut fleet = Self {
            world,
            _stop: stop,
            nodes: BTreeMap::new(),
        };
        for number in 1..=nodes {
            fleet.join(&format!("node-{number}")).await;
        }
        fleet
    }

    pub(super) async fn join(&mut self, name: &str) {
        self.join_with(name, None).await;
    }

    pub(super) async fn join_with(&mut self, name: &str, attribute: Option<(&str, &str)>) {
        let mut request = registration("default", "container-instance", 4096, 8192);
        let attributes = request.attributes.get_or_insert_default();
        attributes.extend(attribute.map(|(name, value)| Attribute {
            name: Some(name.into()),
            value: Some(value.into()),
            ..Attribute::default()
        }));
        let arn = self.world.register(name, request).await;
        let agent = Agent::connect(&self.world, name, &arn).await;
        let node = Node {
            arn,
            agent,
            tasks: BTreeMap::new(),
            holds: false,
        };
        self.nodes.insert(name.into(), node);
    }

    /// The agents do what they are told until nobody tells them anything.
    pub(super) async fn settle(&mut self) {
        loop {
            let mut heard = false;
            for node in self.nodes.values_mut() {
                while node.step(&self.world).await {
                    heard = true;
                }
            }
            if !heard {
                return;
            }
        }
    }

    /// As [`Fleet::settle`], for so long.
    pub(super) async fn pass(&mut self, time: Duration) {
        let end = self.world.clock.now() + time;
        while self.world.clock.now() < end {
            self.settle().await;
        }
    }

    /// The revisions that run on each node.
    pub(super) fn on_nodes(&self) -> Vec<(&str, Vec<&str>)> {
        let nodes = self.nodes.iter();
        nodes
            .map(|(name, node)| {
                let revisions = node.tasks.values().map(String::as_str);
                (name.as_str(), revisions.collect())
            })
            .collect()
    }

    async fn create(&self, request: CreateServiceRequest) -> Service {
        super::create(&self.world, request).await
    }
}

impl Node {
    async fn step(&mut self, world: &World) -> bool {
        let Some(message) = self.agent.hear_within(world, QUIET).await else {
            return false;
        };
        let acs::Message::Payload(payload) = message else {
            return true;
        };
        let ack = acs::AckRequest {
            message_id: payload.message_id,
            ..acs::AckRequest::default()
        };
        self.agent.say(ack.into()).await;
        for task in payload.tasks {
            let arn = task.arn.unwrap();
            if task.desired_status.as_deref() == Some("STOPPED") {
                if !self.holds {
                    self.end(world, &arn).await;
                }
            } else {
                self.report(world, &arn, "RUNNING").await;
                let revision = revision_of(world, &arn).await;
                self.tasks.insert(arn, revision);
            }
        }
        true
    }

    pub(super) async fn report(&self, world: &World, arn: &str, status: &str) {
        let change = container_change("app", status);
        self.agent
            .submit(world, arn, status, vec![change])
            .await
            .unwrap();
    }

    pub(super) async fn end(&mut self, world: &World, arn: &str) {
        self.report(world, arn, "STOPPED").await;
        self.tasks.remove(arn);
    }

    pub(super) fn only_task(&self) -> String {
        assert_eq!(self.tasks.len(), 1);
        self.tasks.keys().next().unwrap().clone()
    }
}

fn daemon(name: &str, definition: &str) -> CreateServiceRequest {
    CreateServiceRequest {
        service_name: Some(name.into()),
        task_definition: Some(definition.into()),
        scheduling_strategy: Some(SchedulingStrategy::DAEMON),
        ..CreateServiceRequest::default()
    }
}

#[tokio::test(start_paused = true)]
async fn one_on_each_node_and_on_each_that_joins() {
    let mut fleet = Fleet::new(2).await;
    let definition = ec2_definition(&fleet.world, "log", 0).await;
    let created = fleet.create(daemon("log", &definition)).await;
    assert_eq!(
        created.scheduling_strategy,
        Some(SchedulingStrategy::DAEMON)
    );
    assert_eq!(created.launch_type, Some(LaunchType::EC2));
    let configuration = created.deployment_configuration.unwrap();
    assert_eq!(configuration.minimum_healthy_percent, Some(0));
    assert_eq!(configuration.maximum_percent, Some(100));
    fleet.settle().await;
    assert_eq!(
        fleet.on_nodes(),
        [("node-1", vec!["1"]), ("node-2", vec!["1"])]
    );
    let service = describe(&fleet.world, "log").await;
    assert_eq!(counts(&service), (2, 0, 2));
    let deployment = &service.deployments.as_ref().unwrap()[0];
    assert_eq!(deployment.desired_count, Some(2));
    assert_eq!(
        deployment.rollout_state,
        Some(DeploymentRolloutState::COMPLETED)
    );

    fleet.join("node-3").await;
    fleet.settle().await;
    assert_eq!(counts(&describe(&fleet.world, "log").await), (3, 0, 3));
    assert_eq!(fleet.nodes["node-3"].tasks.len(), 1);
    let said = messages(&describe(&fleet.world, "log").await);
    assert_eq!(
        said[..2],
        [
            "(service log) has reached a steady state.",
            "(service log) has started 1 tasks: (task ID)."
        ]
    );

    // One that fails is replaced on its node.
    let failed = fleet.nodes["node-2"].only_task();
    let world = &fleet.world;
    let node = fleet.nodes.get_mut("node-2").unwrap();
    node.end(world, &failed).await;
    fleet.settle().await;
    assert_eq!(fleet.nodes["node-2"].tasks.len(), 1);
    assert_ne!(fleet.nodes["node-2"].only_task(), failed);
}

#[tokio::test(start_paused = true)]
async fn a_daemon_leaves_a_draining_node_after_the_others() {
    let mut fleet = Fleet::new(2).await;
    let definition = ec2_definition(&fleet.world, "log", 0).await;
    fleet.create(daemon("log", &definition)).await;
    fleet.settle().await;
    let first = fleet.nodes["node-1"].arn.clone();
    let alone = StartTaskRequest {
        container_instances: Some(vec![first.clone()]),
        task_definition: Some(definition.clone()),
        ..StartTaskRequest::default()
    };
    let answer = fleet.world.call::<op::StartTask>(alone).await.unwrap();
    let other = answer.tasks.unwrap().remove(0).task_arn.unwrap();
    fleet.settle().await;
    assert_eq!(fleet.nodes["node-1"].tasks.len(), 2);

    set_state(&fleet.world, &first, "DRAINING").await.unwrap();
    fleet.settle().await;
    assert_eq!(fleet.nodes["node-1"].tasks.len(), 2, "one is no daemon's");
    assert_eq!(counts(&describe(&fleet.world, "log").await), (2, 0, 2));
    let world = &fleet.world;
    let node = fleet.nodes.get_mut("node-1").unwrap();
    node.end(world, &other).await;
    fleet.settle().await;
    assert_eq!(
        fleet.on_nodes(),
        [("node-1", vec![]), ("node-2", vec!["1"])]
    );
    assert_eq!(counts(&describe(&fleet.world, "log").await), (1, 0, 1));

    set_state(&fleet.world, &first, "ACTIVE").await.unwrap();
    fleet.settle().await;
    assert_eq!(counts(&describe(&fleet.world, "log").await), (2, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn an_update_goes_node_by_node_as_the_minimum_says() {
    let mut fleet = Fleet::new(4).await;
    let definition = ec2_definition(&fleet.world, "log", 0).await;
    let request = CreateServiceRequest {
        deployment_configuration: Some(DeploymentConfiguration {
            minimum_healthy_percent: Some(75),
            ..DeploymentConfiguration::default()
        }),
        ..daemon("log", &definition)
    };
    fleet.create(request).await;
    fleet.settle().await;
    for node in fleet.nodes.values_mut() {
        node.holds = true;
    }
    let definition = ec2_definition(&fleet.world, "log", 0).await;
    let request = UpdateServiceRequest {
        task_definition: Some(definition),
        ..of("log")
    };
    update(&fleet.world, request).await;
    fleet.settle().await;
    let asked_to_stop = |tasks: &[Task]| {
        let stopping = tasks
            .iter()
            .filter(|task| task.desired_status.as_deref() == Some("STOPPED"));
        stopping.count()
    };
    let tasks = tasks_of(&fleet.world, "log").await;
    assert_eq!((tasks.len(), asked_to_stop(&tasks)), (4, 1));
    for node in fleet.nodes.values_mut() {
        node.holds = false;
    }
    // The one that was held never told its end.
    for task in tasks {
        if task.desired_status.as_deref() == Some("STOPPED") {
            let arn = task.task_arn.unwrap();
            let mut nodes = fleet.nodes.values_mut();
            let node = nodes.find(|node| node.tasks.contains_key(&arn)).unwrap();
            node.end(&fleet.world, &arn).await;
        }
    }
    fleet.settle().await;
    let everywhere: Vec<_> = fleet
        .nodes
        .keys()
        .map(|name| (name.as_str(), vec!["2"]))
        .collect();
    assert_eq!(fleet.on_nodes(), everywhere);
    let service = describe(&fleet.world, "log").await;
    assert_eq!(counts(&service), (4, 0, 4));
    assert_eq!(service.deployments.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_minimum_that_leaves_none_blocks_an_update_and_says_so() {
    let mut fleet = Fleet::new(1).await;
    let definition = ec2_definition(&fleet.world, "log", 0).await;
    let request = CreateServiceRequest {
        deployment_configuration: Some(percents(75, 100)),
        ..daemon("log", &definition)
    };
    fleet.create(request).await;
    fleet.settle().await;
    let request = UpdateServiceRequest {
        force_new_deployment: Some(true),
        ..of("log")
    };
    let before = fleet.nodes["node-1"].only_task();
    update(&fleet.world, request).await;
    fleet.settle().await;
    assert_eq!(fleet.nodes["node-1"].only_task(), before);
    let said = messages(&describe(&fleet.world, "log").await);
    assert!(
        said[0].starts_with("(service log) was unable to stop or start tasks during a deployment"),
        "{said:?}"
    );
    let request = UpdateServiceRequest {
        deployment_configuration: Some(DeploymentConfiguration {
            minimum_healthy_percent: Some(0),
            ..DeploymentConfiguration::default()
        }),
        ..of("log")
    };
    update(&fleet.world, request).await;
    fleet.settle().await;
    assert_ne!(fleet.nodes["node-1"].only_task(), before);
}

#[tokio::test(start_paused = true)]
async fn constraints_choose_the_nodes_and_hold_for_what_runs() {
    let mut fleet = Fleet::new(2).await;
    let definition = ec2_definition(&fleet.world, "gpu", 0).await;
    let only = |expression: &str| PlacementConstraint {
        r#type: Some(PlacementConstraintType::MEMBER_OF),
        expression: Some(expression.into()),
    };
    let request = CreateServiceRequest {
        placement_constraints: Some(vec![only("attribute:stack == blue")]),
        ..daemon("gpu", &definition)
    };
    fleet.create(request).await;
    fleet.settle().await;
    assert_eq!(counts(&describe(&fleet.world, "gpu").await), (0, 0, 0));

    let stack = |value: &str, arn: &str| Attribute {
        name: Some("stack".into()),
        value: Some(value.into()),
        target_id: Some(arn.into()),
        target_type: Some(TargetType::CONTAINER_INSTANCE),
    };
    let first = fleet.nodes["node-1"].arn.clone();
    for (value, running) in [("blue", 1), ("green", 0), ("blue", 1)] {
        let request = PutAttributesRequest {
            attributes: Some(vec![stack(value, &first)]),
            ..PutAttributesRequest::default()
        };
        fleet
            .world
            .call::<op::PutAttributes>(request)
            .await
            .unwrap();
        fleet.settle().await;
        assert_eq!(fleet.nodes["node-1"].tasks.len(), running, "{value}");
        assert_eq!(fleet.nodes["node-2"].tasks.len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn one_without_room_is_told_and_tried_again() {
    let mut fleet = Fleet::new(1).await;
    let definition = big_definition(&fleet.world).await;
    let fill = RunTaskRequest {
        launch_type: Some(LaunchType::EC2),
        task_definition: Some(definition.clone()),
        ..RunTaskRequest::default()
    };
    let answer = fleet.world.call::<op::RunTask>(fill).await.unwrap();
    let filling = answer.tasks.unwrap().remove(0).task_arn.unwrap();
    fleet.settle().await;
    fleet.create(daemon("log", &definition)).await;
    fleet.settle().await;
    assert_eq!(counts(&describe(&fleet.world, "log").await), (0, 0, 1));
    let said = messages(&describe(&fleet.world, "log").await);
    assert!(
        said[0].contains("has insufficient memory available"),
        "{said:?}"
    );
    fleet.pass(Duration::from_secs(30)).await;
    let said = messages(&describe(&fleet.world, "log").await);
    assert_eq!(said.len(), 1, "it is not told again: {said:?}");
    let world = &fleet.world;
    fleet
        .nodes
        .get_mut("node-1")
        .unwrap()
        .end(world, &filling)
        .await;
    fleet.settle().await;
    assert_eq!(counts(&describe(&fleet.world, "log").await), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn deleting_needs_no_force_and_stops_all() {
    let mut fleet = Fleet::new(2).await;
    let definition = ec2_definition(&fleet.world, "log", 0).await;
    fleet.create(daemon("log", &definition)).await;
    fleet.settle().await;
    let deleted = delete(&fleet.world, "log", false).await.unwrap();
    assert_eq!(deleted.status.as_deref(), Some("DRAINING"));
    fleet.settle().await;
    assert_eq!(fleet.on_nodes(), [("node-1", vec![]), ("node-2", vec![])]);
    let service = describe(&fleet.world, "log").await;
    assert_eq!(service.status.as_deref(), Some("INACTIVE"));
    fleet.join("node-3").await;
    fleet.settle().await;
    assert!(fleet.nodes["node-3"].tasks.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_circuit_breaker_goes_back() {
    let mut fleet = Fleet::new(3).await;
    let definition = ec2_definition(&fleet.world, "log", 0).await;
    let request = CreateServiceRequest {
        deployment_configuration: Some(DeploymentConfiguration {
            deployment_circuit_breaker: Some(DeploymentCircuitBreaker {
                enable: Some(true),
                rollback: Some(true),
                ..DeploymentCircuitBreaker::default()
            }),
            ..DeploymentConfiguration::default()
        }),
        ..daemon("log", &definition)
    };
    fleet.create(request).await;
    fleet.pass(Duration::from_secs(30)).await;
    assert_eq!(counts(&describe(&fleet.world, "log").await), (3, 0, 3));
    let broken = ec2_definition(&fleet.world, "log", 0).await;
    let request = UpdateServiceRequest {
        task_definition: Some(broken),
        ..of("log")
    };
    update(&fleet.world, request).await;
    for _ in 0..40 {
        fleet.settle().await;
        // Whatever of the second revision runs ends at once.
        for node in fleet.nodes.values_mut() {
            let bad: Vec<String> = node
                .tasks
                .iter()
                .filter(|(_, revision)| *revision == "2")
                .map(|(arn, _)| arn.clone())
                .collect();
            for arn in bad {
                node.end(&fleet.world, &arn).await;
            }
        }
    }
    fleet.pass(Duration::from_secs(30)).await;
    let everywhere: Vec<_> = fleet
        .nodes
        .keys()
        .map(|name| (name.as_str(), vec!["1"]))
        .collect();
    assert_eq!(fleet.on_nodes(), everywhere);
    let said = messages(&describe(&fleet.world, "log").await);
    assert!(
        said.iter()
            .any(|text| text.contains("rolling back to deployment")),
        "{said:?}"
    );
}

#[tokio::test]
async fn what_a_daemon_does_not_take_is_refused_in_awss_words() {
    let world = World::new().await;
    let definition = ec2_definition(&world, "log", 0).await;
    let good = || daemon("log", &definition);
    let spread = PlacementStrategy {
        r#type: Some(PlacementStrategyType::SPREAD),
        field: Some("instanceId".into()),
    };
    for (request, expected) in [
        (
            CreateServiceRequest {
                desired_count: Some(1),
                ..good()
            },
            "The daemon scheduling strategy does not support a desired count for services. Remove the desired count value and try again",
        ),
        (
            CreateServiceRequest {
                deployment_configuration: Some(percents(100, 200)),
                ..good()
            },
            "The daemon scheduling strategy does not support values above 100 for maximumPercent on a deployment configuration. Change the maximumPercent value to 100, and try again",
        ),
        (
            CreateServiceRequest {
                placement_strategy: Some(vec![spread]),
                ..good()
            },
            "The daemon scheduling strategy does not support placement strategies. Remove the placement strategies and try again",
        ),
        (
            CreateServiceRequest {
                launch_type: Some(LaunchType::FARGATE),
                ..good()
            },
            "The FARGATE launch type does not support the DAEMON scheduling strategy.",
        ),
    ] {
        let (code, message) = refused(world.call::<op::CreateService>(request).await);
        assert_eq!(
            (code.as_str(), message.as_str()),
            ("InvalidParameterException", expected)
        );
    }
    world.call::<op::CreateService>(good()).await.unwrap();
    let request = UpdateServiceRequest {
        desired_count: Some(2),
        ..of("log")
    };
    let (code, _) = refused(world.call::<op::UpdateService>(request).await);
    assert_eq!(code, "InvalidParameterException");
    let request = ListServicesRequest {
        scheduling_strategy: Some(SchedulingStrategy::DAEMON),
        ..ListServicesRequest::default()
    };
    let listed = world.call::<op::ListServices>(request).await.unwrap();
    assert_eq!(listed.service_arns.unwrap().len(), 1);
}

async fn revision_of(world: &World, task: &str) -> String {
    let request = DescribeTasksRequest {
        tasks: Some(vec![task.into()]),
        ..DescribeTasksRequest::default()
    };
    let answer = world.call::<op::DescribeTasks>(request).await.unwrap();
    let definition = answer.tasks.unwrap().remove(0).task_definition_arn.unwrap();
    definition.rsplit_once(':').unwrap().1.to_owned()
}

async fn tasks_of(world: &World, service: &str) -> Vec<Task> {
    let request = ListTasksRequest {
        service_name: Some(service.into()),
        ..ListTasksRequest::default()
    };
    let mut arns = vec![];
    for desired_status in [DesiredStatus::RUNNING, DesiredStatus::STOPPED] {
        let request = ListTasksRequest {
            desired_status: Some(desired_status),
            ..request.clone()
        };
        let answer = world.call::<op::ListTasks>(request).await.unwrap();
        arns.extend(answer.task_arns.unwrap());
    }
    let request = DescribeTasksRequest {
        tasks: Some(arns),
        ..DescribeTasksRequest::default()
    };
    let answer = world.call::<op::DescribeTasks>(request).await.unwrap();
    answer.tasks.unwrap()
}

/// A definition that fills a node.
async fn big_definition(world: &World) -> String {
    let request = RegisterTaskDefinitionRequest {
        family: Some("big".into()),
        container_definitions: Some(vec![ContainerDefinition {
            memory: Some(8000),
            ..container("app")
        }]),
        ..RegisterTaskDefinitionRequest::default()
    };
    world
        .call::<op::RegisterTaskDefinition>(request)
        .await
        .unwrap();
    "big".into()
}
