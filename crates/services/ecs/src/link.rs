//! The server's side of ACS and TCS: one session a container instance, and the newest one counts.
//!
//! A change of a task reaches its node like this: [`dispatch`] reads the change feed and marks the task in its node's
//! session; the session reads the task, waits until what it read is durable, and sends it. So a start costs one commit
//! before the payload leaves.

mod acs;
mod connection;
mod credentials;
mod outbox;
mod payload;
mod sessions;
mod tcs;

use std::{sync::Arc, time::Duration};

use api_ecs::errors;
use futures_util::SinkExt;
use link::{AcsQuery, TcsQuery};
use state::FeedEvent;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use wire::{Access, Caller, Error, Principal};

use crate::{
    Ecs, access, lookup,
    records::{ContainerInstanceRecord, ContainerInstanceStatus, TaskRecord, TaskStatus},
};

pub(crate) use connection::write_owed;
use sessions::End;
pub use sessions::{Sessions, TaskUsage};

/// Agents close a connection on which they hear nothing for a minute.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(30);
/// A node that is gone is to be noticed well within the time after which it is lost.
const HEARTBEATS_UNTIL_LOST: u32 = 4;
/// A peer that takes nothing for so long is gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// A session's peer is gone, or talks nonsense.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("the websocket failed: {0}")]
    Socket(#[from] tokio_tungstenite::tungstenite::Error),
    #[error("the agent takes nothing")]
    SendTimeout,
    #[error("the agent does not answer heartbeats")]
    NoHeartbeat,
    #[error(transparent)]
    State(#[from] state::StateError),
}

impl Ecs {
    /// What opening the ACS websocket asks to be allowed.
    pub fn acs_access(&self, caller: &Caller, query: &str) -> Access {
        let query = AcsQuery::parse(query);
        link_access(
            "ecs:Poll",
            caller,
            &query.cluster,
            query.container_instance_arn,
        )
    }

    /// What opening the TCS websocket asks to be allowed.
    pub fn tcs_access(&self, caller: &Caller, query: &str) -> Access {
        let query = TcsQuery::parse(query);
        link_access(
            "ecs:StartTelemetrySession",
            caller,
            &query.cluster,
            query.container_instance_arn,
        )
    }

    /// Whether the instance that wants to open the ACS websocket is one, and the caller's; the error is for its handshake.
    pub fn admit_acs(&self, caller: &Caller, query: &str) -> Result<(), Error> {
        self.own_instance(caller, &AcsQuery::parse(query).container_instance_arn)
            .map(drop)
    }

    /// As [`Ecs::admit_acs`], for TCS.
    pub fn admit_tcs(&self, caller: &Caller, query: &str) -> Result<(), Error> {
        self.own_instance(caller, &TcsQuery::parse(query).container_instance_arn)
            .map(drop)
    }

    /// Serves an ACS websocket until it ends, another one of the same instance replaces it, or `shutdown` resolves.
    pub async fn serve_acs<S>(
        self: Arc<Self>,
        caller: Caller,
        query: &str,
        socket: WebSocketStream<S>,
        shutdown: impl Future<Output = ()> + Send,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let query = AcsQuery::parse(query);
        match self.own_instance(&caller, &query.container_instance_arn) {
            Ok(instance) => acs::serve(&self, &instance, &query.cluster, socket, shutdown).await,
            Err(error) => tracing::debug!(%error, "the ACS websocket has no instance any more"),
        }
    }

    /// Serves a TCS websocket until it ends or `shutdown` resolves.
    pub async fn serve_tcs<S>(
        self: Arc<Self>,
        caller: Caller,
        query: &str,
        socket: WebSocketStream<S>,
        shutdown: impl Future<Output = ()> + Send,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let query = TcsQuery::parse(query);
        match self.own_instance(&caller, &query.container_instance_arn) {
            Ok(instance) => tcs::serve(&self, &instance, socket, shutdown).await,
            Err(error) => tracing::debug!(%error, "the TCS websocket has no instance any more"),
        }
    }

    /// The newest usage that a task's node told; of a task that is gone, or just came, nothing.
    pub fn latest_usage(&self, task_arn: &str) -> Option<TaskUsage> {
        self.sessions.usage(task_arn)
    }

    /// Whether there is a serverless node that takes tasks now.
    pub fn has_serverless_capacity(&self) -> bool {
        let prefix =
            ContainerInstanceRecord::key_of(&self.config.account, &self.config.region, "", "");
        let found = self.store.read(|head| {
            head.scan::<ContainerInstanceRecord>(&prefix).any(|node| {
                node.status == ContainerInstanceStatus::Active && node.connection.connected
            })
        });
        found.head()
    }

    /// Whether this node registered this container instance.
    pub fn owns_container_instance(&self, node_id: &str, arn: &str) -> bool {
        let Ok(reference) = names::ContainerInstanceReference::parse(arn) else {
            return false;
        };
        let found = self
            .store
            .read(|head| head.index::<ContainerInstanceRecord>("by_id", &reference.id));
        found.head().iter().any(|record| record.node_id == node_id)
    }

    fn heartbeat_every(&self) -> Duration {
        let patience = self.config.node_lost_after.unwrap_or(Duration::MAX);
        (patience / HEARTBEATS_UNTIL_LOST).clamp(Duration::from_secs(1), HEARTBEAT_EVERY)
    }

    fn own_instance(
        &self,
        caller: &Caller,
        arn: &str,
    ) -> Result<Arc<ContainerInstanceRecord>, Error> {
        let invalid = || {
            Error::client(
                "InvalidInstanceException",
                "The container instance was not found.",
            )
        };
        lookup::check_scope(caller, arn)?;
        let reference = names::ContainerInstanceReference::parse(arn).map_err(|_| invalid())?;
        let found = self
            .store
            .read(|head| head.index::<ContainerInstanceRecord>("by_id", &reference.id));
        let record = found
            .head()
            .into_iter()
            .find(|record| record.account == caller.account && record.region == caller.region)
            .ok_or_else(invalid)?;
        if let Principal::Node { node_id } = &caller.principal
            && record.node_id != *node_id
        {
            return Err(errors::access_denied_exception(format!(
                "User: {} did not register this container instance.",
                caller.arn()
            )));
        }
        if record.status == ContainerInstanceStatus::Inactive {
            return Err(Error::client(
                "InactiveInstanceException",
                "The container instance is INACTIVE.",
            ));
        }
        Ok(record)
    }
}

/// Brings changes to the sessions that they concern, until shutdown.
pub(crate) async fn dispatch(ecs: Arc<Ecs>, mut shutdown: watch::Receiver<bool>) {
    let mut feed = ecs.store.feed();
    loop {
        let event = tokio::select! {
            biased;
            event = feed.next() => event,
            _ = shutdown.wait_for(|stopping| *stopping) => return,
        };
        match event {
            FeedEvent::Changes(set) => set.changes.iter().for_each(|change| route(&ecs, change)),
            FeedEvent::Lagged => ecs.sessions.touch_all(),
        }
    }
}

fn route(ecs: &Ecs, change: &state::Change) {
    if let Some((before, after)) = change.of::<TaskRecord>() {
        if !concerns_node(before, after) {
            return;
        }
        let task = after.or(before);
        if let Some(instance) = task.and_then(|task| task.container_instance_key.as_ref()) {
            ecs.sessions.touch(instance, &change.key);
        }
    }
    if let Some((_, after)) = change.of::<ContainerInstanceRecord>()
        && after.is_none_or(|record| record.status == ContainerInstanceStatus::Inactive)
    {
        ecs.sessions.end(&change.key, End::Deregistered);
    }
}

/// A node is told of a new place and of a new wish; the rest it knows itself.
fn concerns_node(before: Option<&TaskRecord>, after: Option<&TaskRecord>) -> bool {
    let (Some(before), Some(after)) = (before, after) else {
        return true;
    };
    before.desired_status != after.desired_status
        || before.container_instance_key != after.container_instance_key
        || after.last_status == TaskStatus::Stopped
}

fn link_access(action: &'static str, caller: &Caller, cluster: &str, instance: String) -> Access {
    let cluster = access::cluster_of(Some(cluster));
    Access::action(action)
        .resource(instance)
        .condition("ecs:cluster", access::scope_of(caller).cluster(&cluster))
}

async fn send<S>(
    ecs: &Ecs,
    socket: &mut WebSocketStream<S>,
    text: String,
) -> Result<(), SessionError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    ecs.clock
        .timeout(SEND_TIMEOUT, socket.send(Message::text(text)))
        .await
        .map_err(|_| SessionError::SendTimeout)?
        .map_err(SessionError::from)
}

/// Says goodbye; agents take a normal close for a reason to come back at once.
async fn close<S>(ecs: &Ecs, socket: &mut WebSocketStream<S>, reason: &'static str)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let frame = CloseFrame {
        code: CloseCode::Normal,
        reason: reason.into(),
    };
    // The peer may be gone already, and then needs no goodbye.
    let _ = ecs
        .clock
        .timeout(Duration::from_secs(1), socket.close(Some(frame)))
        .await;
}
