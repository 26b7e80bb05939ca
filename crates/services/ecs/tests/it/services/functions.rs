//! Lifecycle hooks that functions answer, with a double of whoever runs functions.

use std::time::Duration;

use api_ecs::{operations as op, types::*};
use kit::facts::{Function, HookAnswer, HookCall};

use super::{
    Cluster, create,
    deployments::{deploy, described, newest, status},
    describe,
};
use crate::world::{World, refused};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:check";

#[tokio::test(start_paused = true)]
async fn a_function_says_whether_a_deployment_goes_on() {
    let mut cluster = Cluster::new().await;
    let request = CreateServiceRequest {
        deployment_configuration: Some(asking()),
        ..cluster.request("web", 1)
    };
    let unknown = cluster.world.call::<op::CreateService>(request.clone());
    let (code, message) = refused(unknown.await);
    assert_eq!(code, "ClientException");
    assert!(
        message.contains("lifecycleHooks[].hookTargetArn"),
        "{message}"
    );
    write(&cluster.world, |tx| {
        tx.put(Function {
            arn: FUNCTION.into(),
        });
    })
    .await;
    create(&cluster.world, request).await;
    cluster.pass(Duration::from_secs(30)).await;
    let first = newest(&cluster.world, "web").await;
    let call = the_call(&cluster.world).await;
    assert_eq!(
        Some(&call.service_deployment_arn),
        first.service_deployment_arn.as_ref()
    );
    assert_eq!(call.function_arn, FUNCTION);
    assert_eq!(call.lifecycle_stage, "POST_SCALE_UP");
    assert!(
        call.target_service_revision_arn
            .contains(":service-revision/")
    );
    assert!(
        call.hook.contains(r#""hookDetails":{"depth":3}"#),
        "{}",
        call.hook
    );
    answer(&cluster.world, &call, true).await;
    cluster.pass(Duration::from_secs(30)).await;
    assert_eq!(status(&newest(&cluster.world, "web").await), "SUCCESSFUL");
    assert_eq!(
        calls(&cluster.world).await,
        [],
        "nobody waits for it any more"
    );

    cluster.definition = cluster.world.fargate_definition("web").await;
    let arn = deploy(&cluster, "web").await;
    cluster.pass(Duration::from_secs(30)).await;
    let held = described(&cluster.world, arn.clone()).await;
    let details = held.lifecycle_hook_details.unwrap();
    assert_eq!(
        details[0].target_type,
        Some(DeploymentLifecycleHookTargetType::AWS_LAMBDA)
    );
    assert_eq!(details[0].target_arn.as_deref(), Some(FUNCTION));
    assert_eq!(details[0].status.as_ref().unwrap().as_str(), "IN_PROGRESS");
    let call = the_call(&cluster.world).await;
    answer(&cluster.world, &call, false).await;
    cluster.pass(Duration::from_secs(30)).await;
    let failed = described(&cluster.world, arn).await;
    assert_eq!(status(&failed), "ROLLBACK_SUCCESSFUL");
    assert_eq!(
        failed.status_reason.as_deref(),
        Some("Service deployment rolled back because POST_SCALE_UP lifecycle hook(s) failed.")
    );
    let service = describe(&cluster.world, "web").await;
    assert!(service.task_definition.unwrap().ends_with("web:1"));

    // A deployment that is over waits for no function.
    let arn = deploy(&cluster, "web").await;
    cluster.pass(Duration::from_secs(30)).await;
    assert_eq!(calls(&cluster.world).await.len(), 1);
    let stop = StopServiceDeploymentRequest {
        service_deployment_arn: Some(arn),
        stop_type: Some(StopServiceDeploymentStopType::ROLLBACK),
    };
    let stopped = cluster.world.call::<op::StopServiceDeployment>(stop);
    stopped.await.unwrap();
    cluster.pass(Duration::from_secs(30)).await;
    assert_eq!(calls(&cluster.world).await, []);
}

fn asking() -> DeploymentConfiguration {
    let details = [("depth".to_owned(), wire::Document::Integer(3))];
    DeploymentConfiguration {
        strategy: Some(DeploymentStrategy::BLUE_GREEN),
        lifecycle_hooks: Some(vec![DeploymentLifecycleHook {
            hook_target_arn: Some(FUNCTION.into()),
            role_arn: Some("arn:aws:iam::123456789012:role/hooks".into()),
            lifecycle_stages: Some(vec![DeploymentLifecycleHookStage::POST_SCALE_UP]),
            hook_details: Some(wire::Document::Map(details.into())),
            ..DeploymentLifecycleHook::default()
        }]),
        ..DeploymentConfiguration::default()
    }
}

async fn calls(world: &World) -> Vec<HookCall> {
    let calls = world.store.read(|head| {
        let calls = head.scan::<HookCall>("");
        calls.map(|call| HookCall::clone(call)).collect()
    });
    calls.durable().await.unwrap()
}

async fn the_call(world: &World) -> HookCall {
    let mut calls = calls(world).await;
    assert_eq!(calls.len(), 1, "one call is open");
    calls.remove(0)
}

/// As whoever runs functions would publish it.
async fn answer(world: &World, call: &HookCall, is_success: bool) {
    let answer = HookAnswer {
        service_deployment_key: call.service_deployment_key.clone(),
        hook_id: call.hook_id.clone(),
        is_success,
    };
    write(world, |tx| tx.put(answer.clone())).await;
}

async fn write(world: &World, change: impl Fn(&mut state::Tx<'_>)) {
    let done = world.store.transact(|tx| {
        change(tx);
        Ok::<_, state::StateError>(())
    });
    done.unwrap().durable().await.unwrap();
}
