//! RunTask: what it makes, what it refuses, what it answers when there is no room.

use api_ecs::{operations as op, types::*};

use crate::world::{World, agent::Agent, container, fargate_request, node, refused, tag};

/// A request for one Fargate task on the default subnet.
pub fn request(world: &World, definition: &str) -> RunTaskRequest {
    RunTaskRequest {
        task_definition: Some(definition.into()),
        network_configuration: Some(network(world)),
        ..RunTaskRequest::default()
    }
}

pub fn network(world: &World) -> NetworkConfiguration {
    NetworkConfiguration {
        awsvpc_configuration: Some(AwsVpcConfiguration {
            subnets: Some(vec![world.defaults.subnet_id.clone()]),
            ..AwsVpcConfiguration::default()
        }),
    }
}

/// A definition for container instances: bridge mode, one fixed port.
pub async fn ec2_definition(world: &World, family: &str, host_port: i32) -> String {
    let mapping = PortMapping {
        container_port: Some(80),
        host_port: Some(host_port),
        ..PortMapping::default()
    };
    let request = RegisterTaskDefinitionRequest {
        family: Some(family.into()),
        container_definitions: Some(vec![ContainerDefinition {
            cpu: Some(256),
            memory: Some(512),
            port_mappings: Some(vec![mapping]),
            ..container("app")
        }]),
        ..RegisterTaskDefinitionRequest::default()
    };
    world
        .call::<op::RegisterTaskDefinition>(request)
        .await
        .unwrap();
    family.into()
}

/// A world with one connected serverless node and a definition.
pub async fn ready() -> (World, Agent, String) {
    let world = World::new().await;
    let arn = world.serverless_node("node-1", 4096, 8192).await;
    let agent = Agent::connect(&world, "node-1", &arn).await;
    let definition = world.fargate_definition("web").await;
    (world, agent, definition)
}

#[tokio::test]
async fn a_fargate_task_is_answered_as_aws_answers_it() {
    let (world, _agent, definition) = ready().await;
    let answer = world
        .call::<op::RunTask>(RunTaskRequest {
            started_by: Some("me".into()),
            tags: Some(vec![tag("team", "blue")]),
            enable_ecs_managed_tags: Some(true),
            ..request(&world, &definition)
        })
        .await
        .unwrap();
    assert_eq!(answer.failures, Some(vec![]));
    let task = answer.tasks.unwrap().remove(0);
    assert_eq!(task.last_status.as_deref(), Some("PROVISIONING"));
    assert_eq!(task.desired_status.as_deref(), Some("RUNNING"));
    assert_eq!(task.launch_type, Some(LaunchType::FARGATE));
    assert_eq!(task.capacity_provider_name.as_deref(), Some("FARGATE"));
    assert_eq!(task.platform_version.as_deref(), Some("1.4.0"));
    assert_eq!(task.platform_family.as_deref(), Some("Linux"));
    assert_eq!(task.group.as_deref(), Some("family:web"));
    assert_eq!(task.started_by.as_deref(), Some("me"));
    assert_eq!(
        (task.cpu.as_deref(), task.memory.as_deref()),
        (Some("256"), Some("512"))
    );
    assert_eq!(
        task.container_instance_arn, None,
        "serverless nodes are not shown"
    );
    assert_eq!(
        task.tags,
        Some(vec![
            tag("team", "blue"),
            tag("aws:ecs:clusterName", "default")
        ])
    );
    let attachment = &task.attachments.as_ref().unwrap()[0];
    assert_eq!(attachment.status.as_deref(), Some("PRECREATED"));
    assert_eq!(
        attachment.details.as_ref().unwrap().len(),
        1,
        "only the subnet so far"
    );
    let attribute = &task.attributes.as_ref().unwrap()[0];
    assert_eq!(attribute.value.as_deref(), Some("x86_64"));
    let container = &task.containers.as_ref().unwrap()[0];
    assert_eq!(container.last_status.as_deref(), Some("PENDING"));
    assert_eq!(container.cpu.as_deref(), Some("0"));
    assert_eq!(task.ephemeral_storage.unwrap().size_in_gib, Some(20));
    assert_eq!(task.version, Some(1));
}

#[tokio::test]
async fn addresses_are_unique_and_free_again_when_tasks_end() {
    let (world, agent, definition) = ready().await;
    let answer = world
        .call::<op::RunTask>(RunTaskRequest {
            count: Some(10),
            ..request(&world, &definition)
        })
        .await
        .unwrap();
    let tasks = answer.tasks.unwrap();
    assert_eq!(tasks.len(), 10);
    let addresses = || {
        let counted = world.store.read(|head| {
            head.scan::<service_ecs::records::AddressRecord>("")
                .map(|address| address.ipv4.clone())
                .collect::<std::collections::BTreeSet<_>>()
        });
        counted.head()
    };
    assert_eq!(addresses().len(), 10);
    for task in &tasks {
        agent
            .submit(&world, task.task_arn.as_deref().unwrap(), "STOPPED", vec![])
            .await
            .unwrap();
    }
    assert_eq!(addresses().len(), 0);
}

#[tokio::test]
async fn without_capacity_a_fargate_task_is_a_failure_in_aws_words() {
    let (world, _agent, definition) = ready().await;
    let answer = world
        .call::<op::RunTask>(RunTaskRequest {
            count: Some(2),
            overrides: Some(TaskOverride {
                cpu: Some("4096".into()),
                memory: Some("8192".into()),
                ..TaskOverride::default()
            }),
            ..request(&world, &definition)
        })
        .await
        .unwrap();
    assert_eq!(answer.tasks.unwrap().len(), 1, "the first one fits");
    let failure = &answer.failures.unwrap()[0];
    assert_eq!(failure.arn, None);
    assert_eq!(
        failure.reason.as_deref(),
        Some(
            "Capacity is unavailable at this time. Please try again later or in a different availability zone"
        )
    );
    assert_eq!(
        failure.detail.as_deref(),
        Some("Of 1 nodes none fits: RESOURCE:MEMORY on 1; the nearest lacks 8192 MiB of memory.")
    );
}

#[tokio::test]
async fn container_instances_fail_one_by_one_with_their_reasons() {
    let world = World::new().await;
    let definition = ec2_definition(&world, "web", 8080).await;
    let run = || RunTaskRequest {
        task_definition: Some(definition.clone()),
        launch_type: Some(LaunchType::EC2),
        ..RunTaskRequest::default()
    };
    assert_eq!(
        refused(world.call::<op::RunTask>(run()).await).1,
        "No Container Instances were found in your cluster."
    );
    let first = world
        .container_instance("node-1", "default", 2048, 4096)
        .await;
    let second = world
        .container_instance("node-2", "default", 128, 4096)
        .await;
    let failures = world
        .call::<op::RunTask>(run())
        .await
        .unwrap()
        .failures
        .unwrap();
    assert_eq!(failures.len(), 2);
    assert!(
        failures
            .iter()
            .all(|failure| failure.reason.as_deref() == Some("AGENT"))
    );

    let _one = Agent::connect(&world, "node-1", &first).await;
    let _two = Agent::connect(&world, "node-2", &second).await;
    let answer = world.call::<op::RunTask>(run()).await.unwrap();
    let task = &answer.tasks.unwrap()[0];
    assert_eq!(task.container_instance_arn.as_ref(), Some(&first));
    assert_eq!(task.last_status.as_deref(), Some("PENDING"));
    assert_eq!(task.attachments, Some(vec![]));

    let failures = world
        .call::<op::RunTask>(run())
        .await
        .unwrap()
        .failures
        .unwrap();
    let mut reasons: Vec<_> = failures
        .iter()
        .map(|failure| {
            (
                failure.arn.clone().unwrap(),
                failure.reason.clone().unwrap(),
            )
        })
        .collect();
    reasons.sort();
    let mut expected = vec![
        (first, "RESOURCE:PORTS".to_owned()),
        (second, "RESOURCE:CPU".to_owned()),
    ];
    expected.sort();
    assert_eq!(reasons, expected);
}

#[tokio::test]
async fn distinct_instances_and_binpack() {
    let world = World::new().await;
    let definition = ec2_definition(&world, "web", 0).await;
    let mut agents = vec![];
    for (node_id, memory) in [("node-1", 4096), ("node-2", 1024)] {
        let arn = world
            .container_instance(node_id, "default", 2048, memory)
            .await;
        agents.push(Agent::connect(&world, node_id, &arn).await);
    }
    let run = |count| RunTaskRequest {
        task_definition: Some(definition.clone()),
        launch_type: Some(LaunchType::EC2),
        count: Some(count),
        placement_strategy: Some(vec![PlacementStrategy {
            r#type: Some(PlacementStrategyType::BINPACK),
            field: Some("memory".into()),
        }]),
        ..RunTaskRequest::default()
    };
    let distinct = RunTaskRequest {
        placement_constraints: Some(vec![PlacementConstraint {
            r#type: Some(PlacementConstraintType::DISTINCT_INSTANCE),
            expression: None,
        }]),
        ..run(3)
    };
    let answer = world.call::<op::RunTask>(distinct).await.unwrap();
    assert_eq!(answer.tasks.unwrap().len(), 2);
    assert_eq!(answer.failures.unwrap().len(), 2);
    // node-2 has 512 MiB left, the least that fits.
    let tasks = world
        .call::<op::RunTask>(run(1))
        .await
        .unwrap()
        .tasks
        .unwrap();
    let on = |task: &Task| task.container_instance_arn.clone().unwrap();
    let used = world
        .call::<op::RunTask>(run(1))
        .await
        .unwrap()
        .tasks
        .unwrap();
    assert_ne!(on(&tasks[0]), on(&used[0]), "then it is full");
}

#[tokio::test]
async fn a_token_gives_the_same_tasks_again() {
    let (world, _agent, definition) = ready().await;
    let with_token = RunTaskRequest {
        client_token: Some("once".into()),
        ..request(&world, &definition)
    };
    let first = world.call::<op::RunTask>(with_token.clone()).await.unwrap();
    let second = world.call::<op::RunTask>(with_token.clone()).await.unwrap();
    assert_eq!(first, second);
    let other = RunTaskRequest {
        count: Some(2),
        ..with_token
    };
    let (code, _) = refused(world.call::<op::RunTask>(other).await);
    assert_eq!(code, "ConflictException");
    let listed = world
        .call::<op::ListTasks>(ListTasksRequest::default())
        .await
        .unwrap();
    assert_eq!(listed.task_arns.unwrap().len(), 1);
}

#[tokio::test]
async fn bad_requests_are_refused_in_aws_words() {
    let (world, _agent, definition) = ready().await;
    let good = request(&world, &definition);
    let with = |change: fn(&mut RunTaskRequest)| {
        let mut request = good.clone();
        change(&mut request);
        request
    };
    let cases: Vec<(RunTaskRequest, &str, &str)> = vec![
        (
            with(|r| r.cluster = Some("nowhere".into())),
            "ClusterNotFoundException",
            "Cluster not found.",
        ),
        (
            with(|r| r.task_definition = Some("ghost".into())),
            "ClientException",
            "TaskDefinition not found.",
        ),
        (
            with(|r| r.count = Some(11)),
            "InvalidParameterException",
            "Count must be between 1 and 10.",
        ),
        (
            with(|r| r.count = Some(0)),
            "InvalidParameterException",
            "Count must be between 1 and 10.",
        ),
        (
            with(|r| r.network_configuration = None),
            "InvalidParameterException",
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        ),
        (
            with(|r| {
                r.launch_type = Some(LaunchType::FARGATE);
                r.capacity_provider_strategy = Some(vec![CapacityProviderStrategyItem {
                    capacity_provider: Some("FARGATE".into()),
                    ..CapacityProviderStrategyItem::default()
                }]);
            }),
            "InvalidParameterException",
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
        ),
        (
            with(|r| {
                let awsvpc = r.network_configuration.as_mut().unwrap();
                awsvpc.awsvpc_configuration.as_mut().unwrap().subnets =
                    Some(vec!["subnet-x".into()]);
            }),
            "InvalidParameterException",
            "Error retrieving subnet information for [subnet-x]: The subnet ID 'subnet-x' does not exist (ErrorCode: InvalidSubnetID.NotFound)",
        ),
        (
            with(|r| r.platform_version = Some("9.9.9".into())),
            "PlatformUnknownException",
            "The specified platform version 9.9.9 does not exist.",
        ),
        (
            with(|r| {
                r.overrides = Some(TaskOverride {
                    container_overrides: Some(vec![ContainerOverride {
                        name: Some("db".into()),
                        ..ContainerOverride::default()
                    }]),
                    ..TaskOverride::default()
                });
            }),
            "InvalidParameterException",
            "Override for container named db is not a container in the TaskDefinition.",
        ),
        (
            with(|r| r.enable_execute_command = Some(true)),
            "InvalidParameterException",
            "The execute command failed because a valid task role is not being used. Specify a valid task role in your \
             task definition or as a task override and try again.",
        ),
        (
            with(|r| r.propagate_tags = Some(PropagateTags::SERVICE)),
            "InvalidParameterException",
            "The propagateTags value SERVICE is not valid for RunTask.",
        ),
        (
            with(|r| {
                r.placement_strategy = Some(vec![PlacementStrategy {
                    r#type: Some(PlacementStrategyType::RANDOM),
                    field: None,
                }]);
            }),
            "InvalidParameterException",
            "Placement strategies are not supported with FARGATE launch type.",
        ),
    ];
    for (request, code, message) in cases {
        let found = refused(world.call::<op::RunTask>(request).await);
        assert_eq!(found, (code.to_owned(), message.to_owned()));
    }
    let listed = world
        .call::<op::ListTasks>(ListTasksRequest::default())
        .await
        .unwrap();
    assert_eq!(listed.task_arns, Some(vec![]), "nothing was made");
}

#[tokio::test]
async fn launch_type_and_network_mode_must_fit_the_definition() {
    let (world, _agent, _) = ready().await;
    let bridge = ec2_definition(&world, "bridge", 0).await;
    let (_, message) = refused(
        world
            .call::<op::RunTask>(RunTaskRequest {
                task_definition: Some(bridge.clone()),
                launch_type: Some(LaunchType::FARGATE),
                ..RunTaskRequest::default()
            })
            .await,
    );
    assert_eq!(
        message,
        "Task definition does not support launch_type FARGATE."
    );
    let (_, message) = refused(
        world
            .call::<op::RunTask>(RunTaskRequest {
                task_definition: Some(bridge),
                launch_type: Some(LaunchType::EC2),
                network_configuration: Some(network(&world)),
                ..RunTaskRequest::default()
            })
            .await,
    );
    assert_eq!(
        message,
        "Network Configuration is not valid for the given networkMode of this task definition."
    );
}

#[tokio::test]
async fn tags_come_from_the_definition_when_asked() {
    let (world, _agent, _) = ready().await;
    let tagged = RegisterTaskDefinitionRequest {
        tags: Some(vec![tag("team", "blue"), tag("tier", "web")]),
        ..fargate_request("tagged")
    };
    world
        .call::<op::RegisterTaskDefinition>(tagged)
        .await
        .unwrap();
    let answer = world
        .call::<op::RunTask>(RunTaskRequest {
            propagate_tags: Some(PropagateTags::TASK_DEFINITION),
            tags: Some(vec![tag("team", "red")]),
            ..request(&world, "tagged")
        })
        .await
        .unwrap();
    let tags = answer.tasks.unwrap().remove(0).tags.unwrap();
    assert_eq!(tags, [tag("team", "red"), tag("tier", "web")]);
}

#[tokio::test]
async fn strategies_share_out_the_tasks() {
    let (world, _agent, definition) = ready().await;
    let item = |provider: &str, weight, base| CapacityProviderStrategyItem {
        capacity_provider: Some(provider.into()),
        weight: Some(weight),
        base: Some(base),
    };
    let answer = world
        .call::<op::RunTask>(RunTaskRequest {
            count: Some(7),
            capacity_provider_strategy: Some(vec![
                item("FARGATE", 1, 1),
                item("FARGATE_SPOT", 2, 0),
            ]),
            ..request(&world, &definition)
        })
        .await
        .unwrap();
    let tasks = answer.tasks.unwrap();
    let spot = tasks
        .iter()
        .filter(|task| task.capacity_provider_name.as_deref() == Some("FARGATE_SPOT"));
    assert_eq!((tasks.len(), spot.count()), (7, 4));
}

#[tokio::test]
async fn a_task_waits_for_a_node_that_is_away_but_not_for_one_that_is_gone() {
    let world = World::new().await;
    let instance = world.serverless_node("node-1", 4096, 8192).await;
    let definition = world.fargate_definition("web").await;
    let run = || world.call::<op::RunTask>(request(&world, &definition));
    let waiting = run().await.unwrap().tasks.unwrap().remove(0);
    assert_eq!(waiting.last_status.as_deref(), Some("PROVISIONING"));
    let stop = StopTaskRequest {
        task: waiting.task_arn,
        ..StopTaskRequest::default()
    };
    let stopped = world
        .call::<op::StopTask>(stop)
        .await
        .unwrap()
        .task
        .unwrap();
    assert_eq!(
        stopped.last_status.as_deref(),
        Some("STOPPED"),
        "no node has to agree"
    );

    let deregister = DeregisterContainerInstanceRequest {
        container_instance: Some(instance),
        ..DeregisterContainerInstanceRequest::default()
    };
    world
        .call_as::<op::DeregisterContainerInstance>(&node("node-1"), deregister)
        .await
        .unwrap();
    let failure = run().await.unwrap().failures.unwrap().remove(0);
    assert_eq!(
        failure.detail.as_deref(),
        Some("No node offers serverless capacity. Start one: gantry agent --capacity serverless.")
    );
}
