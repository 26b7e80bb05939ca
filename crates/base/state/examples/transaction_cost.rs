//! What a transaction costs under the head's lock, and what a row costs in memory, with rows shaped like tasks:
//! `cargo run -p state --example transaction_cost -- [ROWS]`.

use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use serde::{Deserialize, Serialize};
use state::{Index, MemoryEngine, Record, Schema, StateError, Store};

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Task {
    cluster: String,
    id: String,
    service: Option<String>,
    node: String,
    desired_status: String,
    last_status: String,
    created_at: i64,
    containers: Vec<Container>,
    tags: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Container {
    name: String,
    image: String,
    last_status: String,
    runtime_id: Option<String>,
    exit_code: Option<i32>,
}

impl Record for Task {
    const TABLE: &'static str = "tasks";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        format!("123456789012/us-east-1/{}/{}", self.cluster, self.id)
    }

    fn indexes() -> &'static [Index<Self>] {
        &[
            Index {
                name: "by_service",
                keys: |task| task.service.iter().cloned().collect(),
            },
            Index {
                name: "by_node",
                keys: |task| vec![task.node.clone()],
            },
        ]
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows: u64 = std::env::args()
        .nth(1)
        .map_or(Ok(100_000), |count| count.parse())?;
    let clock = Clock::system();
    let engine = Arc::new(MemoryEngine::new());
    let store = Store::open(engine, Schema::new().table::<Task>(), clock.clone()).await?;
    let memory_before = resident_bytes();
    let tasks: Vec<Task> = (0..rows).map(|number| task(&clock, number)).collect();
    let memory_of_tasks = resident_bytes() - memory_before;
    let keys: Vec<String> = tasks.iter().map(Record::key).collect();

    let mut inside = Duration::ZERO;
    for (number, task) in tasks.into_iter().enumerate() {
        let start = clock.monotonic();
        let committed = store.transact(|tx| tx.insert(task))?;
        inside += clock.monotonic() - start;
        if number % 1000 == 999 {
            committed.durable().await?;
        }
    }
    store.barrier().await?;
    report("insert", inside, rows);
    println!("{:>10} bytes a row of its own", memory_of_tasks / rows);

    let mut inside = Duration::ZERO;
    for (number, key) in keys.iter().enumerate() {
        let start = clock.monotonic();
        let update = |tx: &mut state::Tx<'_>| {
            Ok::<_, StateError>(
                tx.update::<Task>(key, |task| task.last_status = "RUNNING".to_owned()),
            )
        };
        let committed = store.transact(update)?;
        inside += clock.monotonic() - start;
        if number % 1000 == 999 {
            committed.durable().await?;
        }
    }
    store.barrier().await?;
    report("update", inside, rows);
    Ok(())
}

fn task(clock: &Clock, number: u64) -> Task {
    let container = |name: &str| Container {
        name: name.to_owned(),
        image: "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/web:v1".to_owned(),
        last_status: "PENDING".to_owned(),
        runtime_id: Some(clock.random_hex(16)),
        exit_code: None,
    };
    Task {
        cluster: "default".to_owned(),
        id: clock.random_hex(16),
        service: Some(format!("service-{}", number % 100)),
        node: format!("node-{}", number % 1000),
        desired_status: "RUNNING".to_owned(),
        last_status: "PROVISIONING".to_owned(),
        created_at: clock.now().as_millis(),
        containers: vec![container("web"), container("sidecar")],
        tags: vec![("team".to_owned(), "platform".to_owned())],
    }
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: Option<u64> = status
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * 4096
}

fn report(what: &str, inside: Duration, count: u64) {
    println!(
        "{what:>10}: {:.1} µs each under the lock",
        inside.as_secs_f64() * 1e6 / count as f64
    );
}
