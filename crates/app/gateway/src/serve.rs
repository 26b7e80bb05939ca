//! Sockets, connections, and the way down.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::{Either, select};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use limits::{
    GATEWAY_CONNECTIONS, GATEWAY_HEADER_BYTES, GATEWAY_HEADERS, GATEWAY_SHUTDOWN_GRACE_SECONDS,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;

use crate::builder::Parts;
use crate::dispatch::{Connection, Counted};
use crate::patience::Patient;
use crate::{Gateway, GatewayError, Listener, Role, ShutdownSignal, Tls};

/// How long to leave a listener alone that cannot accept, as when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A gateway whose sockets are open, so that clients may connect already.
pub struct Bound {
    sockets: Vec<(TcpListener, Listener)>,
    addresses: Vec<SocketAddr>,
    parts: Arc<Parts>,
}

impl Gateway {
    pub async fn bind(self) -> Result<Bound, GatewayError> {
        let mut sockets = Vec::new();
        let mut addresses = Vec::new();
        for listener in self.listeners {
            let address = listener.address;
            let failed = |source| GatewayError::Bind { address, source };
            let socket = TcpListener::bind(address).await.map_err(failed)?;
            addresses.push(socket.local_addr().map_err(failed)?);
            sockets.push((socket, listener));
        }
        Ok(Bound {
            sockets,
            addresses,
            parts: self.parts,
        })
    }

    /// Binds and serves until `shutdown` resolves.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), GatewayError> {
        self.bind().await?.serve(shutdown).await;
        Ok(())
    }
}

/// Held by everything that a stop waits for.
pub(crate) type Busy = mpsc::Sender<Infallible>;

impl Bound {
    /// In the order of the listeners; with the ports that the system chose for port 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves until `shutdown` resolves, then finishes what was begun, within a limit.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let (stop, signal) = ShutdownSignal::new();
        let (busy, mut idle) = mpsc::channel(1);
        let permits = Arc::new(Semaphore::new(GATEWAY_CONNECTIONS));
        let clock = self.parts.clock.clone();
        for (socket, listener) in self.sockets {
            let acceptor = Acceptor {
                socket,
                roles: listener.roles.into(),
                tls: listener.tls,
                parts: Arc::clone(&self.parts),
                permits: Arc::clone(&permits),
                signal: signal.clone(),
                busy: busy.clone(),
            };
            clock.spawn("gateway-listener", acceptor.run());
        }
        drop(busy);
        shutdown.await;
        self.parts.draining.store(true, Ordering::Relaxed);
        clock.sleep(self.parts.drain_delay).await;
        stop.send_replace(true);
        let grace = Duration::from_secs(GATEWAY_SHUTDOWN_GRACE_SECONDS);
        if clock.timeout(grace, idle.recv()).await.is_err() {
            tracing::warn!(
                grace_seconds = GATEWAY_SHUTDOWN_GRACE_SECONDS,
                "connections cut off"
            );
        }
    }
}

struct Acceptor {
    socket: TcpListener,
    roles: Arc<[Role]>,
    tls: Option<Tls>,
    parts: Arc<Parts>,
    permits: Arc<Semaphore>,
    signal: ShutdownSignal,
    busy: Busy,
}

impl Acceptor {
    async fn run(self) {
        let mut signal = self.signal.clone();
        let accepting = pin!(self.accept_all());
        select(accepting, pin!(signal.requested())).await;
    }

    async fn accept_all(&self) {
        loop {
            let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else {
                return;
            };
            match self.socket.accept().await {
                Ok((stream, peer)) => self.spawn_connection(stream, peer, permit),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    self.parts.clock.sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn spawn_connection(&self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        let connection = Arc::new(Connection {
            parts: Arc::clone(&self.parts),
            roles: Arc::clone(&self.roles),
            peer,
            is_tls: self.tls.is_some(),
            signal: self.signal.clone(),
            busy: self.busy.clone(),
            permit: Arc::new(permit),
            counted: Arc::new(Counted::new(&self.parts.metrics)),
        });
        let acceptor = self.tls.as_ref().map(Tls::acceptor);
        let serving = accept_connection(stream, connection, acceptor);
        self.parts.clock.spawn("gateway-connection", serving);
    }
}

async fn accept_connection(
    stream: TcpStream,
    connection: Arc<Connection>,
    acceptor: Option<TlsAcceptor>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection ended early");
        return;
    }
    let Some(acceptor) = acceptor else {
        return serve_connection(stream, connection).await;
    };
    let (clock, limits) = (connection.parts.clock.clone(), connection.parts.limits);
    let shaking_hands = clock.timeout(limits.handshake, acceptor.accept(stream));
    let mut signal = connection.signal.clone();
    match select(pin!(shaking_hands), pin!(signal.requested())).await {
        Either::Left((Ok(Ok(stream)), _)) => serve_connection(stream, connection).await,
        Either::Left((Ok(Err(error)), _)) => {
            tracing::debug!(peer = %connection.peer, %error, "no TLS with this client");
        }
        Either::Left((Err(_), _)) => {
            tracing::debug!(peer = %connection.peer, "a TLS handshake took too long");
        }
        Either::Right(_) => {}
    }
}

async fn serve_connection<S>(stream: S, connection: Arc<Connection>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (clock, limits) = (connection.parts.clock.clone(), connection.parts.limits);
    let mut signal = connection.signal.clone();
    let stream = Patient::new(stream, clock, limits.stall);
    let service = service_fn(move |request| {
        let connection = Arc::clone(&connection);
        async move { Ok::<_, Infallible>(connection.answer(request).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .max_headers(GATEWAY_HEADERS)
        .max_header_size(GATEWAY_HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = pin!(serving);
    let ended = match select(serving.as_mut(), pin!(signal.requested())).await {
        Either::Left((ended, _)) => ended,
        Either::Right(_) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
