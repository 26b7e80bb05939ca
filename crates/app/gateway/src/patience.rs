//! How long a slow client is borne: one that does not take its answer, and one that trickles its body.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use clock::Clock;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use limits::GATEWAY_BODY_BYTES_PER_SECOND;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

type Sleeping = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection that breaks when its peer takes nothing for too long.
pub(crate) struct Patient<S> {
    stream: S,
    clock: Clock,
    patience: Duration,
    /// Runs while the peer does not take what is to be written.
    stalled: Option<Sleeping>,
}

impl<S> Patient<S> {
    pub(crate) fn new(stream: S, clock: Clock, patience: Duration) -> Self {
        Self {
            stream,
            clock,
            patience,
            stalled: None,
        }
    }

    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let stalled = self
            .stalled
            .get_or_insert_with(|| sleeping(&self.clock, self.patience));
        match stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the client does not take its answer",
            ))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.watch(context, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.watch(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_flush(context);
        this.watch(context, polled)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_shutdown(context);
        this.watch(context, polled)
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body comes slower than {GATEWAY_BODY_BYTES_PER_SECOND} bytes a second")]
    Slow,
    #[error(transparent)]
    Broken(hyper::Error),
}

/// A request's body that ends in an error when it comes too slowly.
///
/// Waiting uses up the patience, and each byte that comes gives some of it back. Only waiting for the client counts, not
/// the time that the body's reader takes.
pub(crate) struct Paced {
    body: Incoming,
    clock: Clock,
    patience: Duration,
    left: Duration,
    /// Since when the client is waited for, and the end of the patience.
    waiting: Option<(Duration, Sleeping)>,
}

impl Paced {
    pub(crate) fn new(body: Incoming, clock: Clock, patience: Duration) -> Self {
        Self {
            body,
            clock,
            patience,
            left: patience,
            waiting: None,
        }
    }

    fn came(&mut self, bytes: usize) {
        if let Some((since, _)) = self.waiting.take() {
            let waited = self.clock.monotonic().saturating_sub(since);
            self.left = self.left.saturating_sub(waited);
        }
        let earned = Duration::from_secs_f64(bytes as f64 / GATEWAY_BODY_BYTES_PER_SECOND as f64);
        self.left = (self.left + earned).min(self.patience);
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            let frame = frame.map(|frame| frame.map_err(BodyError::Broken));
            if let Some(Ok(frame)) = &frame {
                this.came(frame.data_ref().map_or(0, Bytes::len));
            }
            return Poll::Ready(frame);
        }
        let (clock, left) = (&this.clock, this.left);
        let (_, end) = this
            .waiting
            .get_or_insert_with(|| (clock.monotonic(), sleeping(clock, left)));
        match end.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(BodyError::Slow))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn sleeping(clock: &Clock, duration: Duration) -> Sleeping {
    let clock = clock.clone();
    Box::pin(async move { clock.sleep(duration).await })
}
