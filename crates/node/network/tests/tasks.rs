//! Real namespaces on this machine. Needs root, as the agent does; without it the tests say so and pass.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clock::Clock;
use network::{MacAddress, Network, NetworkOptions, TaskNetwork};
use nix::sched::{CloneFlags, setns};

const DEADLINE: Duration = Duration::from_secs(5);

/// A network of its own, taken down with the test.
struct Fixture {
    network: Network,
    name: String,
    subnet: u8,
}

impl Fixture {
    /// `subnet` keeps tests that run at the same time apart.
    async fn new(subnet: u8) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: needs root");
            return None;
        }
        let clock = Clock::system();
        let name = format!("gytest{}", clock.random_hex(4));
        let task_cidr = format!("10.213.{subnet}.0/24").parse().unwrap();
        let network = Network::new(NetworkOptions {
            name: name.clone(),
            task_cidr,
            metadata_address: None,
            clock,
        });
        network.ensure_base().await.unwrap();
        Some(Self {
            network,
            name,
            subnet,
        })
    }

    fn has_table(&self) -> bool {
        let listed = Command::new("nft")
            .args(["list", "tables"])
            .output()
            .unwrap();
        String::from_utf8(listed.stdout)
            .unwrap()
            .contains(&self.name)
    }

    async fn task(&self, host: u8) -> (String, Ipv4Addr, PathBuf) {
        let task_id = Clock::system().random_hex(16);
        let ipv4 = Ipv4Addr::new(10, 213, self.subnet, host);
        let mac = MacAddress([0x0a, 0x58, 10, 213, self.subnet, host]);
        let handle = self
            .network
            .setup(TaskNetwork {
                task_id: task_id.clone(),
                ipv4,
                mac,
            })
            .await
            .unwrap();
        assert_eq!(
            handle.netns_path,
            self.network.netns_path(&task_id).unwrap()
        );
        (task_id, ipv4, handle.netns_path)
    }

    async fn remove(self) {
        for task_id in self.network.list().await.unwrap() {
            self.network.teardown(&task_id).await.unwrap();
            self.network.teardown(&task_id).await.unwrap();
            assert!(!self.network.netns_path(&task_id).unwrap().exists());
        }
        assert!(self.network.list().await.unwrap().is_empty());
        self.network.remove_base().await.unwrap();
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(&self.name), "a namespace is still mounted");
        let tables = Command::new("nft")
            .args(["list", "tables"])
            .output()
            .unwrap();
        assert!(
            !String::from_utf8_lossy(&tables.stdout).contains(&self.name),
            "the table is still there"
        );
    }
}

/// Runs on a thread inside the namespace.
fn inside<T: Send + 'static>(
    netns: &Path,
    work: impl FnOnce() -> T + Send + 'static,
) -> std::thread::JoinHandle<T> {
    let namespace = File::open(netns).unwrap();
    std::thread::spawn(move || {
        setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
        work()
    })
}

/// Answers one connection with the peer's address; listening already when this returns.
fn serve_once(netns: &Path) -> (std::thread::JoinHandle<()>, u16) {
    let (ready, port) = std::sync::mpsc::channel();
    let server = inside(netns, move || {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        ready.send(listener.local_addr().unwrap().port()).unwrap();
        let (mut stream, peer) = listener.accept().unwrap();
        stream.write_all(peer.ip().to_string().as_bytes()).unwrap();
    });
    (server, port.recv_timeout(DEADLINE).unwrap())
}

fn ask(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn run(command: &str) {
    let words: Vec<&str> = command.split_whitespace().collect();
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
    assert!(
        output.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
async fn tasks_and_host_reach_each_other() {
    let Some(fixture) = Fixture::new(1).await else {
        return;
    };
    let (_, first_address, first) = fixture.task(2).await;
    let (_, second_address, second) = fixture.task(3).await;

    let (server, port) = serve_once(&first);
    let client = inside(&second, move || ask((first_address, port).into()));
    assert_eq!(
        client.join().unwrap(),
        second_address.to_string(),
        "between tasks nothing is translated"
    );
    server.join().unwrap();

    let (server, port) = serve_once(&second);
    ask((second_address, port).into());
    server.join().unwrap();

    let on_host = TcpListener::bind("0.0.0.0:0").unwrap();
    let host: SocketAddr =
        SocketAddr::new(host_address().into(), on_host.local_addr().unwrap().port());
    let client = inside(&second, move || {
        TcpStream::connect_timeout(&host, DEADLINE).map(drop)
    });
    let (_, peer) = on_host.accept().unwrap();
    assert_eq!(peer.ip(), second_address);
    client.join().unwrap().unwrap();
    fixture.remove().await;
}

#[tokio::test]
async fn what_leaves_the_range_is_masqueraded() {
    let Some(fixture) = Fixture::new(2).await else {
        return;
    };
    let (_, _, task) = fixture.task(2).await;
    let outside = format!("{}out", fixture.name);
    let link = format!("o{}", &fixture.name[6..]);
    run(&format!("ip netns add {outside}"));
    run(&format!(
        "ip link add {link} type veth peer name eth0 netns {outside}"
    ));
    run(&format!("ip addr add 198.51.100.1/30 dev {link}"));
    run(&format!("ip link set {link} up"));
    run(&format!(
        "ip -n {outside} addr add 198.51.100.2/30 dev eth0"
    ));
    run(&format!("ip -n {outside} link set eth0 up"));

    let (server, port) = serve_once(&Path::new("/run/netns").join(&outside));
    let client = inside(&task, move || {
        ask((Ipv4Addr::new(198, 51, 100, 2), port).into())
    });
    let seen = client.join();
    run(&format!("ip link del {link}"));
    run(&format!("ip netns del {outside}"));
    assert_eq!(
        seen.unwrap(),
        "198.51.100.1",
        "outside there is no route to tasks"
    );
    server.join().unwrap();
    fixture.remove().await;
}

#[tokio::test]
async fn setting_up_again_replaces() {
    let Some(fixture) = Fixture::new(3).await else {
        return;
    };
    let (task_id, ipv4, netns) = fixture.task(2).await;
    let mac = MacAddress([0x0a, 0x58, 1, 2, 3, 4]);
    for _ in 0..3 {
        fixture
            .network
            .setup(TaskNetwork {
                task_id: task_id.clone(),
                ipv4,
                mac,
            })
            .await
            .unwrap();
    }
    assert_eq!(fixture.network.list().await.unwrap(), [task_id]);
    let (server, port) = serve_once(&netns);
    ask((ipv4, port).into());
    server.join().unwrap();
    fixture.remove().await;
}

#[tokio::test]
async fn many_tasks_at_once() {
    let Some(fixture) = Fixture::new(4).await else {
        return;
    };
    let clock = Clock::system();
    let began = clock.monotonic();
    let mut setups = Vec::new();
    for host in 2..52 {
        let network = fixture.network.clone();
        let ipv4 = Ipv4Addr::new(10, 213, fixture.subnet, host);
        let task = TaskNetwork {
            task_id: clock.random_hex(16),
            ipv4,
            mac: MacAddress([0x0a, 0x58, 0, 0, 0, host]),
        };
        setups.push(clock.spawn("setup", async move { network.setup(task).await }));
    }
    for setup in setups {
        setup.await.unwrap().unwrap();
    }
    eprintln!("50 networks at once: {:?}", clock.monotonic() - began);
    let mut alone = Vec::new();
    for host in 60..110 {
        let began = clock.monotonic();
        fixture.task(host).await;
        alone.push(clock.monotonic() - began);
    }
    alone.sort();
    eprintln!(
        "one network: min {:?}, p50 {:?}, max {:?}",
        alone[0], alone[25], alone[49]
    );
    assert_eq!(fixture.network.list().await.unwrap().len(), 100);
    fixture.remove().await;
}

/// An address of this machine that a task can route to.
fn host_address() -> Ipv4Addr {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: connecting a datagram socket only chooses the source address.
    let chosen = socket
        .connect("198.51.100.99:9")
        .and_then(|()| socket.local_addr());
    match chosen {
        Ok(SocketAddr::V4(address)) => *address.ip(),
        _ => Ipv4Addr::LOCALHOST,
    }
}

#[tokio::test]
async fn rules_that_others_took_away_come_back() {
    let Some(fixture) = Fixture::new(9).await else {
        return;
    };
    assert!(fixture.network.restore_base().await.unwrap().is_empty());
    let deleted = Command::new("nft")
        .args(["delete", "table", "inet", &fixture.name])
        .status();
    assert!(deleted.unwrap().success() && !fixture.has_table());
    let missing = fixture.network.restore_base().await.unwrap();
    assert_eq!(missing, ["the nftables table"]);
    assert!(fixture.has_table());
    fixture.remove().await;
}
