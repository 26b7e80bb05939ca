//! Reading: from a cursor to the end, following a log that is still written.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::Entry;
use crate::builtin::Changes;
use crate::contract::{BoxFuture, LogCursor, LogLine, LogReader};
use crate::disk::ContainerDirectory;
use crate::error::RuntimeError;

const READ_BYTES: usize = 64 * 1024;

/// Tells whether the container will write no more.
pub(crate) trait Ended: Send + Sync {
    fn has_ended(&self) -> bool;
}

/// A place in a container's log files.
pub(crate) struct FileLogReader {
    directory: ContainerDirectory,
    cursor: LogCursor,
    file: Option<File>,
    /// Read ahead of the cursor.
    buffer: Vec<u8>,
    consumed: usize,
    changes: Changes,
    ended: Box<dyn Ended>,
}

enum Step {
    Line(LogLine, LogCursor),
    /// Nothing more for now.
    Empty,
}

impl FileLogReader {
    pub(crate) fn new(
        directory: ContainerDirectory,
        cursor: LogCursor,
        changes: Changes,
        ended: Box<dyn Ended>,
    ) -> Self {
        Self {
            directory,
            cursor,
            file: None,
            buffer: Vec::new(),
            consumed: 0,
            changes,
            ended,
        }
    }

    fn step(&mut self) -> io::Result<Step> {
        loop {
            if let Some(step) = self.buffered_line() {
                return Ok(step);
            }
            if self.file.is_none() && !self.open()? {
                return Ok(Step::Empty);
            }
            if self.fill()? {
                continue;
            }
            // The writer begins the next file only when it is done with this one. It may have written a last line
            // between the read above and this look, hence the second read.
            if !self.directory.log(self.cursor.file + 1).exists() {
                return Ok(Step::Empty);
            }
            if self.fill()? {
                continue;
            }
            self.go_to(LogCursor {
                file: self.cursor.file + 1,
                offset: 0,
            });
        }
    }

    fn buffered_line(&mut self) -> Option<Step> {
        loop {
            let rest = &self.buffer[self.consumed..];
            let length = rest.iter().position(|byte| *byte == b'\n')? + 1;
            let entry = serde_json::from_slice::<Entry<'_>>(&rest[..length - 1]).map(LogLine::from);
            self.consumed += length;
            self.cursor.offset += length as u64;
            match entry {
                Ok(line) => return Some(Step::Line(line, self.cursor)),
                // A cursor that was not made by us points into the middle of a line: go on behind it.
                Err(error) => {
                    tracing::warn!(directory = ?self.directory.path(), %error, "a log line was skipped")
                }
            }
        }
    }

    /// Opens the cursor's file, or the oldest that is left when it was rotated away.
    fn open(&mut self) -> io::Result<bool> {
        match File::open(self.directory.log(self.cursor.file)) {
            Ok(mut file) => {
                file.seek(SeekFrom::Start(self.cursor.offset))?;
                self.file = Some(file);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let Some(oldest) =
                    oldest_file(self.directory.path())?.filter(|oldest| *oldest > self.cursor.file)
                else {
                    return Ok(false);
                };
                self.go_to(LogCursor {
                    file: oldest,
                    offset: 0,
                });
                self.open()
            }
            Err(error) => Err(error),
        }
    }

    fn fill(&mut self) -> io::Result<bool> {
        let Some(file) = &mut self.file else {
            return Ok(false);
        };
        self.buffer.drain(..self.consumed);
        self.consumed = 0;
        let read = file
            .by_ref()
            .take(READ_BYTES as u64)
            .read_to_end(&mut self.buffer)?;
        Ok(read > 0)
    }

    fn go_to(&mut self, cursor: LogCursor) {
        self.cursor = cursor;
        self.file = None;
        self.buffer.clear();
        self.consumed = 0;
    }

    async fn next_line(&mut self) -> io::Result<Option<(LogLine, LogCursor)>> {
        loop {
            self.changes.mark_seen();
            // Asked before reading: what was written before the end is then read below.
            let ended = self.ended.has_ended();
            match self.step()? {
                Step::Line(line, cursor) => return Ok(Some((line, cursor))),
                Step::Empty if ended => return Ok(None),
                Step::Empty => self.changes.changed().await,
            }
        }
    }
}

impl LogReader for FileLogReader {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<(LogLine, LogCursor)>, RuntimeError>> {
        Box::pin(async move {
            let path = self.directory.path().display().to_string();
            self.next_line()
                .await
                .map_err(|source| RuntimeError::Disk { path, source })
        })
    }
}

fn oldest_file(directory: &Path) -> io::Result<Option<u64>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names
        .filter_map(|name| {
            name.strip_prefix("log-")?
                .strip_suffix(".jsonl")?
                .parse()
                .ok()
        })
        .min())
}

#[cfg(test)]
mod tests {
    use clock::UnixMillis;
    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;
    use crate::contract::LogStream;
    use crate::logs::{LogWriter, MAX_LINE_BYTES, RotationLimits};

    struct Finished;

    impl Ended for Finished {
        fn has_ended(&self) -> bool {
            true
        }
    }

    fn reader(directory: &ContainerDirectory, from: LogCursor) -> FileLogReader {
        FileLogReader::new(
            directory.clone(),
            from,
            Changes::never(),
            Box::new(Finished),
        )
    }

    async fn texts(mut reader: FileLogReader) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some((line, _)) = reader.next().await.unwrap() {
            texts.push(line.text);
        }
        texts
    }

    #[tokio::test]
    async fn lines_survive_any_cutting_and_can_be_resumed() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = ContainerDirectory::new(temporary.path().to_owned());
        let mut writer = LogWriter::create(directory.clone(), RotationLimits::default()).unwrap();
        for chunk in ["on", "e\ntw", "o\n\nth", "ree"] {
            writer
                .write(LogStream::Stdout, chunk.as_bytes(), UnixMillis(1))
                .unwrap();
            writer
                .write(LogStream::Stderr, b"e", UnixMillis(2))
                .unwrap();
        }
        writer.end_stream(LogStream::Stdout, UnixMillis(3)).unwrap();
        writer.end_stream(LogStream::Stderr, UnixMillis(4)).unwrap();
        assert_eq!(
            texts(reader(&directory, LogCursor::START)).await,
            ["one", "two", "", "three", "eeee"]
        );

        let mut first = reader(&directory, LogCursor::START);
        let (_, cursor) = first.next().await.unwrap().unwrap();
        assert_eq!(
            texts(reader(&directory, cursor)).await,
            ["two", "", "three", "eeee"]
        );
    }

    proptest! {
        /// Whatever a program writes in whatever pieces: joined again, it is what a terminal would have shown.
        #[test]
        fn nothing_is_lost(chunks in proptest::collection::vec((any::<bool>(), "[a\n€]{0,40}"), 0..40), file_bytes in 50_u64..400) {
            let temporary = tempfile::tempdir().unwrap();
            let directory = ContainerDirectory::new(temporary.path().to_owned());
            let limits = RotationLimits { file_bytes, files: u64::MAX };
            let mut writer = LogWriter::create(directory.clone(), limits).unwrap();
            let mut expected = [String::new(), String::new()];
            for (is_error, chunk) in &chunks {
                let stream = if *is_error { LogStream::Stderr } else { LogStream::Stdout };
                writer.write(stream, chunk.as_bytes(), UnixMillis(1)).unwrap();
                expected[usize::from(*is_error)].push_str(chunk);
            }
            for stream in [LogStream::Stdout, LogStream::Stderr] {
                writer.end_stream(stream, UnixMillis(1)).unwrap();
            }
            let mut reader = reader(&directory, LogCursor::START);
            let mut found = [String::new(), String::new()];
            while let Some(Some((line, _))) = reader.next().now_or_never().map(Result::unwrap) {
                let text = &mut found[usize::from(line.stream == LogStream::Stderr)];
                text.push_str(&line.text);
                if !line.partial {
                    text.push('\n');
                }
            }
            for (expected, found) in expected.iter().zip(&found) {
                let ended = if expected.is_empty() || expected.ends_with('\n') { "" } else { "\n" };
                prop_assert_eq!(&format!("{expected}{ended}"), found);
            }
        }
    }

    #[tokio::test]
    async fn long_lines_are_split_between_characters() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = ContainerDirectory::new(temporary.path().to_owned());
        let mut writer = LogWriter::create(directory.clone(), RotationLimits::default()).unwrap();
        let long = "€".repeat(MAX_LINE_BYTES);
        writer
            .write(LogStream::Stdout, long.as_bytes(), UnixMillis(1))
            .unwrap();
        writer.end_stream(LogStream::Stdout, UnixMillis(1)).unwrap();
        let texts = texts(reader(&directory, LogCursor::START)).await;
        assert_eq!(texts.len(), 4);
        assert_eq!(texts.concat(), long);
    }

    #[tokio::test]
    async fn rotation_bounds_the_log_and_a_slow_reader_goes_on() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = ContainerDirectory::new(temporary.path().to_owned());
        let limits = RotationLimits {
            file_bytes: 200,
            files: 3,
        };
        let mut writer = LogWriter::create(directory.clone(), limits).unwrap();
        for number in 0..100 {
            writer
                .write(
                    LogStream::Stdout,
                    format!("line {number}\n").as_bytes(),
                    UnixMillis(1),
                )
                .unwrap();
        }
        assert!(std::fs::read_dir(temporary.path()).unwrap().count() <= 3);
        let texts = texts(reader(&directory, LogCursor::START)).await;
        assert_eq!(texts.last().unwrap(), "line 99");
        assert!(texts.len() > 8, "{}", texts.len());
        let first: usize = texts[0].strip_prefix("line ").unwrap().parse().unwrap();
        let expected: Vec<String> = (first..100)
            .map(|number| format!("line {number}"))
            .collect();
        assert_eq!(texts, expected, "no gap but at the beginning");
    }
}
