//! The way of every change: queued, planned against the catalogue, written with whatever else waits, synced, applied.
//!
//! One committer at a time, on a blocking thread that lives as long as there is work. What a change is told is
//! durable, and readers see only what is.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use limits::{LOG_JOURNAL_BYTES, LOG_WAITING_BYTES};
use tokio::sync::oneshot;

use crate::catalogue::Catalogue;
use crate::error::LogStoreError;
use crate::journal::{Entry, Journal};
use crate::settings::GroupSettings;
use crate::store::Inner;
use crate::stream::Stream;

/// Bytes of events written with one fsync; the rest waits for the next.
const COMMIT_BYTES: usize = 8 * 1024 * 1024;

pub(crate) enum Work {
    CreateGroup {
        group: String,
        settings: GroupSettings,
    },
    SetGroup {
        group: String,
        settings: GroupSettings,
    },
    DeleteGroup {
        group: String,
    },
    CreateStream {
        group: String,
        stream: String,
    },
    DeleteStream {
        group: String,
        stream: String,
    },
    Append {
        group: String,
        stream: String,
        events: Vec<(i64, Arc<str>)>,
    },
    /// The journal into the segments.
    Fold,
}

pub(crate) type Answer = Result<(), LogStoreError>;

struct Job {
    work: Work,
    bytes: usize,
    answer: oneshot::Sender<Answer>,
}

#[derive(Default)]
pub(crate) struct Queue {
    jobs: VecDeque<Job>,
    bytes: usize,
}

/// What one fsync will make durable.
#[derive(Default)]
struct Batch {
    entries: Vec<Entry>,
    answers: Vec<oneshot::Sender<Answer>>,
    bytes: usize,
    /// Names that this batch makes or takes away: whoever uses one of them waits for the next batch.
    touched: HashSet<(String, Option<String>)>,
    /// Events that this batch adds, by stream.
    added: HashMap<u64, u64>,
    next_id: u64,
}

enum Planned {
    Entry(Entry),
    Refused(LogStoreError),
    /// Only after this batch.
    Later,
}

impl Inner {
    /// Durable when it returns `Ok`.
    pub async fn submit(self: &Arc<Self>, work: Work) -> Answer {
        if let Some(reason) = self.failed.get() {
            return Err(LogStoreError::Failed(reason.clone()));
        }
        let (answer, answered) = oneshot::channel();
        let bytes = match &work {
            Work::Append { events, .. } => events.iter().map(|(_, message)| message.len()).sum(),
            _ => 0,
        };
        {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.bytes + bytes > LOG_WAITING_BYTES {
                return Err(LogStoreError::Overloaded);
            }
            queue.bytes += bytes;
            queue.jobs.push_back(Job {
                work,
                bytes,
                answer,
            });
        }
        if !self.is_committing.swap(true, Ordering::AcqRel) {
            let inner = Arc::clone(self);
            self.clock.spawn_blocking(move || inner.commit_all());
        }
        let dropped = |_| LogStoreError::Failed("the committer ended".to_owned());
        answered.await.map_err(dropped)?
    }

    fn commit_all(self: &Arc<Self>) {
        loop {
            while self.commit_some() {}
            self.is_committing.store(false, Ordering::Release);
            let is_empty = {
                let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                queue.jobs.is_empty()
            };
            // Whoever queued in between saw a committer and started none: then it is up to us.
            if is_empty || self.is_committing.swap(true, Ordering::AcqRel) {
                return;
            }
        }
    }

    /// False when nothing waits.
    fn commit_some(self: &Arc<Self>) -> bool {
        let mut batch = Batch::default();
        let mut is_fold = false;
        {
            let catalogue = self
                .catalogue
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            batch.next_id = catalogue.next_id;
            while batch.bytes < COMMIT_BYTES {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(job) = queue.jobs.pop_front() else {
                    break;
                };
                if matches!(job.work, Work::Fold) && batch.answers.is_empty() {
                    is_fold = true;
                    batch.answers.push(job.answer);
                    break;
                }
                match batch.plan(&catalogue, &job.work, self.clock.now().as_millis()) {
                    Planned::Later => {
                        queue.jobs.push_front(job);
                        break;
                    }
                    Planned::Refused(error) => {
                        queue.bytes -= job.bytes;
                        let _ = job.answer.send(Err(error));
                    }
                    Planned::Entry(entry) => {
                        queue.bytes -= job.bytes;
                        batch.bytes += job.bytes;
                        batch.entries.push(entry);
                        batch.answers.push(job.answer);
                    }
                }
            }
        }
        if batch.answers.is_empty() {
            return false;
        }
        let result = if is_fold {
            self.fold_now()
        } else {
            self.write(&batch.entries)
        };
        if let Err(LogStoreError::Failed(reason)) = &result {
            tracing::error!(reason, "the log store has failed");
            let _ = self.failed.set(reason.clone());
        }
        if result.is_ok() {
            self.apply(batch.entries);
        }
        for answer in batch.answers {
            let _ = answer.send(result.clone());
        }
        self.fold_if_long();
        true
    }

    fn write(&self, entries: &[Entry]) -> Answer {
        if let Some(reason) = self.failed.get() {
            return Err(LogStoreError::Failed(reason.clone()));
        }
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        journal.append(entries.iter())
    }

    /// What is durable becomes visible. What goes wrong from here on is tried again with the next flush or restart,
    /// for the journal has everything.
    fn apply(&self, entries: Vec<Entry>) {
        for entry in entries {
            if let Err(error) = self.apply_one(entry) {
                tracing::error!(%error, "log files");
            }
        }
        self.changes.send_modify(|count| *count += 1);
    }

    pub fn apply_one(&self, entry: Entry) -> Answer {
        let Entry::Append {
            stream_id,
            first_sequence,
            ingestion_time,
            events,
        } = entry
        else {
            let mut catalogue = self
                .catalogue
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            return catalogue.apply(&self.root, &entry);
        };
        let stream = {
            let catalogue = self
                .catalogue
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            catalogue.stream(stream_id).cloned()
        };
        match stream {
            Some(stream) => stream.append(first_sequence, ingestion_time, events),
            None => Ok(()),
        }
    }

    fn fold_if_long(self: &Arc<Self>) {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        if journal.length() < LOG_JOURNAL_BYTES || self.is_folding.swap(true, Ordering::AcqRel) {
            return;
        }
        let rotated = journal.rotate();
        drop(journal);
        let inner = Arc::clone(self);
        self.clock.spawn_blocking(move || {
            if let Err(error) = rotated.and_then(|number| inner.fold(number)) {
                // The journals stay, so nothing is lost; the next fold takes them along.
                tracing::error!(%error, "folding the log journal");
            }
            inner.is_folding.store(false, Ordering::Release);
        });
    }

    /// On the committer's thread, when asked.
    fn fold_now(&self) -> Answer {
        let number = {
            let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
            journal.rotate()?
        };
        self.fold(number)
    }

    /// Everything that was journalled before file `number` goes into segments and catalogue, then those files go.
    fn fold(&self, number: u64) -> Answer {
        let _one_at_a_time = self.folding.lock().unwrap_or_else(PoisonError::into_inner);
        let streams: Vec<_> = {
            let catalogue = self
                .catalogue
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            catalogue.streams().cloned().collect()
        };
        for stream in streams {
            stream.fold()?;
        }
        self.save_catalogue()?;
        Journal::remove_before(&self.journal_directory(), number)
    }

    /// Removes the segments in which every event is older than its group keeps. Returns how many went.
    pub fn expire(&self) -> Result<usize, LogStoreError> {
        let _not_while_folding = self.folding.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now().as_millis();
        let mut expired = Vec::new();
        for (stream, keeps_from) in self.streams_with_retention(now) {
            let segments = stream.begin_expiry(keeps_from)?;
            if !segments.is_empty() {
                expired.push((stream, segments));
            }
        }
        if expired.is_empty() {
            return Ok(0);
        }
        // First it is written down that nothing goes on in these files, then they go.
        self.save_catalogue()?;
        let mut removed = 0;
        for (stream, segments) in expired {
            removed += segments.len();
            stream.remove_segments(&segments)?;
        }
        Ok(removed)
    }

    fn streams_with_retention(&self, now: i64) -> Vec<(Arc<Stream>, i64)> {
        let catalogue = self
            .catalogue
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let groups = catalogue.groups().values();
        let limited = groups.filter(|group| group.settings.retention_days.is_some());
        limited
            .flat_map(|group| {
                let keeps_from = group.settings.keeps_from(now);
                let streams = group.streams.values();
                streams.map(move |stream| (Arc::clone(stream), keeps_from))
            })
            .collect()
    }

    fn save_catalogue(&self) -> Answer {
        let catalogue = self
            .catalogue
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        catalogue.save(&self.root)
    }
}

impl Batch {
    fn plan(&mut self, catalogue: &Catalogue, work: &Work, now: i64) -> Planned {
        match work {
            Work::Fold => Planned::Later,
            Work::CreateGroup { group, settings } => {
                if self.is_touched(group, None) {
                    return Planned::Later;
                }
                if catalogue.group(group).is_some() {
                    return Planned::Refused(LogStoreError::GroupExists);
                }
                self.touch(group, None);
                Planned::Entry(Entry::CreateGroup {
                    group_id: self.new_id(),
                    name: group.clone(),
                    at: now,
                    settings: settings.clone(),
                })
            }
            Work::SetGroup { group, settings } => {
                if self.is_touched(group, None) {
                    return Planned::Later;
                }
                match catalogue.group(group) {
                    Some(found) => Planned::Entry(Entry::SetGroup {
                        group_id: found.id,
                        settings: settings.clone(),
                    }),
                    None => Planned::Refused(LogStoreError::GroupNotFound),
                }
            }
            Work::DeleteGroup { group } => {
                // Whatever the batch does inside the group comes first.
                if !self.entries.is_empty() {
                    return Planned::Later;
                }
                let Some(found) = catalogue.group(group) else {
                    return Planned::Refused(LogStoreError::GroupNotFound);
                };
                self.touch(group, None);
                Planned::Entry(Entry::DeleteGroup { group_id: found.id })
            }
            Work::CreateStream { group, stream } => {
                if self.is_touched(group, Some(stream)) {
                    return Planned::Later;
                }
                let Some(found) = catalogue.group(group) else {
                    return Planned::Refused(LogStoreError::GroupNotFound);
                };
                if found.streams.contains_key(stream) {
                    return Planned::Refused(LogStoreError::StreamExists);
                }
                self.touch(group, Some(stream));
                Planned::Entry(Entry::CreateStream {
                    stream_id: self.new_id(),
                    group_id: found.id,
                    name: stream.clone(),
                    at: now,
                })
            }
            Work::DeleteStream { group, stream } => {
                self.on_stream(catalogue, group, stream, |batch, found| {
                    batch.touch(group, Some(stream));
                    Entry::DeleteStream {
                        stream_id: found.id,
                    }
                })
            }
            Work::Append {
                group,
                stream,
                events,
            } => self.on_stream(catalogue, group, stream, |batch, found| {
                let added = batch.added.entry(found.id).or_default();
                let first_sequence = found.next_sequence() + *added;
                *added += events.len() as u64;
                Entry::Append {
                    stream_id: found.id,
                    first_sequence,
                    ingestion_time: now,
                    events: events.clone(),
                }
            }),
        }
    }

    fn on_stream(
        &mut self,
        catalogue: &Catalogue,
        group: &str,
        stream: &str,
        entry: impl FnOnce(&mut Self, &Stream) -> Entry,
    ) -> Planned {
        if self.is_touched(group, Some(stream)) {
            return Planned::Later;
        }
        let Some(found) = catalogue.group(group) else {
            return Planned::Refused(LogStoreError::GroupNotFound);
        };
        match found.streams.get(stream) {
            Some(stream) => Planned::Entry(entry(self, stream)),
            None => Planned::Refused(LogStoreError::StreamNotFound),
        }
    }

    fn is_touched(&self, group: &str, stream: Option<&str>) -> bool {
        self.touched.contains(&(group.to_owned(), None))
            || stream.is_some_and(|stream| {
                let name = (group.to_owned(), Some(stream.to_owned()));
                self.touched.contains(&name)
            })
    }

    fn touch(&mut self, group: &str, stream: Option<&str>) {
        self.touched
            .insert((group.to_owned(), stream.map(str::to_owned)));
    }

    fn new_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }
}
