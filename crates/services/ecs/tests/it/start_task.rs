//! StartTask: on the container instances that the request names, and nowhere else.

use api_ecs::{operations as op, types::*};

use crate::{
    run_task::ec2_definition,
    world::{World, agent::Agent, refused, tag},
};

fn request(definition: &str, instances: &[&String]) -> StartTaskRequest {
    StartTaskRequest {
        task_definition: Some(definition.into()),
        container_instances: Some(instances.iter().map(|arn| arn.to_string()).collect()),
        ..StartTaskRequest::default()
    }
}

fn failures(answer: &StartTaskResponse) -> Vec<(String, String)> {
    let failures = answer.failures.clone().unwrap().into_iter();
    failures
        .map(|failure| (failure.arn.unwrap(), failure.reason.unwrap()))
        .collect()
}

#[tokio::test]
async fn a_task_starts_where_it_is_told_to() {
    let world = World::new().await;
    let (_stop, shutdown) = tokio::sync::watch::channel(false);
    world.ecs.spawn_loops(&shutdown);
    let first = world
        .container_instance("first", "default", 1024, 2048)
        .await;
    let second = world
        .container_instance("second", "default", 1024, 2048)
        .await;
    let definition = ec2_definition(&world, "on-node", 8080).await;
    // Neither agent is there.
    let answer = world
        .call::<op::StartTask>(request(&definition, &[&first]))
        .await
        .unwrap();
    assert_eq!(answer.tasks, Some(vec![]));
    assert_eq!(failures(&answer), [(first.clone(), "AGENT".into())]);

    let _first = Agent::connect(&world, "first", &first).await;
    let mut agent = Agent::connect(&world, "second", &second).await;
    let id = second.rsplit('/').next().unwrap().to_owned();
    let mut wanted = request(&definition, &[&id]);
    wanted.started_by = Some("me".into());
    wanted.tags = Some(vec![tag("team", "blue")]);
    let answer = world.call::<op::StartTask>(wanted).await.unwrap();
    assert_eq!(answer.failures, Some(vec![]));
    let task = &answer.tasks.unwrap()[0];
    assert_eq!(task.container_instance_arn.as_ref(), Some(&second));
    assert_eq!(task.launch_type, Some(LaunchType::EC2));
    assert_eq!(task.started_by.as_deref(), Some("me"));
    assert_eq!(task.group.as_deref(), Some("family:on-node"));
    assert_eq!(task.tags, Some(vec![tag("team", "blue")]));
    let told = agent.payload(&world).await;
    assert_eq!(told[0].arn, task.task_arn);

    // Both at once, and one that is not there: each answers for itself.
    let stranger = first.replace(first.rsplit('/').next().unwrap(), &"0".repeat(32));
    let answer = world
        .call::<op::StartTask>(request(&definition, &[&first, &second, &stranger]))
        .await
        .unwrap();
    let started = &answer.tasks.as_ref().unwrap()[..];
    assert_eq!(started.len(), 1);
    assert_eq!(started[0].container_instance_arn.as_ref(), Some(&first));
    let expected = [
        (second.clone(), "RESOURCE:PORTS".to_owned()),
        (stranger, "MISSING".to_owned()),
    ];
    assert_eq!(failures(&answer), expected);
}

#[tokio::test]
async fn what_start_task_does_not_take() {
    let world = World::new().await;
    let instance = world.container_instance("n", "default", 1024, 2048).await;
    let definition = ec2_definition(&world, "on-node", 8080).await;
    let call =
        async |request: StartTaskRequest| refused(world.call::<op::StartTask>(request).await);
    let (code, message) = call(request(&definition, &[])).await;
    assert_eq!(code, "InvalidParameterException");
    assert_eq!(message, "Container instances cannot be empty.");
    let (_, message) = call(request(&definition, &[&instance; 11])).await;
    assert_eq!(
        message,
        "Container instances cannot have more than 10 elements."
    );
    let (_, message) = call(request("nothing:1", &[&instance])).await;
    assert_eq!(message, "TaskDefinition not found.");
    let exec = StartTaskRequest {
        enable_execute_command: Some(true),
        ..request(&definition, &[&instance])
    };
    assert!(
        call(exec)
            .await
            .1
            .contains("a valid task role is not being used")
    );
    let elsewhere = StartTaskRequest {
        cluster: Some("elsewhere".into()),
        ..request(&definition, &[&instance])
    };
    assert_eq!(call(elsewhere).await.0, "ClusterNotFoundException");
    let deregister = DeregisterContainerInstanceRequest {
        container_instance: Some(instance.clone()),
        ..DeregisterContainerInstanceRequest::default()
    };
    world
        .call::<op::DeregisterContainerInstance>(deregister)
        .await
        .unwrap();
    let answer = world
        .call::<op::StartTask>(request(&definition, &[&instance]))
        .await
        .unwrap();
    assert_eq!(failures(&answer), [(instance, "INACTIVE".into())]);
}
