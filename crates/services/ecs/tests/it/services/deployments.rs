//! Service deployments and revisions: what is recorded, how a deployment fails, and the way back.

use std::time::Duration;

use api_ecs::{operations as op, types::*};
use service_ecs::records::{ServiceDeploymentRecord, ServiceRecord, ServiceRevisionRecord, Wait};
use state::Record;

use super::{
    Cluster, QUIET, Start, counts, create, delete, describe, messages, of, percents, update,
};
use crate::world::{ACCOUNT, REGION, World, refused};

async fn listed(world: &World, name: &str) -> Vec<ServiceDeploymentBrief> {
    let request = ListServiceDeploymentsRequest {
        service: Some(name.into()),
        ..ListServiceDeploymentsRequest::default()
    };
    let answer = world.call::<op::ListServiceDeployments>(request).await;
    answer.unwrap().service_deployments.unwrap()
}

/// The newest, whole.
pub(super) async fn newest(world: &World, name: &str) -> ServiceDeployment {
    let arn = listed(world, name).await.remove(0).service_deployment_arn;
    described(world, arn.unwrap()).await
}

pub(super) async fn described(world: &World, arn: String) -> ServiceDeployment {
    let request = DescribeServiceDeploymentsRequest {
        service_deployment_arns: Some(vec![arn]),
    };
    let answer = world.call::<op::DescribeServiceDeployments>(request).await;
    answer.unwrap().service_deployments.unwrap().remove(0)
}

async fn revision(world: &World, arn: &str) -> ServiceRevision {
    let request = DescribeServiceRevisionsRequest {
        service_revision_arns: Some(vec![arn.into()]),
    };
    let answer = world.call::<op::DescribeServiceRevisions>(request).await;
    answer.unwrap().service_revisions.unwrap().remove(0)
}

pub(super) fn status(deployment: &ServiceDeployment) -> &str {
    deployment.status.as_ref().unwrap().as_str()
}

fn summary(share: &ServiceRevisionSummary) -> (i32, i32, i32) {
    (
        share.requested_task_count.unwrap(),
        share.running_task_count.unwrap(),
        share.pending_task_count.unwrap(),
    )
}

fn with_breaker(rollback: bool) -> DeploymentConfiguration {
    DeploymentConfiguration {
        deployment_circuit_breaker: Some(DeploymentCircuitBreaker {
            enable: Some(true),
            rollback: Some(rollback),
            ..DeploymentCircuitBreaker::default()
        }),
        ..DeploymentConfiguration::default()
    }
}

/// A service that runs, and a definition that it shall run next.
pub(super) async fn running(
    name: &str,
    desired: i32,
    configuration: DeploymentConfiguration,
) -> Cluster {
    let mut cluster = Cluster::new().await;
    let request = CreateServiceRequest {
        deployment_configuration: Some(configuration),
        ..cluster.request(name, desired)
    };
    create(&cluster.world, request).await;
    cluster.settle().await;
    // Where the breaker is on, tasks without a health check have to prove themselves.
    cluster.pass(Duration::from_secs(12)).await;
    cluster.definition = cluster.world.fargate_definition("web").await;
    cluster
}

pub(super) async fn deploy(cluster: &Cluster, name: &str) -> String {
    let request = UpdateServiceRequest {
        task_definition: Some(cluster.definition.clone()),
        ..of(name)
    };
    let answer = update(&cluster.world, request).await;
    answer.current_service_deployment.unwrap()
}

pub(super) async fn stop(world: &World, arn: &str, how: Option<&str>) -> Result<(), wire::Error> {
    let request = StopServiceDeploymentRequest {
        service_deployment_arn: Some(arn.into()),
        stop_type: how.map(Into::into),
    };
    let answer = world.call::<op::StopServiceDeployment>(request).await?;
    assert_eq!(answer.service_deployment_arn.as_deref(), Some(arn));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn revisions_and_deployments_say_what_ran() {
    let mut cluster = running("web", 2, DeploymentConfiguration::default()).await;
    let first = newest(&cluster.world, "web").await;
    assert_eq!(status(&first), "SUCCESSFUL");
    assert!(first.started_at.is_some() && first.finished_at.is_some());
    assert_eq!(first.source_service_revisions, Some(vec![]));
    assert_eq!(
        summary(first.target_service_revision.as_ref().unwrap()),
        (2, 2, 0)
    );
    assert!(first.lifecycle_stage.is_none() && first.rollback.is_none());

    let arn = deploy(&cluster, "web").await;
    let pending = described(&cluster.world, arn.clone()).await;
    assert!(["PENDING", "IN_PROGRESS"].contains(&status(&pending)));
    cluster.world.clock.sleep(QUIET).await;
    let going_on = described(&cluster.world, arn.clone()).await;
    assert_eq!(status(&going_on), "IN_PROGRESS");
    let source = going_on.source_service_revisions.as_ref().unwrap()[0].clone();
    assert_eq!(source.arn, first.target_service_revision.unwrap().arn);
    assert_eq!(summary(&source), (2, 2, 0));
    let target = going_on.target_service_revision.unwrap();
    assert_eq!(summary(&target), (2, 0, 2));
    let service = describe(&cluster.world, "web").await;
    let current = service.current_service_revisions.unwrap();
    assert_eq!(current.len(), 2);
    assert_eq!(current[0].arn, target.arn);

    cluster.settle().await;
    let done = described(&cluster.world, arn.clone()).await;
    assert_eq!(status(&done), "SUCCESSFUL");
    assert_eq!(summary(&done.target_service_revision.unwrap()), (2, 2, 0));
    assert_eq!(
        summary(&done.source_service_revisions.unwrap()[0]),
        (0, 0, 0)
    );
    let old = revision(&cluster.world, &source.arn.unwrap()).await;
    let new = revision(&cluster.world, &target.arn.unwrap()).await;
    assert!(old.task_definition.unwrap().ends_with("web:1"));
    assert!(new.task_definition.unwrap().ends_with("web:2"));
    assert_eq!(new.platform_version.as_deref(), Some("1.4.0"));
    assert_eq!(
        new.container_images.unwrap()[0].image.as_deref(),
        Some("demo:1")
    );

    let arns: Vec<_> = listed(&cluster.world, "web").await;
    assert_eq!(arns.len(), 2);
    assert_eq!(
        arns[0].service_deployment_arn.as_ref(),
        Some(&arn),
        "the newest first"
    );
    assert!(arn.contains(":service-deployment/default/web/"));
}

#[tokio::test(start_paused = true)]
async fn lists_are_filtered_and_paged() {
    let mut cluster = running("web", 1, DeploymentConfiguration::default()).await;
    for _ in 0..3 {
        update(
            &cluster.world,
            UpdateServiceRequest {
                force_new_deployment: Some(true),
                ..of("web")
            },
        )
        .await;
        cluster.settle().await;
        cluster.world.clock.sleep(Duration::from_secs(5)).await;
    }
    cluster.starts = Start::Never;
    deploy(&cluster, "web").await;
    cluster.world.clock.sleep(QUIET).await;
    let list = |request: ListServiceDeploymentsRequest| {
        let world = &cluster.world;
        async move {
            let request = ListServiceDeploymentsRequest {
                service: Some("web".into()),
                ..request
            };
            world.call::<op::ListServiceDeployments>(request).await
        }
    };
    let all = list(ListServiceDeploymentsRequest::default())
        .await
        .unwrap();
    let all = all.service_deployments.unwrap();
    assert_eq!(all.len(), 5);
    let going_on = list(ListServiceDeploymentsRequest {
        status: Some(vec!["IN_PROGRESS".into(), "PENDING".into()]),
        ..ListServiceDeploymentsRequest::default()
    });
    assert_eq!(
        going_on.await.unwrap().service_deployments.unwrap(),
        all[..1]
    );
    let early = list(ListServiceDeploymentsRequest {
        created_at: Some(CreatedAt {
            after: None,
            before: all[2].created_at,
        }),
        ..ListServiceDeploymentsRequest::default()
    });
    assert_eq!(early.await.unwrap().service_deployments.unwrap(), all[3..]);
    let (mut seen, mut token) = (vec![], None);
    loop {
        let page = list(ListServiceDeploymentsRequest {
            max_results: Some(2),
            next_token: token,
            ..ListServiceDeploymentsRequest::default()
        });
        let page = page.await.unwrap();
        seen.extend(page.service_deployments.unwrap());
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, all);
    let unknown = list(ListServiceDeploymentsRequest {
        status: Some(vec!["DONE".into()]),
        ..ListServiceDeploymentsRequest::default()
    });
    assert_eq!(refused(unknown.await).0, "InvalidParameterException");
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_may_be_rolled_back_to_is_not_deleted() {
    let all_at_once = DeploymentConfiguration {
        minimum_healthy_percent: Some(0),
        maximum_percent: Some(100),
        ..with_breaker(true)
    };
    let mut cluster = running("web", 1, all_at_once).await;
    cluster.starts = Start::Never;
    let arn = deploy(&cluster, "web").await;
    cluster.pass(Duration::from_secs(3)).await;
    let service = describe(&cluster.world, "web").await;
    assert_eq!(service.deployments.unwrap().len(), 1, "the old one is gone");
    let old = Some("web:1".to_owned());
    let request = DeregisterTaskDefinitionRequest {
        task_definition: old.clone(),
    };
    let deregistered = cluster.world.call::<op::DeregisterTaskDefinition>(request);
    deregistered.await.unwrap();
    let request = DeleteTaskDefinitionsRequest {
        task_definitions: Some(Vec::from_iter(old)),
    };
    let doomed = cluster.world.call::<op::DeleteTaskDefinitions>(request);
    doomed.await.unwrap();
    cluster.pass(Duration::from_secs(90)).await;
    let failed = described(&cluster.world, arn).await;
    assert!(status(&failed).starts_with("ROLLBACK_"), "{failed:?}");
    cluster.starts = Start::Well;
    // Longer than the pause that its failures have earned.
    cluster.pass(Duration::from_secs(900)).await;
    let service = describe(&cluster.world, "web").await;
    assert!(service.task_definition.unwrap().ends_with("web:1"));
    assert_eq!(service.running_count, Some(1));
}

#[tokio::test(start_paused = true)]
async fn the_breaker_trips_and_rolls_back_to_the_last_completed_deployment() {
    let mut cluster = running("web", 2, with_breaker(true)).await;
    let good = describe(&cluster.world, "web").await;
    let good_id = good.deployments.unwrap()[0].id.clone().unwrap();
    let kept = cluster.running();
    cluster.starts = Start::Never;
    let arn = deploy(&cluster, "web").await;
    cluster.pass(Duration::from_secs(60)).await;
    let failed = described(&cluster.world, arn).await;
    assert_eq!(status(&failed), "ROLLBACK_SUCCESSFUL");
    assert_eq!(
        failed.status_reason.as_deref(),
        Some("Service deployment rolled back because the circuit breaker threshold was exceeded.")
    );
    let breaker = failed.deployment_circuit_breaker.unwrap();
    assert_eq!(breaker.status.unwrap().as_str(), "TRIGGERED");
    assert_eq!(breaker.threshold, Some(3));
    assert!(breaker.failure_count.unwrap() >= 3);
    let rollback = failed.rollback.unwrap();
    let source = &failed.source_service_revisions.unwrap()[0];
    assert_eq!(rollback.service_revision_arn, source.arn);

    let service = describe(&cluster.world, "web").await;
    assert_eq!(counts(&service), (2, 0, 2));
    assert_eq!(cluster.running(), kept, "no good task was touched");
    assert!(service.task_definition.as_ref().unwrap().ends_with("web:1"));
    let deployments = service.deployments.as_ref().unwrap();
    assert_eq!(deployments.len(), 1);
    assert_eq!(deployments[0].id.as_ref(), Some(&good_id));
    assert_eq!(
        deployments[0].rollout_state,
        Some(DeploymentRolloutState::COMPLETED)
    );
    let told = messages(&service);
    let position = |text: &str| {
        let mut told = told.iter();
        told.position(|message| message == &format!("(service web) {text}"))
            .unwrap_or_else(|| panic!("{text}"))
    };
    assert!(
        position("rolling back to deployment ecs-svc/N.")
            < position("(deployment ecs-svc/N) deployment failed: tasks failed to start.")
    );
    assert_eq!(position("has reached a steady state."), 0);
}

#[tokio::test(start_paused = true)]
async fn without_anything_to_go_back_to_the_rollback_fails_and_nothing_more_is_started() {
    let mut cluster = Cluster::new().await;
    cluster.starts = Start::Crashing;
    let request = CreateServiceRequest {
        deployment_configuration: Some(with_breaker(true)),
        ..cluster.request("web", 1)
    };
    create(&cluster.world, request).await;
    cluster.pass(Duration::from_secs(120)).await;
    let failed = newest(&cluster.world, "web").await;
    assert_eq!(status(&failed), "ROLLBACK_FAILED");
    assert_eq!(
        failed.status_reason.as_deref(),
        Some("No rollback candidate was found to run the rollback.")
    );
    let service = describe(&cluster.world, "web").await;
    let primary = &service.deployments.as_ref().unwrap()[0];
    assert_eq!(primary.rollout_state, Some(DeploymentRolloutState::FAILED));
    assert_eq!(
        primary.rollout_state_reason.as_deref(),
        Some("ECS deployment circuit breaker: tasks failed to start.")
    );
    let started = cluster.tasks.len();
    assert_eq!(started, 3, "crashes are failures, too");
    // A new deployment begins anew.
    cluster.starts = Start::Well;
    cluster.definition = cluster.world.fargate_definition("web").await;
    deploy(&cluster, "web").await;
    cluster.pass(Duration::from_secs(12)).await;
    assert_eq!(counts(&describe(&cluster.world, "web").await), (1, 0, 1));
    assert_eq!(status(&newest(&cluster.world, "web").await), "SUCCESSFUL");
}

#[tokio::test(start_paused = true)]
async fn without_rollback_a_failed_deployment_stops_where_it_is() {
    let mut cluster = running("web", 2, with_breaker(false)).await;
    cluster.starts = Start::Never;
    let arn = deploy(&cluster, "web").await;
    cluster.pass(Duration::from_secs(60)).await;
    let failed = described(&cluster.world, arn.clone()).await;
    let key = ServiceRecord::key_of(ACCOUNT, REGION, "default", "web");
    let ecs = &cluster.world.ecs;
    let told = cluster
        .world
        .store
        .read(|head| ecs.explain_service(head, &key));
    let told = told.head().unwrap();
    assert_eq!(told.waits_for, [Wait::Failed]);
    assert_eq!(told.service_deployment, Some(arn));
    assert_eq!(status(&failed), "STOPPED");
    assert!(failed.stopped_at.is_some() && failed.rollback.is_none());
    let service = describe(&cluster.world, "web").await;
    assert_eq!(counts(&service), (2, 0, 2), "the old tasks serve on");
    let deployments = service.deployments.unwrap();
    assert_eq!(deployments.len(), 2);
    assert_eq!(
        deployments[0].rollout_state,
        Some(DeploymentRolloutState::FAILED)
    );
}

#[tokio::test(start_paused = true)]
async fn a_user_stops_a_deployment_with_rollback_or_without() {
    let mut cluster = running("web", 2, DeploymentConfiguration::default()).await;
    let done = newest(&cluster.world, "web")
        .await
        .service_deployment_arn
        .unwrap();
    assert_eq!(
        refused(stop(&cluster.world, &done, None).await),
        (
            "ConflictException".into(),
            "The service deployment cannot be stopped because it is in the SUCCESSFUL state."
                .into()
        )
    );
    cluster.starts = Start::Never;
    let arn = deploy(&cluster, "web").await;
    cluster.pass(Duration::from_secs(3)).await;
    stop(&cluster.world, &arn, Some("ROLLBACK")).await.unwrap();
    cluster.pass(Duration::from_secs(10)).await;
    let stopped = described(&cluster.world, arn).await;
    assert_eq!(status(&stopped), "ROLLBACK_SUCCESSFUL");
    assert_eq!(
        stopped.status_reason.as_deref(),
        Some("Service deployment rolled back by user.")
    );
    let service = describe(&cluster.world, "web").await;
    assert!(service.task_definition.unwrap().ends_with("web:1"));

    let arn = deploy(&cluster, "web").await;
    cluster.pass(Duration::from_secs(3)).await;
    stop(&cluster.world, &arn, Some("ABORT")).await.unwrap();
    cluster.pass(Duration::from_secs(10)).await;
    assert_eq!(status(&described(&cluster.world, arn).await), "STOPPED");
    let started = cluster.tasks.len();
    cluster.pass(Duration::from_secs(60)).await;
    assert_eq!(cluster.tasks.len(), started, "nothing more is started");

    let wrong = "arn:aws:ecs:us-east-1:123456789012:service-deployment/default/web/none";
    let error = refused(stop(&cluster.world, wrong, None).await);
    assert_eq!(error.0, "ServiceDeploymentNotFoundException");
    let wrong = refused(stop(&cluster.world, "web", None).await);
    assert_eq!(wrong.0, "InvalidParameterException");
}

#[tokio::test(start_paused = true)]
async fn a_newer_deployment_ends_the_one_before_it() {
    let mut cluster = running("web", 2, DeploymentConfiguration::default()).await;
    cluster.starts = Start::Never;
    let arn = deploy(&cluster, "web").await;
    cluster.pass(Duration::from_secs(3)).await;
    cluster.starts = Start::Well;
    cluster.definition = cluster.world.fargate_definition("web").await;
    deploy(&cluster, "web").await;
    cluster.settle().await;
    assert_eq!(status(&described(&cluster.world, arn).await), "STOPPED");
    let last = newest(&cluster.world, "web").await;
    assert_eq!(status(&last), "SUCCESSFUL");
    assert_eq!(last.source_service_revisions.unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn blue_green_waits_for_its_hook_keeps_both_sides_and_cleans_up() {
    let configuration = DeploymentConfiguration {
        strategy: Some(DeploymentStrategy::BLUE_GREEN),
        bake_time_in_minutes: Some(2),
        lifecycle_hooks: Some(vec![DeploymentLifecycleHook {
            target_type: Some(DeploymentLifecycleHookTargetType::PAUSE),
            lifecycle_stages: Some(vec![DeploymentLifecycleHookStage::POST_SCALE_UP]),
            timeout_configuration: Some(DeploymentLifecycleHookTimeoutConfiguration {
                timeout_in_minutes: Some(30),
                action: Some(DeploymentLifecycleHookAction::ROLLBACK),
            }),
            ..DeploymentLifecycleHook::default()
        }]),
        ..DeploymentConfiguration::default()
    };
    let mut cluster = running("web", 2, configuration).await;
    let held = newest(&cluster.world, "web").await;
    assert_eq!(
        held.lifecycle_stage.as_ref().unwrap().as_str(),
        "POST_SCALE_UP"
    );
    go_on(&cluster.world, &held, "CONTINUE").await.unwrap();
    cluster.pass(Duration::from_secs(130)).await;
    assert_eq!(status(&newest(&cluster.world, "web").await), "SUCCESSFUL");

    let arn = deploy(&cluster, "web").await;
    cluster.settle().await;
    assert_eq!(
        counts(&describe(&cluster.world, "web").await),
        (4, 0, 2),
        "both sides run"
    );
    let held = described(&cluster.world, arn.clone()).await;
    let details = held.lifecycle_hook_details.clone().unwrap();
    assert_eq!(
        details[0].status.as_ref().unwrap().as_str(),
        "AWAITING_ACTION"
    );
    assert!(
        details[0]
            .hook_id
            .as_ref()
            .unwrap()
            .starts_with("ecs-pause-")
    );
    go_on(&cluster.world, &held, "CONTINUE").await.unwrap();
    assert_eq!(
        refused(go_on(&cluster.world, &held, "CONTINUE").await).0,
        "InvalidParameterException"
    );
    cluster.settle().await;
    let baking = described(&cluster.world, arn.clone()).await;
    assert_eq!(
        baking.lifecycle_stage.as_ref().unwrap().as_str(),
        "BAKE_TIME"
    );
    let target = baking.target_service_revision.unwrap();
    assert_eq!(target.requested_production_traffic_weight, Some(100.0));
    let source = &baking.source_service_revisions.unwrap()[0];
    assert_eq!(source.requested_production_traffic_weight, Some(0.0));
    cluster.pass(Duration::from_secs(130)).await;
    cluster.settle().await;
    assert_eq!(status(&described(&cluster.world, arn).await), "SUCCESSFUL");
    assert_eq!(counts(&describe(&cluster.world, "web").await), (2, 0, 2));

    // Nobody answers: it goes back.
    cluster.definition = cluster.world.fargate_definition("web").await;
    let arn = deploy(&cluster, "web").await;
    cluster.pass(Duration::from_secs(31 * 60)).await;
    let late = described(&cluster.world, arn).await;
    assert_eq!(status(&late), "ROLLBACK_SUCCESSFUL");
    assert_eq!(
        late.status_reason.as_deref(),
        Some("Service deployment rolled back because POST_SCALE_UP lifecycle hook(s) failed.")
    );
    assert_eq!(counts(&describe(&cluster.world, "web").await), (2, 0, 2));
}

async fn go_on(
    world: &World,
    deployment: &ServiceDeployment,
    action: &str,
) -> Result<(), wire::Error> {
    let hooks = deployment.lifecycle_hook_details.as_ref().unwrap();
    let request = ContinueServiceDeploymentRequest {
        service_deployment_arn: deployment.service_deployment_arn.clone(),
        hook_id: hooks[0].hook_id.clone(),
        action: Some(action.into()),
    };
    world.call::<op::ContinueServiceDeployment>(request).await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn early_success_ends_the_deployment_before_the_last_task() {
    let configuration = DeploymentConfiguration {
        early_success_criteria: Some(DeploymentEarlySuccessCriteria {
            enable: Some(true),
            healthy_percent: Some(50),
            source_service_revision_cleanup: Some(ServiceRevisionCleanup::DEFERRED),
        }),
        ..percents(50, 100)
    };
    let mut cluster = running("web", 4, configuration).await;
    cluster.settle().await;
    let arn = deploy(&cluster, "web").await;
    loop {
        let going_on = described(&cluster.world, arn.clone()).await;
        if status(&going_on) == "SUCCESSFUL" {
            let target = going_on.target_service_revision.unwrap();
            assert!(target.running_task_count.unwrap() < 4, "{target:?}");
            break;
        }
        assert!(cluster.step(QUIET).await, "it never ended");
    }
    cluster.settle().await;
    assert_eq!(counts(&describe(&cluster.world, "web").await), (4, 0, 4));
    assert_eq!(
        describe(&cluster.world, "web")
            .await
            .deployments
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn services_of_an_older_binary_get_their_records() {
    let mut cluster = running("web", 1, DeploymentConfiguration::default()).await;
    let key = ServiceRecord::key_of(ACCOUNT, REGION, "default", "web");
    let prefix = format!("{key}/");
    let done = cluster.world.store.transact(|tx| {
        let old = tx.get::<ServiceRecord>(&key).unwrap();
        tx.put(as_of_old(&old));
        for record in tx
            .scan::<ServiceDeploymentRecord>(&prefix)
            .cloned()
            .collect::<Vec<_>>()
        {
            tx.delete::<ServiceDeploymentRecord>(&record.key());
        }
        for record in tx
            .scan::<ServiceRevisionRecord>(&prefix)
            .cloned()
            .collect::<Vec<_>>()
        {
            tx.delete::<ServiceRevisionRecord>(&record.key());
        }
        Ok::<_, state::StateError>(())
    });
    done.unwrap().durable().await.unwrap();
    cluster.settle().await;
    let adopted = newest(&cluster.world, "web").await;
    assert_eq!(status(&adopted), "SUCCESSFUL");
    let arn = adopted.target_service_revision.unwrap().arn.unwrap();
    let old = revision(&cluster.world, &arn).await;
    assert!(old.task_definition.unwrap().ends_with("web:1"));
    // And it can go back to what it ran before there were revisions.
    cluster.starts = Start::Never;
    let arn = deploy(&cluster, "web").await;
    stop(&cluster.world, &arn, None).await.unwrap();
    cluster.pass(Duration::from_secs(10)).await;
    assert_eq!(
        status(&described(&cluster.world, arn).await),
        "ROLLBACK_SUCCESSFUL"
    );
}

/// The record as it was written before there were service deployments, read by this binary.
fn as_of_old(record: &ServiceRecord) -> ServiceRecord {
    use state::ciborium::Value;
    fn strip(value: &mut Value) {
        const NEW: [&str; 5] = [
            "service_deployment",
            "rollback_candidate",
            "revision",
            "breaker_failures",
            "last_breaker_failure_at",
        ];
        if let Value::Map(fields) = value {
            // A task spec's `revision` is a number; the deployment's, which is new, is a text.
            fields.retain(|(name, value)| {
                !NEW.iter().any(|new| name.as_text() == Some(new))
                    || value.is_integer() && name.as_text() == Some("revision")
            });
            fields.iter_mut().for_each(|(_, value)| strip(value));
        }
        if let Value::Array(items) = value {
            items.iter_mut().for_each(strip);
        }
    }
    let mut value = Value::serialized(record).unwrap();
    strip(&mut value);
    let old: ServiceRecord = value.deserialized().unwrap();
    assert!(old.service_deployment.is_none() && old.deployments[0].revision.is_none());
    old
}

#[tokio::test(start_paused = true)]
async fn deployments_go_with_their_service() {
    let mut cluster = running("web", 1, DeploymentConfiguration::default()).await;
    let arn = deploy(&cluster, "web").await;
    delete(&cluster.world, "web", true).await.unwrap();
    assert_eq!(
        status(&described(&cluster.world, arn.clone()).await),
        "STOPPED"
    );
    cluster.settle().await;
    cluster.create("web", 1).await;
    cluster.settle().await;
    assert_eq!(
        listed(&cluster.world, "web").await.len(),
        1,
        "the old ones are not its own"
    );
    delete(&cluster.world, "web", true).await.unwrap();
    cluster.settle().await;
    cluster
        .world
        .clock
        .sleep(Duration::from_secs(2 * 3600))
        .await;
    let left = cluster
        .world
        .store
        .read(|head| head.len::<ServiceDeploymentRecord>() + head.len::<ServiceRevisionRecord>());
    assert_eq!(left.head(), 0);
    let request = DescribeServiceDeploymentsRequest {
        service_deployment_arns: Some(vec![arn]),
    };
    let answer = cluster
        .world
        .call::<op::DescribeServiceDeployments>(request)
        .await;
    assert_eq!(answer.unwrap().failures.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_the_newest_deployments_are_kept() {
    let mut cluster = running("web", 0, DeploymentConfiguration::default()).await;
    for _ in 0..limits::SERVICE_DEPLOYMENTS_KEPT + 20 {
        update(
            &cluster.world,
            UpdateServiceRequest {
                force_new_deployment: Some(true),
                ..of("web")
            },
        )
        .await;
        cluster.world.clock.sleep(Duration::from_millis(100)).await;
    }
    cluster.settle().await;
    let kept = cluster.world.store.read(|head| {
        (
            head.len::<ServiceDeploymentRecord>(),
            head.len::<ServiceRevisionRecord>(),
        )
    });
    let (deployments, revisions) = kept.head();
    assert_eq!(deployments, limits::SERVICE_DEPLOYMENTS_KEPT);
    assert!(revisions <= deployments + 2, "{revisions}");
}
