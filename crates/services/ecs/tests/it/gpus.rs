//! GPUs, from the registration of a node to the payload of a task.

use api_ecs::{operations as op, types::*};

use crate::world::{World, agent::Agent, container, refused, registration};

fn gpus(value: &str) -> Option<Vec<ResourceRequirement>> {
    Some(vec![ResourceRequirement {
        r#type: Some(ResourceType::GPU),
        value: Some(value.into()),
        ..ResourceRequirement::default()
    }])
}

fn definition(value: &str) -> RegisterTaskDefinitionRequest {
    let sized = |name: &str| ContainerDefinition {
        cpu: Some(128),
        memory: Some(128),
        ..container(name)
    };
    RegisterTaskDefinitionRequest {
        family: Some("train".into()),
        container_definitions: Some(vec![
            ContainerDefinition {
                resource_requirements: gpus(value),
                ..sized("model")
            },
            sized("log"),
        ]),
        ..RegisterTaskDefinitionRequest::default()
    }
}

async fn node_with_gpus(world: &World, name: &str, ids: &[&str]) -> (String, Agent) {
    let devices = ids.iter().map(|id| PlatformDevice {
        id: Some((*id).into()),
        r#type: Some(PlatformDeviceType::GPU),
    });
    let offer = RegisterContainerInstanceRequest {
        platform_devices: Some(devices.collect()),
        ..registration("default", "container-instance", 4096, 8192)
    };
    let arn = world.register(name, offer).await;
    let agent = Agent::connect(world, name, &arn).await;
    (arn, agent)
}

fn run() -> RunTaskRequest {
    RunTaskRequest {
        task_definition: Some("train".into()),
        launch_type: Some(LaunchType::EC2),
        ..RunTaskRequest::default()
    }
}

fn held(task: &Task, name: &str) -> Option<Vec<String>> {
    let mut containers = task.containers.iter().flatten();
    let own = containers.find(|container| container.name.as_deref() == Some(name));
    own.unwrap().gpu_ids.clone()
}

async fn resource(world: &World, instance: &str) -> [Vec<String>; 2] {
    let request = DescribeContainerInstancesRequest {
        container_instances: Some(vec![instance.into()]),
        ..DescribeContainerInstancesRequest::default()
    };
    let answer = world.call::<op::DescribeContainerInstances>(request).await;
    let shown = answer.unwrap().container_instances.unwrap().remove(0);
    [shown.registered_resources, shown.remaining_resources].map(|resources| {
        let mut resources = resources.into_iter().flatten();
        let gpus = resources.find(|resource| resource.name.as_deref() == Some("GPU"));
        let gpus = gpus.expect("the instance has GPUs");
        assert_eq!(gpus.r#type.as_deref(), Some("STRINGSET"));
        gpus.string_set_value.unwrap()
    })
}

#[tokio::test]
async fn a_task_has_gpus_of_its_own() {
    let world = World::new().await;
    let (_stop, shutdown) = tokio::sync::watch::channel(false);
    world.ecs.spawn_loops(&shutdown);
    let request = definition("2");
    world
        .call::<op::RegisterTaskDefinition>(request)
        .await
        .unwrap();
    let plain = world.container_instance("p", "default", 8192, 16384).await;
    let _plain = Agent::connect(&world, "p", &plain).await;
    let failure = |answer: RunTaskResponse| {
        assert_eq!(answer.tasks, Some(vec![]));
        answer.failures.unwrap()[0].reason.clone().unwrap()
    };
    let none = world.call::<op::RunTask>(run()).await.unwrap();
    assert_eq!(failure(none), "RESOURCE:GPU");

    let (arn, mut agent) = node_with_gpus(&world, "g", &["GPU-a", "GPU-b", "GPU-c"]).await;
    let [all, free] = resource(&world, &arn).await;
    assert_eq!(all, ["GPU-a", "GPU-b", "GPU-c"]);
    assert_eq!(free, all);
    let answer = world.call::<op::RunTask>(run()).await.unwrap();
    let task = answer.tasks.unwrap().remove(0);
    assert_eq!(task.container_instance_arn.as_ref(), Some(&arn));
    let own = vec!["GPU-a".to_owned(), "GPU-b".to_owned()];
    assert_eq!(held(&task, "model"), Some(own.clone()));
    assert_eq!(held(&task, "log"), None);
    let told = agent.payload(&world).await.remove(0);
    let associated: Vec<_> = told
        .associations
        .iter()
        .map(|one| (one.name.clone().unwrap(), one.containers.clone()))
        .collect();
    let expected = own.iter().map(|id| (id.clone(), vec!["model".to_owned()]));
    assert_eq!(associated, expected.collect::<Vec<_>>());
    assert_eq!(resource(&world, &arn).await[1], ["GPU-c"]);

    // One is left: too few for two, enough for the one that an override asks for.
    let more = world.call::<op::RunTask>(run()).await.unwrap();
    assert_eq!(failure(more), "RESOURCE:GPU");
    let one = RunTaskRequest {
        overrides: Some(TaskOverride {
            container_overrides: Some(vec![ContainerOverride {
                name: Some("model".into()),
                resource_requirements: gpus("1"),
                ..ContainerOverride::default()
            }]),
            ..TaskOverride::default()
        }),
        ..run()
    };
    let answer = world.call::<op::RunTask>(one).await.unwrap();
    let last = answer.tasks.unwrap().remove(0);
    assert_eq!(held(&last, "model"), Some(vec!["GPU-c".to_owned()]));
    agent.payload(&world).await;

    // What a task had is free when it has stopped, and not before.
    let stop = StopTaskRequest {
        task: task.task_arn.clone(),
        ..StopTaskRequest::default()
    };
    world.call::<op::StopTask>(stop).await.unwrap();
    assert!(resource(&world, &arn).await[1].is_empty());
    let over = agent.submit(&world, task.task_arn.as_deref().unwrap(), "STOPPED", vec![]);
    over.await.unwrap();
    assert_eq!(resource(&world, &arn).await[1], own);
}

#[tokio::test]
async fn what_gpus_cannot_be() {
    let world = World::new().await;
    for (value, message) in [("0", "Invalid GPU value"), ("ALL", "resourceRequirements")] {
        let answer = world.call::<op::RegisterTaskDefinition>(definition(value));
        let (code, told) = refused(answer.await);
        assert_eq!(code, "ClientException");
        assert!(told.contains(message), "{told}");
    }
    let fargate = RegisterTaskDefinitionRequest {
        requires_compatibilities: Some(vec![Compatibility::FARGATE]),
        network_mode: Some(NetworkMode::AWSVPC),
        cpu: Some("256".into()),
        memory: Some("512".into()),
        ..definition("1")
    };
    let (_, told) = refused(world.call::<op::RegisterTaskDefinition>(fargate).await);
    assert!(told.contains("GPU resource requirements"), "{told}");
}
