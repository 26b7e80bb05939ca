//! A part of a file as the body of an answer, one chunk in memory at a time.

use std::fs::File;
use std::future::Future;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use clock::Clock;
use hyper::body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use crate::answer::BoxError;
use crate::range::ByteRange;

pub(crate) struct FileBody {
    file: Arc<File>,
    range: ByteRange,
    clock: Clock,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    pub fn new(file: File, range: ByteRange, clock: Clock) -> Self {
        Self {
            file: Arc::new(file),
            range,
            clock,
            reading: None,
        }
    }

    fn start_reading(&self) -> JoinHandle<io::Result<Bytes>> {
        let file = Arc::clone(&self.file);
        let start = self.range.start;
        let length = self.remaining().min(limits::BLOB_CHUNK_BYTES as u64) as usize;
        self.clock.spawn_blocking(move || {
            let mut chunk = vec![0; length];
            file.read_exact_at(&mut chunk, start)?;
            Ok(Bytes::from(chunk))
        })
    }

    fn remaining(&self) -> u64 {
        self.range.end - self.range.start
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.remaining() == 0 {
            return Poll::Ready(None);
        }
        let this = &mut *self;
        let mut reading = match this.reading.take() {
            Some(reading) => reading,
            None => this.start_reading(),
        };
        let Poll::Ready(read) = Pin::new(&mut reading).poll(context) else {
            this.reading = Some(reading);
            return Poll::Pending;
        };
        let chunk = match read {
            Ok(Ok(chunk)) => chunk,
            Ok(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            Err(error) => return Poll::Ready(Some(Err(error.into()))),
        };
        this.range.start += chunk.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining())
    }
}
