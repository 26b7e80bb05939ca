//! Capacity providers of Auto Scaling groups, as they are recorded.

use api_ecs::{operations as op, types::*};

use crate::{
    run_task::ec2_definition,
    world::{World, agent::Agent, refused, registration, tag},
};

fn create(name: &str) -> CreateCapacityProviderRequest {
    CreateCapacityProviderRequest {
        name: Some(name.into()),
        auto_scaling_group_provider: Some(AutoScalingGroupProvider {
            auto_scaling_group_arn: Some("web-group".into()),
            managed_scaling: Some(ManagedScaling {
                status: Some(ManagedScalingStatus::ENABLED),
                target_capacity: Some(80),
                ..ManagedScaling::default()
            }),
            ..AutoScalingGroupProvider::default()
        }),
        tags: Some(vec![tag("team", "blue")]),
        ..CreateCapacityProviderRequest::default()
    }
}

async fn described(world: &World, request: DescribeCapacityProvidersRequest) -> Vec<String> {
    let answer = world
        .call::<op::DescribeCapacityProviders>(request)
        .await
        .unwrap();
    let providers = answer.capacity_providers.unwrap().into_iter();
    providers.map(|provider| provider.name.unwrap()).collect()
}

async fn put(world: &World, providers: &[&str]) -> Result<Cluster, wire::Error> {
    let request = PutClusterCapacityProvidersRequest {
        cluster: Some("default".into()),
        capacity_providers: Some(providers.iter().map(|name| name.to_string()).collect()),
        default_capacity_provider_strategy: Some(vec![]),
    };
    let answer = world.call::<op::PutClusterCapacityProviders>(request).await;
    answer.map(|answer| answer.cluster.unwrap())
}

fn delete(name: &str) -> DeleteCapacityProviderRequest {
    DeleteCapacityProviderRequest {
        capacity_provider: Some(name.into()),
        ..DeleteCapacityProviderRequest::default()
    }
}

#[tokio::test]
async fn a_capacity_provider_from_first_to_last() {
    let world = World::new().await;
    let made = world
        .call::<op::CreateCapacityProvider>(create("web"))
        .await
        .unwrap();
    let made = made.capacity_provider.unwrap();
    let arn = made.capacity_provider_arn.clone().unwrap();
    assert_eq!(
        arn,
        "arn:aws:ecs:us-east-1:123456789012:capacity-provider/web"
    );
    assert_eq!(made.status, Some(CapacityProviderStatus::ACTIVE));
    assert_eq!(made.r#type, Some(CapacityProviderType::EC2_AUTOSCALING));
    assert_eq!(made.tags, Some(vec![tag("team", "blue")]));
    let group = made.auto_scaling_group_provider.unwrap();
    assert_eq!(group.auto_scaling_group_arn.as_deref(), Some("web-group"));
    assert_eq!(group.managed_draining, Some(ManagedDraining::ENABLED));
    let scaling = group.managed_scaling.unwrap();
    assert_eq!(
        (scaling.target_capacity, scaling.instance_warmup_period),
        (Some(80), Some(300))
    );

    let (code, message) = refused(
        world
            .call::<op::CreateCapacityProvider>(create("web"))
            .await,
    );
    assert_eq!(code, "ClientException");
    assert!(
        message.starts_with("The specified capacity provider already exists."),
        "{message}"
    );

    let all = described(&world, DescribeCapacityProvidersRequest::default()).await;
    assert_eq!(all, ["FARGATE", "FARGATE_SPOT", "web"]);
    let with_tags = DescribeCapacityProvidersRequest {
        capacity_providers: Some(vec![arn.clone()]),
        include: Some(vec![CapacityProviderField::TAGS]),
        ..DescribeCapacityProvidersRequest::default()
    };
    let answer = world
        .call::<op::DescribeCapacityProviders>(with_tags)
        .await
        .unwrap();
    let shown = &answer.capacity_providers.unwrap()[0];
    assert_eq!(shown.tags, Some(vec![tag("team", "blue")]));

    let update = UpdateCapacityProviderRequest {
        name: Some("web".into()),
        auto_scaling_group_provider: Some(AutoScalingGroupProviderUpdate {
            managed_scaling: Some(ManagedScaling {
                target_capacity: Some(50),
                ..ManagedScaling::default()
            }),
            ..AutoScalingGroupProviderUpdate::default()
        }),
        ..UpdateCapacityProviderRequest::default()
    };
    let answer = world
        .call::<op::UpdateCapacityProvider>(update)
        .await
        .unwrap();
    let updated = answer.capacity_provider.unwrap();
    let completed = CapacityProviderUpdateStatus::UPDATE_COMPLETE;
    assert_eq!(updated.update_status, Some(completed));
    let scaling = updated.auto_scaling_group_provider.unwrap().managed_scaling;
    let scaling = scaling.unwrap();
    assert_eq!(scaling.status, Some(ManagedScalingStatus::ENABLED));
    assert_eq!(scaling.target_capacity, Some(50));

    let tagging = TagResourceRequest {
        resource_arn: Some(arn.clone()),
        tags: Some(vec![tag("stage", "prod")]),
    };
    world.call::<op::TagResource>(tagging).await.unwrap();
    let list = ListTagsForResourceRequest {
        resource_arn: Some(arn.clone()),
    };
    let tags = world.call::<op::ListTagsForResource>(list).await.unwrap();
    assert_eq!(
        tags.tags,
        Some(vec![tag("team", "blue"), tag("stage", "prod")])
    );

    // A cluster has it, by name or by ARN; until it has it no more, it stays.
    let cluster = put(&world, &[&arn]).await.unwrap();
    assert_eq!(cluster.capacity_providers, Some(vec!["web".into()]));
    let (code, message) = refused(
        world
            .call::<op::DeleteCapacityProvider>(delete("web"))
            .await,
    );
    assert_eq!(code, "ClientException");
    assert!(
        message.contains("associated with cluster: default"),
        "{message}"
    );
    let of_cluster = DescribeCapacityProvidersRequest {
        cluster: Some("default".into()),
        ..DescribeCapacityProvidersRequest::default()
    };
    assert_eq!(described(&world, of_cluster).await, ["web"]);
    put(&world, &[]).await.unwrap();
    let gone = world
        .call::<op::DeleteCapacityProvider>(delete(&arn))
        .await
        .unwrap();
    let gone = gone.capacity_provider.unwrap();
    assert_eq!(gone.status, Some(CapacityProviderStatus::INACTIVE));
    let all = described(&world, DescribeCapacityProvidersRequest::default()).await;
    assert_eq!(all, ["FARGATE", "FARGATE_SPOT"]);
}

#[tokio::test]
async fn what_is_refused_of_capacity_providers() {
    let world = World::new().await;
    let call = async |request: CreateCapacityProviderRequest| {
        refused(world.call::<op::CreateCapacityProvider>(request).await)
    };
    let (code, message) = call(create("fargate-2")).await;
    assert_eq!(code, "InvalidParameterException");
    assert!(
        message.starts_with("The specified capacity provider name is invalid."),
        "{message}"
    );
    let managed = CreateCapacityProviderRequest {
        managed_instances_provider: Some(CreateManagedInstancesProviderConfiguration::default()),
        ..create("web")
    };
    let (_, message) = call(managed).await;
    assert!(message.contains("managedInstancesProvider"), "{message}");
    let bare = CreateCapacityProviderRequest {
        auto_scaling_group_provider: None,
        ..create("web")
    };
    assert_eq!(call(bare).await.0, "InvalidParameterException");
    let in_cluster = CreateCapacityProviderRequest {
        cluster: Some("default".into()),
        ..create("web")
    };
    assert_eq!(call(in_cluster).await.0, "InvalidParameterException");
    for name in ["FARGATE", "nothing"] {
        let (code, _) = refused(world.call::<op::DeleteCapacityProvider>(delete(name)).await);
        assert_eq!(code, "ClientException");
        let update = UpdateCapacityProviderRequest {
            name: Some(name.into()),
            ..UpdateCapacityProviderRequest::default()
        };
        let (code, _) = refused(world.call::<op::UpdateCapacityProvider>(update).await);
        assert_eq!(code, "ClientException");
    }
    assert!(put(&world, &["nothing"]).await.is_err());
    // One that the cluster has not is no part of a strategy.
    world
        .call::<op::CreateCapacityProvider>(create("web"))
        .await
        .unwrap();
    let strategy = PutClusterCapacityProvidersRequest {
        cluster: Some("default".into()),
        capacity_providers: Some(vec!["FARGATE".into()]),
        default_capacity_provider_strategy: Some(vec![CapacityProviderStrategyItem {
            capacity_provider: Some("web".into()),
            ..CapacityProviderStrategyItem::default()
        }]),
    };
    let (_, message) = refused(
        world
            .call::<op::PutClusterCapacityProviders>(strategy)
            .await,
    );
    assert!(
        message.contains("not associated with the cluster"),
        "{message}"
    );
}

#[tokio::test]
async fn a_provider_that_the_cluster_has_not_is_told_apart_from_none() {
    let world = World::new().await;
    let definition = ec2_definition(&world, "web", 0).await;
    let refusal = async || refused(world.call::<op::RunTask>(run(&definition, "web", 1)).await);
    assert!(refusal().await.1.contains("was not found"));
    let made = world.call::<op::CreateCapacityProvider>(create("web"));
    made.await.unwrap();
    let (code, message) = refusal().await;
    assert_eq!(code, "InvalidParameterException");
    assert_eq!(
        message,
        "The specified capacity provider strategy contains a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again."
    );
}

/// A provider that the default cluster has, with or without managed scaling.
async fn provider(world: &World, name: &str, is_scaled: bool) {
    let mut request = create(name);
    if !is_scaled {
        let group = request.auto_scaling_group_provider.as_mut().unwrap();
        group.managed_scaling = None;
    }
    world
        .call::<op::CreateCapacityProvider>(request)
        .await
        .unwrap();
    put(world, &[name]).await.unwrap();
}

async fn instance(world: &World, node: &str, provider: Option<&str>) -> String {
    let mut offer = registration("default", "container-instance", 4096, 8192);
    if let Some(provider) = provider {
        offer.attributes.get_or_insert_default().push(Attribute {
            name: Some("gantry.capacity-provider".into()),
            value: Some(provider.into()),
            ..Attribute::default()
        });
    }
    world.register(node, offer).await
}

fn run(definition: &str, provider: &str, count: i32) -> RunTaskRequest {
    RunTaskRequest {
        task_definition: Some(definition.into()),
        count: Some(count),
        capacity_provider_strategy: Some(vec![CapacityProviderStrategyItem {
            capacity_provider: Some(provider.into()),
            weight: Some(1),
            base: None,
        }]),
        ..RunTaskRequest::default()
    }
}

#[tokio::test]
async fn tasks_of_a_provider_run_on_its_instances_only() {
    let world = World::new().await;
    provider(&world, "web", false).await;
    let definition = ec2_definition(&world, "web", 0).await;
    let other = instance(&world, "node-1", None).await;
    let _other = Agent::connect(&world, "node-1", &other).await;
    let empty = world
        .call::<op::RunTask>(run(&definition, "web", 1))
        .await
        .unwrap();
    assert_eq!(empty.tasks, Some(vec![]));
    let failures = empty.failures.unwrap();
    assert_eq!(failures.len(), 1);
    assert_eq!(
        failures[0].reason.as_deref(),
        Some("EMPTY CAPACITY PROVIDER")
    );

    let own = instance(&world, "node-2", Some("web")).await;
    let _own = Agent::connect(&world, "node-2", &own).await;
    let ran = world
        .call::<op::RunTask>(run(&definition, "web", 3))
        .await
        .unwrap();
    let tasks = ran.tasks.unwrap();
    assert_eq!(tasks.len(), 3, "{:?}", ran.failures);
    for task in tasks {
        assert_eq!(task.container_instance_arn.as_ref(), Some(&own));
        assert_eq!(task.capacity_provider_name.as_deref(), Some("web"));
    }
    let described = world
        .call::<op::DescribeContainerInstances>(DescribeContainerInstancesRequest {
            container_instances: Some(vec![other.clone(), own.clone()]),
            ..DescribeContainerInstancesRequest::default()
        })
        .await
        .unwrap();
    let named: Vec<Option<String>> = described
        .container_instances
        .unwrap()
        .into_iter()
        .map(|instance| instance.capacity_provider_name)
        .collect();
    assert_eq!(named, [None, Some("web".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn tasks_wait_in_provisioning_for_capacity_that_scaling_brings() {
    let world = World::simulated().await;
    let (_stop, stopping) = tokio::sync::watch::channel(false);
    world.ecs.spawn_loops(&stopping);
    provider(&world, "web", true).await;
    let definition = ec2_definition(&world, "web", 0).await;
    let ran = world
        .call::<op::RunTask>(run(&definition, "web", 2))
        .await
        .unwrap();
    assert_eq!(ran.failures, Some(vec![]));
    let tasks = ran.tasks.unwrap();
    for task in &tasks {
        assert_eq!(task.last_status.as_deref(), Some("PROVISIONING"));
        assert_eq!(task.desired_status.as_deref(), Some("RUNNING"));
        assert_eq!(task.container_instance_arn, None);
    }
    // One that waits can be stopped; nothing is left of it.
    let stopped = world
        .call::<op::StopTask>(StopTaskRequest {
            task: tasks[0].task_arn.clone(),
            ..StopTaskRequest::default()
        })
        .await
        .unwrap();
    assert_eq!(
        stopped.task.unwrap().last_status.as_deref(),
        Some("STOPPED")
    );
    // An instance of somebody else helps nobody.
    let other = instance(&world, "node-1", None).await;
    let mut other = Agent::connect(&world, "node-1", &other).await;
    let silence = std::time::Duration::from_secs(15);
    assert!(
        other
            .hear_within(&world, silence)
            .await
            .is_none_or(|message| { !matches!(message, link::acs::Message::Payload(_)) })
    );
    let own = instance(&world, "node-2", Some("web")).await;
    let mut own_agent = Agent::connect(&world, "node-2", &own).await;
    let payload = own_agent.payload(&world).await;
    assert_eq!(payload.len(), 1);
    assert_eq!(payload[0].arn, tasks[1].task_arn);
    let described = world
        .call::<op::DescribeTasks>(DescribeTasksRequest {
            tasks: tasks[1].task_arn.clone().map(|arn| vec![arn]),
            ..DescribeTasksRequest::default()
        })
        .await
        .unwrap();
    let placed = &described.tasks.unwrap()[0];
    assert_eq!(placed.container_instance_arn, Some(own));
    assert_eq!(placed.last_status.as_deref(), Some("PENDING"));
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_too_long_is_given_up() {
    let world = World::simulated().await;
    let (_stop, stopping) = tokio::sync::watch::channel(false);
    world.ecs.spawn_loops(&stopping);
    provider(&world, "web", true).await;
    let definition = ec2_definition(&world, "web", 0).await;
    let run_one = async || {
        let ran = world.call::<op::RunTask>(run(&definition, "web", 1)).await;
        ran.unwrap().tasks.unwrap().remove(0).task_arn.unwrap()
    };
    let shown = async |arn: &String| {
        let request = DescribeTasksRequest {
            tasks: Some(vec![arn.clone()]),
            ..DescribeTasksRequest::default()
        };
        let answer = world.call::<op::DescribeTasks>(request).await;
        answer.unwrap().tasks.unwrap().remove(0)
    };
    let minutes = |count: u64| std::time::Duration::from_secs(count * 60);
    let first = run_one().await;
    world.clock.sleep(minutes(10)).await;
    let second = run_one().await;
    world.clock.sleep(minutes(4)).await;
    assert_eq!(
        shown(&first).await.last_status.as_deref(),
        Some("PROVISIONING")
    );
    world.clock.sleep(minutes(2)).await;
    let given_up = shown(&first).await;
    assert_eq!(given_up.last_status.as_deref(), Some("STOPPED"));
    assert_eq!(given_up.stop_code, Some(TaskStopCode::TASK_FAILED_TO_START));
    assert_eq!(
        given_up.stopped_reason.as_deref(),
        Some("EMPTY CAPACITY PROVIDER")
    );
    assert_eq!(
        shown(&second).await.last_status.as_deref(),
        Some("PROVISIONING")
    );

    // An instance that is too small helps no more, and says what it lacks.
    world.clock.sleep(minutes(8)).await;
    let mut small = registration("default", "container-instance", 128, 8192);
    small.attributes.get_or_insert_default().push(Attribute {
        name: Some("gantry.capacity-provider".into()),
        value: Some("web".into()),
        ..Attribute::default()
    });
    let arn = world.register("small", small).await;
    let _agent = Agent::connect(&world, "small", &arn).await;
    world.clock.sleep(std::time::Duration::from_secs(70)).await;
    let given_up = shown(&second).await;
    assert_eq!(given_up.stopped_reason.as_deref(), Some("RESOURCE:CPU"));
}

#[tokio::test(start_paused = true)]
async fn what_runs_tasks_is_protected_and_what_leaves_drains() {
    let world = World::simulated().await;
    let (_stop, stopping) = tokio::sync::watch::channel(false);
    world.ecs.spawn_loops(&stopping);
    let mut request = create("web");
    let group = request.auto_scaling_group_provider.as_mut().unwrap();
    group.managed_termination_protection = Some(ManagedTerminationProtection::ENABLED);
    let made = world.call::<op::CreateCapacityProvider>(request).await;
    made.unwrap();
    put(&world, &["web"]).await.unwrap();
    let definition = ec2_definition(&world, "web", 0).await;
    let arn = instance(&world, "node-1", Some("web")).await;
    let agent = Agent::connect(&world, "node-1", &arn).await;
    let id = arn.rsplit('/').next().unwrap();
    let key = format!("123456789012/us-east-1/default/{id}");
    let moment = std::time::Duration::from_secs(1);
    let published = async || {
        world.clock.sleep(moment).await;
        let fact = world
            .store
            .read(|head| head.get::<kit::facts::InstanceProtection>(&key));
        let fact = fact.head().unwrap();
        (fact.is_protected_from_scale_in, fact.is_empty)
    };
    assert_eq!(published().await, (false, true));
    let ran = world.call::<op::RunTask>(run(&definition, "web", 1)).await;
    let task = ran.unwrap().tasks.unwrap().remove(0).task_arn.unwrap();
    assert_eq!(published().await, (true, false));

    let release = async |cancel| world.ecs.release_instance(&key, cancel).await.unwrap();
    let (is_draining, fact) = release(false).await.unwrap();
    assert!(is_draining && !fact.is_empty && !fact.is_protected_from_scale_in);
    assert!(fact.draining_since.is_some());
    let shown = world
        .call::<op::DescribeContainerInstances>(DescribeContainerInstancesRequest {
            container_instances: Some(vec![arn.clone()]),
            ..DescribeContainerInstancesRequest::default()
        })
        .await
        .unwrap();
    let status = shown.container_instances.unwrap().remove(0).status;
    assert_eq!(status.as_deref(), Some("DRAINING"));
    // It is empty when the task is over, and not before.
    agent
        .submit(&world, &task, "STOPPED", vec![])
        .await
        .unwrap();
    assert_eq!(published().await, (false, true));
    let (_, fact) = release(false).await.unwrap();
    assert!(fact.is_empty && fact.draining_since.is_none());
    // A machine that is gone leaves nothing behind.
    let gone = DeregisterContainerInstanceRequest {
        container_instance: Some(arn),
        ..DeregisterContainerInstanceRequest::default()
    };
    world
        .call::<op::DeregisterContainerInstance>(gone)
        .await
        .unwrap();
    world.clock.sleep(moment).await;
    let left = world.store.read(|head| {
        let terminations = head.scan::<kit::facts::InstanceTermination>("").count();
        terminations + head.scan::<kit::facts::InstanceProtection>("").count()
    });
    assert_eq!(left.head(), 0);
}

#[tokio::test]
async fn only_so_many_tasks_wait() {
    let world = World::new().await;
    provider(&world, "web", true).await;
    let definition = ec2_definition(&world, "web", 0).await;
    for _ in 0..limits::PROVISIONING_TASKS_PER_CLUSTER / 10 {
        let ran = world
            .call::<op::RunTask>(run(&definition, "web", 10))
            .await
            .unwrap();
        assert_eq!(ran.tasks.unwrap().len(), 10);
    }
    let more = world
        .call::<op::RunTask>(run(&definition, "web", 1))
        .await
        .unwrap();
    assert_eq!(more.tasks, Some(vec![]));
    assert_eq!(more.failures.unwrap().len(), 1);
}
