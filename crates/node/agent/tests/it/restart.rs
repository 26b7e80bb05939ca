//! The agent dies and comes back: nothing runs twice, and what happened meanwhile is told as it was.

use std::os::unix::fs::PermissionsExt;

use crate::fake_server::Heard;
use crate::world::{World, container, id, stopped, task};

#[tokio::test]
async fn tasks_are_taken_over_as_they_are() {
    let mut world = World::new().await;
    let (lives, exits, lost) = (
        task(1, &[("web", "demo/run")]),
        task(2, &[("web", "demo/run")]),
        task(3, &[("web", "demo/run")]),
    );
    world.give("m1", 1, vec![lives.clone(), exits.clone(), lost.clone()]);
    for task in [&lives, &exits, &lost] {
        world.submitted(task, "RUNNING").await;
    }
    world.kill_agent().await;
    world.runtime.end(&id(&exits, "web"), 42, false);
    world.runtime.lose(&id(&lost, "web"));
    world.start_agent().await;

    let change = world.submitted(&exits, "STOPPED").await;
    assert_eq!(container(&change, "web")["exitCode"], 42);
    let change = world.submitted(&lost, "STOPPED").await;
    let reason = container(&change, "web")["reason"].as_str().unwrap();
    assert!(reason.starts_with("ContainerVanishedError: "), "{reason}");
    world.submitted(&lives, "RUNNING").await;
    assert_eq!(
        world.runtime.starts(&id(&lives, "web")),
        1,
        "a running container is left alone"
    );

    world.give("m2", 2, vec![stopped(&lives)]);
    world.submitted(&lives, "STOPPED").await;
    world.clean().await;
}

#[tokio::test]
async fn the_node_stays_who_it_is() {
    let mut world = World::new().await;
    let file = world.data_dir().join("node.json");
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let calls = |world: &World, name: &str| -> Vec<serde_json::Value> {
        let call = |heard| match heard {
            Heard::Call(operation, input) if operation == name => Some(input),
            _ => None,
        };
        world.server.heard().into_iter().filter_map(call).collect()
    };
    let first = calls(&world, "RegisterContainerInstance");
    assert!(first[0].get("containerInstanceArn").is_none());
    assert_eq!(calls(&world, "JoinNode").len(), 1);
    world.kill_agent().await;
    world.start_agent().await;
    assert_eq!(calls(&world, "JoinNode").len(), 0);
    let again = calls(&world, "RegisterContainerInstance");
    assert!(
        again[0]["containerInstanceArn"]
            .as_str()
            .unwrap()
            .contains("container-instance/default/")
    );
}

#[tokio::test]
async fn what_belongs_to_no_task_is_removed() {
    use runtime::Runtime;
    let mut world = World::new().await;
    world.kill_agent().await;
    let stranger = runtime::ContainerSpec {
        id: "stranger-web".into(),
        task_id: "stranger".into(),
        image: "demo/run".into(),
        ..Default::default()
    };
    world.runtime.create(stranger).await.unwrap();
    world
        .networks
        .namespaces
        .lock()
        .unwrap()
        .insert("stranger".into(), "/run/netns/stranger".into());
    std::fs::create_dir_all(world.data_dir().join("tasks/stranger")).unwrap();
    world.start_agent().await;
    world.clean().await;
}
