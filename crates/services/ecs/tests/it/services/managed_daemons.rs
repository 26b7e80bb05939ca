//! Daemons (CreateDaemon) on the container instances of capacity providers.

use std::time::Duration;

use api_ecs::{operations as op, types::*};

use super::{counts, create, daemons::Fleet, describe, of, request, update};
use crate::{
    run_task::ec2_definition,
    world::{World, refused, tag},
};

const PROVIDER: &str = "arn:aws:ecs:us-east-1:123456789012:capacity-provider/nodes";

async fn provider(world: &World, names: &[&str]) {
    for name in names {
        let request = CreateCapacityProviderRequest {
            name: Some((*name).into()),
            auto_scaling_group_provider: Some(AutoScalingGroupProvider {
                auto_scaling_group_arn: Some("group".into()),
                ..AutoScalingGroupProvider::default()
            }),
            ..CreateCapacityProviderRequest::default()
        };
        world
            .call::<op::CreateCapacityProvider>(request)
            .await
            .unwrap();
    }
    let request = PutClusterCapacityProvidersRequest {
        cluster: Some("default".into()),
        capacity_providers: Some(names.iter().map(|name| (*name).into()).collect()),
        default_capacity_provider_strategy: Some(vec![]),
    };
    world
        .call::<op::PutClusterCapacityProviders>(request)
        .await
        .unwrap();
}

fn definition() -> RegisterDaemonTaskDefinitionRequest {
    RegisterDaemonTaskDefinitionRequest {
        family: Some("agent".into()),
        container_definitions: Some(vec![DaemonContainerDefinition {
            name: Some("app".into()),
            image: Some("agent:1".into()),
            memory: Some(64),
            ..DaemonContainerDefinition::default()
        }]),
        ..RegisterDaemonTaskDefinitionRequest::default()
    }
}

async fn register(world: &World) -> String {
    let answer = world
        .call::<op::RegisterDaemonTaskDefinition>(definition())
        .await
        .unwrap();
    answer.daemon_task_definition_arn.unwrap()
}

fn daemon(definition: &str) -> CreateDaemonRequest {
    CreateDaemonRequest {
        daemon_name: Some("log".into()),
        daemon_task_definition_arn: Some(definition.into()),
        capacity_provider_arns: Some(vec![PROVIDER.into()]),
        ..CreateDaemonRequest::default()
    }
}

async fn make(world: &World, request: CreateDaemonRequest) -> CreateDaemonResponse {
    world.call::<op::CreateDaemon>(request).await.unwrap()
}

async fn shown(world: &World, arn: &str) -> Result<DaemonDetail, wire::Error> {
    let request = DescribeDaemonRequest {
        daemon_arn: Some(arn.into()),
    };
    let answer = world.call::<op::DescribeDaemon>(request).await?;
    Ok(answer.daemon.unwrap())
}

async fn deployment(world: &World, arn: &str) -> DaemonDeployment {
    let request = DescribeDaemonDeploymentsRequest {
        daemon_deployment_arns: Some(vec![arn.into()]),
    };
    let answer = world.call::<op::DescribeDaemonDeployments>(request).await;
    answer.unwrap().daemon_deployments.unwrap().remove(0)
}

async fn instance(fleet: &Fleet, node: &str) -> ContainerInstance {
    let request = DescribeContainerInstancesRequest {
        container_instances: Some(vec![fleet.nodes[node].arn.clone()]),
        ..DescribeContainerInstancesRequest::default()
    };
    let answer = fleet.world.call::<op::DescribeContainerInstances>(request);
    answer.await.unwrap().container_instances.unwrap().remove(0)
}

async fn listed(world: &World, request: ListTasksRequest) -> Vec<String> {
    let answer = world.call::<op::ListTasks>(request).await.unwrap();
    answer.task_arns.unwrap()
}

fn running(daemon: &DaemonDetail) -> Vec<i32> {
    let revisions = daemon.current_revisions.iter().flatten();
    revisions
        .map(|revision| revision.total_running_count.unwrap())
        .collect()
}

#[tokio::test]
async fn task_definitions_of_daemons_from_first_to_last() {
    let world = World::new().await;
    let first = register(&world).await;
    assert_eq!(
        first,
        "arn:aws:ecs:us-east-1:123456789012:daemon-task-definition/agent:1"
    );
    let second = register(&world).await;
    let describe = |named: &str| {
        world.call::<op::DescribeDaemonTaskDefinition>(DescribeDaemonTaskDefinitionRequest {
            daemon_task_definition: Some(named.into()),
        })
    };
    for named in ["agent", "agent:2", &second] {
        let shown = describe(named)
            .await
            .unwrap()
            .daemon_task_definition
            .unwrap();
        assert_eq!(shown.daemon_task_definition_arn.as_ref(), Some(&second));
        assert_eq!(shown.family.as_deref(), Some("agent"));
        assert_eq!(shown.status, Some(DaemonTaskDefinitionStatus::ACTIVE));
        let container = &shown.container_definitions.unwrap()[0];
        assert_eq!(container.image.as_deref(), Some("agent:1"));
    }
    // They are no task definitions.
    let others = world
        .call::<op::ListTaskDefinitions>(ListTaskDefinitionsRequest::default())
        .await
        .unwrap();
    assert_eq!(others.task_definition_arns, Some(vec![]));
    let families = world
        .call::<op::ListTaskDefinitionFamilies>(ListTaskDefinitionFamiliesRequest::default())
        .await
        .unwrap();
    assert_eq!(families.families, Some(vec![]));

    let list = |request: ListDaemonTaskDefinitionsRequest| async {
        let answer = world.call::<op::ListDaemonTaskDefinitions>(request).await;
        let found = answer.unwrap().daemon_task_definitions.unwrap().into_iter();
        found
            .map(|summary| summary.arn.unwrap())
            .collect::<Vec<_>>()
    };
    let all = ListDaemonTaskDefinitionsRequest::default;
    assert_eq!(list(all()).await, [first.clone(), second.clone()]);
    let last = ListDaemonTaskDefinitionsRequest {
        revision: Some(DaemonTaskDefinitionRevisionFilter::LAST_REGISTERED),
        ..all()
    };
    assert_eq!(list(last).await, std::slice::from_ref(&second));

    let delete = |named: &str| {
        world.call::<op::DeleteDaemonTaskDefinition>(DeleteDaemonTaskDefinitionRequest {
            daemon_task_definition: Some(named.into()),
        })
    };
    let (code, message) = refused(delete("agent").await);
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("InvalidParameterException", "Revision is missing.")
    );
    delete(&first).await.unwrap();
    let (code, _) = refused(delete(&first).await);
    assert_eq!(code, "InvalidParameterException");
    assert_eq!(list(all()).await, [second]);
    let doomed = ListDaemonTaskDefinitionsRequest {
        status: Some(DaemonTaskDefinitionStatusFilter::DELETE_IN_PROGRESS),
        ..all()
    };
    assert_eq!(list(doomed).await, [first]);
}

#[tokio::test(start_paused = true)]
async fn one_on_each_instance_of_the_provider_from_first_to_last() {
    let mut fleet = Fleet::new(2).await;
    provider(&fleet.world, &["nodes", "others"]).await;
    fleet
        .join_with("other", Some(("gantry.capacity-provider", "others")))
        .await;
    let definition = register(&fleet.world).await;
    let request = CreateDaemonRequest {
        tags: Some(vec![tag("team", "blue")]),
        propagate_tags: Some(DaemonPropagateTags::DAEMON),
        enable_ecs_managed_tags: Some(true),
        ..daemon(&definition)
    };
    let made = make(&fleet.world, request.clone()).await;
    let arn = made.daemon_arn.clone().unwrap();
    assert_eq!(arn, "arn:aws:ecs:us-east-1:123456789012:daemon/default/log");
    assert_eq!(made.status, Some(DaemonStatus::ACTIVE));
    assert_eq!(make(&fleet.world, request).await, made, "it is idempotent");
    fleet.pass(Duration::from_secs(15)).await;
    let one = vec!["1"];
    assert_eq!(
        fleet.on_nodes(),
        [("node-1", one.clone()), ("node-2", one), ("other", vec![])]
    );
    let detail = shown(&fleet.world, &arn).await.unwrap();
    assert_eq!(running(&detail), [2]);
    let providers = detail
        .current_revisions
        .unwrap()
        .remove(0)
        .capacity_providers
        .unwrap();
    assert_eq!(providers.len(), 1);
    assert_eq!(providers[0].arn.as_deref(), Some(PROVIDER));
    assert_eq!(providers[0].running_count, Some(2));
    let done = deployment(&fleet.world, &made.deployment_arn.unwrap()).await;
    assert_eq!(done.status, Some(DaemonDeploymentStatus::SUCCESSFUL));
    let target = done.target_daemon_revision.unwrap();
    assert_eq!(target.total_running_instance_count, Some(2));
    let revisions = DescribeDaemonRevisionsRequest {
        daemon_revision_arns: target.arn.map(|arn| vec![arn]),
    };
    let answer = fleet
        .world
        .call::<op::DescribeDaemonRevisions>(revisions)
        .await;
    let revision = answer.unwrap().daemon_revisions.unwrap().remove(0);
    assert_eq!(
        revision.daemon_task_definition_arn.as_ref(),
        Some(&definition)
    );
    assert_eq!(revision.critical, Some(true));

    // Its tasks are its own, and it is no service.
    let tasks = listed(
        &fleet.world,
        ListTasksRequest {
            daemon_name: Some("log".into()),
            ..ListTasksRequest::default()
        },
    )
    .await;
    assert_eq!(tasks.len(), 2);
    let request = DescribeTasksRequest {
        tasks: Some(tasks),
        include: Some(vec![TaskField::TAGS]),
        ..DescribeTasksRequest::default()
    };
    let answer = fleet
        .world
        .call::<op::DescribeTasks>(request)
        .await
        .unwrap();
    let task = &answer.tasks.unwrap()[0];
    assert_eq!(task.group.as_deref(), Some("daemon:log"));
    assert_eq!(task.task_definition_arn.as_ref(), Some(&definition));
    assert_eq!(task.capacity_provider_name.as_deref(), Some("nodes"));
    let tags = task.tags.clone().unwrap();
    assert!(
        tags.contains(&tag("team", "blue")) && tags.contains(&tag("aws:ecs:daemonName", "log"))
    );
    let services = fleet
        .world
        .call::<op::ListServices>(ListServicesRequest::default());
    assert_eq!(services.await.unwrap().service_arns, Some(vec![]));
    let daemons = fleet
        .world
        .call::<op::ListDaemons>(ListDaemonsRequest::default());
    let summaries = daemons.await.unwrap().daemon_summaries_list.unwrap();
    assert_eq!(summaries[0].daemon_arn.as_ref(), Some(&arn));

    // Deleted, its definition may go too.
    let request = DeleteDaemonTaskDefinitionRequest {
        daemon_task_definition: Some(definition.clone()),
    };
    fleet
        .world
        .call::<op::DeleteDaemonTaskDefinition>(request)
        .await
        .unwrap();
    let request = DeleteDaemonRequest {
        daemon_arn: Some(arn.clone()),
    };
    let deleted = fleet
        .world
        .call::<op::DeleteDaemon>(request.clone())
        .await
        .unwrap();
    assert_eq!(deleted.status, Some(DaemonStatus::DELETE_IN_PROGRESS));
    let (code, _) = refused(fleet.world.call::<op::DeleteDaemon>(request).await);
    assert_eq!(code, "DaemonNotActiveException");
    fleet.settle().await;
    assert!(fleet.nodes.values().all(|node| node.tasks.is_empty()));
    let (code, _) = refused(shown(&fleet.world, &arn).await);
    assert_eq!(code, "DaemonNotFoundException");
    let done = deployment(&fleet.world, &deleted.deployment_arn.unwrap()).await;
    assert_eq!(done.status, Some(DaemonDeploymentStatus::SUCCESSFUL));
    fleet.pass(Duration::from_secs(120)).await;
    let request = DescribeDaemonTaskDefinitionRequest {
        daemon_task_definition: Some(definition),
    };
    let answer = fleet
        .world
        .call::<op::DescribeDaemonTaskDefinition>(request)
        .await;
    let gone = answer.unwrap().daemon_task_definition.unwrap();
    assert_eq!(gone.status, Some(DaemonTaskDefinitionStatus::DELETED));
}

#[tokio::test(start_paused = true)]
async fn other_tasks_wait_for_a_critical_daemon() {
    let mut fleet = Fleet::new(0).await;
    provider(&fleet.world, &["nodes"]).await;
    let definition = register(&fleet.world).await;
    let made = make(&fleet.world, daemon(&definition)).await;
    let app = ec2_definition(&fleet.world, "app", 0).await;
    let on_ec2 = CreateServiceRequest {
        launch_type: Some(LaunchType::EC2),
        network_configuration: None,
        ..request(&fleet.world, "app", &app, 1)
    };
    create(&fleet.world, on_ec2).await;
    fleet.join("node-1").await;
    let shown_now = instance(&fleet, "node-1").await;
    assert_eq!(shown_now.status.as_deref(), Some("REGISTERING"));
    assert_eq!(
        shown_now.status_reason.as_deref(),
        Some("Waiting for daemons: log.")
    );
    let alone = RunTaskRequest {
        launch_type: Some(LaunchType::EC2),
        task_definition: Some(app.clone()),
        ..RunTaskRequest::default()
    };
    let answer = fleet.world.call::<op::RunTask>(alone).await.unwrap();
    assert_eq!(
        answer.failures.unwrap()[0].reason.as_deref(),
        Some("INACTIVE")
    );
    // The first that the agent hears of is the daemon.
    fleet.settle().await;
    assert_eq!(counts(&describe(&fleet.world, "app").await), (1, 0, 1));
    assert_eq!(
        instance(&fleet, "node-1").await.status.as_deref(),
        Some("ACTIVE")
    );
    let request = DescribeTasksRequest {
        tasks: Some(fleet.nodes["node-1"].tasks.keys().cloned().collect()),
        ..DescribeTasksRequest::default()
    };
    let answer = fleet
        .world
        .call::<op::DescribeTasks>(request)
        .await
        .unwrap();
    let mut tasks = answer.tasks.unwrap();
    tasks.sort_by(|one, other| one.created_at.partial_cmp(&other.created_at).unwrap());
    let groups: Vec<_> = tasks
        .iter()
        .map(|task| task.group.as_deref().unwrap())
        .collect();
    assert_eq!(groups, ["daemon:log", "service:app"]);
    assert!(tasks[0].started_at <= tasks[1].created_at);

    // Drained, it leaves last.
    let arn = fleet.nodes["node-1"].arn.clone();
    super::nodes::set_state(&fleet.world, &arn, "DRAINING")
        .await
        .unwrap();
    fleet.settle().await;
    assert_eq!(
        fleet.nodes["node-1"].tasks.len(),
        2,
        "minimumHealthyPercent keeps the service's"
    );
    let idle = UpdateServiceRequest {
        desired_count: Some(0),
        ..of("app")
    };
    update(&fleet.world, idle).await;
    fleet.settle().await;
    assert!(fleet.nodes["node-1"].tasks.is_empty());
    let detail = shown(&fleet.world, &made.daemon_arn.unwrap())
        .await
        .unwrap();
    assert_eq!(running(&detail), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_critical_daemon_that_fails_sends_tasks_elsewhere_until_it_is_back() {
    let mut fleet = Fleet::new(2).await;
    provider(&fleet.world, &["nodes"]).await;
    let definition = register(&fleet.world).await;
    make(&fleet.world, daemon(&definition)).await;
    fleet.settle().await;
    let failed = fleet.nodes["node-1"].only_task();
    // It cannot come back at once: its node hears nothing for a while.
    let node = fleet.nodes.remove("node-1").unwrap();
    node.report(&fleet.world, &failed, "STOPPED").await;
    fleet.settle().await;
    fleet.nodes.insert("node-1".into(), node);
    let shown_now = instance(&fleet, "node-1").await;
    assert_eq!(shown_now.status.as_deref(), Some("DRAINING"));
    let app = ec2_definition(&fleet.world, "app", 0).await;
    let alone = RunTaskRequest {
        launch_type: Some(LaunchType::EC2),
        task_definition: Some(app),
        count: Some(2),
        ..RunTaskRequest::default()
    };
    let answer = fleet.world.call::<op::RunTask>(alone).await.unwrap();
    let other = fleet.nodes["node-2"].arn.clone();
    for task in answer.tasks.unwrap() {
        assert_eq!(task.container_instance_arn.as_ref(), Some(&other));
    }
    let node = fleet.nodes.get_mut("node-1").unwrap();
    node.tasks.clear();
    fleet.settle().await;
    assert_eq!(fleet.nodes["node-1"].tasks.len(), 1, "it is back");
    assert_eq!(
        instance(&fleet, "node-1").await.status.as_deref(),
        Some("ACTIVE")
    );
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_is_not_critical_holds_nothing() {
    let mut fleet = Fleet::new(1).await;
    provider(&fleet.world, &["nodes"]).await;
    let definition = register(&fleet.world).await;
    let request = CreateDaemonRequest {
        critical: Some(false),
        ..daemon(&definition)
    };
    let made = make(&fleet.world, request).await;
    assert_eq!(
        instance(&fleet, "node-1").await.status.as_deref(),
        Some("ACTIVE")
    );
    let detail = shown(&fleet.world, made.daemon_arn.as_ref().unwrap())
        .await
        .unwrap();
    let revision = &detail.current_revisions.unwrap()[0];
    assert_eq!(revision.total_running_count, Some(0));
    assert_eq!(revision.total_without_daemon_count, Some(1));
    fleet.settle().await;
    let detail = shown(&fleet.world, &made.daemon_arn.unwrap())
        .await
        .unwrap();
    let revision = &detail.current_revisions.unwrap()[0];
    assert_eq!(revision.total_running_count, Some(1));
    assert_eq!(revision.total_without_daemon_count, Some(0));
}

#[tokio::test(start_paused = true)]
async fn an_update_drains_so_many_at_once_and_a_bad_one_goes_back() {
    let mut fleet = Fleet::new(4).await;
    provider(&fleet.world, &["nodes"]).await;
    let first = register(&fleet.world).await;
    let request = CreateDaemonRequest {
        deployment_configuration: Some(DaemonDeploymentConfiguration {
            drain_percent: Some(50.0),
            bake_time_in_minutes: Some(1),
            ..DaemonDeploymentConfiguration::default()
        }),
        ..daemon(&first)
    };
    let made = make(&fleet.world, request).await;
    let arn = made.daemon_arn.unwrap();
    fleet.pass(Duration::from_secs(30)).await;
    let baking = deployment(&fleet.world, made.deployment_arn.as_ref().unwrap()).await;
    assert_eq!(baking.status, Some(DaemonDeploymentStatus::IN_PROGRESS));
    fleet.pass(Duration::from_secs(60)).await;
    let done = deployment(&fleet.world, made.deployment_arn.as_ref().unwrap()).await;
    assert_eq!(done.status, Some(DaemonDeploymentStatus::SUCCESSFUL));
    let configuration = done.deployment_configuration.unwrap();
    assert_eq!(configuration.drain_percent, Some(50.0));

    let second = register(&fleet.world).await;
    let request = UpdateDaemonRequest {
        daemon_arn: Some(arn.clone()),
        daemon_task_definition_arn: Some(second),
        capacity_provider_arns: Some(vec![PROVIDER.into()]),
        deployment_configuration: Some(DaemonDeploymentConfiguration {
            bake_time_in_minutes: Some(0),
            ..DaemonDeploymentConfiguration::default()
        }),
        ..UpdateDaemonRequest::default()
    };
    let updated = fleet
        .world
        .call::<op::UpdateDaemon>(request.clone())
        .await
        .unwrap();
    let (mut least, end) = (4, fleet.world.clock.now() + Duration::from_secs(60));
    while fleet.world.clock.now() < end {
        fleet.settle().await;
        let detail = shown(&fleet.world, &arn).await.unwrap();
        least = least.min(running(&detail).iter().sum());
        assert!(fleet.nodes.values().all(|node| node.tasks.len() <= 1));
    }
    assert!(least >= 2, "{least} ran");
    assert!(
        fleet
            .on_nodes()
            .iter()
            .all(|(_, revisions)| *revisions == ["2"])
    );
    let done = deployment(&fleet.world, &updated.deployment_arn.unwrap()).await;
    assert_eq!(done.status, Some(DaemonDeploymentStatus::SUCCESSFUL));

    // The third revision never runs for long.
    let third = register(&fleet.world).await;
    let request = UpdateDaemonRequest {
        daemon_task_definition_arn: Some(third),
        ..request
    };
    let bad = fleet.world.call::<op::UpdateDaemon>(request).await.unwrap();
    for _ in 0..60 {
        fleet.settle().await;
        let Fleet { world, nodes, .. } = &mut fleet;
        for node in nodes.values_mut() {
            let bad: Vec<String> = node
                .tasks
                .iter()
                .filter(|(_, revision)| *revision == "3")
                .map(|(arn, _)| arn.clone())
                .collect();
            for arn in bad {
                node.end(world, &arn).await;
            }
        }
    }
    fleet.pass(Duration::from_secs(60)).await;
    assert!(
        fleet
            .on_nodes()
            .iter()
            .all(|(_, revisions)| *revisions == ["2"])
    );
    let back = deployment(&fleet.world, &bad.deployment_arn.unwrap()).await;
    assert_eq!(
        back.status,
        Some(DaemonDeploymentStatus::ROLLBACK_SUCCESSFUL)
    );
    let rollback = back.rollback.unwrap();
    assert!(
        rollback
            .reason
            .unwrap()
            .starts_with("Daemon deployment rolled back because the circuit breaker")
    );
    assert_eq!(
        rollback.rollback_capacity_providers,
        Some(vec![PROVIDER.into()])
    );
    let request = ListDaemonDeploymentsRequest {
        daemon_arn: Some(arn),
        status: Some(vec![DaemonDeploymentStatus::SUCCESSFUL]),
        ..ListDaemonDeploymentsRequest::default()
    };
    let listed = fleet
        .world
        .call::<op::ListDaemonDeployments>(request)
        .await
        .unwrap();
    assert_eq!(listed.daemon_deployments.unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_refused_of_daemons() {
    let world = World::new().await;
    provider(&world, &["nodes"]).await;
    let definition = register(&world).await;
    let good = || daemon(&definition);
    for (request, words) in [
        (
            CreateDaemonRequest {
                daemon_name: Some("a/b".into()),
                ..good()
            },
            "Daemon name contains invalid characters",
        ),
        (
            CreateDaemonRequest {
                capacity_provider_arns: Some(vec![]),
                ..good()
            },
            "capacityProviderArns cannot be empty",
        ),
        (
            CreateDaemonRequest {
                capacity_provider_arns: Some(vec!["FARGATE".into()]),
                ..good()
            },
            "Daemons are not supported on the FARGATE",
        ),
        (
            CreateDaemonRequest {
                capacity_provider_arns: Some(vec!["nowhere".into()]),
                ..good()
            },
            "The specified capacity provider 'nowhere' was not found",
        ),
        (
            CreateDaemonRequest {
                deployment_configuration: Some(DaemonDeploymentConfiguration {
                    drain_percent: Some(101.0),
                    ..DaemonDeploymentConfiguration::default()
                }),
                ..good()
            },
            "drainPercent must be between 0.0 and 100.0.",
        ),
        (
            CreateDaemonRequest {
                enable_execute_command: Some(true),
                ..good()
            },
            "The execute command failed because a valid task role is not being used.",
        ),
        (
            CreateDaemonRequest {
                daemon_task_definition_arn: Some("nothing:1".into()),
                ..good()
            },
            "The specified daemon task definition does not exist.",
        ),
    ] {
        let (_, message) = refused(world.call::<op::CreateDaemon>(request).await);
        assert!(message.starts_with(words), "{message}");
    }
    make(&world, good()).await;
    let request = CreateDaemonRequest {
        critical: Some(false),
        ..good()
    };
    let (_, message) = refused(world.call::<op::CreateDaemon>(request).await);
    assert_eq!(message, "Creation of daemon was not idempotent.");
    let (code, _) = refused(
        shown(
            &world,
            "arn:aws:ecs:us-east-1:123456789012:daemon/default/no",
        )
        .await,
    );
    assert_eq!(code, "DaemonNotFoundException");
    let (code, _) = refused(shown(&world, "log").await);
    assert_eq!(code, "InvalidParameterException");
    // What it needs stays.
    let request = DeleteClusterRequest {
        cluster: Some("default".into()),
    };
    let (code, _) = refused(world.call::<op::DeleteCluster>(request).await);
    assert_eq!(code, "ClusterContainsServicesException");
    let request = PutClusterCapacityProvidersRequest {
        cluster: Some("default".into()),
        capacity_providers: Some(vec![]),
        default_capacity_provider_strategy: Some(vec![]),
    };
    let (code, _) = refused(world.call::<op::PutClusterCapacityProviders>(request).await);
    assert_eq!(code, "ResourceInUseException");
    let tags = ListTagsForResourceRequest {
        resource_arn: Some("arn:aws:ecs:us-east-1:123456789012:daemon/default/log".into()),
    };
    let answer = world.call::<op::ListTagsForResource>(tags).await.unwrap();
    assert_eq!(answer.tags, Some(vec![]));
}
