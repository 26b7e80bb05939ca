//! What a cluster costs as it grows: resident memory a task, and how long requests take while tasks come and go.
//! `cargo run --release -p service-ecs --example scale -- [NODES] [MOST_TASKS]`.
//!
//! Real tables, operations and loops, on the memory engine; nodes are rows whose agents say that all goes well.

use std::{
    collections::VecDeque,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use api_ecs::{operations as op, types::*};
use clock::Clock;
use service_ecs::{
    Config, Ecs,
    records::{
        AgentConnection, Attribute as NodeAttribute, Capacity, ContainerInstanceRecord,
        ContainerInstanceStatus, TaskRecord,
    },
};
use state::{MemoryEngine, Record, Schema, StateError, Store};
use tokio::sync::watch;
use wire::{Caller, Handle, Operation, Principal};

const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-east-1";
const CLUSTER: &str = "default";
const SERVICES_LIKE_GROUPS: usize = 200;
const CHURN_TASKS_A_SECOND: usize = 500;
const MEASURED: Duration = Duration::from_secs(10);
const TASKS_A_CALL: usize = 10;

type Failure = Box<dyn Error + Send + Sync>;

struct World {
    ecs: Arc<Ecs>,
    store: Store,
    clock: Clock,
    root: Caller,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let nodes = arguments.next().map_or(Ok(10_000), |text| text.parse())?;
    let most: usize = arguments
        .next()
        .map_or(Ok(1_000_000), |text| text.parse())?;
    let directory = tempfile::tempdir()?;
    let world = World::open(directory.path()).await?;
    let before_nodes = resident_bytes()?;
    world.add_nodes(nodes)?;
    world.define().await?;
    let empty = resident_bytes()?;
    println!(
        "{nodes} nodes: {:.1} KiB each; p99 of each in milliseconds, at {CHURN_TASKS_A_SECOND} tasks started and stopped a second",
        (empty - before_nodes) as f64 / nodes as f64 / 1024.0
    );
    println!(
        "{:>9} {:>12} {:>12} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>10}",
        "tasks",
        "KiB a task",
        "tasks/s made",
        "RunTask",
        "Stop",
        "Describe",
        "List",
        "by family",
        "Clusters",
        "Instances"
    );
    let (shutdown, listens) = watch::channel(false);
    let loops = world.ecs.spawn_loops(&listens);
    // As the server does at its start, the loops forgot the connections.
    world.connect_all()?;
    let mut tasks = VecDeque::new();
    let mut size = 1_000;
    while size <= most {
        let begun = world.clock.monotonic();
        let missing = size - tasks.len();
        while tasks.len() < size {
            tasks.extend(world.run(tasks.len() / TASKS_A_CALL).await?);
        }
        let rate = missing as f64 / (world.clock.monotonic() - begun).as_secs_f64();
        let each = (resident_bytes()? - empty) as f64 / size as f64 / 1024.0;
        let p99 = world.measure(&mut tasks).await?;
        print!("{size:>9} {each:>12.2} {rate:>12.0}");
        for (milliseconds, width) in p99.into_iter().zip([8, 9, 9, 9, 9, 9, 10]) {
            print!(" {milliseconds:>width$.2}");
        }
        println!();
        size *= 10;
    }
    shutdown.send(true)?;
    for running in loops {
        running.await?;
    }
    Ok(())
}

impl World {
    async fn open(directory: &std::path::Path) -> Result<Self, Failure> {
        let clock = Clock::system();
        let options = history::Options::default();
        let history = history::History::open(directory, options, clock.clone())?;
        let engine = Arc::new(MemoryEngine::new());
        let store = Store::open(engine, Ecs::schema(Schema::new()), clock.clone()).await?;
        let config = Config {
            account: ACCOUNT.into(),
            region: REGION.into(),
            endpoint: "http://127.0.0.1:4580".into(),
            default_subnet_cidr: "172.31.0.0/20".into(),
            availability_zone: format!("{REGION}a"),
            node_lost_after: None,
        };
        let ecs = Ecs::new(store.clone(), Arc::new(history), clock.clone(), config);
        ecs.bootstrap().await?;
        Ok(Self {
            ecs,
            store,
            clock,
            root: caller(Principal::Root),
        })
    }

    fn add_nodes(&self, count: usize) -> Result<(), StateError> {
        for numbers in (0..count).collect::<Vec<_>>().chunks(50) {
            let done = self.store.transact(|tx| {
                for number in numbers {
                    tx.put(node(*number));
                }
                Ok::<_, StateError>(())
            })?;
            done.head();
        }
        Ok(())
    }

    fn connect_all(&self) -> Result<(), StateError> {
        let looked = self.store.read(|head| {
            let nodes = head.scan::<ContainerInstanceRecord>("");
            nodes.map(|node| node.key()).collect::<Vec<_>>()
        });
        for keys in looked.head().chunks(50) {
            let done = self.store.transact(|tx| {
                for key in keys {
                    tx.update::<ContainerInstanceRecord>(key, |node| {
                        node.connection.connected = true;
                    });
                }
                Ok::<_, StateError>(())
            })?;
            done.head();
        }
        Ok(())
    }

    async fn define(&self) -> Result<(), Failure> {
        for group in 0..SERVICES_LIKE_GROUPS {
            let request = RegisterTaskDefinitionRequest {
                family: Some(format!("family-{group}")),
                container_definitions: Some(vec![ContainerDefinition {
                    name: Some("app".into()),
                    image: Some("123456789012.dkr.ecr.us-east-1.amazonaws.com/app:1".into()),
                    cpu: Some(10),
                    memory: Some(32),
                    ..ContainerDefinition::default()
                }]),
                ..RegisterTaskDefinitionRequest::default()
            };
            self.call::<op::RegisterTaskDefinition>(request).await?;
        }
        Ok(())
    }

    async fn call<O: Operation>(&self, input: O::Input) -> Result<O::Output, Failure>
    where
        Ecs: Handle<O>,
    {
        let answered = Handle::<O>::handle(&*self.ecs, &self.root, input).await;
        answered.map_err(|error| format!("{}: {}", error.code, error.message).into())
    }

    /// ARNs of new tasks.
    async fn run(&self, number: usize) -> Result<Vec<String>, Failure> {
        let request = RunTaskRequest {
            task_definition: Some(format!("family-{}", number % SERVICES_LIKE_GROUPS)),
            launch_type: Some(LaunchType::EC2),
            count: Some(TASKS_A_CALL as i32),
            ..RunTaskRequest::default()
        };
        let answer = self.call::<op::RunTask>(request).await?;
        let failures = answer.failures.unwrap_or_default();
        if let Some(failure) = failures.first() {
            return Err(format!("no room: {} times like {failure:?}", failures.len()).into());
        }
        let tasks = answer.tasks.unwrap_or_default().into_iter();
        Ok(tasks.filter_map(|task| task.task_arn).collect())
    }

    /// The 99th percentile of each kind of request, in milliseconds, while tasks come and go.
    async fn measure(&self, tasks: &mut VecDeque<String>) -> Result<[f64; 7], Failure> {
        let stops = AtomicBool::new(false);
        let sample: Vec<String> = tasks.iter().rev().take(100).cloned().collect();
        let churn = self.churn(tasks, &stops);
        let ask = async {
            let asked = self.ask(&sample).await;
            stops.store(true, Ordering::Relaxed);
            asked
        };
        let (churned, asked) = tokio::join!(churn, ask);
        let ([run, stop], [describe, list, by_family, clusters, instances]) = (churned?, asked?);
        Ok([run, stop, describe, list, by_family, clusters, instances])
    }

    /// Starts tasks and ends as many of the oldest; p99 of RunTask and StopTask.
    async fn churn(
        &self,
        tasks: &mut VecDeque<String>,
        stops: &AtomicBool,
    ) -> Result<[f64; 2], Failure> {
        let (mut run, mut stop) = (vec![], vec![]);
        let started = self.clock.monotonic();
        let (mut number, mut behind) = (0_u32, 0);
        while !stops.load(Ordering::Relaxed) {
            let begun = self.clock.monotonic();
            tasks.extend(self.run(number as usize).await?);
            run.push(self.clock.monotonic() - begun);
            for _ in 0..TASKS_A_CALL {
                let arn = tasks.pop_front().ok_or("there are tasks")?;
                let begun = self.clock.monotonic();
                let request = StopTaskRequest {
                    task: Some(arn.clone()),
                    ..StopTaskRequest::default()
                };
                self.call::<op::StopTask>(request).await?;
                stop.push(self.clock.monotonic() - begun);
                self.report_stopped(&arn).await?;
            }
            number += 1;
            let due = started + Duration::from_secs_f64(1.0 / 50.0) * number;
            match due.checked_sub(self.clock.monotonic()) {
                Some(pause) => self.clock.sleep(pause).await,
                None => behind += 1,
            }
        }
        let elapsed = (self.clock.monotonic() - started).as_secs_f64();
        let reached = f64::from(number) * TASKS_A_CALL as f64 / elapsed;
        if reached < 0.95 * CHURN_TASKS_A_SECOND as f64 {
            eprintln!("only {reached:.0} tasks a second came and went ({behind} rounds behind)");
        }
        Ok([p99(run), p99(stop)])
    }

    /// What the node of a task says when it is over.
    async fn report_stopped(&self, arn: &str) -> Result<(), Failure> {
        let id = arn.rsplit('/').next().unwrap_or_default();
        let key = TaskRecord::key_of(ACCOUNT, REGION, CLUSTER, id);
        let node_id = self.store.read(|head| {
            let task = head.get::<TaskRecord>(&key)?;
            let node =
                head.get::<ContainerInstanceRecord>(task.container_instance_key.as_ref()?)?;
            Some(node.node_id.clone())
        });
        let node_id = node_id.head().ok_or("the task has a node")?;
        let request = SubmitTaskStateChangeRequest {
            task: Some(arn.into()),
            status: Some("STOPPED".into()),
            ..SubmitTaskStateChangeRequest::default()
        };
        let node = caller(Principal::Node { node_id });
        Handle::<op::SubmitTaskStateChange>::handle(&*self.ecs, &node, request)
            .await
            .map_err(|error| error.message)?;
        Ok(())
    }

    async fn ask(&self, sample: &[String]) -> Result<[f64; 5], Failure> {
        let mut times: [Vec<Duration>; 5] = Default::default();
        let started = self.clock.monotonic();
        let mut token = None;
        while self.clock.monotonic() - started < MEASURED {
            let mut from = self.clock.monotonic();
            let mut lap = |times: &mut Vec<Duration>| {
                let now = self.clock.monotonic();
                times.push(now - std::mem::replace(&mut from, now));
            };
            let describe = DescribeTasksRequest {
                tasks: Some(sample.to_vec()),
                ..DescribeTasksRequest::default()
            };
            self.call::<op::DescribeTasks>(describe).await?;
            lap(&mut times[0]);
            let list = ListTasksRequest {
                next_token: token.take(),
                ..ListTasksRequest::default()
            };
            token = self.call::<op::ListTasks>(list).await?.next_token;
            lap(&mut times[1]);
            let by_family = ListTasksRequest {
                family: Some("family-7".into()),
                ..ListTasksRequest::default()
            };
            self.call::<op::ListTasks>(by_family).await?;
            lap(&mut times[2]);
            let clusters = DescribeClustersRequest::default();
            self.call::<op::DescribeClusters>(clusters).await?;
            lap(&mut times[3]);
            let instances = ListContainerInstancesRequest::default();
            self.call::<op::ListContainerInstances>(instances).await?;
            lap(&mut times[4]);
            self.clock.sleep(Duration::from_millis(5)).await;
        }
        Ok(times.map(p99))
    }
}

fn node(number: usize) -> ContainerInstanceRecord {
    let clock = Clock::system();
    let attribute = |name: &str, value: Option<&str>| NodeAttribute {
        name: name.into(),
        value: value.map(Into::into),
    };
    let mut attributes: Vec<NodeAttribute> = (17..=44)
        .map(|minor| {
            let name = format!("com.amazonaws.ecs.capability.docker-remote-api.1.{minor}");
            attribute(&name, None)
        })
        .collect();
    attributes.push(attribute("com.amazonaws.ecs.capability.ecr-auth", None));
    attributes.push(attribute("ecs.os-type", Some("linux")));
    attributes.push(attribute("ecs.cpu-architecture", Some("x86_64")));
    attributes.push(attribute("ecs.instance-type", Some("m5.24xlarge")));
    ContainerInstanceRecord {
        account: ACCOUNT.into(),
        region: REGION.into(),
        cluster: CLUSTER.into(),
        id: format!("{number:032x}"),
        node_id: format!("node-{number}"),
        capacity: Capacity::ContainerInstance,
        status: ContainerInstanceStatus::Active,
        status_reason: None,
        cpu_units: 96 * 1024,
        memory_mib: 384 * 1024,
        reserved_tcp_ports: vec![22, 2375, 2376, 51678],
        reserved_udp_ports: vec![],
        gpu_ids: vec![],
        attributes,
        own_attributes: vec![],
        availability_zone: format!("{REGION}{}", ["a", "b", "c"][number % 3]),
        agent_version: "1.105.1".into(),
        agent_hash: String::new(),
        docker_version: String::new(),
        connection: AgentConnection {
            connected: true,
            changed_at: clock.now(),
        },
        awaited_daemons: vec![],
        tags: vec![],
        registered_at: clock.now(),
        deregistered_at: None,
        version: 1,
    }
}

fn caller(principal: Principal) -> Caller {
    Caller {
        account: ACCOUNT.into(),
        region: REGION.into(),
        principal,
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        request_id: "00000000-0000-4000-8000-000000000000".into(),
        source_ip: None,
        user_agent: "scale".into(),
    }
}

fn p99(mut times: Vec<Duration>) -> f64 {
    times.sort();
    let position = (times.len() * 99 / 100).min(times.len().saturating_sub(1));
    let time = times.get(position).copied().unwrap_or_default();
    time.as_secs_f64() * 1000.0
}

fn resident_bytes() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .ok_or("no VmRSS")?
        .trim()
        .parse()?;
    Ok(kib * 1024)
}
