//! What happened, line by line. Its hash says whether two runs are the same one.

use std::collections::VecDeque;
use std::fmt::{Arguments, Write};
use std::hash::Hasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clock::{Clock, UnixMillis};
use tokio::sync::Notify;

/// Lines kept for the report of a failure.
const LINES_KEPT: usize = 60;
/// A run that says more goes in circles.
const LINES_MOST: u64 = 3_000_000;

/// What is done with the lines of a run. Writing them takes a tenth of its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// They are counted.
    Counted,
    /// The last ones are kept, and all are in the hash.
    Kept,
    /// Kept, and printed to standard output.
    Printed,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Trace {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    start: UnixMillis,
    lines: Lines,
    written: Mutex<Written>,
    violated: Notify,
}

#[derive(Default)]
struct Written {
    hasher: StableHasher,
    lines: u64,
    last: VecDeque<String>,
    spare: String,
    violation: Option<String>,
}

impl Trace {
    pub fn new(clock: Clock, lines: Lines) -> Self {
        Self {
            inner: Arc::new(Inner {
                start: clock.now(),
                clock,
                lines,
                written: Mutex::default(),
                violated: Notify::new(),
            }),
        }
    }

    pub fn note(&self, line: Arguments<'_>) {
        let mut written = self.written();
        written.lines += 1;
        if written.lines == LINES_MOST {
            written
                .violation
                .get_or_insert_with(|| "the run does not end".into());
            self.inner.violated.notify_one();
        }
        if self.inner.lines == Lines::Counted {
            return;
        }
        let at = self.inner.clock.now().since(self.inner.start);
        let mut text = std::mem::take(&mut written.spare);
        text.clear();
        // A string takes everything.
        let _ = write!(text, "{:>9.3} {line}", at.as_secs_f64());
        if self.inner.lines == Lines::Printed {
            println!("{text}");
        }
        written.hasher.write(text.as_bytes());
        if written.last.len() >= LINES_KEPT {
            written.spare = written.last.pop_front().unwrap_or_default();
        }
        written.last.push_back(text);
    }

    /// Whether a line is worth the work of making it.
    pub fn is_read(&self) -> bool {
        self.inner.lines != Lines::Counted
    }

    /// Something that must never happen has happened. The first one counts: the rest may be its consequences.
    pub fn violated(&self, what: Arguments<'_>) {
        self.note(format_args!("VIOLATED {what}"));
        self.written()
            .violation
            .get_or_insert_with(|| what.to_string());
        self.inner.violated.notify_one();
    }

    /// Waits for the first violation.
    pub async fn until_violated(&self) {
        self.inner.violated.notified().await;
    }

    pub fn violation(&self) -> Option<String> {
        self.written().violation.clone()
    }

    pub fn hash(&self) -> u64 {
        self.written().hasher.finish()
    }

    pub fn line_count(&self) -> u64 {
        self.written().lines
    }

    pub fn last_lines(&self) -> Vec<String> {
        self.written().last.iter().cloned().collect()
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.inner
            .written
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// FNV-1a: the same on every machine and in every version of the standard library.
struct StableHasher(u64);

impl Default for StableHasher {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
