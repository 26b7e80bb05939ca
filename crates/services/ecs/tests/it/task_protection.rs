//! Scale-in protection of tasks: the operations. What the scheduler makes of it is tested with the services.

use std::time::Duration;

use api_ecs::{operations as op, types::*};
use service_ecs::records::TaskRecord;
use state::Record;

use crate::world::{World, agent::Agent, refused};

/// A running task of a service, without the service: its ARN.
async fn task_of_service(world: &World, service: Option<&str>) -> String {
    let node = world.serverless_node("n", 1024, 4096).await;
    let _agent = Agent::connect(world, "n", &node).await;
    let definition = world.fargate_definition("web").await;
    let run = RunTaskRequest {
        task_definition: Some(definition),
        launch_type: Some(LaunchType::FARGATE),
        network_configuration: Some(crate::run_task::network(world)),
        ..RunTaskRequest::default()
    };
    let answer = world.call::<op::RunTask>(run).await.unwrap();
    let arn = answer.tasks.unwrap()[0].task_arn.clone().unwrap();
    let service = service.map(str::to_owned);
    let done = world.store.transact(|tx| {
        let keys: Vec<String> = tx.scan::<TaskRecord>("").map(|task| task.key()).collect();
        for key in keys {
            tx.update::<TaskRecord>(&key, |task| task.service.clone_from(&service));
        }
        Ok::<_, state::StateError>(())
    });
    done.unwrap().durable().await.unwrap();
    arn
}

fn update(arn: &str, enabled: bool, minutes: Option<i32>) -> UpdateTaskProtectionRequest {
    UpdateTaskProtectionRequest {
        cluster: Some("default".into()),
        tasks: Some(vec![arn.into()]),
        protection_enabled: Some(enabled),
        expires_in_minutes: minutes,
    }
}

async fn get(world: &World, arn: &str) -> ProtectedTask {
    let request = GetTaskProtectionRequest {
        cluster: Some("default".into()),
        tasks: Some(vec![arn.into()]),
    };
    let answer = world.call::<op::GetTaskProtection>(request).await.unwrap();
    answer.protected_tasks.unwrap().remove(0)
}

#[tokio::test(start_paused = true)]
async fn protection_lasts_as_long_as_it_was_asked_for() {
    let world = World::simulated().await;
    let arn = task_of_service(&world, Some("web")).await;
    assert_eq!(get(&world, &arn).await.protection_enabled, Some(false));
    assert_eq!(get(&world, &arn).await.expiration_date, None);

    let start = world.clock.now();
    let answer = world
        .call::<op::UpdateTaskProtection>(update(&arn, true, None))
        .await
        .unwrap();
    let protected = &answer.protected_tasks.unwrap()[0];
    assert_eq!(protected.task_arn.as_deref(), Some(arn.as_str()));
    assert_eq!(protected.protection_enabled, Some(true));
    let minutes = |task: &ProtectedTask| {
        let end = task.expiration_date.unwrap().as_millis();
        (end - start.0) / 60_000
    };
    assert_eq!(minutes(protected), 120);

    // Asked again it begins anew.
    let short = update(&arn, true, Some(5));
    world.call::<op::UpdateTaskProtection>(short).await.unwrap();
    assert_eq!(minutes(&get(&world, &arn).await), 5);
    world.clock.sleep(Duration::from_secs(299)).await;
    assert_eq!(get(&world, &arn).await.protection_enabled, Some(true));
    world.clock.sleep(Duration::from_secs(2)).await;
    let expired = get(&world, &arn).await;
    assert_eq!(
        (expired.protection_enabled, expired.expiration_date),
        (Some(false), None)
    );

    let long = update(&arn, true, Some(2880));
    world.call::<op::UpdateTaskProtection>(long).await.unwrap();
    let off = update(&arn, false, None);
    let answer = world.call::<op::UpdateTaskProtection>(off).await.unwrap();
    assert_eq!(
        answer.protected_tasks.unwrap()[0].protection_enabled,
        Some(false)
    );
    assert_eq!(get(&world, &arn).await.protection_enabled, Some(false));
}

#[tokio::test]
async fn what_is_not_protected() {
    let world = World::new().await;
    let arn = task_of_service(&world, None).await;
    let answer = world
        .call::<op::UpdateTaskProtection>(update(&arn, true, None))
        .await
        .unwrap();
    assert_eq!(answer.protected_tasks, Some(vec![]));
    let failure = &answer.failures.unwrap()[0];
    assert_eq!(failure.arn.as_deref(), Some(arn.as_str()));
    assert_eq!(failure.reason.as_deref(), Some("TASK_NOT_VALID"));
    let stranger = "0".repeat(32);
    let answer = world
        .call::<op::UpdateTaskProtection>(update(&stranger, true, None))
        .await
        .unwrap();
    assert_eq!(
        answer.failures.unwrap()[0].reason.as_deref(),
        Some("MISSING")
    );
    for minutes in [0, -1, 2881] {
        let request = update(&arn, true, Some(minutes));
        let (code, message) = refused(world.call::<op::UpdateTaskProtection>(request).await);
        assert_eq!(code, "InvalidParameterException");
        assert_eq!(message, "expiresInMinutes must be between 1 and 2880.");
    }
    let many = UpdateTaskProtectionRequest {
        tasks: Some(vec![arn.clone(); 11]),
        ..update(&arn, true, None)
    };
    let (_, message) = refused(world.call::<op::UpdateTaskProtection>(many).await);
    assert_eq!(message, "Tasks cannot have more than 10 elements.");
    let nowhere = UpdateTaskProtectionRequest {
        cluster: Some("elsewhere".into()),
        ..update(&arn, true, None)
    };
    let (code, _) = refused(world.call::<op::UpdateTaskProtection>(nowhere).await);
    assert_eq!(code, "ClusterNotFoundException");
}
