//! Balance over Availability Zones.

use std::{collections::BTreeMap, time::Duration};

use api_ecs::{operations as op, types::*};
use link::acs;

use super::{create, describe, looping, of, percents, request, update};
use crate::world::{
    World,
    agent::{Agent, container_change},
    refused, registration,
};

async fn node(world: &World, name: &str, zone: &str) -> Agent {
    node_of(world, name, zone, (65_536, 131_072)).await
}

/// With so many CPU units and MiB of memory.
async fn node_of(world: &World, name: &str, zone: &str, size: (i32, i32)) -> Agent {
    let mut offer = registration("", "serverless", size.0, size.1);
    offer.attributes.get_or_insert_default().push(Attribute {
        name: Some("ecs.availability-zone".into()),
        value: Some(zone.into()),
        ..Attribute::default()
    });
    let arn = world.register(name, offer).await;
    Agent::connect(world, name, &arn).await
}

/// The agents do what they are told for so long; the least number of running tasks that was seen.
async fn serve(world: &World, agents: &mut [Agent], time: Duration) -> i32 {
    let end = world.clock.now() + time;
    let mut least = i32::MAX;
    while world.clock.now() < end {
        for agent in agents.iter_mut() {
            let limit = Duration::from_millis(250);
            let Some(acs::Message::Payload(payload)) = agent.hear_within(world, limit).await else {
                continue;
            };
            let ack = acs::AckRequest {
                message_id: payload.message_id,
                ..acs::AckRequest::default()
            };
            agent.say(ack.into()).await;
            for task in payload.tasks {
                let status = match task.desired_status.as_deref() {
                    Some("STOPPED") => "STOPPED",
                    _ => "RUNNING",
                };
                let change = container_change("app", status);
                let arn = task.arn.unwrap();
                agent
                    .submit(world, &arn, status, vec![change])
                    .await
                    .unwrap();
            }
        }
        let service = describe(world, "web").await;
        least = least.min(service.running_count.unwrap());
    }
    least
}

async fn by_zone(world: &World) -> BTreeMap<String, usize> {
    let listed = world
        .call::<op::ListTasks>(ListTasksRequest {
            service_name: Some("web".into()),
            ..ListTasksRequest::default()
        })
        .await
        .unwrap();
    let tasks = world
        .call::<op::DescribeTasks>(DescribeTasksRequest {
            tasks: listed.task_arns,
            ..DescribeTasksRequest::default()
        })
        .await
        .unwrap()
        .tasks
        .unwrap();
    let mut counts = BTreeMap::new();
    for task in tasks {
        *counts.entry(task.availability_zone.unwrap()).or_default() += 1;
    }
    counts
}

#[tokio::test(start_paused = true)]
async fn tasks_move_to_a_zone_that_comes_back() {
    let (world, _stop) = looping().await;
    let definition = world.fargate_definition("web").await;
    let mut agents = vec![node(&world, "node-a", "us-east-1a").await];
    let made = create(&world, request(&world, "web", &definition, 4)).await;
    let rebalancing = made.availability_zone_rebalancing.unwrap();
    assert_eq!(
        rebalancing.as_str(),
        "ENABLED",
        "as AWS has it of new services"
    );
    serve(&world, &mut agents, Duration::from_secs(20)).await;
    assert_eq!(by_zone(&world).await, [("us-east-1a".into(), 4)].into());

    agents.push(node(&world, "node-b", "us-east-1b").await);
    let least = serve(&world, &mut agents, Duration::from_secs(180)).await;
    assert_eq!(least, 4, "a task goes when the new one runs");
    let even = [("us-east-1a".to_owned(), 2), ("us-east-1b".to_owned(), 2)];
    assert_eq!(by_zone(&world).await, even.clone().into());
    let service = describe(&world, "web").await;
    let events: Vec<String> = service
        .events
        .iter()
        .flatten()
        .map(|event| event.message.clone().unwrap())
        .collect();
    let count = |part: &str| events.iter().filter(|text| text.contains(part)).count();
    assert_eq!(
        count(
            "(service web) is not AZ balanced with 4 tasks in us-east-1a, and 0 tasks in us-east-1b. AZ Rebalancing in progress."
        ),
        1,
        "{events:#?}"
    );
    assert_eq!(
        count("has started 1 tasks in us-east-1b to AZ Rebalance: (task "),
        2
    );
    assert_eq!(
        count("has stopped 1 running tasks in us-east-1a due to AZ rebalancing: (task "),
        2
    );
    assert_eq!(
        count(
            "(service web) is AZ balanced with 2 tasks in us-east-1a, and 2 tasks in us-east-1b."
        ),
        1
    );
    // Nothing more moves.
    let before = events.len();
    serve(&world, &mut agents, Duration::from_secs(300)).await;
    assert_eq!(by_zone(&world).await, even.into());
    let after = describe(&world, "web").await.events.unwrap().len();
    assert!(after <= before + 1, "only that it is steady is told");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_moved_stays() {
    let (world, _stop) = looping().await;
    let definition = world.fargate_definition("web").await;
    let mut agents = vec![node(&world, "node-a", "us-east-1a").await];
    let off = CreateServiceRequest {
        availability_zone_rebalancing: Some(AvailabilityZoneRebalancing::DISABLED),
        ..request(&world, "web", &definition, 3)
    };
    create(&world, off).await;
    serve(&world, &mut agents, Duration::from_secs(20)).await;
    agents.push(node(&world, "node-b", "us-east-1b").await);
    serve(&world, &mut agents, Duration::from_secs(120)).await;
    assert_eq!(by_zone(&world).await, [("us-east-1a".into(), 3)].into());

    let narrow = UpdateServiceRequest {
        deployment_configuration: Some(percents(50, 100)),
        availability_zone_rebalancing: Some(AvailabilityZoneRebalancing::ENABLED),
        ..of("web")
    };
    let (code, message) = refused(world.call::<op::UpdateService>(narrow).await);
    assert_eq!(code, "InvalidParameterException");
    assert!(message.contains("maximumPercent"), "{message}");
    let on = UpdateServiceRequest {
        availability_zone_rebalancing: Some(AvailabilityZoneRebalancing::ENABLED),
        ..of("web")
    };
    update(&world, on).await;
    serve(&world, &mut agents, Duration::from_secs(120)).await;
    let even = [("us-east-1a".to_owned(), 2), ("us-east-1b".to_owned(), 1)];
    assert_eq!(by_zone(&world).await, even.into());
}

#[tokio::test(start_paused = true)]
async fn a_full_zone_keeps_no_other_from_its_balance() {
    let (world, _stop) = looping().await;
    let definition = world.fargate_definition("web").await;
    let mut agents = vec![node(&world, "node-c", "us-east-1c").await];
    create(&world, request(&world, "web", &definition, 4)).await;
    serve(&world, &mut agents, Duration::from_secs(20)).await;
    // The first by name has no room for a single task.
    agents.push(node_of(&world, "node-a", "us-east-1a", (64, 128)).await);
    agents.push(node(&world, "node-b", "us-east-1b").await);
    let least = serve(&world, &mut agents, Duration::from_secs(180)).await;
    assert_eq!(least, 4);
    let even = [("us-east-1b".to_owned(), 2), ("us-east-1c".to_owned(), 2)];
    assert_eq!(by_zone(&world).await, even.into());
}
