//! One kind of history: its directory, its open segments and its index.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::index::{self, Index, Location};
use crate::segment::{self, io_error};
use crate::{Entry, HistoryError};

pub(crate) struct Kind {
    directory: PathBuf,
    index: RwLock<Index>,
}

/// Every kind that has a directory.
pub(crate) fn open_all(directory: &Path) -> Result<HashMap<String, Arc<Kind>>, HistoryError> {
    std::fs::create_dir_all(directory).map_err(|error| io_error(directory, &error))?;
    let mut kinds = HashMap::new();
    for entry in std::fs::read_dir(directory).map_err(|error| io_error(directory, &error))? {
        let entry = entry.map_err(|error| io_error(directory, &error))?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
            continue;
        };
        if check_name(&name).is_ok() && entry.path().is_dir() {
            kinds.insert(name, Arc::new(Kind::open(entry.path())?));
        }
    }
    Ok(kinds)
}

/// A kind's name is its directory's.
pub(crate) fn check_name(kind: &str) -> Result<(), HistoryError> {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_good = (1..=64).contains(&kind.len()) && kind.bytes().all(is_allowed);
    if is_good {
        Ok(())
    } else {
        Err(HistoryError::Kind {
            kind: kind.to_owned(),
        })
    }
}

impl Kind {
    /// Opens (or makes) the directory: sealed segments by their index files, the last one by reading it.
    pub(crate) fn open(directory: PathBuf) -> Result<Self, HistoryError> {
        std::fs::create_dir_all(&directory).map_err(|error| io_error(&directory, &error))?;
        let kind = Self {
            directory,
            index: RwLock::default(),
        };
        let ids = kind.segment_ids()?;
        for (position, id) in ids.iter().enumerate() {
            let entries = kind.open_segment(*id, position + 1 == ids.len())?;
            let mut index = kind.index_mut();
            entries
                .into_iter()
                .for_each(|(key, location)| index.insert(key, location));
        }
        Ok(kind)
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn segment_path(&self, id: u32) -> PathBuf {
        self.directory.join(format!("{id:08}.seg"))
    }

    pub(crate) fn index_path(&self, id: u32) -> PathBuf {
        self.directory.join(format!("{id:08}.idx"))
    }

    /// Where bytes are set aside that a crash left behind the last good entry.
    pub(crate) fn torn_path(&self, id: u32) -> PathBuf {
        self.directory.join(format!("{id:08}.torn"))
    }

    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entry at a location; none if its segment has expired meanwhile.
    pub(crate) fn read(
        &self,
        key: &str,
        location: Location,
    ) -> Result<Option<Entry>, HistoryError> {
        let file = self
            .index()
            .segments
            .get(&location.segment)
            .map(|segment| segment.file.clone());
        let Some(file) = file else { return Ok(None) };
        let path = self.segment_path(location.segment);
        let mut bytes = vec![0; location.length as usize];
        file.read_exact_at(&mut bytes, u64::from(location.offset))
            .map_err(|error| io_error(&path, &error))?;
        match segment::decode(&bytes) {
            Some((entry, _)) if entry.key == key => Ok(Some(entry)),
            _ => Err(HistoryError::Damaged {
                path: path.display().to_string(),
                offset: location.offset,
                key: key.to_owned(),
            }),
        }
    }

    fn segment_ids(&self) -> Result<Vec<u32>, HistoryError> {
        let mut ids = Vec::new();
        for entry in
            std::fs::read_dir(&self.directory).map_err(|error| io_error(&self.directory, &error))?
        {
            let entry = entry.map_err(|error| io_error(&self.directory, &error))?;
            let name = entry.file_name();
            let id: Option<u32> = name
                .to_str()
                .and_then(|name| name.strip_suffix(".seg"))
                .and_then(|id| id.parse().ok());
            ids.extend(id);
        }
        ids.sort_unstable();
        Ok(ids)
    }

    fn open_segment(
        &self,
        id: u32,
        is_last: bool,
    ) -> Result<Vec<(Arc<str>, Location)>, HistoryError> {
        let path = self.segment_path(id);
        let fault = |error: std::io::Error| io_error(&path, &error);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(fault)?;
        let length = file.metadata().map_err(fault)?.len();
        let sealed = index::read_file(&self.index_path(id), id, length);
        let entries = match sealed {
            Some(entries) => entries,
            None => {
                let bytes = std::fs::read(&path).map_err(fault)?;
                let scan = segment::scan(id, &bytes).unwrap_or(segment::Scan {
                    end: 0,
                    entries: Vec::new(),
                });
                if scan.end < length {
                    self.set_tail_aside(id, &file, &bytes[scan.end as usize..], is_last)?;
                }
                scan.entries
            }
        };
        self.index_mut().add_segment(id, Arc::new(file));
        Ok(entries)
    }

    /// Bytes after the last good entry: what a crash left half-written, which nobody was told is durable. They are
    /// kept beside the segment all the same, since a damaged disk looks alike. Only the last segment is cut; nothing
    /// is appended to the others.
    fn set_tail_aside(
        &self,
        id: u32,
        file: &File,
        tail: &[u8],
        is_last: bool,
    ) -> Result<(), HistoryError> {
        let path = self.segment_path(id);
        if !is_last {
            tracing::error!(path = %path.display(), bytes = tail.len(), "entries at the end of a segment are damaged");
            return Ok(());
        }
        tracing::warn!(path = %path.display(), bytes = tail.len(), "an unfinished write at the end is set aside");
        let torn = self.torn_path(id);
        std::fs::write(&torn, tail).map_err(|error| io_error(&torn, &error))?;
        let length = file
            .metadata()
            .map_err(|error| io_error(&path, &error))?
            .len()
            - tail.len() as u64;
        let cut = file.set_len(length).and_then(|()| file.sync_all());
        cut.map_err(|error| io_error(&path, &error))
    }
}
