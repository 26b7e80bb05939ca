//! How fast events are taken in and searched, how small they become, and `zstdcat | grep` over the same lines.
//!
//! usage: throughput [MIB] [FILE] — MIB of made-up service logs (default 256), or of the lines of FILE over and over

#![allow(clippy::disallowed_methods)] // real time is measured

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clock::Clock;
use log_store::{LogStore, Matcher, NewEvent, SearchRequest, StreamSelection};

const STREAMS: usize = 8;
const BATCH: usize = 1000;
const RARE: &str = "deadbeefcafe";

struct Rare;

impl Matcher for Rare {
    fn matches(&self, message: &str) -> bool {
        message.contains(RARE)
    }

    fn needle(&self) -> Option<&str> {
        Some(RARE)
    }
}

/// The same pattern without the shortcut over whole blocks.
struct Plain;

impl Matcher for Plain {
    fn matches(&self, message: &str) -> bool {
        message.contains(RARE)
    }
}

/// Lines as services write them: access logs, JSON, a stack now and then; one in a million is rare.
struct Lines {
    random: u64,
    count: u64,
    of_file: Vec<String>,
}

impl Lines {
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn next(&mut self) -> String {
        self.count += 1;
        let n = self.count;
        if n.is_multiple_of(1_000_000) {
            return format!("trace {RARE} of request {n}");
        }
        if !self.of_file.is_empty() {
            return self.of_file[n as usize % self.of_file.len()].clone();
        }
        let random = self.random();
        let (path, status, ms) = (
            random % 40,
            [200, 200, 200, 200, 304, 404, 500][random as usize % 7],
            random % 300,
        );
        match random % 3 {
            0 => format!(
                "10.0.{}.{} - - [21/Nov/2026:12:{:02}:{:02} +0000] \"GET /api/v1/items/{path} HTTP/1.1\" {status} {} \"-\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\"",
                random % 4,
                random % 200,
                n / 60_000 % 60,
                n / 1000 % 60,
                ms * 17
            ),
            1 => format!(
                "{{\"timestamp\":\"2026-11-21T12:{:02}:{:02}.{:03}Z\",\"level\":\"INFO\",\"logger\":\"com.example.orders.OrderService\",\"thread\":\"http-nio-8080-exec-{}\",\"message\":\"order processed\",\"path\":\"/orders/{path}\",\"status\":{status},\"duration_ms\":{ms}}}",
                n / 60_000 % 60,
                n / 1000 % 60,
                n % 1000,
                random % 16
            ),
            _ => format!(
                "2026-11-21 12:{:02}:{:02},{:03} INFO  [pool-{}-thread-1] com.example.cache.CacheManager - cache hit for key item:{path} in {ms} us",
                n / 60_000 % 60,
                n / 1000 % 60,
                n % 1000,
                random % 8
            ),
        }
    }
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("procfs");
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |index: usize| fields[index].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / 100.0
}

fn bytes_below(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).expect("a directory");
    entries
        .map(|entry| {
            let entry = entry.expect("an entry");
            let data = entry.metadata().expect("metadata");
            if data.is_dir() {
                bytes_below(&entry.path())
            } else {
                data.len()
            }
        })
        .sum()
}

async fn search(store: &LogStore, has_needle: bool) -> (usize, Duration) {
    let mut request = SearchRequest {
        streams: StreamSelection::All,
        start: i64::MIN,
        end: i64::MAX,
        after: None,
        max_events: 10_000,
        max_bytes: 1024 * 1024,
    };
    let began = Instant::now();
    let mut found = 0;
    loop {
        let page = match has_needle {
            true => store.search("g", request.clone(), Rare).await,
            false => store.search("g", request.clone(), Plain).await,
        };
        let page = page.expect("a page");
        found += page.events.len();
        request.after = page.next;
        if request.after.is_none() {
            return (found, began.elapsed());
        }
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mib: usize = arguments.next().map_or(256, |it| it.parse().expect("MiB"));
    let file = arguments.next();
    let of_file = file.map_or(Vec::new(), |file| {
        let text = std::fs::read(file).expect("the file");
        String::from_utf8_lossy(&text)
            .lines()
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .collect()
    });
    let mut lines = Lines {
        random: 88172645463325252,
        count: 0,
        of_file,
    };
    let directory = tempfile::tempdir().expect("a directory");
    let logs = directory.path().join("logs");
    let plain = directory.path().join("plain.zst");
    let store = LogStore::open(&logs, Clock::system()).expect("opens");
    store.create_group("g").await.expect("created");
    for stream in 0..STREAMS {
        store
            .create_stream("g", &stream.to_string())
            .await
            .expect("created");
    }
    let mut zstd = Command::new("zstd")
        .args(["-q", "-3", "-f", "-o"])
        .arg(&plain)
        .stdin(Stdio::piped())
        .spawn()
        .expect("zstd is there");
    let mut to_zstd = BufWriter::new(zstd.stdin.take().expect("a pipe"));
    let (mut events, mut bytes, mut wall, mut cpu) = (0_u64, 0_usize, Duration::ZERO, 0.0);
    while bytes < mib * 1024 * 1024 {
        let mut batches = Vec::new();
        for stream in 0..STREAMS {
            let batch: Vec<NewEvent> = (0..BATCH)
                .map(|_| NewEvent {
                    timestamp: lines.count as i64 / 100,
                    message: lines.next(),
                })
                .collect();
            for event in &batch {
                bytes += event.message.len();
                writeln!(to_zstd, "{}", event.message).expect("written");
            }
            batches.push((stream.to_string(), batch));
        }
        events += (STREAMS * BATCH) as u64;
        let (began, cpu_before) = (Instant::now(), cpu_seconds());
        let appends = batches.into_iter().map(|(stream, batch)| {
            let store = store.clone();
            tokio::spawn(async move { store.append("g", &stream, batch).await })
        });
        for append in appends.collect::<Vec<_>>() {
            append.await.expect("runs").expect("written");
        }
        wall += began.elapsed();
        cpu += cpu_seconds() - cpu_before;
    }
    drop(to_zstd);
    zstd.wait().expect("zstd ends");
    let (began, cpu_before) = (Instant::now(), cpu_seconds());
    store.fold().await.expect("folded");
    wall += began.elapsed();
    cpu += cpu_seconds() - cpu_before;
    let stored = bytes_below(&logs);
    println!("events                       {events}");
    println!(
        "events/s, durable            {:.0}",
        events as f64 / wall.as_secs_f64()
    );
    println!(
        "events/s of one core         {:.0}",
        events as f64 / cpu.max(0.01)
    );
    println!(
        "compression                  {:.1}",
        bytes as f64 / stored as f64
    );
    let whole = bytes as f64 / (1024.0 * 1024.0);
    for (name, has_needle) in [
        ("search, MiB/s", true),
        ("search without needle, MiB/s", false),
    ] {
        let (found, took) = search(&store, has_needle).await;
        println!(
            "{name:<28} {:.0} ({found} found)",
            whole / took.as_secs_f64()
        );
    }
    let began = Instant::now();
    let mut cat = Command::new("zstdcat")
        .arg(&plain)
        .stdout(Stdio::piped())
        .spawn()
        .expect("zstdcat is there");
    let mut grep = Command::new("grep")
        .args(["-F", RARE])
        .stdin(cat.stdout.take().expect("a pipe"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("grep");
    let found = BufReader::new(grep.stdout.take().expect("a pipe"))
        .lines()
        .count();
    cat.wait().expect("zstdcat ends");
    grep.wait().expect("grep ends");
    println!(
        "zstdcat | grep, MiB/s        {:.0} ({found} found)",
        whole / began.elapsed().as_secs_f64()
    );
}
