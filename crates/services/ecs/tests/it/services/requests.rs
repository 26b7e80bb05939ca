//! What the operations on services take, answer and refuse.

use api_ecs::{operations as op, types::*};

use super::{create, describe, of, percents, request, update};
use crate::world::{World, fargate_request, refused};

#[tokio::test]
async fn requests_are_checked() {
    let world = World::new().await;
    let definition = world.fargate_definition("web").await;
    let good = || request(&world, "web", &definition, 1);
    let strategy = vec![CapacityProviderStrategyItem {
        capacity_provider: Some("FARGATE".into()),
        weight: Some(1),
        ..CapacityProviderStrategyItem::default()
    }];
    let cases = [
        (
            CreateServiceRequest {
                cluster: Some("nowhere".into()),
                ..good()
            },
            "ClusterNotFoundException",
            "Cluster not found.",
        ),
        (
            CreateServiceRequest {
                task_definition: Some("nobody".into()),
                ..good()
            },
            "ClientException",
            "TaskDefinition not found.",
        ),
        (
            CreateServiceRequest {
                service_name: Some("no spaces".into()),
                ..good()
            },
            "InvalidParameterException",
            "Service name contains",
        ),
        (
            CreateServiceRequest {
                network_configuration: None,
                ..good()
            },
            "InvalidParameterException",
            "Network Configuration must be provided",
        ),
        (
            CreateServiceRequest {
                desired_count: Some(-1),
                ..good()
            },
            "InvalidParameterException",
            "desiredCount cannot be negative.",
        ),
        (
            CreateServiceRequest {
                desired_count: None,
                ..good()
            },
            "InvalidParameterException",
            "desiredCount is required",
        ),
        (
            CreateServiceRequest {
                deployment_configuration: Some(percents(100, 100)),
                ..good()
            },
            "InvalidParameterException",
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
        ),
        (
            CreateServiceRequest {
                capacity_provider_strategy: Some(strategy),
                ..good()
            },
            "InvalidParameterException",
            "Specifying both a launch type and capacity provider strategy",
        ),
        (
            CreateServiceRequest {
                load_balancers: Some(vec![LoadBalancer::default()]),
                ..good()
            },
            "ClientException",
            "Gantry does not support loadBalancers yet",
        ),
        (
            CreateServiceRequest {
                scheduling_strategy: Some("SOMETIMES".into()),
                ..good()
            },
            "InvalidParameterException",
            "Invalid schedulingStrategy",
        ),
        (
            CreateServiceRequest {
                enable_execute_command: Some(true),
                ..good()
            },
            "InvalidParameterException",
            "The service couldn't be created because a valid taskRoleArn is not being used.",
        ),
    ];
    for (request, code, message) in cases {
        let got = refused(world.call::<op::CreateService>(request).await);
        assert!(
            got.0 == code && got.1.starts_with(message),
            "{got:?} is not {code}: {message}"
        );
    }
    assert_eq!(
        refused(world.call::<op::UpdateService>(of("ghost")).await),
        (
            "ServiceNotFoundException".into(),
            "Service not found.".into()
        )
    );
}

#[tokio::test]
async fn the_same_request_again_is_answered_and_another_is_refused() {
    let world = World::new().await;
    let definition = world.fargate_definition("web").await;
    let with_token = |desired: i32| CreateServiceRequest {
        client_token: Some("once".into()),
        ..request(&world, "web", &definition, desired)
    };
    let first = create(&world, with_token(1)).await;
    let second = create(&world, with_token(1)).await;
    assert_eq!(first.created_at, second.created_at);
    assert_eq!(
        refused(world.call::<op::CreateService>(with_token(2)).await).0,
        "ConflictException"
    );
    let third = create(&world, request(&world, "web", &definition, 1)).await;
    assert_eq!(first.created_at, third.created_at);
    assert_eq!(
        refused(
            world
                .call::<op::CreateService>(request(&world, "web", &definition, 2))
                .await
        ),
        (
            "InvalidParameterException".into(),
            "Creation of service was not idempotent.".into()
        )
    );
}

#[tokio::test]
async fn lists_come_in_pages_and_by_filter() {
    let world = World::new().await;
    let definition = world.fargate_definition("web").await;
    for number in 0..12 {
        create(
            &world,
            request(&world, &format!("s{number:02}"), &definition, 0),
        )
        .await;
    }
    let first = world
        .call::<op::ListServices>(ListServicesRequest::default())
        .await
        .unwrap();
    assert_eq!(
        first.service_arns.unwrap().len(),
        10,
        "as AWS when nobody says how many"
    );
    let rest = world
        .call::<op::ListServices>(ListServicesRequest {
            next_token: first.next_token,
            ..ListServicesRequest::default()
        })
        .await
        .unwrap();
    assert_eq!(
        (rest.service_arns.unwrap().len(), rest.next_token),
        (2, None)
    );
    let ec2 = world
        .call::<op::ListServices>(ListServicesRequest {
            launch_type: Some(LaunchType::EC2),
            ..ListServicesRequest::default()
        })
        .await
        .unwrap();
    assert_eq!(ec2.service_arns, Some(vec![]));
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_nothing_else() {
    let world = World::new().await;
    let definition = world.fargate_definition("web").await;
    create(
        &world,
        CreateServiceRequest {
            health_check_grace_period_seconds: Some(30),
            ..request(&world, "web", &definition, 0)
        },
    )
    .await;
    let before = describe(&world, "web").await;
    let updated = update(
        &world,
        UpdateServiceRequest {
            capacity_provider_strategy: Some(vec![CapacityProviderStrategyItem {
                capacity_provider: Some("FARGATE_SPOT".into()),
                weight: Some(2),
                base: Some(0),
            }]),
            propagate_tags: Some(PropagateTags::TASK_DEFINITION),
            ..of("web")
        },
    )
    .await;
    assert_eq!(updated.launch_type, None);
    let provider = &updated.capacity_provider_strategy.as_ref().unwrap()[0];
    assert_eq!(provider.capacity_provider.as_deref(), Some("FARGATE_SPOT"));
    assert_eq!(updated.propagate_tags, Some(PropagateTags::TASK_DEFINITION));
    assert_eq!(updated.health_check_grace_period_seconds, Some(30));
    assert_eq!(updated.network_configuration, before.network_configuration);
    assert_eq!(updated.deployments.as_ref().unwrap().len(), 1);
    let back = update(
        &world,
        UpdateServiceRequest {
            capacity_provider_strategy: Some(vec![]),
            platform_version: Some("1.3.0".into()),
            ..of("web")
        },
    )
    .await;
    assert_eq!(back.launch_type, Some(LaunchType::FARGATE));
    assert_eq!(back.capacity_provider_strategy, None);
    let deployments = back.deployments.unwrap();
    assert_eq!(deployments.len(), 2, "another platform is a deployment");
    assert_eq!(deployments[0].platform_version.as_deref(), Some("1.3.0"));
}

#[tokio::test]
async fn ecs_exec_is_recorded_for_new_tasks_and_asks_for_a_task_role() {
    let (world, _agent, plain) = crate::run_task::ready().await;
    let with_role = world.call::<op::RegisterTaskDefinition>(RegisterTaskDefinitionRequest {
        task_role_arn: Some("arn:aws:iam::123456789012:role/app".into()),
        ..fargate_request("with-role")
    });
    let with_role = with_role.await.unwrap().task_definition.unwrap();
    let with_role = with_role.task_definition_arn.unwrap();

    let created = CreateServiceRequest {
        enable_execute_command: Some(true),
        ..request(&world, "web", &with_role, 0)
    };
    create(&world, created).await;
    let known = describe(&world, "web").await;
    assert_eq!(known.enable_execute_command, Some(true));
    let without_role = UpdateServiceRequest {
        task_definition: Some(plain.clone()),
        ..of("web")
    };
    let (code, message) = refused(world.call::<op::UpdateService>(without_role).await);
    assert_eq!(code, "InvalidParameterException");
    assert_eq!(
        message,
        "The service couldn't be updated because a valid taskRoleArn is not being used. Specify a valid task role in \
         your task definition and try again."
    );
    let disabled = UpdateServiceRequest {
        enable_execute_command: Some(false),
        task_definition: Some(plain.clone()),
        ..of("web")
    };
    let updated = update(&world, disabled).await;
    assert_eq!(updated.enable_execute_command, Some(false));

    let run = RunTaskRequest {
        enable_execute_command: Some(true),
        overrides: Some(TaskOverride {
            task_role_arn: Some("arn:aws:iam::123456789012:role/app".into()),
            ..TaskOverride::default()
        }),
        ..crate::run_task::request(&world, &plain)
    };
    let tasks = world.call::<op::RunTask>(run).await.unwrap().tasks.unwrap();
    assert_eq!(tasks[0].enable_execute_command, Some(true));
}
