//! Tasks in the history: how they are written there, and how Describe and List read through.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
    time::Duration,
};

use clock::UnixMillis;
use history::{Entry, HistoryError, Order, Query};
use serde::{Deserialize, Deserializer, Serialize, de};
use state::{Record, StateError, ciborium};
use wire::Error;

use crate::{Ecs, answer::state_error, records::TaskRecord};

/// How long ListTasks shows a stopped task. AWS promises an hour; DescribeTasks finds it as long as the history keeps it.
pub(crate) const STOPPED_TASKS_LISTED: Duration = Duration::from_secs(3600);
/// Entries read from the history at once.
const PAGE_ENTRIES: usize = 1000;

/// The entry of a STOPPED task.
pub(crate) fn entry(task: &TaskRecord) -> Result<Entry, StateError> {
    let mut payload = vec![];
    let versioned = Versioned {
        version: TaskRecord::VERSION,
        task,
    };
    ciborium::into_writer(&versioned, &mut payload).map_err(|error| StateError::Encode {
        table: TaskRecord::TABLE,
        key: task.key(),
        reason: error.to_string(),
    })?;
    Ok(Entry {
        key: task.key(),
        at: stopped_at(task),
        payload,
    })
}

impl Ecs {
    /// A task, whether it lives or is history.
    pub(crate) async fn task_anywhere(&self, key: &str) -> Result<Option<Arc<TaskRecord>>, Error> {
        let key = key.to_owned();
        let mut found = self.tasks_anywhere(std::iter::once(&key)).await?;
        Ok(found.remove(&key))
    }

    /// Tasks by key, whether they live or are history. The tables are looked at first: a task is deleted there only
    /// after the history has it.
    pub(crate) async fn tasks_anywhere(
        &self,
        keys: impl Iterator<Item = &String>,
    ) -> Result<HashMap<String, Arc<TaskRecord>>, Error> {
        let keys: Vec<&String> = keys.collect();
        let looked = self.store.read(|head| {
            let rows = keys.iter().map(|key| head.get::<TaskRecord>(key));
            rows.collect::<Vec<_>>()
        });
        let rows = looked
            .durable()
            .await
            .map_err(|error| state_error(&error))?;
        let mut found = HashMap::new();
        for (key, row) in keys.into_iter().zip(rows) {
            let task = match row {
                Some(row) => Some(row),
                None => self.read_history(key).await?.map(Arc::new),
            };
            if let Some(task) = task {
                found.insert(key.clone(), task);
            }
        }
        Ok(found)
    }

    /// What stopped within the last hour and is archived already.
    pub(crate) async fn recently_stopped(&self, prefix: &str) -> Result<Vec<TaskRecord>, Error> {
        let since = self.clock.now() - STOPPED_TASKS_LISTED;
        let mut tasks = vec![];
        let mut last: Option<(UnixMillis, String)> = None;
        loop {
            let query = Query {
                prefix,
                since,
                after: last.as_ref().map(|(at, key)| (*at, key.as_str())),
                limit: PAGE_ENTRIES,
                ..Query::default()
            };
            let entries = self
                .history
                .list(history::TASKS, &query)
                .await
                .map_err(|error| history_error(&error))?;
            for entry in &entries {
                tasks.push(decode(&entry.payload)?);
            }
            match entries.last() {
                Some(entry) if entries.len() == PAGE_ENTRIES => {
                    last = Some((entry.at, entry.key.clone()));
                }
                _ => return Ok(tasks),
            }
        }
    }

    /// Stopped tasks by the time they stopped, as [`History::list`](history::History::list) gives them, and those that
    /// are not in the history yet.
    pub async fn stopped_tasks(&self, query: &Query<'_>) -> Result<Vec<TaskRecord>, Error> {
        let looked = self
            .store
            .read(|head| head.index::<TaskRecord>("by_work", "stopped"));
        let in_tables = looked
            .durable()
            .await
            .map_err(|error| state_error(&error))?;
        let mut found: BTreeMap<(UnixMillis, String), TaskRecord> = in_tables
            .iter()
            .map(|task| ((stopped_at(task), task.key()), task))
            .filter(|(place, _)| is_asked(query, place))
            .map(|(place, task)| (place, TaskRecord::clone(task)))
            .collect();
        let entries = self
            .history
            .list(history::TASKS, query)
            .await
            .map_err(|error| history_error(&error))?;
        for entry in entries {
            let task = decode(&entry.payload)?;
            found.insert((entry.at, entry.key), task);
        }
        let tasks = found.into_values();
        Ok(match query.order {
            Order::NewestFirst => tasks.rev().take(query.limit).collect(),
            Order::OldestFirst => tasks.take(query.limit).collect(),
        })
    }

    async fn read_history(&self, key: &str) -> Result<Option<TaskRecord>, Error> {
        let entry = self
            .history
            .get(history::TASKS, key)
            .await
            .map_err(|error| history_error(&error))?;
        entry.map(|entry| decode(&entry.payload)).transpose()
    }
}

/// Where a task is in the history's order of time.
fn stopped_at(task: &TaskRecord) -> UnixMillis {
    task.stopped_at.unwrap_or(task.created_at)
}

/// Whether the history would list what is at this place.
fn is_asked(query: &Query<'_>, place: &(UnixMillis, String)) -> bool {
    let (at, key) = (place.0, place.1.as_str());
    let is_behind = query.after.is_none_or(|after| match query.order {
        Order::NewestFirst => (at, key) < after,
        Order::OldestFirst => (at, key) > after,
    });
    let is_in_time = at >= query.since && query.until.is_none_or(|until| at <= until);
    is_behind && is_in_time && key.starts_with(query.prefix)
}

#[derive(Serialize)]
struct Versioned<'a> {
    version: u32,
    task: &'a TaskRecord,
}

/// A task of any version that [`Record::upgrade`] knows the way from. The version comes first: one pass reads both.
enum Stored {
    Current(Box<TaskRecord>),
    Older(u32, ciborium::Value),
}

impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(StoredVisitor)
    }
}

struct StoredVisitor;

impl<'de> de::Visitor<'de> for StoredVisitor {
    type Value = Stored;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a version and a task")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Stored, A::Error> {
        let mut version = None;
        while let Some(field) = map.next_key::<String>()? {
            match (field.as_str(), version) {
                ("version", _) => version = Some(map.next_value()?),
                ("task", Some(TaskRecord::VERSION)) => {
                    return Ok(Stored::Current(map.next_value()?));
                }
                ("task", Some(older)) => return Ok(Stored::Older(older, map.next_value()?)),
                _ => return Err(de::Error::unknown_field(&field, &["version", "task"])),
            }
        }
        Err(de::Error::missing_field("task"))
    }
}

fn decode(payload: &[u8]) -> Result<TaskRecord, Error> {
    let damaged = |reason: String| {
        tracing::error!(%reason, "an entry of the history cannot be read");
        Error::internal("An entry of the history cannot be read.")
    };
    match ciborium::from_reader(payload).map_err(|error| damaged(error.to_string()))? {
        Stored::Current(task) => Ok(*task),
        Stored::Older(version, task) => TaskRecord::upgrade(version, task)
            .map_err(|error| damaged(error.to_string()))?
            .deserialized()
            .map_err(|error| damaged(error.to_string())),
    }
}

fn history_error(error: &HistoryError) -> Error {
    tracing::error!(%error, "the history failed a request");
    api_ecs::errors::server_exception("The history is not available.")
}
