//! `gantry top`: CPU and memory of nodes and tasks, as the agents measure them.

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use api_gantry::{
    operations::ListTaskUsage,
    types::{ListTaskUsageRequest, Node, TaskUsage},
};
use client::Client;
use clock::{Clock, UnixMillis};
use serde_json::{Value, json};
use wire::Timestamp;

use super::{events::colour, status};
use crate::{
    arguments::{Global, Output, Top},
    connect,
    output::{self, Cell},
    signals, when,
};

const MOST_TASKS: usize = 5_000;
/// Alternate screen without a cursor, and back: what the terminal showed before comes back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

struct Seen {
    nodes: Vec<Node>,
    tasks: Vec<TaskUsage>,
}

pub async fn run(global: &Global, top: Top) -> anyhow::Result<ExitCode> {
    let client = connect::client(global)?;
    let is_once = top.once || global.output == Output::Json || !std::io::stdout().is_terminal();
    let first = look(&client, &top).await?;
    if is_once {
        match global.output {
            Output::Json => output::json(&as_json(&first)),
            Output::Table => print!("{}", text(&first, Clock::system().now(), None)),
        }
        return Ok(ExitCode::SUCCESS);
    }
    print!("{ENTER}");
    let ended = tokio::select! {
        ended = refresh(&client, &top, first) => ended,
        () = signals::terminated() => Ok(()),
    };
    print!("{LEAVE}");
    std::io::stdout().flush()?;
    ended.map(|()| ExitCode::SUCCESS)
}

async fn refresh(client: &Client, top: &Top, mut seen: Seen) -> anyhow::Result<()> {
    let clock = Clock::system();
    loop {
        draw(&seen, clock.now())?;
        clock.sleep(Duration::from_secs(top.interval)).await;
        seen = look(client, top).await?;
    }
}

/// Over what stands there, line by line, so that nothing flickers.
fn draw(seen: &Seen, now: UnixMillis) -> anyhow::Result<()> {
    let height = terminal_size::terminal_size().map(|(_, height)| usize::from(height.0));
    let head = format!("gantry top at {} (Ctrl-C ends)\n\n", when::shown(now));
    let screen = head + &text(seen, now, height.map(|height| height.saturating_sub(3)));
    let mut out = std::io::stdout().lock();
    out.write_all(HOME.as_bytes())?;
    for line in screen.lines() {
        write!(out, "{line}{CLEAR_LINE}\r\n")?;
    }
    out.write_all(CLEAR_BELOW.as_bytes())?;
    Ok(out.flush()?)
}

async fn look(client: &Client, top: &Top) -> anyhow::Result<Seen> {
    let nodes = status::nodes(client).await?;
    let mut tasks = Vec::new();
    let mut request = ListTaskUsageRequest {
        cluster: top.cluster.clone(),
        service: top.service.clone(),
        ..ListTaskUsageRequest::default()
    };
    loop {
        let answer = client.call::<ListTaskUsage>(request.clone()).await?;
        tasks.extend(answer.tasks.unwrap_or_default());
        request.next_token = answer.next_token;
        if request.next_token.is_none() || tasks.len() >= MOST_TASKS {
            break;
        }
    }
    // What uses most comes first; what nothing is known of comes last.
    let key = |task: &TaskUsage| {
        let cpu = task.used_cpu_percent.unwrap_or(-1.0);
        (cpu, task.used_memory_mib.unwrap_or(-1.0))
    };
    tasks.sort_by(|one, other| {
        let ((cpu, memory), (other_cpu, other_memory)) = (key(one), key(other));
        let by_cpu = other_cpu.total_cmp(&cpu);
        by_cpu.then(other_memory.total_cmp(&memory))
    });
    Ok(Seen { nodes, tasks })
}

/// Cut to so many lines, if a number is given.
fn text(seen: &Seen, now: UnixMillis, lines: Option<usize>) -> String {
    let headings = ["node", "capacity", "status", "cpu", "memory", "of", "tasks"];
    let nodes = output::rows(&headings, seen.nodes.iter().map(node_row).collect());
    let headings = [
        "task", "group", "node", "status", "cpu", "memory", "of", "age",
    ];
    let tasks = match seen.tasks.is_empty() {
        true => "no tasks\n".to_owned(),
        false => output::rows(
            &headings,
            seen.tasks.iter().map(|task| task_row(task, now)).collect(),
        ),
    };
    let text = format!("{nodes}\n{tasks}{}", hint(seen));
    let count = text.lines().count();
    match lines {
        Some(most) if count > most && most > 1 => {
            let shown: Vec<&str> = text.lines().take(most - 1).collect();
            format!("{}\n… {} more lines\n", shown.join("\n"), count - most + 1)
        }
        _ => text,
    }
}

fn hint(seen: &Seen) -> &'static str {
    let is_unmeasured = |task: &TaskUsage| task.used_cpu_percent.is_none();
    match seen.tasks.iter().any(is_unmeasured) {
        true => "\n-: not measured yet. Agents tell what tasks use every 20 seconds.\n",
        false => "",
    }
}

fn node_row(node: &Node) -> Vec<Cell> {
    let (standing, standing_colour) = status::standing(node);
    vec![
        node.node_name.clone().unwrap_or_default().into(),
        status::capacity(node).into(),
        Cell::new(standing, standing_colour),
        percent(node.used_cpu_percent).into(),
        mib(node.used_memory_mib).into(),
        format!("{} MiB", node.memory_mib.unwrap_or_default()).into(),
        node.running_tasks.unwrap_or_default().to_string().into(),
    ]
}

fn task_row(task: &TaskUsage, now: UnixMillis) -> Vec<Cell> {
    let arn = task.task_arn.as_deref().unwrap_or_default();
    let id = arn.rsplit('/').next().unwrap_or_default();
    let status = task.last_status.clone().unwrap_or_default();
    let age = task.started_at.map_or_else(
        || "-".to_owned(),
        |at| output::age(UnixMillis::from_seconds_f64(at.as_seconds_f64()), now),
    );
    vec![
        id.chars().take(12).collect::<String>().into(),
        task.group.clone().unwrap_or_default().into(),
        task.node_name
            .clone()
            .unwrap_or_else(|| "-".to_owned())
            .into(),
        Cell::new(&status, colour(&status)),
        percent(task.used_cpu_percent).into(),
        mib(task.used_memory_mib).into(),
        format!("{} MiB", task.memory_mib.unwrap_or_default()).into(),
        age.into(),
    ]
}

/// Of all cores of the node.
fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1} %"))
}

fn mib(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1} MiB"))
}

fn as_json(seen: &Seen) -> Value {
    let tasks: Vec<Value> = seen
        .tasks
        .iter()
        .map(|task| {
            json!({
                "taskArn": task.task_arn,
                "cluster": task.cluster,
                "service": task.service,
                "group": task.group,
                "taskDefinition": task.task_definition,
                "lastStatus": task.last_status,
                "nodeName": task.node_name,
                "cpuUnits": task.cpu_units,
                "memoryMib": task.memory_mib,
                "usedCpuPercent": task.used_cpu_percent,
                "usedMemoryMib": task.used_memory_mib,
                "measuredAt": task.measured_at.map(Timestamp::as_seconds_f64),
            })
        })
        .collect();
    json!({
        "nodes": seen.nodes.iter().map(status::node_json).collect::<Vec<_>>(),
        "tasks": tasks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        let task = |id: &str, cpu: Option<f64>| TaskUsage {
            task_arn: Some(format!("arn:aws:ecs:r:1:task/default/{id}")),
            group: Some("service:web".into()),
            node_name: Some("one".into()),
            last_status: Some("RUNNING".into()),
            memory_mib: Some(512),
            used_cpu_percent: cpu,
            used_memory_mib: cpu.map(|_| 12.34),
            started_at: Timestamp::from_seconds_f64(100.0),
            ..TaskUsage::default()
        };
        Seen {
            nodes: vec![Node {
                node_name: Some("one".into()),
                agent_connected: Some(true),
                status: Some("ACTIVE".into()),
                memory_mib: Some(12_000),
                used_cpu_percent: Some(50.04),
                used_memory_mib: Some(12.34),
                running_tasks: Some(2),
                ..Node::default()
            }],
            tasks: vec![task("aaaaaaaaaaaaaaaa", Some(50.04)), task("bbbb", None)],
        }
    }

    #[test]
    fn nodes_and_tasks_with_what_they_use() {
        let expected = "\
NODE  CAPACITY  STATUS  CPU     MEMORY    OF         TASKS
one   Fargate   ready   50.0 %  12.3 MiB  12000 MiB  2

TASK          GROUP        NODE  STATUS   CPU     MEMORY    OF       AGE
aaaaaaaaaaaa  service:web  one   RUNNING  50.0 %  12.3 MiB  512 MiB  1 minute
bbbb          service:web  one   RUNNING  -       -         512 MiB  1 minute

-: not measured yet. Agents tell what tasks use every 20 seconds.
";
        assert_eq!(text(&seen(), UnixMillis(160_000), None), expected);
    }

    #[test]
    fn a_small_terminal_gets_what_fits() {
        let cut = text(&seen(), UnixMillis(160_000), Some(5));
        assert_eq!(cut.lines().count(), 5);
        assert!(cut.ends_with("… 4 more lines\n"), "{cut}");
    }
}
