//! The network between clients, nodes and the server: late, lossy, repeating, and now and then dark.
//!
//! A call is a request and an answer, each of which may be lost: then the caller knows nothing. A session is a
//! websocket: its messages keep their order, and it may be cut, or go dark without anyone being told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clock::Clock;
use futures_util::{SinkExt, StreamExt};
use service_ecs::Ecs;
use tokio::io::DuplexStream;
use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message as Frame,
        protocol::{Role, WebSocketConfig},
    },
};
use wire::{Caller, Error, Handle, Operation, Principal};

use crate::{
    lot::Lot,
    profile::NetworkFaults,
    world::{World, lock},
};

/// How long a caller waits for an answer that does not come.
const PATIENCE: Duration = Duration::from_secs(20);
/// What fits between two ends of a session.
const SOCKET_BYTES: usize = 1 << 20;

pub struct Network {
    faults: NetworkFaults,
    lot: Lot,
    clock: Clock,
    is_calm: AtomicBool,
    dark: Mutex<BTreeSet<String>>,
    cuts: Mutex<BTreeMap<String, Arc<Notify>>>,
}

/// How a call ended other than well.
#[derive(Debug, Clone)]
pub enum CallError {
    /// The service's answer.
    Refused(Error),
    /// No answer: it was done, or not.
    Unknown,
}

/// One end of a session, as texts.
pub struct Session {
    pub heard: mpsc::UnboundedReceiver<String>,
    pub say: mpsc::UnboundedSender<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionKind {
    Acs,
    Tcs,
}

impl CallError {
    /// An answer that says nothing of what was done: the store may have failed under it.
    fn of(error: Error) -> Self {
        match &*error.code {
            "ServerException" | "InternalFailure" | "ThrottlingException" => Self::Unknown,
            _ => Self::Refused(error),
        }
    }
}

impl std::fmt::Display for CallError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(error) => write!(formatter, "{}: {}", error.code, error.message),
            Self::Unknown => formatter.write_str("no answer"),
        }
    }
}

impl Network {
    pub fn new(faults: NetworkFaults, lot: Lot, clock: Clock) -> Self {
        Self {
            faults,
            lot,
            clock,
            is_calm: AtomicBool::new(false),
            dark: Mutex::default(),
            cuts: Mutex::default(),
        }
    }

    /// From now on everything arrives, once.
    pub fn calm_down(&self) {
        self.is_calm.store(true, Ordering::Relaxed);
        lock(&self.dark).clear();
    }

    /// Nothing reaches the node and nothing leaves it, and nobody is told.
    pub fn darken(&self, node_id: &str, is_dark: bool) {
        let mut dark = lock(&self.dark);
        if is_dark {
            dark.insert(node_id.to_owned());
        } else {
            dark.remove(node_id);
        }
    }

    /// Ends the node's sessions; what was on its way is lost.
    pub fn cut(&self, node_id: &str) {
        self.cuts_of(node_id).notify_waiters();
    }

    fn cuts_of(&self, node_id: &str) -> Arc<Notify> {
        let mut cuts = lock(&self.cuts);
        Arc::clone(cuts.entry(node_id.to_owned()).or_default())
    }

    fn is_dark(&self, caller: &Caller) -> bool {
        match &caller.principal {
            Principal::Node { node_id } => self.is_node_dark(node_id),
            _ => false,
        }
    }

    fn is_node_dark(&self, node_id: &str) -> bool {
        lock(&self.dark).contains(node_id)
    }

    fn latency(&self) -> Duration {
        let (least, most) = self.faults.latency;
        self.lot.duration(least, most)
    }

    async fn travel(&self) {
        let latency = self.latency();
        if !latency.is_zero() {
            self.clock.sleep(latency).await;
        }
    }

    fn loses(&self) -> bool {
        !self.is_calm.load(Ordering::Relaxed) && self.lot.millionth(self.faults.lost)
    }

    fn repeats(&self) -> bool {
        !self.is_calm.load(Ordering::Relaxed) && self.lot.millionth(self.faults.repeated)
    }
}

impl World {
    /// One call over the network. What a node reports may arrive again, much later.
    pub async fn call<O: Operation>(
        self: &Arc<Self>,
        caller: &Caller,
        input: O::Input,
    ) -> Result<O::Output, CallError>
    where
        Ecs: Handle<O>,
    {
        let network = &self.network;
        network.travel().await;
        if network.loses() || network.is_dark(caller) {
            self.clock.sleep(PATIENCE).await;
            return Err(CallError::Unknown);
        }
        if is_report(O::SCHEMA.name) && network.repeats() {
            self.repeat_later::<O>(caller.clone(), input.clone());
        }
        let Some(server) = self.server() else {
            return Err(CallError::Unknown);
        };
        let handling = server.handle::<O>(caller.clone(), input);
        let answer = match self.clock.timeout(PATIENCE, handling).await {
            Ok(Some(answer)) => answer,
            Ok(None) | Err(_) => return Err(CallError::Unknown),
        };
        network.travel().await;
        if network.loses() || network.is_dark(caller) {
            self.clock.sleep(PATIENCE).await;
            return Err(CallError::Unknown);
        }
        answer.map_err(CallError::of)
    }

    fn repeat_later<O: Operation>(self: &Arc<Self>, caller: Caller, input: O::Input)
    where
        Ecs: Handle<O>,
    {
        let world = Arc::clone(self);
        let most = self.network.faults.repeated_after;
        let late = self.network.lot.duration(Duration::ZERO, most);
        drop(self.clock.spawn("repeated", async move {
            world.clock.sleep(late).await;
            if let Some(server) = world.server() {
                world
                    .trace
                    .note(format_args!("network: {} again", O::SCHEMA.name));
                let _ = server.handle::<O>(caller, input).await;
            }
        }));
    }

    /// Opens a session of a node; the error is the handshake's, or none if there was no answer.
    pub async fn open_session(
        self: &Arc<Self>,
        kind: SessionKind,
        caller: &Caller,
        query: String,
    ) -> Result<Session, CallError> {
        let Principal::Node { node_id } = &caller.principal else {
            return Err(CallError::Unknown);
        };
        self.network.travel().await;
        if self.network.loses() || self.network.is_dark(caller) {
            self.clock.sleep(PATIENCE).await;
            return Err(CallError::Unknown);
        }
        let server = self.server().ok_or(CallError::Unknown)?;
        let admitted = match kind {
            SessionKind::Acs => server.ecs.admit_acs(caller, &query),
            SessionKind::Tcs => server.ecs.admit_tcs(caller, &query),
        };
        admitted.map_err(CallError::Refused)?;
        let (near, far) = tokio::io::duplex(SOCKET_BYTES);
        let far = WebSocketStream::from_raw_socket(far, Role::Server, Some(socket_config())).await;
        let (ecs, of_server) = (Arc::clone(&server.ecs), caller.clone());
        drop(server.clock.spawn("session", async move {
            let forever = std::future::pending();
            match kind {
                SessionKind::Acs => ecs.serve_acs(of_server, &query, far, forever).await,
                SessionKind::Tcs => ecs.serve_tcs(of_server, &query, far, forever).await,
            }
        }));
        let near =
            WebSocketStream::from_raw_socket(near, Role::Client, Some(socket_config())).await;
        let (to_agent, heard) = mpsc::unbounded_channel();
        let (say, from_agent) = mpsc::unbounded_channel();
        let wire = Wire {
            world: Arc::clone(self),
            cut: self.network.cuts_of(node_id),
            node_id: node_id.clone(),
            socket: near,
            to_agent,
            from_agent,
            agent_is_gone: false,
            down: VecDeque::new(),
            up: VecDeque::new(),
        };
        drop(self.clock.spawn("wire", wire.run()));
        Ok(Session { heard, say })
    }
}

fn is_report(operation: &str) -> bool {
    operation.starts_with("Submit") || operation == "RegisterContainerInstance"
}

fn socket_config() -> WebSocketConfig {
    // So much is cleared before each read; messages are of a few hundred bytes.
    WebSocketConfig::default().read_buffer_size(1024)
}

/// What lies between the two ends of a session.
struct Wire {
    world: Arc<World>,
    node_id: String,
    cut: Arc<Notify>,
    socket: WebSocketStream<DuplexStream>,
    to_agent: mpsc::UnboundedSender<String>,
    from_agent: mpsc::UnboundedReceiver<String>,
    agent_is_gone: bool,
    /// What is on its way, by the time at which it arrives.
    down: VecDeque<(Duration, String)>,
    up: VecDeque<(Duration, String)>,
}

impl Wire {
    async fn run(mut self) {
        /// How often a dark wire looks whether there is light again.
        const LOOK_EVERY: Duration = Duration::from_secs(1);
        let clock = self.world.clock.clone();
        let cut = Arc::clone(&self.cut);
        loop {
            let due = [self.down.front(), self.up.front()];
            let due = due.into_iter().flatten().map(|(at, _)| *at).min();
            let pause = due.map_or(LOOK_EVERY, |at| at.saturating_sub(clock.monotonic()));
            tokio::select! {
                biased;
                () = cut.notified() => return,
                () = clock.sleep(pause), if due.is_some() || self.agent_is_gone => {
                    if !self.deliver().await {
                        return;
                    }
                }
                frame = self.socket.next() => match frame {
                    Some(Ok(Frame::Text(text))) => {
                        let at = self.arrival(self.down.back());
                        self.down.push_back((at, text.as_str().to_owned()));
                    }
                    Some(Ok(Frame::Close(_))) | Some(Err(_)) | None => return,
                    Some(Ok(_)) => {}
                },
                text = self.from_agent.recv(), if !self.agent_is_gone => match text {
                    Some(text) => {
                        let at = self.arrival(self.up.back());
                        self.up.push_back((at, text));
                    }
                    None => self.agent_is_gone = true,
                },
            }
            // In the dark the server does not learn that the other end is gone.
            if self.agent_is_gone && self.up.is_empty() && !self.is_dark() {
                return;
            }
        }
    }

    /// Messages of a session do not overtake each other.
    fn arrival(&self, last: Option<&(Duration, String)>) -> Duration {
        let arrival = self.world.clock.monotonic() + self.world.network.latency();
        last.map_or(arrival, |(at, _)| arrival.max(*at))
    }

    fn is_dark(&self) -> bool {
        self.world.network.is_node_dark(&self.node_id)
    }

    /// False once the server's end is gone.
    async fn deliver(&mut self) -> bool {
        let now = self.world.clock.monotonic();
        let is_dark = self.is_dark();
        while let Some((_, text)) = self.down.pop_front_if(|(at, _)| *at <= now) {
            // A lost message of a session that goes on: its reader choked on it.
            if !is_dark && !self.world.network.loses() {
                let _ = self.to_agent.send(text);
            }
        }
        while let Some((_, text)) = self.up.pop_front_if(|(at, _)| *at <= now) {
            if is_dark || self.world.network.loses() {
                continue;
            }
            if self.world.network.repeats()
                && self.socket.send(Frame::text(text.clone())).await.is_err()
            {
                return false;
            }
            if self.socket.send(Frame::text(text)).await.is_err() {
                return false;
            }
        }
        true
    }
}
