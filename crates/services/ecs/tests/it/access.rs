//! What operations ask to be allowed when a request makes something with tags.

use api_ecs::{operations as op, types::*};
use service_ecs::Ecs;
use wire::{Ask, Handle, Operation};

use crate::world::{ACCOUNT, REGION, World, tag};

fn asks<O: Operation>(world: &World, input: &O::Input) -> Vec<Ask>
where
    Ecs: Handle<O>,
{
    let access = Handle::<O>::access(&*world.ecs, &world.root, input);
    access.asks().to_vec()
}

fn arn(resource: &str) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:{resource}")
}

/// The ask for tags, which must be the second of two.
fn tagging(asks: &[Ask], create_action: &str, resource: &str) {
    let [own, tagging] = asks else {
        panic!("two asks: {asks:?}");
    };
    assert_eq!(own.action, format!("ecs:{create_action}"));
    assert_eq!(tagging.action, "ecs:TagResource");
    assert_eq!(tagging.resources, [arn(resource)]);
    assert_eq!(tagging.values("ecs:CreateAction"), [create_action]);
    for ask in asks {
        assert_eq!(ask.values("aws:TagKeys"), ["team", "stage"]);
        assert_eq!(ask.values("aws:RequestTag/team"), ["blue"]);
        assert_eq!(ask.values("aws:RequestTag/stage"), ["prod"]);
    }
}

#[tokio::test]
async fn tags_of_a_new_resource_have_to_be_allowed_too() {
    let world = World::new().await;
    let tags = Some(vec![tag("team", "blue"), tag("stage", "prod")]);
    let cluster = CreateClusterRequest {
        cluster_name: Some("c".into()),
        tags: tags.clone(),
        ..CreateClusterRequest::default()
    };
    let found = asks::<op::CreateCluster>(&world, &cluster);
    tagging(&found, "CreateCluster", "cluster/c");
    let service = CreateServiceRequest {
        cluster: Some("c".into()),
        service_name: Some("web".into()),
        tags: tags.clone(),
        ..CreateServiceRequest::default()
    };
    let found = asks::<op::CreateService>(&world, &service);
    tagging(&found, "CreateService", "service/c/web");
    let definition = RegisterTaskDefinitionRequest {
        family: Some("web".into()),
        tags: tags.clone(),
        ..RegisterTaskDefinitionRequest::default()
    };
    let found = asks::<op::RegisterTaskDefinition>(&world, &definition);
    tagging(&found, "RegisterTaskDefinition", "task-definition/web:*");
    let run = RunTaskRequest {
        cluster: Some("c".into()),
        task_definition: Some("web:1".into()),
        tags: tags.clone(),
        ..RunTaskRequest::default()
    };
    let found = asks::<op::RunTask>(&world, &run);
    tagging(&found, "RunTask", "task/c/*");
    assert_eq!(found[0].resources, [arn("task-definition/web:1")]);
    let start = StartTaskRequest {
        cluster: Some("c".into()),
        task_definition: Some("web:1".into()),
        container_instances: Some(vec!["i1".into()]),
        tags: tags.clone(),
        ..StartTaskRequest::default()
    };
    let found = asks::<op::StartTask>(&world, &start);
    tagging(&found, "StartTask", "task/c/*");
    let instance = arn("container-instance/c/i1");
    assert_eq!(found[0].values("ecs:container-instances"), [instance]);
    let register = RegisterContainerInstanceRequest {
        cluster: Some("c".into()),
        tags,
        ..RegisterContainerInstanceRequest::default()
    };
    let found = asks::<op::RegisterContainerInstance>(&world, &register);
    tagging(
        &found,
        "RegisterContainerInstance",
        "container-instance/c/*",
    );
}

#[tokio::test]
async fn without_tags_or_with_the_setting_off_nothing_more_is_asked() {
    let world = World::new().await;
    let mut request = CreateClusterRequest {
        cluster_name: Some("c".into()),
        ..CreateClusterRequest::default()
    };
    assert_eq!(asks::<op::CreateCluster>(&world, &request).len(), 1);
    request.tags = Some(vec![]);
    assert_eq!(asks::<op::CreateCluster>(&world, &request).len(), 1);
    request.tags = Some(vec![tag("team", "blue")]);
    assert_eq!(asks::<op::CreateCluster>(&world, &request).len(), 2);
    let off = PutAccountSettingDefaultRequest {
        name: Some("tagResourceAuthorization".into()),
        value: Some("off".into()),
    };
    world
        .call::<op::PutAccountSettingDefault>(off)
        .await
        .unwrap();
    let found = asks::<op::CreateCluster>(&world, &request);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].values("aws:TagKeys"), ["team"]);
}
