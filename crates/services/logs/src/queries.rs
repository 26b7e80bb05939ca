//! Logs Insights queries under way and done. They are in memory: a server that starts again knows none.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::Clock;
use limits::{
    LOG_QUERIES_AT_ONCE, LOG_QUERIES_KEPT, LOG_QUERIES_OPEN, LOG_QUERY_MINUTES,
    LOG_QUERY_RESULT_BYTES,
};
use log_insights::{LogEvent, Query, ResultRow, Run};
use log_store::{LogStore, LogStoreError, ScanRequest, Scanned};
use tokio::sync::Semaphore;

use crate::tokens::search_token;

/// What StartQuery asks.
#[derive(Debug, Clone)]
pub(crate) struct QueryPlan {
    pub account: String,
    pub region: String,
    pub text: String,
    pub query: Arc<Query>,
    /// Names, and what the store calls them.
    pub groups: Vec<(String, String)>,
    /// Milliseconds, inclusive.
    pub start: i64,
    /// Exclusive.
    pub end: i64,
    pub limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Scheduled,
    Running,
    Complete,
    Failed,
    Cancelled,
    Timeout,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Statistics {
    pub scanned: u64,
    pub matched: u64,
    pub bytes: u64,
    pub groups: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct QueryState {
    pub plan: Arc<QueryPlan>,
    pub created_at: i64,
    /// Milliseconds; of a query that has ended.
    pub took: Option<i64>,
    pub status: Status,
    pub results: Arc<Vec<ResultRow>>,
    pub statistics: Statistics,
    cancelled: Arc<AtomicBool>,
}

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Queries {
    clock: Clock,
    /// By id; in order of creation by the number in it.
    known: Arc<Mutex<BTreeMap<String, QueryState>>>,
    running: Arc<Semaphore>,
}

/// Too many are under way.
pub(crate) struct TooMany;

impl Queries {
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            known: Arc::default(),
            running: Arc::new(Semaphore::new(LOG_QUERIES_AT_ONCE)),
        }
    }

    /// Begins a query; returns its id.
    pub fn start(&self, store: LogStore, plan: QueryPlan) -> Result<String, TooMany> {
        let id = self.clock.uuid();
        let state = QueryState {
            plan: Arc::new(plan),
            created_at: self.clock.now().as_millis(),
            took: None,
            status: Status::Scheduled,
            results: Arc::default(),
            statistics: Statistics::default(),
            cancelled: Arc::default(),
        };
        {
            let mut known = self.lock();
            let open = known.values().filter(|it| it.is_open()).count();
            if open >= LOG_QUERIES_OPEN {
                return Err(TooMany);
            }
            known.insert(id.clone(), state.clone());
            drop_oldest(&mut known);
        }
        let (queries, own) = (self.clone(), id.clone());
        self.clock.spawn("logs insights query", async move {
            queries.run(store, own, state).await;
        });
        Ok(id)
    }

    pub fn get(&self, id: &str) -> Option<QueryState> {
        self.lock().get(id).cloned()
    }

    /// False when it has ended before.
    pub fn stop(&self, id: &str) -> bool {
        let mut known = self.lock();
        let Some(state) = known.get_mut(id).filter(|state| state.is_open()) else {
            return false;
        };
        state.cancelled.store(true, Ordering::Relaxed);
        state.status = Status::Cancelled;
        true
    }

    /// The newest first.
    pub fn list(&self) -> Vec<(String, QueryState)> {
        let known = self.lock();
        let mut list: Vec<_> = known
            .iter()
            .map(|(id, state)| (id.clone(), state.clone()))
            .collect();
        list.sort_by(|(left_id, left), (right_id, right)| {
            (right.created_at, right_id).cmp(&(left.created_at, left_id))
        });
        list
    }

    async fn run(&self, store: LogStore, id: String, state: QueryState) {
        let Ok(_turn) = self.running.acquire().await else {
            return;
        };
        self.update(&id, |state| state.status = Status::Running);
        let limit = Duration::from_secs(LOG_QUERY_MINUTES * 60);
        let done = self
            .clock
            .timeout(limit, look(&self.clock, &store, &state))
            .await;
        state.cancelled.store(true, Ordering::Relaxed);
        let now = self.clock.now().as_millis();
        self.update(&id, |known| {
            known.took = Some(now - known.created_at);
            match done {
                Err(_) => known.status = Status::Timeout,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "a Logs Insights query failed");
                    known.status = Status::Failed;
                }
                Ok(Ok((results, statistics))) => {
                    known.status = Status::Complete;
                    known.results = Arc::new(results);
                    known.statistics = statistics;
                }
            }
        });
    }

    /// Of a query that has not ended otherwise.
    fn update(&self, id: &str, change: impl FnOnce(&mut QueryState)) {
        if let Some(state) = self.lock().get_mut(id).filter(|state| state.is_open()) {
            change(state);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, QueryState>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueryState {
    pub fn is_open(&self) -> bool {
        matches!(self.status, Status::Scheduled | Status::Running)
    }

    fn result_bytes(&self) -> usize {
        let values = self.results.iter().flatten();
        values.map(|(name, value)| name.len() + value.len()).sum()
    }
}

/// So that results do not fill the memory.
fn drop_oldest(known: &mut BTreeMap<String, QueryState>) {
    loop {
        let bytes: usize = known.values().map(QueryState::result_bytes).sum();
        if known.len() <= LOG_QUERIES_KEPT && bytes <= LOG_QUERY_RESULT_BYTES {
            return;
        }
        let ended = known.iter().filter(|(_, state)| !state.is_open());
        let oldest = ended.min_by_key(|(_, state)| state.created_at);
        let Some(id) = oldest.map(|(id, _)| id.clone()) else {
            return;
        };
        known.remove(&id);
    }
}

#[derive(Debug, thiserror::Error)]
enum QueryFailure {
    #[error("{0}")]
    Store(#[from] LogStoreError),
    #[error("{0}")]
    Run(#[from] log_insights::RunError),
}

async fn look(
    clock: &Clock,
    store: &LogStore,
    state: &QueryState,
) -> Result<(Vec<ResultRow>, Statistics), QueryFailure> {
    let plan = &state.plan;
    let run = Run::new(Arc::clone(&plan.query), plan.limit, clock.now().as_millis());
    let mut statistics = Statistics::default();
    let mut under_way = (run, Ok(()));
    for (name, key) in &plan.groups {
        let request = ScanRequest {
            start: plan.start,
            end: plan.end,
            needle: plan.query.needle().map(str::to_owned),
        };
        let log = format!("{}:{name}", plan.account);
        let needle = request.needle.clone();
        let cancelled = Arc::clone(&state.cancelled);
        let visit = move |(run, outcome): &mut (Run, Result<(), log_insights::RunError>),
                          event: Scanned<'_>| {
            if cancelled.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            if needle
                .as_ref()
                .is_some_and(|it| !event.message.contains(it.as_str()))
            {
                return ControlFlow::Continue(());
            }
            *outcome = run.push(LogEvent {
                timestamp_millis: event.timestamp,
                ingestion_millis: event.ingestion_time,
                message: event.message.to_owned(),
                log: log.clone(),
                log_stream: event.stream.to_owned(),
                pointer: search_token(event.place),
            });
            match outcome {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        };
        let scanned = store.scan(key, request, under_way, visit).await;
        let (scan, back) = match scanned {
            // Deleted meanwhile.
            Err(LogStoreError::GroupNotFound) => return Err(LogStoreError::GroupNotFound.into()),
            other => other?,
        };
        under_way = back;
        under_way.1?;
        statistics.scanned += scan.events;
        statistics.bytes += scan.bytes;
        statistics.groups += 1;
    }
    let (run, _) = under_way;
    statistics.matched = run.matched();
    Ok((run.finish()?, statistics))
}
