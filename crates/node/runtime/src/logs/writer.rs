//! Writing: bytes as they come from a pipe become whole lines in the file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use clock::UnixMillis;

use super::{Entry, MAX_LINE_BYTES};
use crate::contract::LogStream;
use crate::disk::ContainerDirectory;

/// How much of a log is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RotationLimits {
    pub file_bytes: u64,
    pub files: u64,
}

impl Default for RotationLimits {
    fn default() -> Self {
        Self {
            file_bytes: 16 * 1024 * 1024,
            files: 4,
        }
    }
}

/// Owns the log's files.
pub(crate) struct LogWriter {
    directory: ContainerDirectory,
    limits: RotationLimits,
    number: u64,
    file: File,
    written_bytes: u64,
    /// Per stream, what has come of a line whose end has not.
    pending: [Vec<u8>; 2],
    buffer: Vec<u8>,
}

impl LogWriter {
    pub(crate) fn create(
        directory: ContainerDirectory,
        limits: RotationLimits,
    ) -> io::Result<Self> {
        let file = open(directory.log(0))?;
        let pending = [Vec::new(), Vec::new()];
        Ok(Self {
            directory,
            limits,
            number: 0,
            file,
            written_bytes: 0,
            pending,
            buffer: Vec::new(),
        })
    }

    /// Takes what was read from one stream at `at`.
    pub(crate) fn write(
        &mut self,
        stream: LogStream,
        mut bytes: &[u8],
        at: UnixMillis,
    ) -> io::Result<()> {
        let mut pending = std::mem::take(&mut self.pending[index(stream)]);
        while !bytes.is_empty() {
            let room = MAX_LINE_BYTES - pending.len();
            let window = &bytes[..bytes.len().min(room)];
            if let Some(end) = window.iter().position(|byte| *byte == b'\n') {
                pending.extend_from_slice(&window[..end]);
                self.append(stream, &pending, false, at)?;
                pending.clear();
                bytes = &bytes[end + 1..];
            } else {
                pending.extend_from_slice(window);
                bytes = &bytes[window.len()..];
                if pending.len() == MAX_LINE_BYTES {
                    let whole = whole_characters(&pending);
                    self.append(stream, &pending[..whole], true, at)?;
                    pending.drain(..whole);
                }
            }
        }
        self.pending[index(stream)] = pending;
        self.flush()
    }

    /// The stream has ended; what has come of its last line is a line.
    pub(crate) fn end_stream(&mut self, stream: LogStream, at: UnixMillis) -> io::Result<()> {
        let rest = std::mem::take(&mut self.pending[index(stream)]);
        if !rest.is_empty() {
            self.append(stream, &rest, false, at)?;
        }
        self.flush()
    }

    fn append(
        &mut self,
        stream: LogStream,
        line: &[u8],
        partial: bool,
        at: UnixMillis,
    ) -> io::Result<()> {
        let entry = Entry {
            at,
            stream,
            text: String::from_utf8_lossy(line),
            partial,
        };
        serde_json::to_writer(&mut self.buffer, &entry)?;
        self.buffer.push(b'\n');
        if self.written_bytes + self.buffer.len() as u64 >= self.limits.file_bytes {
            self.flush()?;
            self.rotate()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = self.file.write_all(&self.buffer);
        self.written_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        written
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.number += 1;
        self.file = open(self.directory.log(self.number))?;
        self.written_bytes = 0;
        if let Some(oldest) = self.number.checked_sub(self.limits.files) {
            std::fs::remove_file(self.directory.log(oldest))?;
        }
        Ok(())
    }
}

fn open(path: PathBuf) -> io::Result<File> {
    OpenOptions::new().create_new(true).append(true).open(path)
}

fn index(stream: LogStream) -> usize {
    match stream {
        LogStream::Stdout => 0,
        LogStream::Stderr => 1,
    }
}

/// Where to cut so that no character is torn; in bytes that are no text, anywhere.
fn whole_characters(bytes: &[u8]) -> usize {
    const LONGEST_CHARACTER: usize = 4;
    let tail = bytes.len().saturating_sub(LONGEST_CHARACTER);
    let start = (tail..bytes.len())
        .rev()
        .find(|at| bytes[*at] & 0xc0 != 0x80)
        .unwrap_or(bytes.len());
    match std::str::from_utf8(&bytes[start..]) {
        Err(error) if error.error_len().is_none() && start > 0 => start,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_not_torn() {
        assert_eq!(whole_characters("abc".as_bytes()), 3);
        assert_eq!(whole_characters("ab€".as_bytes()), 5);
        assert_eq!(whole_characters(&"ab€".as_bytes()[..4]), 2);
        assert_eq!(whole_characters(b"ab\xff\xff\xff\xff\xff"), 7);
    }
}
