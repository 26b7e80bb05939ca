//! The journal: what was acknowledged and is not yet folded into segments and catalogue.
//!
//! Numbered files of frames. A write that a crash cut off is at the end of the newest file, and was acknowledged to
//! nobody: opening cuts it away. A bad frame anywhere else is damage, and said to be.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::codec::{Malformed, Taker, put_frame, put_i64, put_text, put_u32, put_u64, take_frame};
use crate::error::LogStoreError;
use crate::settings::GroupSettings;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    CreateGroup {
        group_id: u64,
        name: String,
        at: i64,
        settings: GroupSettings,
    },
    SetGroup {
        group_id: u64,
        settings: GroupSettings,
    },
    DeleteGroup {
        group_id: u64,
    },
    CreateStream {
        stream_id: u64,
        group_id: u64,
        name: String,
        at: i64,
    },
    DeleteStream {
        stream_id: u64,
    },
    Append {
        stream_id: u64,
        first_sequence: u64,
        ingestion_time: i64,
        /// Timestamp and message.
        events: Vec<(i64, Arc<str>)>,
    },
}

impl Entry {
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::CreateGroup {
                group_id,
                name,
                at,
                settings,
            } => {
                bytes.push(6);
                put_u64(&mut bytes, *group_id);
                put_i64(&mut bytes, *at);
                put_text(&mut bytes, name);
                settings.put(&mut bytes);
            }
            Self::SetGroup { group_id, settings } => {
                bytes.push(7);
                put_u64(&mut bytes, *group_id);
                settings.put(&mut bytes);
            }
            Self::DeleteGroup { group_id } => {
                bytes.push(2);
                put_u64(&mut bytes, *group_id);
            }
            Self::CreateStream {
                stream_id,
                group_id,
                name,
                at,
            } => {
                bytes.push(3);
                put_u64(&mut bytes, *stream_id);
                put_u64(&mut bytes, *group_id);
                put_i64(&mut bytes, *at);
                put_text(&mut bytes, name);
            }
            Self::DeleteStream { stream_id } => {
                bytes.push(4);
                put_u64(&mut bytes, *stream_id);
            }
            Self::Append {
                stream_id,
                first_sequence,
                ingestion_time,
                events,
            } => {
                bytes.push(5);
                put_u64(&mut bytes, *stream_id);
                put_u64(&mut bytes, *first_sequence);
                put_i64(&mut bytes, *ingestion_time);
                put_u32(&mut bytes, events.len() as u32);
                for (timestamp, message) in events {
                    put_i64(&mut bytes, *timestamp);
                    put_text(&mut bytes, message);
                }
            }
        }
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut taker = Taker(bytes);
        let entry = match taker.u8()? {
            // As it was before groups had settings.
            1 => Self::CreateGroup {
                group_id: taker.u64()?,
                at: taker.i64()?,
                name: taker.text()?.to_owned(),
                settings: GroupSettings::default(),
            },
            2 => Self::DeleteGroup {
                group_id: taker.u64()?,
            },
            3 => Self::CreateStream {
                stream_id: taker.u64()?,
                group_id: taker.u64()?,
                at: taker.i64()?,
                name: taker.text()?.to_owned(),
            },
            4 => Self::DeleteStream {
                stream_id: taker.u64()?,
            },
            5 => Self::Append {
                stream_id: taker.u64()?,
                first_sequence: taker.u64()?,
                ingestion_time: taker.i64()?,
                events: {
                    let count = taker.u32()?;
                    (0..count)
                        .map(|_| Ok((taker.i64()?, taker.shared_text()?)))
                        .collect::<Result<_, Malformed>>()?
                },
            },
            6 => Self::CreateGroup {
                group_id: taker.u64()?,
                at: taker.i64()?,
                name: taker.text()?.to_owned(),
                settings: GroupSettings::take(&mut taker)?,
            },
            7 => Self::SetGroup {
                group_id: taker.u64()?,
                settings: GroupSettings::take(&mut taker)?,
            },
            _ => return Err(Malformed),
        };
        taker.is_empty().then_some(entry).ok_or(Malformed)
    }
}

/// The newest file, open for writing.
#[derive(Debug)]
pub(crate) struct Journal {
    directory: PathBuf,
    number: u64,
    file: File,
    length: u64,
}

impl Journal {
    /// Gives every entry, oldest first, to `replay`, then stands ready to write.
    pub fn open(
        directory: &Path,
        mut replay: impl FnMut(Entry) -> Result<(), LogStoreError>,
    ) -> Result<Self, LogStoreError> {
        fs::create_dir_all(directory).map_err(LogStoreError::file(directory))?;
        let numbers = numbers(directory)?;
        let Some((&newest, older)) = numbers.split_last() else {
            return Self::create(directory, 1);
        };
        for number in older {
            let path = path_of(directory, *number);
            let (good, whole) = read_file(&path, &mut replay)?;
            if good != whole {
                let reason = format!("the frame at byte {good} is bad");
                return Err(LogStoreError::damaged(&path, reason));
            }
        }
        let path = path_of(directory, newest);
        let (good, whole) = read_file(&path, &mut replay)?;
        let file = OpenOptions::new()
            .write(true)
            .open(&path)
            .map_err(LogStoreError::file(&path))?;
        if good != whole {
            tracing::warn!(path = %path.display(), bytes = whole - good, "cut an unfinished write off the log journal");
            file.set_len(good)
                .and_then(|()| file.sync_all())
                .map_err(LogStoreError::file(&path))?;
        }
        Ok(Self {
            directory: directory.to_owned(),
            number: newest,
            file,
            length: good,
        })
    }

    /// Durable when it returns. After an error the journal is as it was, unless it is [`LogStoreError::Failed`]:
    /// then what the disk holds is not known, and the store must be opened again.
    pub fn append<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a Entry>,
    ) -> Result<(), LogStoreError> {
        let mut bytes = Vec::new();
        for entry in entries {
            put_frame(&mut bytes, &entry.encode());
        }
        let path = self.path();
        if let Err(error) = self.file.write_all_at(&bytes, self.length) {
            self.file
                .set_len(self.length)
                .map_err(|error| failed(&path, &error))?;
            return Err(LogStoreError::file(&path)(error));
        }
        self.file
            .sync_data()
            .map_err(|error| failed(&path, &error))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    pub fn length(&self) -> u64 {
        self.length
    }

    /// Goes on in a new file; returns its number: files before it may be removed once they are folded.
    pub fn rotate(&mut self) -> Result<u64, LogStoreError> {
        *self = Self::create(&self.directory, self.number + 1)?;
        Ok(self.number)
    }

    pub fn remove_before(directory: &Path, number: u64) -> Result<(), LogStoreError> {
        for old in numbers(directory)?.into_iter().filter(|it| *it < number) {
            let path = path_of(directory, old);
            fs::remove_file(&path).map_err(LogStoreError::file(&path))?;
        }
        Ok(())
    }

    fn create(directory: &Path, number: u64) -> Result<Self, LogStoreError> {
        let path = path_of(directory, number);
        let file = File::create(&path).map_err(LogStoreError::file(&path))?;
        sync_directory(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            number,
            file,
            length: 0,
        })
    }

    fn path(&self) -> PathBuf {
        path_of(&self.directory, self.number)
    }
}

pub(crate) fn sync_directory(directory: &Path) -> Result<(), LogStoreError> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(LogStoreError::file(directory))
}

fn failed(path: &Path, error: &std::io::Error) -> LogStoreError {
    LogStoreError::Failed(format!("{}: {error}", path.display()))
}

fn path_of(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:08}.log"))
}

fn numbers(directory: &Path) -> Result<Vec<u64>, LogStoreError> {
    let mut numbers = Vec::new();
    for file in fs::read_dir(directory).map_err(LogStoreError::file(directory))? {
        let name = file.map_err(LogStoreError::file(directory))?.file_name();
        let name = name.to_string_lossy();
        numbers.extend(
            name.strip_suffix(".log")
                .and_then(|it| it.parse::<u64>().ok()),
        );
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// How many bytes are good, and how many there are.
fn read_file(
    path: &Path,
    replay: &mut impl FnMut(Entry) -> Result<(), LogStoreError>,
) -> Result<(u64, u64), LogStoreError> {
    let bytes = fs::read(path).map_err(LogStoreError::file(path))?;
    let mut taker = Taker(&bytes);
    while let Some(content) = take_frame(&mut taker) {
        // The checksum fits, so this was written so: a content that cannot be read is no torn write.
        let entry = Entry::decode(content).map_err(|error| LogStoreError::damaged(path, error))?;
        replay(entry)?;
    }
    let whole = bytes.len() as u64;
    Ok((whole - taker.0.len() as u64, whole))
}
