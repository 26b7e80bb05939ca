//! What a change would lead to: nothing of it happens, and what then happens is the same.

use std::collections::BTreeMap;

use api_ecs::types::*;
use service_ecs::rehearsal::{Outcome, Rehearsal, What};

use super::{Cluster, counts, create, daemons::Fleet, describe, messages, of, percents, update};
use crate::{run_task::ec2_definition, world::refused};

async fn rehearse(cluster: &Cluster, request: UpdateServiceRequest) -> Rehearsal {
    let world = &cluster.world;
    let rehearsed = world
        .ecs
        .rehearse_update_service(&world.root, &request)
        .await;
    rehearsed.unwrap()
}

/// Starts and stops, by task definition revision.
fn sums(rehearsal: &Rehearsal) -> (BTreeMap<i32, usize>, BTreeMap<i32, usize>) {
    let (mut starts, mut stops) = (BTreeMap::new(), BTreeMap::new());
    for action in &rehearsal.actions {
        match &action.what {
            What::Start(task) => *starts.entry(task.revision).or_default() += 1,
            What::Stop(task) => *stops.entry(task.revision).or_default() += 1,
            What::Event(_) => {}
        }
    }
    (starts, stops)
}

#[tokio::test(start_paused = true)]
async fn a_rehearsed_deployment_is_what_then_happens_and_changes_nothing() {
    let mut cluster = Cluster::new().await;
    cluster.create("web", 4).await;
    cluster.settle().await;
    let next = cluster.world.fargate_definition("web").await;
    let before = describe(&cluster.world, "web").await;
    let revision = cluster.world.store.read(|head| head.revision()).head();

    let request = UpdateServiceRequest {
        task_definition: Some(next.clone()),
        deployment_configuration: Some(percents(50, 100)),
        ..of("web")
    };
    let rehearsal = rehearse(&cluster, request.clone()).await;
    assert_eq!(rehearsal.outcome, Outcome::Steady, "{rehearsal:?}");
    assert_eq!((rehearsal.fewest_running, rehearsal.most_running), (2, 4));
    assert_eq!(sums(&rehearsal), ([(2, 4)].into(), [(1, 4)].into()));
    assert_eq!(describe(&cluster.world, "web").await, before);
    let unchanged = cluster.world.store.read(|head| head.revision()).head();
    assert_eq!(unchanged, revision, "nothing was written");

    update(&cluster.world, request).await;
    cluster.settle().await;
    let after = describe(&cluster.world, "web").await;
    assert_eq!(counts(&after), (4, 0, 4));
    let told = messages(&after);
    for action in &rehearsal.actions {
        if let What::Event(text) = &action.what
            && text.contains("steady")
        {
            assert!(told.contains(text), "{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_no_room_is_said_to_wait() {
    let mut cluster = Cluster::new().await;
    cluster.create("web", 1).await;
    cluster.settle().await;
    // 65,536 CPU units hold 256 tasks of 256.
    let grown = UpdateServiceRequest {
        desired_count: Some(300),
        ..of("web")
    };
    let rehearsal = rehearse(&cluster, grown).await;
    assert!(
        matches!(rehearsal.outcome, Outcome::Waiting(_) | Outcome::Cut),
        "{:?}",
        rehearsal.outcome
    );
    assert_eq!(rehearsal.most_running, 256);
    assert_eq!(counts(&describe(&cluster.world, "web").await), (1, 0, 1));
    let same = rehearse(&cluster, of("web")).await;
    assert_eq!(same.outcome, Outcome::Steady);
    assert_eq!(sums(&same), (BTreeMap::new(), BTreeMap::new()));
}

#[tokio::test(start_paused = true)]
async fn an_update_of_a_daemon_goes_from_node_to_node() {
    let mut fleet = Fleet::new(3).await;
    let definition = ec2_definition(&fleet.world, "log", 0).await;
    let request = CreateServiceRequest {
        service_name: Some("log".into()),
        task_definition: Some(definition.clone()),
        scheduling_strategy: Some(SchedulingStrategy::DAEMON),
        ..CreateServiceRequest::default()
    };
    create(&fleet.world, request).await;
    fleet.settle().await;
    ec2_definition(&fleet.world, "log", 0).await;
    let request = UpdateServiceRequest {
        task_definition: Some(definition),
        deployment_configuration: Some(percents(60, 100)),
        ..of("log")
    };
    let world = &fleet.world;
    let rehearsed = world.ecs.rehearse_update_service(&world.root, &request);
    let rehearsal = rehearsed.await.unwrap();
    assert_eq!(rehearsal.outcome, Outcome::Steady, "{rehearsal:?}");
    assert_eq!(rehearsal.desired_count, 3);
    assert_eq!((rehearsal.fewest_running, rehearsal.most_running), (2, 3));
    assert_eq!(sums(&rehearsal), ([(2, 3)].into(), [(1, 3)].into()));
}

#[tokio::test(start_paused = true)]
async fn other_placement_is_rehearsed_too() {
    let mut fleet = Fleet::new(0).await;
    for (node, rack) in [("node-1", "a"), ("node-2", "b")] {
        fleet.join_with(node, Some(("rack", rack))).await;
    }
    let definition = ec2_definition(&fleet.world, "web", 0).await;
    let request = CreateServiceRequest {
        service_name: Some("web".into()),
        task_definition: Some(definition),
        desired_count: Some(2),
        launch_type: Some(LaunchType::EC2),
        ..CreateServiceRequest::default()
    };
    create(&fleet.world, request).await;
    fleet.settle().await;
    let only_b = UpdateServiceRequest {
        placement_constraints: Some(vec![PlacementConstraint {
            r#type: Some(PlacementConstraintType::MEMBER_OF),
            expression: Some("attribute:rack == b".into()),
        }]),
        force_new_deployment: Some(true),
        ..of("web")
    };
    let world = &fleet.world;
    let rehearsed = world.ecs.rehearse_update_service(&world.root, &only_b);
    let rehearsal = rehearsed.await.unwrap();
    assert_eq!(rehearsal.outcome, Outcome::Steady, "{rehearsal:?}");
    let arn = &fleet.nodes["node-2"].arn;
    let id = arn.rsplit('/').next().unwrap();
    for action in &rehearsal.actions {
        if let What::Start(task) = &action.what {
            assert!(task.container_instance_key.as_ref().unwrap().ends_with(id));
        }
    }
    assert_eq!(sums(&rehearsal).0, [(1, 2)].into());
}

#[tokio::test(start_paused = true)]
async fn what_update_service_refuses_is_refused_in_the_same_words() {
    let cluster = Cluster::new().await;
    let world = &cluster.world;
    let refusal = world
        .ecs
        .rehearse_update_service(&world.root, &of("nobody"))
        .await;
    assert_eq!(refused(refusal).0, "ServiceNotFoundException");
}
