//! The agent's life: state, identity, tasks, registration, and the two connections for as long as it runs.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use engine_log::LogEngine;
use state::{Engine, StateError, Store};
use tokio::sync::watch;

use crate::api::{Api, PollEndpoints};
use crate::backoff::Backoff;
use crate::engine::image_cleanup;
use crate::engine::image_reference::OwnRegistry;
use crate::engine::images::Images;
use crate::engine::tasks::Tasks;
use crate::error::AgentError;
use crate::network_upkeep;
use crate::node::{Gates, Node};
use crate::node_identity::NodeIdentity;
use crate::options::{Capacity, Options};
use crate::records::{self, NodeRecord};
use crate::registration;
use crate::session::acs::AcsSession;
use crate::session::tcs::TcsSession;
use crate::session::{ENDPOINT_LIFE, End, RECONNECT_PAUSE, is_unknown_node};
use crate::telemetry::Telemetry;

/// How long a deregistered instance stays away (agent protocol §3.2).
const INACTIVE_PAUSE: Duration = Duration::from_secs(3600);
/// A connection that stood this long was a good one: the next failure starts with a short wait again.
const GOOD_CONNECTION: Duration = Duration::from_secs(60);
const STATE_DIRECTORY: &str = "agent-state";

/// Runs an agent until `shutdown` resolves. Its containers go on without it.
pub async fn run(
    options: Options,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), AgentError> {
    let images = options.images.clone();
    let agent = Agent::open(options).await?;
    let outcome = tokio::select! {
        () = shutdown => Ok(()),
        outcome = agent.work() => outcome,
        () = image_cleanup::run(&agent.node, images.cleanup_interval, images.cleanup) => Ok(()),
        () = network_upkeep::run(&agent.node) => Ok(()),
        error = agent.node.store.failed() => Err(error.into()),
    };
    agent.tasks.shut_down().await;
    match (outcome, agent.node.store.close().await) {
        (Ok(()), Err(error)) => Err(error.into()),
        (outcome, _) => outcome,
    }
}

async fn open_log(options: &Options) -> Result<Arc<dyn Engine>, AgentError> {
    let directory = options.data_dir.join(STATE_DIRECTORY);
    let opening = options
        .clock
        .spawn_blocking(move || LogEngine::open(directory));
    let engine = opening
        .await
        .map_err(|error| AgentError::file(&options.data_dir, std::io::Error::other(error)))??;
    Ok(Arc::new(engine))
}

fn boot_id() -> Result<String, AgentError> {
    const PATH: &str = "/proc/sys/kernel/random/boot_id";
    let text = std::fs::read_to_string(PATH);
    text.map(|id| id.trim().to_owned())
        .map_err(|error| AgentError::file(std::path::Path::new(PATH), error))
}

struct Agent {
    options: Options,
    node: Arc<Node>,
    tasks: Arc<Tasks>,
}

/// An agent that is dropped in the middle of its work leaves no driver behind.
impl Drop for Agent {
    fn drop(&mut self) {
        self.tasks.abort();
    }
}

impl Agent {
    async fn open(options: Options) -> Result<Self, AgentError> {
        let data_dir = &options.data_dir;
        std::fs::create_dir_all(data_dir).map_err(|error| AgentError::file(data_dir, error))?;
        options.network.prepare().await?;
        let engine = match &options.state {
            Some(engine) => Arc::clone(engine),
            None => open_log(&options).await?,
        };
        let store = Store::open(engine, records::schema(), options.clock.clone()).await?;
        let identity = match NodeIdentity::load(data_dir)? {
            Some(identity) => identity,
            None => NodeIdentity::join(&options, None).await?,
        };
        let api = Arc::new(Api::new(
            &options.endpoint,
            &options.cluster,
            identity,
            options.trust.clone(),
            options.clock.clone(),
        )?);
        let endpoint = api.client_of(&options.endpoint)?;
        let own = OwnRegistry {
            host: endpoint.endpoint().authority().to_owned(),
            plain_http: !endpoint.endpoint().is_tls(),
        };
        let node = Arc::new(Node {
            clock: options.clock.clone(),
            runtime: Arc::clone(&options.runtime),
            network: Arc::clone(&options.network),
            store,
            images: Images::new(
                Arc::clone(&options.runtime),
                Arc::clone(&api),
                own,
                options.images.clone(),
                options.clock.clone(),
            ),
            api,
            telemetry: Telemetry::default(),
            gates: Gates::of_this_machine(),
            data_dir: data_dir.clone(),
            boot_id: boot_id()?,
            gpus: options.gpus.clone(),
            cpu_by_weight: options.capacity == Capacity::Serverless && options.overcommit.cpu > 1.0,
        });
        let tasks = Tasks::new(Arc::clone(&node));
        // Tasks are looked after whether the server is there or not.
        tasks.adopt().await?;
        Ok(Self {
            options,
            node,
            tasks,
        })
    }

    /// Registers and stays connected; again from the start when the server does not know this node any more.
    async fn work(&self) -> Result<(), AgentError> {
        loop {
            let container_instance_arn = self.register().await?;
            self.stay_connected(container_instance_arn).await?;
            tracing::warn!("the server does not know this node's credentials; joining again");
            self.join_again().await?;
        }
    }

    async fn join_again(&self) -> Result<(), AgentError> {
        let name = NodeIdentity::load(&self.options.data_dir)?.map(|identity| identity.node_name);
        let identity = NodeIdentity::join(&self.options, name).await?;
        self.node.api.replace_identity(identity)
    }

    /// Tries until the server takes the registration or refuses it for good.
    async fn register(&self) -> Result<String, AgentError> {
        let clock = &self.node.clock;
        let mut backoff = Backoff::acs();
        let stored = self
            .node
            .store
            .read(|head| head.get::<NodeRecord>(NodeRecord::KEY))
            .head();
        let mut known_arn = stored.and_then(|record| record.container_instance_arn.clone());
        // The same until there is an answer: a request whose answer was lost is not a second one.
        let mut token = clock.uuid();
        loop {
            let request = registration::request(&self.options, known_arn.clone(), token.clone());
            let error = match self.node.api.register(request).await {
                Ok(arn) => {
                    self.remember_registration(arn.clone()).await?;
                    tracing::info!(container_instance = arn, "registered");
                    return Ok(arn);
                }
                Err(error) => error,
            };
            let transient = matches!(&error, AgentError::Client(error) if error.is_transient());
            if is_unknown_node(&error) && self.options.join_credentials.is_some() {
                self.join_again().await?;
                // What another server knew this node as means nothing to this one.
                known_arn = None;
            } else if transient {
                let wait = backoff.next_wait(clock);
                tracing::info!(%error, "cannot register yet, trying again in {wait:?}");
                clock.sleep(wait).await;
            } else if known_arn.take().is_none() {
                return Err(error);
            } else {
                token = clock.uuid();
                tracing::warn!(%error, "the server does not take the old registration; registering anew");
            }
        }
    }

    async fn remember_registration(&self, arn: String) -> Result<(), StateError> {
        let remembered = self.node.store.transact(|tx| {
            let mut record = tx
                .get::<NodeRecord>(NodeRecord::KEY)
                .map(|record| NodeRecord::clone(&record))
                .unwrap_or_default();
            if record.container_instance_arn.as_ref() != Some(&arn) {
                // Another instance counts its timeline from the start.
                record.timeline = 0;
                record.container_instance_arn = Some(arn);
            }
            tx.put(record);
            Ok::<_, StateError>(())
        });
        remembered?.durable().await
    }

    /// Returns when the node has to join again.
    async fn stay_connected(&self, container_instance_arn: String) -> Result<(), AgentError> {
        let (endpoints_told, endpoints) = watch::channel::<Option<PollEndpoints>>(None);
        let tcs = TcsSession::new(Arc::clone(&self.node), container_instance_arn.clone());
        let acs = AcsSession::new(
            Arc::clone(&self.node),
            Arc::clone(&self.tasks),
            container_instance_arn.clone(),
        );
        tokio::select! {
            outcome = self.keep_acs(acs, container_instance_arn, &endpoints_told) => outcome,
            () = self.keep_tcs(tcs, endpoints) => Ok(()),
        }
    }

    async fn keep_acs(
        &self,
        mut session: AcsSession,
        container_instance_arn: String,
        endpoints: &watch::Sender<Option<PollEndpoints>>,
    ) -> Result<(), AgentError> {
        let clock = &self.node.clock;
        let mut backoff = Backoff::acs();
        let mut discovered: Option<(PollEndpoints, Duration)> = None;
        loop {
            let fresh = discovered
                .as_ref()
                .filter(|(_, at)| clock.monotonic().saturating_sub(*at) < ENDPOINT_LIFE);
            let target = match fresh {
                Some((target, _)) => Ok(target.clone()),
                None => match self.node.api.discover(&container_instance_arn).await {
                    Ok(target) => {
                        discovered = Some((target.clone(), clock.monotonic()));
                        Ok(target)
                    }
                    Err(error) if is_unknown_node(&error) => return Ok(()),
                    // An old answer is better than none (agent protocol §3.2).
                    Err(error) => discovered
                        .as_ref()
                        .map(|(target, _)| target.clone())
                        .ok_or(error),
                },
            };
            let began = clock.monotonic();
            let end = match target {
                Ok(target) => {
                    session
                        .serve(&target.acs.clone(), || {
                            endpoints.send_replace(Some(target));
                        })
                        .await
                }
                Err(error) => End::Failed(error.to_string()),
            };
            if clock.monotonic().saturating_sub(began) >= GOOD_CONNECTION {
                backoff.reset();
            }
            match end {
                End::Normal => clock.sleep(RECONNECT_PAUSE).await,
                End::Failed(why) => {
                    let wait = backoff.next_wait(clock);
                    tracing::info!(why, "no ACS connection, trying again in {wait:?}");
                    clock.sleep(wait).await;
                }
                End::Inactive => {
                    tracing::warn!(
                        "this container instance is deregistered; asking again in an hour"
                    );
                    endpoints.send_replace(None);
                    clock.sleep(INACTIVE_PAUSE).await;
                }
                End::Unknown(why) if self.options.join_credentials.is_none() => {
                    let wait = backoff.next_wait(clock);
                    tracing::error!(
                        why,
                        "the server does not know this node, and it may not join; waiting {wait:?}"
                    );
                    clock.sleep(wait).await;
                }
                End::Unknown(_) => return Ok(()),
            }
        }
    }

    /// Follows ACS: connected while that one knows where to.
    async fn keep_tcs(
        &self,
        mut session: TcsSession,
        mut endpoints: watch::Receiver<Option<PollEndpoints>>,
    ) {
        let clock = &self.node.clock;
        let mut backoff = Backoff::tcs();
        loop {
            let Ok(target) = endpoints
                .wait_for(Option::is_some)
                .await
                .map(|known| known.clone())
            else {
                return;
            };
            let target = target.map(|known| known.tcs).unwrap_or_default();
            let began = clock.monotonic();
            let end = tokio::select! {
                end = session.serve(&target, || {}) => end,
                gone = endpoints.wait_for(Option::is_none) => match gone {
                    Ok(_) => continue,
                    Err(_) => return,
                },
            };
            if clock.monotonic().saturating_sub(began) >= GOOD_CONNECTION {
                backoff.reset();
            }
            match end {
                End::Normal => clock.sleep(RECONNECT_PAUSE).await,
                // ACS meets the same and acts on it.
                End::Failed(_) | End::Inactive | End::Unknown(_) => {
                    clock.sleep(backoff.next_wait(clock)).await
                }
            }
        }
    }
}
