//! A task's life, from its payload to the last trace of it.

use std::sync::atomic::Ordering;

use link::{acs, docker, tcs};

use crate::fake_server::Heard;
use crate::world::{World, container, id, stopped, task};

fn docker_config(config: docker::Config, host: docker::HostConfig) -> Option<acs::DockerConfig> {
    Some(acs::DockerConfig {
        config: Some(config.encode()),
        host_config: Some(host.encode()),
        ..Default::default()
    })
}

#[tokio::test]
async fn a_task_runs_is_stopped_and_leaves_nothing() {
    let world = World::new().await;
    let task = task(1, &[("web", "demo/run")]);
    world.give("m1", 1, vec![task.clone()]);
    world.acknowledged("m1").await;
    let running = world.submitted(&task, "RUNNING").await;
    let web = container(&running, "web");
    assert_eq!(
        (&web["status"], &web["runtimeId"]),
        (&"RUNNING".into(), &id(&task, "web").into())
    );
    assert!(web["imageDigest"].as_str().unwrap().starts_with("sha256:"));
    assert!(running["pullStartedAt"].is_number() && running["pullStoppedAt"].is_number());

    let spec = world.runtime.spec(&id(&task, "web"));
    assert_eq!(
        spec.image,
        format!("{}/demo/run", world.server.address),
        "a bare name is looked up with us first"
    );
    assert_eq!(
        spec.network_namespace,
        world
            .networks
            .namespaces
            .lock()
            .unwrap()
            .values()
            .next()
            .cloned()
    );
    assert!(
        std::fs::read_to_string(spec.hosts.unwrap())
            .unwrap()
            .contains("172.31.0.5")
    );
    assert!(
        std::fs::read_to_string(spec.resolv_conf.unwrap())
            .unwrap()
            .contains("nameserver")
    );

    world.give("m2", 2, vec![stopped(&task)]);
    world.acknowledged("m2").await;
    let change = world.submitted(&task, "STOPPED").await;
    assert_eq!(container(&change, "web")["exitCode"], 143);
    assert!(change["executionStoppedAt"].is_number());
    world.clean().await;
}

#[tokio::test]
async fn dependencies_health_and_logs() {
    let world = World::new().await;
    let mut task = task(
        1,
        &[
            ("app", "demo/run"),
            ("db", "demo/run"),
            ("init", "demo/exit-0"),
        ],
    );
    let depends = |on: &str, condition: &str| acs::ContainerDependency {
        container_name: Some(on.into()),
        condition: Some(condition.into()),
    };
    task.containers[0].depends_on = vec![depends("db", "HEALTHY"), depends("init", "SUCCESS")];
    task.containers[2].essential = Some(false);
    task.containers[1].docker_config = docker_config(
        docker::Config {
            healthcheck: Some(docker::Healthcheck {
                test: vec!["CMD".into(), "/check".into()],
                interval: Some(20_000_000),
                ..Default::default()
            }),
            ..Default::default()
        },
        docker::HostConfig {
            log_config: Some(docker::LogConfig {
                kind: Some("awslogs".into()),
                config: [("awslogs-group", "/ecs/db"), ("awslogs-stream", "p/db/1")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
            }),
            ..Default::default()
        },
    );
    world.runtime.healthy.send_replace(false);
    world.give("m1", 1, vec![task.clone()]);
    // PENDING is told because the task is not up at once.
    let pending = world.submitted(&task, "PENDING").await;
    assert_eq!(container(&pending, "app")["status"], "PENDING");
    assert!(
        !world.runtime.ids().contains(&id(&task, "app")),
        "app waits for a healthy db"
    );
    world.runtime.healthy.send_replace(true);
    let running = world.submitted(&task, "RUNNING").await;
    assert_eq!(container(&running, "init")["exitCode"], 0);
    let health = |heard: &Heard| match heard {
        Heard::Tcs(tcs::Message::PublishHealth(request)) => {
            let container = &request.tasks[0].containers[0];
            (container.health_status.as_deref() == Some("HEALTHY"))
                .then(|| container.container_name.clone())
        }
        _ => None,
    };
    assert_eq!(
        world
            .server
            .wait_for("health over TCS", health)
            .await
            .as_deref(),
        Some("db")
    );

    world.give("m2", 2, vec![stopped(&task)]);
    world.submitted(&task, "STOPPED").await;
    world.clean().await;
    let mut operations = Vec::new();
    let mut lines = Vec::new();
    for heard in world.server.heard() {
        if let Heard::Call(operation, input) = heard {
            if operation == "PutLogEvents" {
                assert_eq!(
                    (&input["logGroupName"], &input["logStreamName"]),
                    (&"/ecs/db".into(), &"p/db/1".into())
                );
                let events = input["logEvents"].as_array().unwrap().clone();
                lines.extend(
                    events
                        .iter()
                        .map(|event| event["message"].as_str().unwrap().to_owned()),
                );
            }
            operations.push(operation);
        }
    }
    assert!(
        operations.contains(&"CreateLogGroup".into())
            && operations.contains(&"CreateLogStream".into())
    );
    // The first call found no stream, so its lines went twice; the last one came after the container's end.
    assert_eq!(lines, ["line 0", "line 1", "line 0", "line 1", "last line"]);
}

#[tokio::test]
async fn failures_are_told_with_their_names() {
    let world = World::new().await;
    let missing = task(1, &[("web", "missing:1")]);
    let mut unsupported = task(2, &[("web", "demo/run")]);
    unsupported.containers[0].docker_config = docker_config(
        docker::Config {
            domainname: Some("example.com".into()),
            ..Default::default()
        },
        Default::default(),
    );
    let mut bridge = task(3, &[("web", "demo/run")]);
    bridge.network_mode = Some("bridge".into());
    let oom = task(4, &[("web", "demo/run"), ("side", "demo/run")]);
    world.give(
        "m1",
        1,
        vec![
            missing.clone(),
            unsupported.clone(),
            bridge.clone(),
            oom.clone(),
        ],
    );
    let reason = |change: &serde_json::Value| {
        container(change, "web")["reason"]
            .as_str()
            .unwrap()
            .to_owned()
    };

    let change = world.submitted(&missing, "STOPPED").await;
    assert!(
        reason(&change).starts_with("CannotPullContainerError: "),
        "{change}"
    );
    assert!(container(&change, "web").get("exitCode").is_none());
    let change = world.submitted(&unsupported, "STOPPED").await;
    assert!(
        reason(&change)
            .starts_with("CannotCreateContainerError: HostConfigError: Config.Domainname"),
        "{change}"
    );
    let change = world.submitted(&bridge, "STOPPED").await;
    let task_reason = change["reason"].as_str().unwrap();
    assert!(
        task_reason.starts_with("ResourceInitializationError: ") && task_reason.contains("bridge"),
        "{change}"
    );

    world.submitted(&oom, "RUNNING").await;
    world.runtime.end(&id(&oom, "web"), 137, true);
    let change = world.submitted(&oom, "STOPPED").await;
    assert_eq!(
        reason(&change),
        "OutOfMemoryError: Container killed due to memory usage"
    );
    assert_eq!(container(&change, "web")["exitCode"], 137);
    assert_eq!(
        container(&change, "side")["exitCode"],
        143,
        "the others are stopped"
    );
    world.clean().await;
}

#[tokio::test]
async fn a_state_change_waits_for_a_server_that_fails() {
    let world = World::new().await;
    world.server.submissions_fail.store(true, Ordering::SeqCst);
    let task = task(1, &[("job", "demo/exit-3")]);
    world.give("m1", 1, vec![task.clone()]);
    world.submitted(&task, "RUNNING").await;
    assert_eq!(
        world.runtime.ids(),
        [id(&task, "job")],
        "nothing goes before the server knows"
    );
    world.server.forget();
    world.server.submissions_fail.store(false, Ordering::SeqCst);
    world.submitted(&task, "RUNNING").await;
    let change = world.submitted(&task, "STOPPED").await;
    assert_eq!(container(&change, "job")["exitCode"], 3);
    world.clean().await;
}

#[tokio::test]
async fn a_payload_that_makes_no_sense_is_reported_and_not_acknowledged() {
    let world = World::new().await;
    let mut circle = task(1, &[("a", "demo/run")]);
    circle.containers[0].depends_on = vec![acs::ContainerDependency {
        container_name: Some("a".into()),
        condition: Some("START".into()),
    }];
    let unknown = task(2, &[]);
    world.give("bad", 1, vec![circle.clone()]);
    let change = world.submitted(&circle, "STOPPED").await;
    assert!(
        change["reason"]
            .as_str()
            .unwrap()
            .starts_with("TaskDependencyError"),
        "{change}"
    );
    world.give("good", 2, vec![stopped(&unknown)]);
    world.acknowledged("good").await;
    let change = world.submitted(&unknown, "STOPPED").await;
    assert!(
        change["reason"]
            .as_str()
            .unwrap()
            .starts_with("TaskStateError"),
        "{change}"
    );
    let acked_bad = |heard: &Heard| matches!(heard, Heard::Acs(acs::Message::Ack(ack)) if ack.message_id.as_deref() == Some("bad"));
    assert!(!world.server.heard().iter().any(acked_bad));
    world.clean().await;
}

#[tokio::test]
async fn heartbeats_manifests_and_updates_are_answered() {
    let world = World::new().await;
    let query = |heard: &Heard| match heard {
        Heard::AcsConnected(query) => Some(query.clone()),
        _ => None,
    };
    let query = world.server.wait_for("the ACS query", query).await;
    assert!(
        query.send_credentials && query.protocol_version == Some(2) && query.cluster == "default"
    );
    let (kept, orphan) = (
        task(1, &[("web", "demo/run")]),
        task(2, &[("web", "demo/run")]),
    );
    world.give("m1", 5, vec![kept.clone(), orphan.clone()]);
    world.submitted(&kept, "RUNNING").await;
    world.submitted(&orphan, "RUNNING").await;
    let identifier = |task: &acs::Task| acs::TaskIdentifier {
        task_arn: task.arn.clone(),
        desired_status: Some(acs::DESIRED_RUNNING.into()),
        ..Default::default()
    };
    let manifest = |id: &str, timeline: i64| acs::TaskManifestMessage {
        message_id: Some(id.into()),
        timeline: Some(timeline),
        tasks: vec![identifier(&kept)],
        ..Default::default()
    };
    world.server.send(acs::HeartbeatMessage {
        message_id: Some("h1".into()),
        healthy: Some(true),
    });
    world.server.send(manifest("old", 5));
    world.server.send(manifest("new", 6));
    world.acknowledged("new").await;
    let candidates = world
        .server
        .wait_for("a stop verification", |heard| match heard {
            Heard::Acs(acs::Message::TaskStopVerification(message)) => Some(message.clone()),
            _ => None,
        })
        .await;
    assert_eq!(candidates.message_id.as_deref(), Some("new"));
    assert_eq!(candidates.stop_candidates.len(), 1);
    assert_eq!(candidates.stop_candidates[0].task_arn, orphan.arn);
    let ack = |id: &str| acs::TaskStopVerificationAck {
        message_id: Some(id.into()),
        stop_tasks: vec![identifier(&orphan)],
        ..Default::default()
    };
    world.server.send(ack("old"));
    world.server.send(ack("new"));
    world.submitted(&orphan, "STOPPED").await;
    world.server.send(acs::PerformUpdateMessage {
        message_id: Some("u1".into()),
        ..Default::default()
    });
    let nack = world
        .server
        .wait_for("a refusal of updates", |heard| match heard {
            Heard::Acs(acs::Message::Nack(nack)) => Some(nack.clone()),
            _ => None,
        })
        .await;
    assert_eq!(nack.reason.as_deref(), Some("Updates are disabled"));
    let heard = world.server.heard();
    assert!(heard.iter().any(
        |heard| matches!(heard, Heard::Acs(acs::Message::HeartbeatAck(ack)) if ack.message_id.as_deref() == Some("h1"))
    ));
    assert_eq!(world.runtime.ids(), [id(&kept, "web")]);
}
