//! Services with the EXTERNAL deployment controller: task sets, made and carried by somebody else.

use std::time::Duration;

use api_ecs::{operations as op, types::*};

use super::{Cluster, Start, create, delete, describe, messages, of, update};
use crate::{
    run_task::network,
    world::{World, refused, tag},
};

async fn external() -> Cluster {
    let cluster = Cluster::new().await;
    let service = create(&cluster.world, blank("web", 4)).await;
    assert_eq!(service.task_sets, Some(vec![]));
    assert_eq!(service.deployments, Some(vec![]));
    assert_eq!(service.task_definition, None);
    assert_eq!(service.launch_type, None);
    cluster
}

fn blank(name: &str, desired: i32) -> CreateServiceRequest {
    CreateServiceRequest {
        service_name: Some(name.into()),
        desired_count: Some(desired),
        deployment_controller: Some(DeploymentController {
            r#type: Some(DeploymentControllerType::EXTERNAL),
        }),
        ..CreateServiceRequest::default()
    }
}

fn percent(value: f64) -> Option<Scale> {
    Some(Scale {
        value: Some(value),
        unit: Some(ScaleUnit::PERCENT),
    })
}

fn request(cluster: &Cluster, scale: f64) -> CreateTaskSetRequest {
    CreateTaskSetRequest {
        cluster: Some("default".into()),
        service: Some("web".into()),
        task_definition: Some(cluster.definition.clone()),
        launch_type: Some(LaunchType::FARGATE),
        network_configuration: Some(network(&cluster.world)),
        scale: percent(scale),
        ..CreateTaskSetRequest::default()
    }
}

async fn make(cluster: &Cluster, request: CreateTaskSetRequest) -> TaskSet {
    let answer = cluster.world.call::<op::CreateTaskSet>(request).await;
    answer.unwrap().task_set.unwrap()
}

async fn scale(world: &World, id: &str, value: f64) -> Result<TaskSet, wire::Error> {
    let request = UpdateTaskSetRequest {
        cluster: Some("default".into()),
        service: Some("web".into()),
        task_set: Some(id.into()),
        scale: percent(value),
    };
    let answer = world.call::<op::UpdateTaskSet>(request).await?;
    Ok(answer.task_set.unwrap())
}

async fn promote(world: &World, id: &str) -> Result<TaskSet, wire::Error> {
    let request = UpdateServicePrimaryTaskSetRequest {
        cluster: Some("default".into()),
        service: Some("web".into()),
        primary_task_set: Some(id.into()),
    };
    let answer = world
        .call::<op::UpdateServicePrimaryTaskSet>(request)
        .await?;
    Ok(answer.task_set.unwrap())
}

async fn remove(world: &World, id: &str, force: bool) -> Result<TaskSet, wire::Error> {
    let request = DeleteTaskSetRequest {
        cluster: Some("default".into()),
        service: Some("web".into()),
        task_set: Some(id.into()),
        force: Some(force),
    };
    let answer = world.call::<op::DeleteTaskSet>(request).await?;
    Ok(answer.task_set.unwrap())
}

async fn sets(world: &World, named: &[&str]) -> DescribeTaskSetsResponse {
    let request = DescribeTaskSetsRequest {
        cluster: Some("default".into()),
        service: Some("web".into()),
        task_sets: (!named.is_empty()).then(|| named.iter().map(|id| (*id).into()).collect()),
        include: Some(vec![TaskSetField::TAGS]),
    };
    world.call::<op::DescribeTaskSets>(request).await.unwrap()
}

fn seen(set: &TaskSet) -> (&str, i32, i32, &str) {
    (
        set.status.as_deref().unwrap(),
        set.computed_desired_count.unwrap(),
        set.running_count.unwrap(),
        set.stability_status.as_ref().unwrap().as_str(),
    )
}

#[tokio::test(start_paused = true)]
async fn two_sets_share_a_service() {
    let mut cluster = external().await;
    let first = CreateTaskSetRequest {
        external_id: Some("build-7".into()),
        tags: Some(vec![tag("team", "blue")]),
        ..request(&cluster, 0.0)
    };
    let first = make(&cluster, first).await;
    let id = first.id.clone().unwrap();
    assert_eq!(seen(&first), ("ACTIVE", 0, 0, "STABILIZING"));
    assert_eq!(
        first.task_set_arn.as_deref().unwrap(),
        format!("arn:aws:ecs:us-east-1:123456789012:task-set/default/web/{id}")
    );
    assert_eq!(first.external_id.as_deref(), Some("build-7"));
    assert_eq!(first.platform_version.as_deref(), Some("1.4.0"));

    let scaled = scale(&cluster.world, &id, 30.0).await.unwrap();
    assert_eq!(seen(&scaled), ("ACTIVE", 2, 0, "STABILIZING"));
    cluster.settle().await;
    let answer = sets(&cluster.world, &[&id]).await;
    let shown = &answer.task_sets.unwrap()[0];
    assert_eq!(seen(shown), ("ACTIVE", 2, 2, "STEADY_STATE"));
    assert_eq!(shown.tags, Some(vec![tag("team", "blue")]));
    assert!(shown.stability_status_at >= shown.created_at);

    let primary = promote(&cluster.world, &id).await.unwrap();
    assert_eq!(primary.status.as_deref(), Some("PRIMARY"));
    let service = describe(&cluster.world, "web").await;
    assert_eq!(service.task_definition, first.task_definition);
    assert_eq!(service.launch_type, Some(LaunchType::FARGATE));
    assert_eq!(
        (service.running_count, service.desired_count),
        (Some(2), Some(4))
    );

    let second = make(&cluster, request(&cluster, 100.0)).await;
    let second = second.id.unwrap();
    cluster.settle().await;
    let both = sets(&cluster.world, &[]).await.task_sets.unwrap();
    let both: Vec<_> = both.iter().map(seen).collect();
    assert_eq!(
        both,
        [
            ("PRIMARY", 2, 2, "STEADY_STATE"),
            ("ACTIVE", 4, 4, "STEADY_STATE")
        ]
    );
    let listed = cluster
        .world
        .call::<op::ListTasks>(ListTasksRequest {
            started_by: Some(second.clone()),
            ..ListTasksRequest::default()
        })
        .await
        .unwrap();
    let tasks = cluster
        .world
        .call::<op::DescribeTasks>(DescribeTasksRequest {
            tasks: listed.task_arns,
            ..DescribeTasksRequest::default()
        })
        .await
        .unwrap()
        .tasks
        .unwrap();
    assert_eq!(tasks.len(), 4);
    assert!(
        tasks
            .iter()
            .all(|task| task.group.as_deref() == Some("service:web"))
    );
    let service = describe(&cluster.world, "web").await;
    let told = messages(&service);
    assert!(
        told.iter().any(|text| text
            .starts_with("(service web, taskSet ecs-svc/N) has started 4 tasks: (task ID)")),
        "{told:#?}"
    );
    assert!(
        told.contains(&"(service web, taskSet ecs-svc/N) has reached a steady state.".to_owned())
    );

    // The new one takes over, the old one goes.
    promote(&cluster.world, &second).await.unwrap();
    let (code, message) = refused(remove(&cluster.world, &id, false).await);
    assert_eq!(code, "InvalidParameterException");
    assert_eq!(
        message,
        "The TaskSet cannot be deleted while it is scaled above 0."
    );
    let going = remove(&cluster.world, &id, true).await.unwrap();
    assert_eq!(seen(&going), ("DRAINING", 0, 2, "STABILIZING"));
    cluster.settle().await;
    let gone = sets(&cluster.world, &[&id]).await;
    assert_eq!(gone.task_sets, Some(vec![]));
    assert_eq!(gone.failures.unwrap()[0].reason.as_deref(), Some("MISSING"));
    assert_eq!(cluster.running().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_service_scales_its_sets_and_replaces_their_tasks() {
    let mut cluster = external().await;
    let set = make(&cluster, request(&cluster, 50.0)).await.id.unwrap();
    cluster.settle().await;
    assert_eq!(cluster.running().len(), 2);
    update(
        &cluster.world,
        UpdateServiceRequest {
            desired_count: Some(7),
            ..of("web")
        },
    )
    .await;
    let shown = sets(&cluster.world, &[&set]).await.task_sets.unwrap();
    assert_eq!(shown[0].computed_desired_count, Some(4));
    cluster.settle().await;
    assert_eq!(cluster.running().len(), 4);

    let lost = cluster.running().remove(0);
    cluster.report(&lost, "STOPPED", Some(1), None).await;
    cluster.settle().await;
    cluster.pass(Duration::from_secs(60)).await;
    assert_eq!(cluster.running().len(), 4);
    assert!(!cluster.running().contains(&lost));
    let shown = sets(&cluster.world, &[]).await.task_sets.unwrap();
    assert_eq!(seen(&shown[0]), ("ACTIVE", 4, 4, "STEADY_STATE"));
}

#[tokio::test(start_paused = true)]
async fn what_never_starts_is_tried_less_and_less() {
    let mut cluster = external().await;
    cluster.starts = Start::Never;
    make(&cluster, request(&cluster, 100.0)).await;
    cluster.pass(Duration::from_secs(120)).await;
    let early = cluster.tasks.len();
    cluster.pass(Duration::from_secs(600)).await;
    assert!(
        cluster.tasks.len() < early * 4,
        "{early} in two minutes, {} in twelve",
        cluster.tasks.len()
    );
    let service = describe(&cluster.world, "web").await;
    let told = messages(&service);
    assert!(
        told.iter().any(|text| text
            .starts_with("(service web, taskSet ecs-svc/N) is unable to consistently start tasks")),
        "{told:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn requests_are_refused_in_awss_words() {
    let cluster = external().await;
    let world = &cluster.world;
    let with_definition = CreateServiceRequest {
        task_definition: Some(cluster.definition.clone()),
        ..blank("other", 1)
    };
    let (code, message) = refused(world.call::<op::CreateService>(with_definition).await);
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("InvalidParameterException", "TaskDefinition must be blank.")
    );
    let updated = UpdateServiceRequest {
        task_definition: Some(cluster.definition.clone()),
        ..of("web")
    };
    let (_, message) = refused(world.call::<op::UpdateService>(updated).await);
    assert!(
        message.starts_with("Unable to update task definition on services with a EXTERNAL"),
        "{message}"
    );

    create(world, cluster.request("ours", 0)).await;
    let on_ours = CreateTaskSetRequest {
        service: Some("ours".into()),
        ..request(&cluster, 0.0)
    };
    let (_, message) = refused(world.call::<op::CreateTaskSet>(on_ours).await);
    assert_eq!(message, ecs_rules::task_set::NOT_EXTERNAL);
    let (code, _) = refused(scale(world, "ecs-svc/1", 5.0).await);
    assert_eq!(code, "TaskSetNotFoundException");
    let with_balancer = CreateTaskSetRequest {
        load_balancers: Some(vec![LoadBalancer::default()]),
        ..request(&cluster, 0.0)
    };
    let (_, message) = refused(world.call::<op::CreateTaskSet>(with_balancer).await);
    assert!(message.contains("loadBalancers"), "{message}");

    for _ in 0..limits::TASK_SETS_PER_SERVICE {
        make(&cluster, request(&cluster, 0.0)).await;
    }
    let (_, message) = refused(
        world
            .call::<op::CreateTaskSet>(request(&cluster, 0.0))
            .await,
    );
    assert_eq!(
        message,
        "5 deployments exist on the service. Unable to create new TaskSet since this exceeds the maximum limit."
    );
    let (_, message) = refused(scale(world, "ecs-svc/1", 101.0).await);
    assert_eq!(message, "Scale value must be between 0 and 100.");
}

#[tokio::test(start_paused = true)]
async fn a_token_makes_one_set() {
    let cluster = external().await;
    let with_token = |scale: f64| CreateTaskSetRequest {
        client_token: Some("once".into()),
        ..request(&cluster, scale)
    };
    let first = make(&cluster, with_token(0.0)).await;
    let again = make(&cluster, with_token(0.0)).await;
    assert_eq!(first.id, again.id);
    let (code, _) = refused(
        cluster
            .world
            .call::<op::CreateTaskSet>(with_token(1.0))
            .await,
    );
    assert_eq!(code, "InvalidParameterException");
    assert_eq!(sets(&cluster.world, &[]).await.task_sets.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn tags_of_a_set_are_changed_by_its_arn() {
    let cluster = external().await;
    let arn = make(&cluster, request(&cluster, 0.0)).await.task_set_arn;
    cluster
        .world
        .call::<op::TagResource>(TagResourceRequest {
            resource_arn: arn.clone(),
            tags: Some(vec![tag("stage", "canary")]),
        })
        .await
        .unwrap();
    let listed = cluster
        .world
        .call::<op::ListTagsForResource>(ListTagsForResourceRequest { resource_arn: arn })
        .await
        .unwrap();
    assert_eq!(listed.tags, Some(vec![tag("stage", "canary")]));
}

#[tokio::test(start_paused = true)]
async fn a_service_goes_with_its_sets() {
    let mut cluster = external().await;
    make(&cluster, request(&cluster, 100.0)).await;
    cluster.settle().await;
    assert_eq!(cluster.running().len(), 4);
    update(
        &cluster.world,
        UpdateServiceRequest {
            desired_count: Some(0),
            ..of("web")
        },
    )
    .await;
    cluster.settle().await;
    let (_, message) = refused(delete(&cluster.world, "web", false).await);
    assert_eq!(
        message,
        "The service cannot be stopped while task sets are active."
    );
    let gone = delete(&cluster.world, "web", true).await.unwrap();
    assert_eq!(gone.status.as_deref(), Some("DRAINING"));
    cluster.settle().await;
    let service = describe(&cluster.world, "web").await;
    assert_eq!(service.status.as_deref(), Some("INACTIVE"));
    assert!(cluster.running().is_empty());
}
