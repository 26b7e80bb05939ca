//! LINEAR and CANARY deployments: traffic goes over by and by, as the records say for a load balancer to follow.

use std::time::Duration;

use api_ecs::{operations as op, types::*};

use super::{
    Cluster, counts,
    deployments::{deploy, described, newest, running, status, stop},
    describe,
};
use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);

fn linear(step_percent: f64, minutes: i32) -> DeploymentConfiguration {
    DeploymentConfiguration {
        strategy: Some(DeploymentStrategy::LINEAR),
        linear_configuration: Some(LinearConfiguration {
            step_percent: Some(step_percent),
            step_bake_time_in_minutes: Some(minutes),
        }),
        ..DeploymentConfiguration::default()
    }
}

fn canary(canary_percent: f64, minutes: i32) -> DeploymentConfiguration {
    DeploymentConfiguration {
        strategy: Some(DeploymentStrategy::CANARY),
        canary_configuration: Some(CanaryConfiguration {
            canary_percent: Some(canary_percent),
            canary_bake_time_in_minutes: Some(minutes),
        }),
        ..DeploymentConfiguration::default()
    }
}

fn pause_before_traffic() -> DeploymentLifecycleHook {
    DeploymentLifecycleHook {
        target_type: Some(DeploymentLifecycleHookTargetType::PAUSE),
        lifecycle_stages: Some(vec![DeploymentLifecycleHookStage::PRODUCTION_TRAFFIC_SHIFT]),
        ..DeploymentLifecycleHook::default()
    }
}

/// Weights of target and source, in percent, and the stage.
async fn shares(world: &World, arn: &str) -> (f64, f64, String) {
    let deployment = described(world, arn.into()).await;
    let weight = |share: &ServiceRevisionSummary| share.requested_production_traffic_weight;
    let target = weight(deployment.target_service_revision.as_ref().unwrap());
    let source = weight(&deployment.source_service_revisions.as_ref().unwrap()[0]);
    let stage = deployment.lifecycle_stage.unwrap();
    (target.unwrap(), source.unwrap(), stage.as_str().to_owned())
}

/// Lets a stage begin that needs the agent; tasks prove nothing here.
async fn begin(cluster: &mut Cluster) {
    cluster.settle().await;
    cluster.pass(Duration::from_secs(2)).await;
}

#[tokio::test(start_paused = true)]
async fn a_canary_is_watched_before_the_rest_follows() {
    let mut cluster = running("web", 2, canary(12.5, 5)).await;
    let first = newest(&cluster.world, "web").await;
    assert_eq!(status(&first), "SUCCESSFUL", "nothing to take over from");
    let arn = deploy(&cluster, "web").await;
    begin(&mut cluster).await;
    let shifting = "PRODUCTION_TRAFFIC_SHIFT".to_owned();
    let world = &cluster.world;
    assert_eq!(shares(world, &arn).await, (12.5, 87.5, shifting.clone()));
    assert_eq!(counts(&describe(world, "web").await), (4, 0, 2));
    let waits = described(world, arn.clone()).await;
    assert_eq!(status(&waits), "IN_PROGRESS");
    cluster.pass(MINUTE * 4).await;
    assert_eq!(shares(&cluster.world, &arn).await, (12.5, 87.5, shifting));
    cluster.pass(MINUTE + Duration::from_secs(5)).await;
    cluster.settle().await;
    let done = described(&cluster.world, arn).await;
    assert_eq!(status(&done), "SUCCESSFUL");
    let target = done.target_service_revision.unwrap();
    assert_eq!(target.requested_production_traffic_weight, Some(100.0));
    assert_eq!(counts(&describe(&cluster.world, "web").await), (2, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn traffic_goes_over_in_equal_steps_and_back_at_once() {
    let mut cluster = running("web", 1, linear(40.0, 2)).await;
    let arn = deploy(&cluster, "web").await;
    begin(&mut cluster).await;
    let mut seen = vec![];
    for _ in 0..30 {
        let (target, source, _) = shares(&cluster.world, &arn).await;
        assert!((target + source - 100.0).abs() < 1e-9);
        seen.push(target);
        cluster.pass(Duration::from_secs(15)).await;
    }
    seen.dedup();
    assert_eq!(seen, [40.0, 80.0, 100.0], "weights only grow");
    cluster.settle().await;
    assert_eq!(status(&newest(&cluster.world, "web").await), "SUCCESSFUL");

    cluster.definition = cluster.world.fargate_definition("web").await;
    let arn = deploy(&cluster, "web").await;
    begin(&mut cluster).await;
    assert_eq!(shares(&cluster.world, &arn).await.0, 40.0);
    stop(&cluster.world, &arn, Some("ROLLBACK")).await.unwrap();
    cluster.settle().await;
    let back = described(&cluster.world, arn.clone()).await;
    assert_eq!(status(&back), "ROLLBACK_SUCCESSFUL");
    let (target, source, _) = shares(&cluster.world, &arn).await;
    assert_eq!((target, source), (0.0, 100.0));
    assert_eq!(counts(&describe(&cluster.world, "web").await), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_asked_before_every_step() {
    let configuration = DeploymentConfiguration {
        lifecycle_hooks: Some(vec![pause_before_traffic()]),
        ..linear(50.0, 0)
    };
    let mut cluster = Cluster::new().await;
    let request = CreateServiceRequest {
        deployment_configuration: Some(configuration),
        ..cluster.request("web", 1)
    };
    super::create(&cluster.world, request).await;
    begin(&mut cluster).await;
    let arn = newest(&cluster.world, "web").await.service_deployment_arn;
    answer(&cluster.world, arn.as_deref().unwrap()).await;
    begin(&mut cluster).await;
    assert_eq!(status(&newest(&cluster.world, "web").await), "SUCCESSFUL");

    cluster.definition = cluster.world.fargate_definition("web").await;
    let arn = deploy(&cluster, "web").await;
    let mut seen = vec![];
    for _ in 0..2 {
        begin(&mut cluster).await;
        seen.push(shares(&cluster.world, &arn).await.0);
        answer(&cluster.world, &arn).await;
    }
    begin(&mut cluster).await;
    assert_eq!(seen, [0.0, 50.0]);
    let done = described(&cluster.world, arn).await;
    assert_eq!(status(&done), "SUCCESSFUL");
    assert_eq!(done.lifecycle_hook_details.unwrap().len(), 2);
}

/// Answers the hook that waits.
async fn answer(world: &World, arn: &str) {
    let deployment = described(world, arn.into()).await;
    let hooks = deployment.lifecycle_hook_details.iter().flatten();
    let mut open = hooks.filter(|hook| {
        let status = hook.status.as_ref().unwrap();
        status.as_str() == "AWAITING_ACTION"
    });
    let hook = open.next().expect("a hook waits");
    let request = ContinueServiceDeploymentRequest {
        service_deployment_arn: Some(arn.into()),
        hook_id: hook.hook_id.clone(),
        action: Some("CONTINUE".into()),
    };
    world
        .call::<op::ContinueServiceDeployment>(request)
        .await
        .unwrap();
}
