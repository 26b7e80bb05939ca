//! Services: the operations, and the scheduler with an agent that does what it is told.

mod alarms;
mod daemons;
mod deployments;
mod functions;
mod image_pins;
mod managed_daemons;
mod nodes;
mod protection;
mod rehearsal;
mod requests;
mod spot;
mod task_sets;
mod traffic;
mod zones;

use std::{collections::BTreeMap, time::Duration};

use api_ecs::{operations as op, types::*};
use link::acs;
use tokio::sync::watch;

use crate::{
    run_task::{ec2_definition, network},
    world::{
        World,
        agent::{Agent, container_change},
        refused, tag,
    },
};

/// How long nothing must be said before a service counts as settled; virtual time.
const QUIET: Duration = Duration::from_millis(300);

struct Cluster {
    world: World,
    agent: Agent,
    definition: String,
    _stop: watch::Sender<bool>,
    /// Every task that the agent was told of, with the status it reported last.
    tasks: BTreeMap<String, &'static str>,
    /// What new tasks do.
    starts: Start,
}

#[derive(Clone, Copy)]
enum Start {
    Well,
    Never,
    /// They run, and exit at once.
    Crashing,
}

impl Cluster {
    async fn new() -> Self {
        let (world, stop) = looping().await;
        let arn = world.serverless_node("node-1", 65_536, 131_072).await;
        let agent = Agent::connect(&world, "node-1", &arn).await;
        let definition = world.fargate_definition("web").await;
        Self {
            world,
            agent,
            definition,
            _stop: stop,
            tasks: BTreeMap::new(),
            starts: Start::Well,
        }
    }

    /// The agent does what it is told until nobody tells it anything.
    async fn settle(&mut self) {
        while self.step(QUIET).await {}
    }

    /// As [`Cluster::settle`], for so long: an agent that does not answer heartbeats loses its connection.
    async fn pass(&mut self, time: Duration) {
        let end = self.world.clock.now() + time;
        while self.world.clock.now() < end {
            self.step(Duration::from_secs(1)).await;
        }
    }

    /// One message; false if none came in time.
    async fn step(&mut self, limit: Duration) -> bool {
        let Some(message) = self.agent.hear_within(&self.world, limit).await else {
            return false;
        };
        let acs::Message::Payload(payload) = message else {
            return true;
        };
        let ack = acs::AckRequest {
            message_id: payload.message_id,
            ..acs::AckRequest::default()
        };
        self.agent.say(ack.into()).await;
        for task in payload.tasks {
            let arn = task.arn.unwrap();
            match (task.desired_status.as_deref(), self.starts) {
                (Some("STOPPED"), _) => self.report(&arn, "STOPPED", Some(143), None).await,
                (_, Start::Well) => self.report(&arn, "RUNNING", None, None).await,
                (_, Start::Crashing) => {
                    self.report(&arn, "RUNNING", None, None).await;
                    self.report(&arn, "STOPPED", Some(1), None).await;
                }
                (_, Start::Never) => {
                    let reason = "CannotPullContainerError: no such image";
                    self.report(&arn, "STOPPED", None, Some(reason)).await;
                }
            }
        }
        true
    }

    async fn report(
        &mut self,
        arn: &str,
        status: &'static str,
        exit_code: Option<i32>,
        reason: Option<&str>,
    ) {
        let container = ContainerStateChange {
            exit_code,
            reason: reason.map(Into::into),
            ..container_change("app", status)
        };
        self.agent
            .submit(&self.world, arn, status, vec![container])
            .await
            .unwrap();
        self.tasks.insert(arn.to_owned(), status);
    }

    fn running(&self) -> Vec<String> {
        let running = self
            .tasks
            .iter()
            .filter(|(_, status)| **status == "RUNNING");
        running.map(|(arn, _)| arn.clone()).collect()
    }

    fn request(&self, name: &str, desired: i32) -> CreateServiceRequest {
        request(&self.world, name, &self.definition, desired)
    }

    async fn create(&self, name: &str, desired: i32) -> Service {
        create(&self.world, self.request(name, desired)).await
    }
}

async fn looping() -> (World, watch::Sender<bool>) {
    let world = World::simulated().await;
    let (stop, stopping) = watch::channel(false);
    world.ecs.spawn_loops(&stopping);
    (world, stop)
}

fn request(world: &World, name: &str, definition: &str, desired: i32) -> CreateServiceRequest {
    CreateServiceRequest {
        service_name: Some(name.into()),
        task_definition: Some(definition.into()),
        desired_count: Some(desired),
        launch_type: Some(LaunchType::FARGATE),
        network_configuration: Some(network(world)),
        ..CreateServiceRequest::default()
    }
}

async fn create(world: &World, request: CreateServiceRequest) -> Service {
    let answer = world.call::<op::CreateService>(request).await.unwrap();
    answer.service.unwrap()
}

async fn update(world: &World, request: UpdateServiceRequest) -> Service {
    let answer = world.call::<op::UpdateService>(request).await.unwrap();
    answer.service.unwrap()
}

fn of(name: &str) -> UpdateServiceRequest {
    UpdateServiceRequest {
        service: Some(name.into()),
        ..UpdateServiceRequest::default()
    }
}

async fn describe(world: &World, name: &str) -> Service {
    let answer = world
        .call::<op::DescribeServices>(DescribeServicesRequest {
            services: Some(vec![name.into()]),
            include: Some(vec![ServiceField::TAGS]),
            ..DescribeServicesRequest::default()
        })
        .await
        .unwrap();
    answer.services.unwrap().remove(0)
}

async fn delete(world: &World, name: &str, force: bool) -> Result<Service, wire::Error> {
    let answer = world
        .call::<op::DeleteService>(DeleteServiceRequest {
            service: Some(name.into()),
            force: Some(force),
            ..DeleteServiceRequest::default()
        })
        .await?;
    Ok(answer.service.unwrap())
}

fn counts(service: &Service) -> (i32, i32, i32) {
    (
        service.running_count.unwrap(),
        service.pending_count.unwrap(),
        service.desired_count.unwrap(),
    )
}

/// Newest first, ids of tasks and deployments cut out.
fn messages(service: &Service) -> Vec<String> {
    let events = service.events.iter().flatten();
    events
        .map(|event| {
            let words = event.message.as_ref().unwrap().split(' ');
            let cut = |word: &str| match word.trim_end_matches([')', '.', ':']) {
                id if id.len() == 32 => word.replace(id, "ID"),
                id if id.starts_with("ecs-svc/") => word.replace(id, "ecs-svc/N"),
                _ => word.to_owned(),
            };
            words.map(cut).collect::<Vec<_>>().join(" ")
        })
        .collect()
}

fn percents(minimum: i32, maximum: i32) -> DeploymentConfiguration {
    DeploymentConfiguration {
        minimum_healthy_percent: Some(minimum),
        maximum_percent: Some(maximum),
        ..DeploymentConfiguration::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_starts_its_tasks_and_becomes_steady() {
    let mut cluster = Cluster::new().await;
    let created = create(
        &cluster.world,
        CreateServiceRequest {
            tags: Some(vec![tag("team", "blue")]),
            propagate_tags: Some(PropagateTags::SERVICE),
            enable_ecs_managed_tags: Some(true),
            ..cluster.request("web", 2)
        },
    )
    .await;
    assert_eq!(created.status.as_deref(), Some("ACTIVE"));
    assert_eq!(created.tags, Some(vec![tag("team", "blue")]));
    assert_eq!(created.platform_version.as_deref(), Some("LATEST"));
    let configuration = created.deployment_configuration.unwrap();
    assert_eq!(configuration.minimum_healthy_percent, Some(100));
    assert_eq!(configuration.maximum_percent, Some(200));
    let deployment = created.deployments.unwrap().remove(0);
    let id = deployment.id.unwrap();
    assert_eq!(deployment.status.as_deref(), Some("PRIMARY"));
    assert_eq!(deployment.platform_version.as_deref(), Some("1.4.0"));
    assert_eq!(
        deployment.rollout_state,
        Some(DeploymentRolloutState::IN_PROGRESS)
    );
    assert_eq!(
        deployment.rollout_state_reason,
        Some(format!("ECS deployment {id} in progress."))
    );

    cluster.settle().await;
    let service = describe(&cluster.world, "web").await;
    assert_eq!(counts(&service), (2, 0, 2));
    assert_eq!(
        messages(&service),
        [
            "(service web) has reached a steady state.",
            "(service web) (deployment ecs-svc/N) deployment completed.",
            "(service web) has started 2 tasks: (task ID) (task ID).",
        ]
    );
    let deployment = &service.deployments.as_ref().unwrap()[0];
    assert_eq!(
        deployment.rollout_state,
        Some(DeploymentRolloutState::COMPLETED)
    );
    assert_eq!(deployment.running_count, Some(2));
    let tasks = cluster
        .world
        .call::<op::DescribeTasks>(DescribeTasksRequest {
            tasks: Some(cluster.running()),
            include: Some(vec![TaskField::TAGS]),
            ..DescribeTasksRequest::default()
        })
        .await
        .unwrap()
        .tasks
        .unwrap();
    assert_eq!(tasks.len(), 2);
    for task in tasks {
        assert_eq!(task.group.as_deref(), Some("service:web"));
        assert_eq!(task.started_by.as_ref(), Some(&id));
        assert_eq!(
            task.tags.unwrap(),
            [
                tag("team", "blue"),
                tag("aws:ecs:clusterName", "default"),
                tag("aws:ecs:serviceName", "web"),
            ]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_dies_is_replaced_at_once() {
    let mut cluster = Cluster::new().await;
    cluster.create("phoenix", 1).await;
    cluster.settle().await;
    let first = cluster.running().remove(0);
    let before = cluster.world.clock.now();
    cluster.report(&first, "STOPPED", Some(137), None).await;
    assert!(cluster.step(QUIET).await);
    let took = cluster.world.clock.now().since(before);
    assert!(took < Duration::from_millis(20), "{took:?} of virtual time");
    assert_eq!(cluster.running().len(), 1);
    let service = describe(&cluster.world, "phoenix").await;
    let deployment = &service.deployments.as_ref().unwrap()[0];
    assert_eq!(deployment.failed_tasks, Some(0), "it had run");
    assert_eq!(
        deployment.rollout_state,
        Some(DeploymentRolloutState::COMPLETED),
        "a replacement is no deployment"
    );
}

#[tokio::test(start_paused = true)]
async fn many_tasks_take_several_transactions() {
    let mut cluster = Cluster::new().await;
    cluster.create("crowd", 90).await;
    cluster.settle().await;
    assert_eq!(
        counts(&describe(&cluster.world, "crowd").await),
        (90, 0, 90)
    );
    let request = UpdateServiceRequest {
        desired_count: Some(3),
        ..of("crowd")
    };
    let answer = update(&cluster.world, request).await;
    assert_eq!(
        answer.deployments.unwrap().len(),
        1,
        "scaling is no deployment"
    );
    cluster.settle().await;
    let service = describe(&cluster.world, "crowd").await;
    assert_eq!(counts(&service), (3, 0, 3));
    let messages = messages(&service);
    assert_eq!(messages[0], "(service crowd) has reached a steady state.");
    assert!(messages[1].starts_with("(service crowd) has stopped 27 running tasks: (task ID)"));
    assert!(messages.len() <= 100);
}

#[tokio::test(start_paused = true)]
async fn a_rolling_update_replaces_every_task_within_the_bounds() {
    let mut cluster = Cluster::new().await;
    cluster.create("roll", 4).await;
    cluster.settle().await;
    let old = cluster.running();
    let definition = cluster.world.fargate_definition("web").await;
    let request = UpdateServiceRequest {
        task_definition: Some(definition.clone()),
        ..of("roll")
    };
    let answer = update(&cluster.world, request).await;
    let statuses: Vec<_> = answer
        .deployments
        .iter()
        .flatten()
        .map(|deployment| deployment.status.clone().unwrap())
        .collect();
    assert_eq!(statuses, ["PRIMARY", "ACTIVE"]);
    loop {
        let (running, pending, _) = counts(&describe(&cluster.world, "roll").await);
        assert!(
            running >= 4 && running + pending <= 8,
            "{running}, {pending}"
        );
        if !cluster.step(QUIET).await {
            break;
        }
    }
    let service = describe(&cluster.world, "roll").await;
    assert_eq!(counts(&service), (4, 0, 4));
    assert_eq!(service.deployments.as_ref().unwrap().len(), 1);
    assert!(service.task_definition.unwrap().ends_with(&definition));
    assert!(old.iter().all(|arn| cluster.tasks[arn] == "STOPPED"));
    let same = UpdateServiceRequest {
        task_definition: Some(definition),
        ..of("roll")
    };
    let answer = update(&cluster.world, same).await;
    assert_eq!(answer.deployments.unwrap().len(), 1, "nothing changed");
}

#[tokio::test(start_paused = true)]
async fn where_nothing_more_may_run_old_tasks_go_first() {
    let mut cluster = Cluster::new().await;
    create(
        &cluster.world,
        CreateServiceRequest {
            deployment_configuration: Some(percents(0, 100)),
            ..cluster.request("narrow", 2)
        },
    )
    .await;
    cluster.settle().await;
    let request = UpdateServiceRequest {
        force_new_deployment: Some(true),
        ..of("narrow")
    };
    update(&cluster.world, request).await;
    loop {
        let (running, pending, _) = counts(&describe(&cluster.world, "narrow").await);
        assert!(running + pending <= 2, "{running}, {pending}");
        if !cluster.step(QUIET).await {
            break;
        }
    }
    let service = describe(&cluster.world, "narrow").await;
    assert_eq!(service.deployments.as_ref().unwrap().len(), 1);
    assert_eq!(counts(&service), (2, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn percentages_that_block_a_deployment_are_told_once() {
    let mut cluster = Cluster::new().await;
    create(
        &cluster.world,
        CreateServiceRequest {
            deployment_configuration: Some(percents(75, 100)),
            ..cluster.request("stuck", 2)
        },
    )
    .await;
    cluster.settle().await;
    let request = UpdateServiceRequest {
        force_new_deployment: Some(true),
        ..of("stuck")
    };
    update(&cluster.world, request).await;
    cluster.pass(Duration::from_secs(300)).await;
    cluster.settle().await;
    let service = describe(&cluster.world, "stuck").await;
    let told = messages(&service)
        .into_iter()
        .filter(|message| message.contains("because of the service deployment configuration"));
    assert_eq!(told.count(), 1);
    // Room lets it go on.
    let request = UpdateServiceRequest {
        deployment_configuration: Some(percents(75, 150)),
        ..of("stuck")
    };
    update(&cluster.world, request).await;
    cluster.settle().await;
    let service = describe(&cluster.world, "stuck").await;
    assert_eq!(service.deployments.as_ref().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn tasks_that_never_run_are_started_more_and_more_slowly() {
    let mut cluster = Cluster::new().await;
    cluster.starts = Start::Never;
    cluster.create("broken", 1).await;
    cluster.pass(Duration::from_secs(60)).await;
    // At 0, 1, 3, 7, 15 and 31 seconds.
    assert_eq!(cluster.tasks.len(), 6);
    let service = describe(&cluster.world, "broken").await;
    let deployment = &service.deployments.as_ref().unwrap()[0];
    assert_eq!(deployment.failed_tasks, Some(6));
    let impaired = messages(&service)
        .into_iter()
        .filter(|message| message.contains("is unable to consistently start tasks successfully."));
    assert_eq!(impaired.count(), 1);

    // An update tries again at once, and a task that runs ends the delays.
    cluster.starts = Start::Well;
    let request = UpdateServiceRequest {
        desired_count: Some(2),
        ..of("broken")
    };
    update(&cluster.world, request).await;
    cluster.settle().await;
    let service = describe(&cluster.world, "broken").await;
    assert_eq!(counts(&service), (2, 0, 2));
    assert_eq!(service.deployments.unwrap()[0].failed_tasks, Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_somebody_stops_is_no_failure() {
    let mut cluster = Cluster::new().await;
    cluster.create("calm", 1).await;
    // The payload is not read: the task is on its way when it is stopped.
    cluster.world.clock.sleep(QUIET).await;
    let listed = cluster
        .world
        .call::<op::ListTasks>(ListTasksRequest {
            service_name: Some("calm".into()),
            ..ListTasksRequest::default()
        })
        .await
        .unwrap();
    let task = listed.task_arns.unwrap().remove(0);
    let request = StopTaskRequest {
        task: Some(task),
        ..StopTaskRequest::default()
    };
    cluster.world.call::<op::StopTask>(request).await.unwrap();
    cluster.settle().await;
    let service = describe(&cluster.world, "calm").await;
    assert_eq!(counts(&service), (1, 0, 1));
    assert_eq!(service.deployments.unwrap()[0].failed_tasks, Some(0));
}

#[tokio::test(start_paused = true)]
async fn without_room_it_says_so_once_and_goes_on_when_a_node_comes() {
    let (world, _stop) = looping().await;
    let definition = world.fargate_definition("web").await;
    create(&world, request(&world, "early", &definition, 1)).await;
    world.clock.sleep(Duration::from_secs(60)).await;
    let service = describe(&world, "early").await;
    assert_eq!(
        messages(&service),
        [
            "(service early) was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
        ]
    );
    let before = world.clock.now();
    let arn = world.serverless_node("node-1", 4096, 8192).await;
    let mut agent = Agent::open(&world, "node-1", &arn).await;
    loop {
        if let acs::Message::Payload(payload) = agent.hear(&world).await {
            assert_eq!(payload.tasks.len(), 1);
            break;
        }
    }
    assert!(world.clock.now().since(before) < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn on_container_instances_the_closest_one_is_named() {
    let (world, _stop) = looping().await;
    let definition = ec2_definition(&world, "big", 8080).await;
    let on_ec2 = |name: &str| CreateServiceRequest {
        launch_type: Some(LaunchType::EC2),
        network_configuration: None,
        ..request(&world, name, &definition, 2)
    };
    create(&world, on_ec2("empty")).await;
    world.clock.sleep(QUIET).await;
    let service = describe(&world, "empty").await;
    assert!(
        messages(&service)[0]
            .contains("Reason: No Container Instances were found in your cluster."),
        "{:?}",
        messages(&service)
    );
    delete(&world, "empty", true).await.unwrap();
    let arn = world
        .container_instance("node-1", "default", 4096, 8192)
        .await;
    let _agent = Agent::connect(&world, "node-1", &arn).await;
    create(&world, on_ec2("ports")).await;
    world.clock.sleep(QUIET).await;
    let service = describe(&world, "ports").await;
    let message = messages(&service).remove(0);
    assert!(
        message.contains("The closest matching (container-instance ID) is already using a port required by your task."),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn deletion_drains_and_makes_room_for_the_name() {
    let mut cluster = Cluster::new().await;
    cluster.create("old", 2).await;
    cluster.settle().await;
    assert_eq!(
        refused(delete(&cluster.world, "old", false).await),
        (
            "InvalidParameterException".into(),
            "The service cannot be stopped while it is scaled above 0.".into()
        )
    );
    let draining = delete(&cluster.world, "old", true).await.unwrap();
    assert_eq!(draining.status.as_deref(), Some("DRAINING"));
    assert_eq!(
        refused(
            cluster
                .world
                .call::<op::CreateService>(cluster.request("old", 1))
                .await
        )
        .1,
        "Unable to Start a service that is still Draining."
    );
    assert_eq!(
        refused(cluster.world.call::<op::UpdateService>(of("old")).await),
        (
            "ServiceNotActiveException".into(),
            "Service was not ACTIVE.".into()
        )
    );
    cluster.settle().await;
    let inactive = describe(&cluster.world, "old").await;
    assert_eq!(inactive.status.as_deref(), Some("INACTIVE"));
    assert_eq!(counts(&inactive), (0, 0, 0));
    assert!(cluster.running().is_empty());
    assert_eq!(
        refused(delete(&cluster.world, "old", true).await).0,
        "ServiceNotFoundException"
    );

    let again = cluster.create("old", 1).await;
    assert_eq!(
        again.events,
        Some(vec![]),
        "those of the deleted service are not its own"
    );
    cluster.settle().await;
    assert_eq!(counts(&describe(&cluster.world, "old").await), (1, 0, 1));

    delete(&cluster.world, "old", true).await.unwrap();
    cluster.settle().await;
    cluster
        .world
        .clock
        .sleep(Duration::from_secs(2 * 3600))
        .await;
    let answer = cluster
        .world
        .call::<op::DescribeServices>(DescribeServicesRequest {
            services: Some(vec!["old".into()]),
            ..DescribeServicesRequest::default()
        })
        .await
        .unwrap();
    assert_eq!(answer.services, Some(vec![]));
    let failure = &answer.failures.unwrap()[0];
    assert_eq!(failure.reason.as_deref(), Some("MISSING"));
    assert!(
        failure
            .arn
            .as_ref()
            .unwrap()
            .ends_with(":service/default/old")
    );
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_task_is_replaced_after_its_grace_period() {
    let mut cluster = Cluster::new().await;
    define_checked(&mut cluster).await;
    create(
        &cluster.world,
        CreateServiceRequest {
            health_check_grace_period_seconds: Some(120),
            ..cluster.request("checked", 1)
        },
    )
    .await;
    cluster.settle().await;
    let first = cluster.running().remove(0);
    health(&cluster, &first, "UNHEALTHY").await;
    cluster.settle().await;
    assert_eq!(cluster.tasks.len(), 1, "it is given time");
    cluster.pass(Duration::from_secs(121)).await;
    cluster.settle().await;
    let second = cluster.running().pop().unwrap();
    let second = if second == first {
        cluster.running().remove(0)
    } else {
        second
    };
    assert_eq!(cluster.tasks[&first], "RUNNING", "it may still serve");
    health(&cluster, &second, "HEALTHY").await;
    cluster.settle().await;
    assert_eq!(cluster.tasks[&first], "STOPPED");
    let stopped = cluster
        .world
        .call::<op::DescribeTasks>(DescribeTasksRequest {
            tasks: Some(vec![first]),
            ..DescribeTasksRequest::default()
        })
        .await
        .unwrap()
        .tasks
        .unwrap()
        .remove(0);
    assert_eq!(
        stopped.stopped_reason.as_deref(),
        Some("Task failed container health checks")
    );
    assert_eq!(
        stopped.stop_code,
        Some(TaskStopCode::SERVICE_SCHEDULER_INITIATED)
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_deployment_replaces_is_no_failure_of_it() {
    let mut cluster = Cluster::new().await;
    define_checked(&mut cluster).await;
    let request = CreateServiceRequest {
        deployment_configuration: Some(DeploymentConfiguration {
            deployment_circuit_breaker: Some(DeploymentCircuitBreaker {
                enable: Some(true),
                rollback: Some(true),
                ..DeploymentCircuitBreaker::default()
            }),
            maximum_percent: Some(150),
            minimum_healthy_percent: Some(0),
            ..DeploymentConfiguration::default()
        }),
        ..cluster.request("checked", 6)
    };
    create(&cluster.world, request).await;
    cluster.settle().await;
    let old = cluster.running();
    for task in &old {
        health(&cluster, task, "HEALTHY").await;
    }
    cluster.settle().await;
    define_checked(&mut cluster).await;
    for task in &old {
        health(&cluster, task, "UNHEALTHY").await;
    }
    let arn = deployments::deploy(&cluster, "checked").await;
    cluster.settle().await;
    let events = describe(&cluster.world, "checked").await.events.unwrap();
    let mut told = events.iter().filter_map(|event| event.message.as_deref());
    assert!(
        told.any(|message| message.contains("failed container health checks")),
        "the old tasks are replaced for what they are"
    );
    for task in cluster.running() {
        health(&cluster, &task, "HEALTHY").await;
    }
    cluster.settle().await;
    let deployment = deployments::described(&cluster.world, arn).await;
    let breaker = deployment.deployment_circuit_breaker.clone().unwrap();
    assert_eq!(breaker.failure_count, Some(0));
    assert_eq!(deployments::status(&deployment), "SUCCESSFUL");
}

/// Another revision of `checked`, whose container has a health check.
async fn define_checked(cluster: &mut Cluster) {
    let mut definition = crate::world::fargate_request("checked");
    let containers = definition.container_definitions.as_mut().unwrap();
    containers[0].health_check = Some(HealthCheck {
        command: Some(vec!["CMD".into(), "true".into()]),
        ..HealthCheck::default()
    });
    let defined = cluster.world.call::<op::RegisterTaskDefinition>(definition);
    defined.await.unwrap();
    cluster.definition = "checked".into();
}

/// As the agent's telemetry would say it.
async fn health(cluster: &Cluster, task_arn: &str, status: &str) {
    let key = cluster
        .world
        .store
        .read(|head| {
            let tasks = head.scan::<service_ecs::records::TaskRecord>("");
            let mut found = tasks.filter(|task| task.arn() == task_arn);
            state::Record::key(&**found.next().unwrap())
        })
        .head();
    let health = match status {
        "HEALTHY" => service_ecs::records::HealthStatus::Healthy,
        _ => service_ecs::records::HealthStatus::Unhealthy,
    };
    let done = cluster.world.store.transact(|tx| {
        tx.update::<service_ecs::records::TaskRecord>(&key, |task| task.health = health);
        Ok::<_, state::StateError>(())
    });
    done.unwrap().durable().await.unwrap();
}
