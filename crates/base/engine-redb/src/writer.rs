//! The thread that writes. It has redb's write transaction to itself and answers through one-shot channels.

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};

use redb::{Database, ReadableTable, WriteTransaction};
use state::{Batch, EngineError, Fence, RecentBatches, Revision};
use tokio::sync::oneshot;

use crate::error::Faults;
use crate::rows::{FENCE, FORMAT, META, REVISION, ROWS, join};

/// How the file is laid out. Another number means another layout, which this binary must not touch.
const FORMAT_NOW: u64 = 1;

pub(crate) enum Job {
    Lead(oneshot::Sender<Result<Fence, EngineError>>),
    Commit {
        fence: Fence,
        group: Vec<Batch>,
        reply: oneshot::Sender<Result<Revision, EngineError>>,
    },
}

pub(crate) struct Writer {
    database: Arc<Database>,
    faults: Faults,
    recent: RecentBatches,
}

/// Makes the tables of a new file, checks the layout of an old one, and answers its revision.
pub(crate) fn prepare(database: &Database, faults: &Faults) -> Result<Revision, EngineError> {
    let transaction = begin(database, faults)?;
    let (format, revision) = {
        transaction
            .open_table(ROWS)
            .map_err(|error| faults.redb(error))?;
        let mut meta = transaction
            .open_table(META)
            .map_err(|error| faults.redb(error))?;
        let format = number(&meta, FORMAT, faults)?;
        if format.is_none() {
            meta.insert(FORMAT, FORMAT_NOW)
                .map_err(|error| faults.redb(error))?;
        }
        (format, number(&meta, REVISION, faults)?.unwrap_or(0))
    };
    match format {
        Some(FORMAT_NOW) => transaction.abort().map_err(|error| faults.redb(error))?,
        None => transaction.commit().map_err(|error| faults.redb(error))?,
        Some(other) => {
            return Err(faults.corrupt(format!(
                "its layout is {other}, this binary knows {FORMAT_NOW}"
            )));
        }
    }
    Ok(revision)
}

impl Writer {
    pub(crate) fn new(database: Arc<Database>, faults: Faults, recent: RecentBatches) -> Self {
        Self {
            database,
            faults,
            recent,
        }
    }

    /// Until the engine is dropped. Whoever asked may have gone meanwhile; the work is done all the same.
    pub(crate) fn run(self, jobs: &mpsc::Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            match job {
                Job::Lead(reply) => drop(reply.send(self.lead())),
                Job::Commit {
                    fence,
                    group,
                    reply,
                } => drop(reply.send(self.commit(fence, group))),
            }
        }
    }

    fn lead(&self) -> Result<Fence, EngineError> {
        let transaction = begin(&self.database, &self.faults)?;
        let fence = {
            let mut meta = transaction
                .open_table(META)
                .map_err(|error| self.faults.redb(error))?;
            let fence = number(&meta, FENCE, &self.faults)?.unwrap_or(0) + 1;
            meta.insert(FENCE, fence)
                .map_err(|error| self.faults.redb(error))?;
            fence
        };
        transaction
            .commit()
            .map_err(|error| self.faults.redb(error))?;
        Ok(Fence(fence))
    }

    fn commit(&self, fence: Fence, group: Vec<Batch>) -> Result<Revision, EngineError> {
        let transaction = begin(&self.database, &self.faults)?;
        let revision = match self.write(&transaction, fence, &group) {
            Ok(revision) => revision,
            Err(error) => {
                transaction
                    .abort()
                    .map_err(|error| self.faults.redb(error))?;
                return Err(error);
            }
        };
        if group.is_empty() {
            transaction
                .abort()
                .map_err(|error| self.faults.redb(error))?;
            return Ok(revision);
        }
        transaction
            .commit()
            .map_err(|error| self.faults.redb(error))?;
        self.recent.append(group);
        Ok(revision)
    }

    fn write(
        &self,
        transaction: &WriteTransaction,
        fence: Fence,
        group: &[Batch],
    ) -> Result<Revision, EngineError> {
        let mut meta = transaction
            .open_table(META)
            .map_err(|error| self.faults.redb(error))?;
        let newest = number(&meta, FENCE, &self.faults)?.unwrap_or(0);
        if newest != fence.0 {
            return Err(EngineError::Fenced {
                ours: fence.0,
                newest,
            });
        }
        let at = number(&meta, REVISION, &self.faults)?.unwrap_or(0);
        let revision = state::next_revision(at, group)?;
        // The last write of a row in the group is the only one that counts, and in key order neighbours share pages.
        let mut last_writes = BTreeMap::new();
        for write in group.iter().flat_map(|batch| &batch.writes) {
            last_writes.insert(join(&write.table, &write.key), write.value.as_deref());
        }
        let mut rows = transaction
            .open_table(ROWS)
            .map_err(|error| self.faults.redb(error))?;
        for (key, value) in &last_writes {
            match value {
                Some(value) => rows.insert(key.as_slice(), *value).map(drop),
                None => rows.remove(key.as_slice()).map(drop),
            }
            .map_err(|error| self.faults.redb(error))?;
        }
        meta.insert(REVISION, revision)
            .map_err(|error| self.faults.redb(error))?;
        Ok(revision)
    }
}

/// redb's defaults are what we want and what this crate is measured with: durable at once, single-phase commit.
fn begin(database: &Database, faults: &Faults) -> Result<WriteTransaction, EngineError> {
    database.begin_write().map_err(|error| faults.redb(error))
}

fn number(
    meta: &impl ReadableTable<&'static str, u64>,
    name: &str,
    faults: &Faults,
) -> Result<Option<u64>, EngineError> {
    let value = meta.get(name).map_err(|error| faults.redb(error))?;
    Ok(value.map(|value| value.value()))
}
