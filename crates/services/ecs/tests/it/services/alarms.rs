//! Deployments that watch alarms.

use std::time::Duration;

use api_ecs::{operations as op, types::*};
use kit::facts::AlarmState;

use super::{
    Cluster, create,
    deployments::{deploy, described, newest, status},
    describe,
};
use crate::world::{ACCOUNT, REGION, World, refused};

#[tokio::test(start_paused = true)]
async fn a_deployment_bakes_before_it_is_done_and_an_alarm_ends_it() {
    let mut cluster = Cluster::new().await;
    let request = CreateServiceRequest {
        deployment_configuration: Some(watching("errors", true)),
        ..cluster.request("web", 1)
    };
    let unknown = cluster
        .world
        .call::<op::CreateService>(request.clone())
        .await;
    assert_eq!(
        refused(unknown).1,
        "The following CloudWatch alarms do not exist: errors."
    );
    alarm(&cluster.world, false).await;
    create(&cluster.world, request).await;
    cluster.settle().await;
    let baking = newest(&cluster.world, "web").await;
    assert_eq!(status(&baking), "IN_PROGRESS");
    assert_eq!(
        baking.alarms.unwrap().status.unwrap().as_str(),
        "MONITORING"
    );
    cluster.pass(Duration::from_secs(301)).await;
    assert_eq!(status(&newest(&cluster.world, "web").await), "SUCCESSFUL");

    cluster.definition = cluster.world.fargate_definition("web").await;
    let arn = deploy(&cluster, "web").await;
    cluster.pass(Duration::from_secs(60)).await;
    assert_eq!(
        status(&described(&cluster.world, arn.clone()).await),
        "IN_PROGRESS"
    );
    alarm(&cluster.world, true).await;
    cluster.pass(Duration::from_secs(10)).await;
    let failed = described(&cluster.world, arn).await;
    assert_eq!(status(&failed), "ROLLBACK_SUCCESSFUL");
    assert_eq!(
        failed.status_reason.as_deref(),
        Some("Service deployment rolled back because of one or more active alarms.")
    );
    let alarms = failed.alarms.unwrap();
    assert_eq!(alarms.triggered_alarm_names, Some(vec!["errors".into()]));
    let service = describe(&cluster.world, "web").await;
    assert!(service.task_definition.unwrap().ends_with("web:1"));
}

#[tokio::test(start_paused = true)]
async fn without_rollback_an_alarm_stops_the_deployment_where_it_is() {
    let mut cluster = Cluster::new().await;
    alarm(&cluster.world, false).await;
    let request = CreateServiceRequest {
        deployment_configuration: Some(watching("errors", false)),
        ..cluster.request("web", 2)
    };
    create(&cluster.world, request).await;
    cluster.settle().await;
    cluster.pass(Duration::from_secs(301)).await;
    // An alarm that comes while nothing is under way does nothing; a deployment that begins meanwhile is over at once.
    alarm(&cluster.world, true).await;
    cluster.settle().await;
    assert_eq!(status(&newest(&cluster.world, "web").await), "SUCCESSFUL");
    cluster.definition = cluster.world.fargate_definition("web").await;
    let arn = deploy(&cluster, "web").await;
    cluster.pass(Duration::from_secs(30)).await;
    let stopped = described(&cluster.world, arn).await;
    assert_eq!(status(&stopped), "STOPPED");
    assert_eq!(
        stopped.status_reason.as_deref(),
        Some("Service deployment stopped because of one or more active alarms.")
    );
    let alarms = stopped.alarms.unwrap();
    assert_eq!(alarms.status.unwrap().as_str(), "TRIGGERED");
    assert_eq!(alarms.triggered_alarm_names, Some(vec!["errors".into()]));
    let service = describe(&cluster.world, "web").await;
    assert_eq!(
        service.deployments.unwrap()[0].rollout_state,
        Some(DeploymentRolloutState::FAILED)
    );
}

fn watching(alarm: &str, rollback: bool) -> DeploymentConfiguration {
    DeploymentConfiguration {
        bake_time_in_minutes: Some(5),
        alarms: Some(DeploymentAlarms {
            alarm_names: Some(vec![alarm.into()]),
            enable: Some(true),
            rollback: Some(rollback),
        }),
        ..DeploymentConfiguration::default()
    }
}

/// As whoever owns alarms would publish it.
async fn alarm(world: &World, in_alarm: bool) {
    let done = world.store.transact(|tx| {
        tx.put(AlarmState {
            account: ACCOUNT.into(),
            region: REGION.into(),
            name: "errors".into(),
            in_alarm,
            updated_at: world.clock.now(),
        });
        Ok::<_, state::StateError>(())
    });
    done.unwrap().durable().await.unwrap();
}
