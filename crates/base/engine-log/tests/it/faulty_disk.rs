//! A disk in memory that loses what was not synced, tears writes, and fails where it is told to.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Cursor, ErrorKind, Read};
use std::sync::{Arc, Mutex, MutexGuard};

use engine_log::{Disk, DiskFile};

/// What happens at a chosen write or sync (of content or names).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The machine stops in the middle of it.
    Crash,
    /// This one operation fails; a write may have been done in part.
    Error(ErrorKind),
}

/// Clones are the same disk.
#[derive(Clone, Default)]
pub struct FaultyDisk(Arc<Mutex<World>>);

#[derive(Default)]
struct World {
    files: HashMap<u64, Content>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    unsynced_names: Vec<NameChange>,
    next_file: u64,
    points: u64,
    fault: Option<(u64, Fault)>,
    has_crashed: bool,
    random: u64,
}

#[derive(Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

enum NameChange {
    Set(String, u64),
    Rename(String, String),
    Remove(String),
}

impl FaultyDisk {
    pub fn new(seed: u64) -> Self {
        let disk = Self::default();
        disk.world().random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        disk
    }

    /// The fault comes after this many more writes and syncs.
    pub fn fail_after(&self, points: u64, fault: Fault) {
        let mut world = self.world();
        world.fault = Some((world.points + points, fault));
    }

    pub fn has_failed(&self) -> bool {
        let world = self.world();
        world.fault.is_some_and(|(at, _)| world.points > at)
    }

    pub fn has_crashed(&self) -> bool {
        self.world().has_crashed
    }

    /// What the next start finds: of what was not synced, any part.
    pub fn restart(&self) {
        let mut world = self.world();
        (world.has_crashed, world.fault) = (false, None);
        let changes = world.unsynced_names.len() as u64;
        let kept = world.below(changes + 1) as usize;
        let mut names = std::mem::take(&mut world.durable_names);
        for change in std::mem::take(&mut world.unsynced_names).iter().take(kept) {
            change.apply(&mut names);
        }
        world.durable_names = names.clone();
        world.names = names;
        let mut files: Vec<u64> = world.files.keys().copied().collect();
        files.sort_unstable();
        for file in files {
            let mut content = world.files.remove(&file).expect("listed");
            content.now = std::mem::take(&mut content.durable);
            for change in std::mem::take(&mut content.unsynced) {
                match world.below(4) {
                    0 => {}
                    1 => {
                        let part = world.part_of(&change);
                        part.apply(&mut content.now);
                    }
                    _ => change.apply(&mut content.now),
                }
            }
            content.durable = content.now.clone();
            world.files.insert(file, content);
        }
    }

    /// Changes a byte that was durable: what a bad disk does.
    pub fn flip(&self, name: &str, offset: usize) {
        let mut world = self.world();
        let file = world.names[name];
        world.files.get_mut(&file).expect("there").now[offset] ^= 0x55;
    }

    pub fn content(&self, name: &str) -> Vec<u8> {
        let world = self.world();
        world.files[&world.names[name]].now.clone()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("no panic holds it")
    }
}

impl World {
    /// Counts an operation that can fail; the answer is the error that the caller must give after doing a part.
    fn point(&mut self) -> Option<io::Error> {
        if self.has_crashed {
            return Some(io::Error::other("the machine is off"));
        }
        let fault = self
            .fault
            .filter(|(at, _)| *at == self.points)
            .map(|(_, fault)| fault);
        self.points += 1;
        match fault? {
            Fault::Crash => {
                self.has_crashed = true;
                Some(io::Error::other("the machine stops"))
            }
            Fault::Error(kind) => Some(kind.into()),
        }
    }

    /// Below `end`, from a fixed seed.
    fn below(&mut self, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % end
    }

    fn part_of(&mut self, change: &Change) -> Change {
        match change {
            Change::Write(offset, bytes) => {
                let length = self.below(bytes.len() as u64 + 1) as usize;
                // Sectors may be written in any order: the front or the back is missing.
                match self.below(2) {
                    0 => Change::Write(*offset, bytes[..length].to_vec()),
                    _ => Change::Write(offset + length, bytes[length..].to_vec()),
                }
            }
            Change::Length(length) => Change::Length(*length),
        }
    }

    fn change(&mut self, file: u64, change: Change) -> io::Result<()> {
        let error = self.point();
        let change = match &error {
            Some(_) => self.part_of(&change),
            None => change,
        };
        let content = self.files.get_mut(&file).expect("open files stay");
        change.apply(&mut content.now);
        content.unsynced.push(change);
        error.map_or(Ok(()), Err)
    }

    fn change_name(&mut self, change: NameChange) -> io::Result<()> {
        if let Some(error) = self.point() {
            return Err(error);
        }
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
        Ok(())
    }

    fn file(&self, name: &str) -> io::Result<u64> {
        let file = self.names.get(name).copied();
        file.ok_or_else(|| ErrorKind::NotFound.into())
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(offset, written) => {
                let end = offset + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(written);
            }
            Self::Length(length) => bytes.resize(*length, 0),
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Set(name, file) => drop(names.insert(name.clone(), *file)),
            Self::Remove(name) => drop(names.remove(name)),
            Self::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
        }
    }
}

impl Disk for FaultyDisk {
    fn path(&self) -> String {
        "memory".to_owned()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.world().names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut world = self.world();
        let file = world.next_file;
        world.next_file += 1;
        world.files.insert(file, Content::default());
        world.change_name(NameChange::Set(name.to_owned(), file))?;
        Ok(Box::new(Open(self.clone(), file)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = self.world().file(name)?;
        Ok(Box::new(Open(self.clone(), file)))
    }

    fn reader(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        let world = self.world();
        let file = world.file(name)?;
        Ok(Box::new(Cursor::new(world.files[&file].now.clone())))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        world.file(from)?;
        world.change_name(NameChange::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        world.file(name)?;
        world.change_name(NameChange::Remove(name.to_owned()))
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut world = self.world();
        if let Some(error) = world.point() {
            return Err(error);
        }
        world.durable_names = world.names.clone();
        world.unsynced_names.clear();
        Ok(())
    }
}

struct Open(FaultyDisk, u64);

impl DiskFile for Open {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let change = Change::Write(offset as usize, bytes.to_vec());
        self.0.world().change(self.1, change)
    }

    fn set_length(&mut self, length: u64) -> io::Result<()> {
        let change = Change::Length(length as usize);
        self.0.world().change(self.1, change)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut world = self.0.world();
        if let Some(error) = world.point() {
            return Err(error);
        }
        let content = world.files.get_mut(&self.1).expect("open files stay");
        content.durable = content.now.clone();
        content.unsynced.clear();
        Ok(())
    }
}
