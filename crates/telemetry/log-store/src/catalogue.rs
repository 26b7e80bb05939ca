//! Groups and streams by name, and the file that holds them as they were when the journal was last folded.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use crate::codec::{Malformed, Taker, put_frame, put_i64, put_text, put_u32, put_u64, take_frame};
use crate::error::LogStoreError;
use crate::journal::{Entry, sync_directory};
use crate::segment::Position;
use crate::settings::GroupSettings;
use crate::stream::{Folded, Stream, Times};

const FILE: &str = "catalogue.bin";
/// Version 1 had no settings of groups.
const VERSION: u32 = 2;

#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    groups: BTreeMap<String, Group>,
    group_names: HashMap<u64, String>,
    streams: HashMap<u64, Arc<Stream>>,
    /// Ids are never used twice, so an entry of the journal with a lower id than this has been seen.
    pub next_id: u64,
}

#[derive(Debug)]
pub(crate) struct Group {
    pub id: u64,
    pub created_at: i64,
    pub settings: GroupSettings,
    pub streams: BTreeMap<String, Arc<Stream>>,
}

impl Catalogue {
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(name)
    }

    pub fn group_by_id(&self, id: u64) -> Option<(&str, &Group)> {
        let name = self.group_names.get(&id)?;
        Some((name, self.groups.get(name)?))
    }

    pub fn groups(&self) -> &BTreeMap<String, Group> {
        &self.groups
    }

    pub fn stream(&self, id: u64) -> Option<&Arc<Stream>> {
        self.streams.get(&id)
    }

    pub fn streams(&self) -> impl Iterator<Item = &Arc<Stream>> {
        self.streams.values()
    }

    /// Takes in an entry about groups and streams; appends are the stream's own. Entries that were taken in before
    /// (a replay over a newer catalogue) change nothing.
    pub fn apply(&mut self, root: &Path, entry: &Entry) -> Result<(), LogStoreError> {
        match entry {
            Entry::CreateGroup {
                group_id,
                name,
                at,
                settings,
            } if *group_id >= self.next_id => {
                self.next_id = group_id + 1;
                self.add_group(*group_id, name.clone(), *at, settings.clone());
            }
            Entry::SetGroup { group_id, settings } => {
                let group = self.group_names.get(group_id);
                if let Some(group) = group.and_then(|name| self.groups.get_mut(name)) {
                    group.settings = settings.clone();
                }
            }
            Entry::CreateStream {
                stream_id,
                group_id,
                name,
                at,
            } if *stream_id >= self.next_id => {
                self.next_id = stream_id + 1;
                let stream = Stream::new(root, *stream_id, *group_id, name.clone(), *at);
                self.add_stream(Arc::new(stream));
            }
            Entry::DeleteStream { stream_id } => {
                if let Some(stream) = self.streams.remove(stream_id) {
                    let group = self.group_names.get(&stream.group_id);
                    if let Some(group) = group.and_then(|name| self.groups.get_mut(name)) {
                        group.streams.remove(&stream.name);
                    }
                    stream.remove_files()?;
                }
            }
            Entry::DeleteGroup { group_id } => {
                if let Some(name) = self.group_names.remove(group_id)
                    && let Some(group) = self.groups.remove(&name)
                {
                    for stream in group.streams.values() {
                        self.streams.remove(&stream.id);
                    }
                    for stream in group.streams.into_values() {
                        stream.remove_files()?;
                    }
                }
            }
            Entry::CreateGroup { .. } | Entry::CreateStream { .. } | Entry::Append { .. } => {}
        }
        Ok(())
    }

    /// Durable when it returns.
    pub fn save(&self, root: &Path) -> Result<(), LogStoreError> {
        let mut content = Vec::new();
        put_u32(&mut content, VERSION);
        put_u64(&mut content, self.next_id);
        put_u32(&mut content, self.groups.len() as u32);
        for (name, group) in &self.groups {
            put_u64(&mut content, group.id);
            put_i64(&mut content, group.created_at);
            put_text(&mut content, name);
            group.settings.put(&mut content);
        }
        put_u32(&mut content, self.streams.len() as u32);
        for stream in self.streams.values() {
            put_stream(&mut content, stream);
        }
        let mut bytes = Vec::new();
        put_frame(&mut bytes, &content);
        let (path, scratch) = (root.join(FILE), root.join("catalogue.new"));
        let write = || {
            let mut file = File::create(&scratch)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&scratch, &path)
        };
        write().map_err(LogStoreError::file(&path))?;
        sync_directory(root)
    }

    /// Empty when there is none.
    pub fn load(root: &Path) -> Result<Self, LogStoreError> {
        let path = root.join(FILE);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            other => other.map_err(LogStoreError::file(&path))?,
        };
        let content = take_frame(&mut Taker(&bytes))
            .ok_or_else(|| LogStoreError::damaged(&path, "its checksum does not fit"))?;
        Self::decode(root, content).map_err(|error| LogStoreError::damaged(&path, error))
    }

    fn decode(root: &Path, content: &[u8]) -> Result<Self, Malformed> {
        let mut taker = Taker(content);
        let version = taker.u32()?;
        if !(1..=VERSION).contains(&version) {
            return Err(Malformed);
        }
        let mut catalogue = Self {
            next_id: taker.u64()?,
            ..Self::default()
        };
        for _ in 0..taker.u32()? {
            let (id, created_at) = (taker.u64()?, taker.i64()?);
            let name = taker.text()?.to_owned();
            let settings = match version {
                1 => GroupSettings::default(),
                _ => GroupSettings::take(&mut taker)?,
            };
            catalogue.add_group(id, name, created_at, settings);
        }
        for _ in 0..taker.u32()? {
            let stream = take_stream(root, &mut taker)?;
            catalogue.add_stream(Arc::new(stream));
        }
        Ok(catalogue)
    }

    fn add_group(&mut self, id: u64, name: String, created_at: i64, settings: GroupSettings) {
        self.group_names.insert(id, name.clone());
        let group = Group {
            id,
            created_at,
            settings,
            streams: BTreeMap::new(),
        };
        self.groups.insert(name, group);
    }

    fn add_stream(&mut self, stream: Arc<Stream>) {
        let group = self.group_names.get(&stream.group_id);
        if let Some(group) = group.and_then(|name| self.groups.get_mut(name)) {
            group
                .streams
                .insert(stream.name.clone(), Arc::clone(&stream));
            self.streams.insert(stream.id, stream);
        }
    }
}

fn put_stream(bytes: &mut Vec<u8>, stream: &Stream) {
    let (times, folded) = (stream.times(), stream.folded());
    put_u64(bytes, stream.id);
    put_u64(bytes, stream.group_id);
    put_i64(bytes, stream.created_at);
    for time in [times.first_event, times.last_event, times.last_ingestion] {
        bytes.push(u8::from(time.is_some()));
        put_i64(bytes, time.unwrap_or_default());
    }
    put_u64(bytes, folded.position.segment);
    put_u64(bytes, folded.position.length);
    put_u64(bytes, folded.sequence);
    put_text(bytes, &stream.name);
}

fn take_stream(root: &Path, taker: &mut Taker<'_>) -> Result<Stream, Malformed> {
    let (id, group_id, created_at) = (taker.u64()?, taker.u64()?, taker.i64()?);
    let mut times = [None; 3];
    for time in &mut times {
        let is_there = taker.u8()? == 1;
        let value = taker.i64()?;
        *time = is_there.then_some(value);
    }
    let [first_event, last_event, last_ingestion] = times;
    let folded = Folded {
        position: Position {
            segment: taker.u64()?,
            length: taker.u64()?,
        },
        sequence: taker.u64()?,
    };
    let name = taker.text()?.to_owned();
    let times = Times {
        first_event,
        last_event,
        last_ingestion,
    };
    Ok(Stream::new(root, id, group_id, name, created_at).restore(times, folded))
}
