//! A server that writes down what it hears and says what a test tells it to.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use link::{acs, tcs};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Message as Frame;

/// What the server heard, in order.
#[derive(Debug, Clone)]
pub enum Heard {
    /// An API call by operation name.
    Call(String, Value),
    Acs(acs::Message),
    Tcs(tcs::Message),
    AcsConnected(link::AcsQuery),
}

pub struct FakeServer {
    pub address: String,
    heard: Mutex<Vec<Heard>>,
    news: watch::Sender<usize>,
    to_agent: Mutex<Option<mpsc::UnboundedSender<acs::Message>>>,
    /// A registry of fixed answers: path, media type, bytes.
    pub files: Mutex<Vec<(String, String, Vec<u8>)>>,
    /// Submissions answer 500 while this is set.
    pub submissions_fail: AtomicBool,
    /// So many calls of PutLogEvents answer that the stream is not there.
    pub streams_missing: AtomicUsize,
}

impl FakeServer {
    pub async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Arc::new(Self {
            address: listener.local_addr().unwrap().to_string(),
            heard: Mutex::default(),
            news: watch::channel(0).0,
            to_agent: Mutex::default(),
            files: Mutex::default(),
            submissions_fail: AtomicBool::new(false),
            streams_missing: AtomicUsize::new(1),
        });
        let accepting = Arc::clone(&server);
        clock::Clock::system().spawn("fake-server", async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = Arc::clone(&accepting);
                clock::Clock::system()
                    .spawn("connection", async move { server.connection(stream).await });
            }
        });
        server
    }

    pub fn send(&self, message: impl Into<acs::Message>) {
        let connection = self.to_agent.lock().unwrap();
        connection
            .as_ref()
            .expect("an agent is connected")
            .send(message.into())
            .unwrap();
    }

    /// The first thing heard, from `from` on, that `pick` takes; waits for it.
    pub async fn wait_for<T>(&self, what: &str, mut pick: impl FnMut(&Heard) -> Option<T>) -> T {
        let mut news = self.news.subscribe();
        let search = async {
            loop {
                if let Some(found) = self.heard.lock().unwrap().iter().find_map(&mut pick) {
                    return found;
                }
                news.changed().await.unwrap();
            }
        };
        let waited = clock::Clock::system()
            .timeout(std::time::Duration::from_secs(10), search)
            .await;
        waited.unwrap_or_else(|_| panic!("did not hear {what}; heard {:#?}", self.heard()))
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    pub fn forget(&self) {
        self.heard.lock().unwrap().clear();
    }

    /// Forgets all but the log lines.
    #[allow(
        dead_code,
        reason = "one of the test programs that share this file uses it"
    )]
    pub fn forget_but_logs(&self) {
        let is_log = |heard: &Heard| matches!(heard, Heard::Call(operation, _) if operation == "PutLogEvents");
        self.heard.lock().unwrap().retain(is_log);
    }

    fn hear(&self, heard: Heard) {
        self.heard.lock().unwrap().push(heard);
        self.news.send_modify(|count| *count += 1);
    }

    async fn connection(&self, stream: TcpStream) {
        let mut start = [0; 8];
        let read = stream.peek(&mut start).await.unwrap_or(0);
        match &start[..read] {
            start if start.starts_with(b"GET /acs") => self.acs(stream).await,
            start if start.starts_with(b"GET /tcs") => self.tcs(stream).await,
            _ => self.http(stream).await,
        }
    }

    #[allow(clippy::result_large_err, reason = "tungstenite's callback")]
    async fn acs(&self, stream: TcpStream) {
        let mut query = String::new();
        let callback = |request: &tokio_tungstenite::tungstenite::handshake::server::Request,
                        response| {
            assert!(
                request.headers().contains_key("authorization"),
                "the upgrade is signed"
            );
            query = request.uri().query().unwrap_or_default().to_owned();
            Ok(response)
        };
        let mut socket = tokio_tungstenite::accept_hdr_async(stream, callback)
            .await
            .unwrap();
        let (to_agent, mut messages) = mpsc::unbounded_channel();
        *self.to_agent.lock().unwrap() = Some(to_agent);
        self.hear(Heard::AcsConnected(link::AcsQuery::parse(&query)));
        loop {
            tokio::select! {
                Some(message) = messages.recv() => {
                    if socket.send(Frame::text(acs::Message::encode(&message))).await.is_err() {
                        return;
                    }
                }
                frame = socket.next() => match frame {
                    Some(Ok(Frame::Text(text))) => self.hear(Heard::Acs(acs::Message::parse(text.as_str()).unwrap())),
                    Some(Ok(_)) => {}
                    _ => return,
                },
            }
        }
    }

    async fn tcs(&self, stream: TcpStream) {
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        while let Some(Ok(frame)) = socket.next().await {
            if let Frame::Text(text) = frame {
                let frame = tcs::Frame::parse(text.as_str());
                assert_eq!(
                    frame.headers.first().map(|(name, _)| *name),
                    Some("Host"),
                    "frames are signed"
                );
                self.hear(Heard::Tcs(frame.message().unwrap()));
            }
        }
    }

    async fn http(&self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        loop {
            let head_end = loop {
                if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                    break end + 4;
                }
                if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                    return;
                }
            };
            let head = String::from_utf8_lossy(&bytes[..head_end]).to_ascii_lowercase();
            let raw_head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
            let length = header(&head, "content-length")
                .and_then(|text| text.parse().ok())
                .unwrap_or(0);
            while bytes.len() < head_end + length {
                stream.read_buf(&mut bytes).await.unwrap();
            }
            if let Some(path) = registry_path(&raw_head) {
                bytes.drain(..head_end + length);
                if stream
                    .write_all(&self.file(path, raw_head.starts_with("HEAD")))
                    .await
                    .is_err()
                {
                    return;
                }
                continue;
            }
            let body: Value =
                serde_json::from_slice(&bytes[head_end..head_end + length]).unwrap_or_default();
            bytes.drain(..head_end + length);
            let target = raw_head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("x-amz-target")
                    .then(|| value.trim().to_owned())
            });
            let operation = target
                .unwrap_or_default()
                .rsplit('.')
                .next()
                .unwrap_or_default()
                .to_owned();
            self.hear(Heard::Call(operation.clone(), body.clone()));
            let (status, answer) = self.answer(&operation, &body);
            let text = answer.to_string();
            let response = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\r\n{text}",
                text.len()
            );
            if stream.write_all(response.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn file(&self, path: &str, head_only: bool) -> Vec<u8> {
        let files = self.files.lock().unwrap();
        let Some((_, media_type, bytes)) = files.iter().find(|(known, ..)| known == path) else {
            return b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n".to_vec();
        };
        let length = bytes.len();
        let head = format!(
            "HTTP/1.1 200 X\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\r\n"
        );
        let mut answer = head.into_bytes();
        if !head_only {
            answer.extend_from_slice(bytes);
        }
        answer
    }

    fn answer(&self, operation: &str, input: &Value) -> (u16, Value) {
        let arn = "arn:aws:ecs:us-east-1:123456789012:container-instance/default/0123456789abcdef0123456789abcdef";
        match operation {
            "JoinNode" => (
                200,
                json!({
                    "nodeId": "n-1", "accessKeyId": "AKIANODE", "secretAccessKey": "secret",
                    "region": "us-east-1", "account": "123456789012",
                }),
            ),
            "RegisterContainerInstance" => (
                200,
                json!({"containerInstance": {"containerInstanceArn": arn, "attributes": input["attributes"]}}),
            ),
            "DiscoverPollEndpoint" => {
                let endpoint = |path: &str| format!("http://{}/{path}", self.address);
                (
                    200,
                    json!({"endpoint": endpoint("acs"), "telemetryEndpoint": endpoint("tcs")}),
                )
            }
            "GetAuthorizationToken" => (
                200,
                json!({"authorizationData": [{"authorizationToken": "QVdTOnNlY3JldA=="}]}),
            ),
            "SubmitTaskStateChange" if self.submissions_fail.load(Ordering::SeqCst) => (
                500,
                json!({"__type": "ServerException", "message": "not now"}),
            ),
            "PutLogEvents" => {
                let missing =
                    self.streams_missing
                        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
                match missing {
                    Ok(_) => (
                        400,
                        json!({"__type": "ResourceNotFoundException", "message": "no stream"}),
                    ),
                    Err(_) => (200, json!({})),
                }
            }
            _ => (200, json!({})),
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

fn registry_path(head: &str) -> Option<&str> {
    let path = head.split(' ').nth(1)?;
    path.starts_with("/v2/").then_some(path)
}
