//! The control plane, put together: state, services, loops, gateway.

use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use clock::Clock;
use engine_log::LogEngine;
use gateway::{Bound, Gateway, Listener, PrincipalPolicy, Tls};
use history::History;
use identity::{AccessKeyRecord, AccessKeys, SessionSeal};
use log_store::LogStore;
use registry::{Content, Registry};
use service_control::{Backups, Control, Parts, SecretSources, Settings};
use service_ec2::Ec2;
use service_ecr::{Ecr, RepositoryPolicies};
use service_ecs::Ecs;
use service_iam::Iam;
use service_logs::Logs;
use service_secretsmanager::SecretsManager;
use service_ssm::Ssm;
use state::{Schema, StateError, Store};
use tokio::{sync::watch, task::JoinHandle};
use vault::Vault;

use crate::{
    arguments::{Global, ServerOptions},
    authorizers::{Authorizers, PoliciesOfResources, TagsOfResources, TaskRoles},
    certificates::{self, Certificates},
    link_sockets::{AcsSocket, NodeOwnership, TcsSocket},
    metrics::{LiveTasks, StateMetrics},
    output,
    paths::{DataDirectory, Facts, ROOT_CREDENTIALS},
    signals,
};

const POLL_EVERY: Duration = Duration::from_millis(5);
/// How long loops and sessions may take to end.
const STOP: Duration = Duration::from_secs(10);

/// A server that serves.
pub struct RunningServer {
    store: Store,
    log_store: LogStore,
    ecs: Arc<Ecs>,
    clock: Clock,
    data: DataDirectory,
    facts: Facts,
    /// Closes the gateway; it is first to stop.
    close: watch::Sender<bool>,
    gateway: JoinHandle<()>,
    drain: Duration,
    /// Ends the loops.
    stop: watch::Sender<bool>,
    running: Vec<JoinHandle<()>>,
}

/// The services, before the gateway opens.
struct Services {
    ecs: Arc<Ecs>,
    ec2: Arc<Ec2>,
    ecr: Arc<Ecr>,
    control: Arc<Control>,
    logs: Arc<Logs>,
    ssm: Arc<Ssm>,
    secrets_manager: Arc<SecretsManager>,
    log_store: LogStore,
    registry: Registry,
    iam: Arc<Iam>,
    seal: SessionSeal,
    authorizer: Arc<Authorizers>,
}

/// `gantry server`.
pub async fn run_until_signal(global: &Global, options: ServerOptions) -> anyhow::Result<ExitCode> {
    let server = RunningServer::start(global, &options).await?;
    output::note(format_args!("Gantry serves at {}", server.facts.endpoint));
    tokio::select! {
        () = signals::terminated() => {
            server.stop().await;
            Ok(ExitCode::SUCCESS)
        }
        error = server.failed() => {
            server.data.remove_pid_file();
            bail!("the state cannot be written any more: {error}. Nothing that was acknowledged is lost; start again when the cause is mended");
        }
    }
}

impl RunningServer {
    pub async fn start(global: &Global, options: &ServerOptions) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let data = DataDirectory::new(global.data_dir.clone());
        data.claim()?;
        let endpoint = endpoint_of(options);
        let root = identity::root_credentials(data.path(), &clock)?;
        let store = open_store(&data, &clock).await?;
        let services = open_services(&data, &store, &clock, options, &endpoint).await?;
        let defaults = services.ecs.bootstrap().await?;
        let root = AccessKeyRecord::root(&root, &options.account, clock.now());
        let keys = AccessKeys::fixed([root])
            .and_store(store.clone())
            .and_sessions(services.seal.clone());
        let keys = Arc::new(keys);
        let certificates = Certificates::new(options, &data, &clock);
        let tls = certificates.as_ref().map(Certificates::load).transpose()?;
        let bound = open_gateway(&services, options, keys, tls.clone(), &store, &clock).await?;
        let facts = Facts {
            endpoint,
            account: options.account.clone(),
            region: options.region.clone(),
            default_subnet_id: defaults.subnet_id,
            default_security_group_id: defaults.security_group_id,
            pid: std::process::id(),
            ready: false,
        };
        data.write_facts(&facts)?;
        let (stop, stopping) = watch::channel(false);
        let (close, closing) = watch::channel(false);
        let mut running = services.control.spawn_loops(&stopping).await?;
        running.extend(services.ecs.spawn_loops(&stopping));
        running.extend(services.secrets_manager.spawn_loops(&stopping));
        running.extend(services.ecr.spawn_loops(&stopping));
        if let (Some(certificates), Some(tls)) = (certificates, tls) {
            let renewing = certificates.renew_until(tls, stopping.clone());
            running.push(clock.spawn("certificates", renewing));
        }
        let sweeping = services.registry.clone().sweep_until(stopping.clone());
        running.push(clock.spawn("registry sweep", sweeping));
        let keeping = services.logs.clone().keep_retention(stopping.clone());
        running.push(clock.spawn("log retention", keeping));
        // Agents come back at once: what the loops forget at their start is not to be one of these connections.
        let gateway = clock.spawn("gateway", bound.serve(signals::stopped(closing)));
        for address in &options.listen {
            tracing::info!(%address, "listening");
        }
        Ok(Self {
            store,
            log_store: services.log_store,
            ecs: services.ecs,
            clock,
            data,
            facts,
            close,
            gateway,
            drain: Duration::from_secs(options.drain_seconds),
            stop,
            running,
        })
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Waits until a serverless node is connected.
    pub async fn wait_for_capacity(&self, limit: Duration) -> anyhow::Result<()> {
        let connected = async {
            while !self.ecs.has_serverless_capacity() {
                self.clock.sleep(POLL_EVERY).await;
            }
        };
        self.clock
            .timeout(limit, connected)
            .await
            .ok()
            .context("no node joined; the log says why")
    }

    /// Resolves when the state can't be written any more.
    pub async fn failed(&self) -> StateError {
        self.store.failed().await
    }

    /// Finishes what was begun and ends: requests first, for they need the loops; then those; then the store.
    pub async fn stop(self) {
        tracing::info!("stopping");
        self.close.send_replace(true);
        let limit = self.drain + STOP + STOP;
        if self.clock.timeout(limit, self.gateway).await.is_err() {
            tracing::warn!("the gateway did not end in time");
        }
        self.stop.send_replace(true);
        for task in self.running {
            if self.clock.timeout(STOP, task).await.is_err() {
                tracing::warn!("a part of the server did not end in time");
            }
        }
        if let Err(error) = self.log_store.fold().await {
            tracing::warn!(%error, "the log journal was not folded; the next start reads it");
        }
        if let Err(error) = self.store.close().await {
            tracing::error!(%error, "the state was not closed well; nothing acknowledged is lost");
        }
        self.data.remove_pid_file();
    }
}

/// The process that holds this data directory, if it lives.
pub fn running_pid(data: &DataDirectory) -> Option<u32> {
    let content = std::fs::read_to_string(data.pid_file()).ok()?;
    let pid = content.trim().parse().ok()?;
    (is_alive(pid) && is_gantry(pid)).then_some(pid)
}

/// A zombie has ended.
pub fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z' && state != 'X')
}

/// Process ids are used again: only another gantry counts.
fn is_gantry(pid: u32) -> bool {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let program = command.split(|byte| *byte == 0).next().unwrap_or_default();
    let program = String::from_utf8_lossy(program);
    Path::new(program.as_ref())
        .file_name()
        .is_some_and(|name| name == "gantry")
}

async fn open_store(data: &DataDirectory, clock: &Clock) -> anyhow::Result<Store> {
    let schema = SecretsManager::schema(Ssm::schema(Vault::schema(Schema::new())));
    let schema = Iam::schema(Ecr::schema(Ec2::schema(Ecs::schema(schema))));
    let schema = Logs::schema(Control::schema(schema)).view::<LiveTasks>();
    let engine = LogEngine::open(data.state())?;
    let store = Store::open(Arc::new(engine), schema, clock.clone()).await?;
    Ok(store)
}

async fn open_services(
    data: &DataDirectory,
    store: &Store,
    clock: &Clock,
    options: &ServerOptions,
    endpoint: &str,
) -> anyhow::Result<Services> {
    let history = Arc::new(History::open(
        data.history(),
        history::Options::default(),
        clock.clone(),
    )?);
    let ecs = Ecs::new(
        store.clone(),
        Arc::clone(&history),
        clock.clone(),
        service_ecs::Config {
            account: options.account.clone(),
            region: options.region.clone(),
            endpoint: endpoint.to_owned(),
            default_subnet_cidr: options.default_subnet_cidr.clone(),
            availability_zone: availability_zone(options),
            node_lost_after: (options.node_lost_after > 0)
                .then(|| Duration::from_secs(options.node_lost_after)),
        },
    );
    let seal = SessionSeal::open_key(store, clock).await?;
    let iam = Iam::new(store.clone(), clock.clone(), seal.clone())
        .with_resource_tags(Arc::new(TagsOfResources(Arc::clone(&ecs))))
        .with_resource_policies(Arc::new(PoliciesOfResources(RepositoryPolicies::new(
            store.clone(),
        ))));
    let iam = Arc::new(iam);
    ecs.issue_credentials_with(Arc::new(TaskRoles(Arc::clone(&iam))));
    let nodes = PrincipalPolicy::with_ownership(Arc::new(NodeOwnership(Arc::clone(&ecs))));
    let authorizer = Arc::new(Authorizers::new(nodes, Arc::clone(&iam)));
    let content = Content::open(&data.registry(), clock.clone())?;
    let ecr = Ecr::open(
        store.clone(),
        clock.clone(),
        service_ecr::Config {
            account: options.account.clone(),
            region: options.region.clone(),
            endpoint: endpoint.to_owned(),
            anonymous_is_root: options.no_auth,
        },
        authorizer.clone(),
        Arc::clone(&content),
    )
    .await?;
    let vault = Vault::open(store.clone(), clock.clone(), data.path()).await?;
    let ssm = Ssm::new(store.clone(), clock.clone(), Arc::clone(&vault));
    let secrets_manager = SecretsManager::new(store.clone(), clock.clone(), Arc::clone(&vault));
    let registry = Registry::new(content, ecr.clone(), ecr.clone(), clock.clone());
    let log_store = LogStore::open(&data.logs(), clock.clone())?;
    Ok(Services {
        ec2: Ec2::new(
            store.clone(),
            service_ec2::Config {
                region: options.region.clone(),
                endpoint: endpoint.to_owned(),
                availability_zone: availability_zone(options),
            },
        ),
        logs: Logs::new(log_store.clone(), store.clone(), clock.clone()),
        log_store,
        control: Control::new(Parts {
            store: store.clone(),
            clock: clock.clone(),
            ecs: Arc::clone(&ecs),
            history,
            backups: backups(data),
            vault,
            secrets: SecretSources {
                ssm: Arc::new(api_ssm::Server(Arc::clone(&ssm))),
                secrets_manager: Arc::new(api_secretsmanager::Server(Arc::clone(&secrets_manager))),
                authorizer: authorizer.clone(),
                roles: Arc::new(TaskRoles(Arc::clone(&iam))),
            },
            settings: Settings {
                version: env!("CARGO_PKG_VERSION"),
                endpoint: endpoint.to_owned(),
                data_directory: data.path().to_owned(),
                history_days: options.history_days,
            },
        }),
        ssm,
        secrets_manager,
        ecs,
        ecr,
        registry,
        iam,
        seal,
        authorizer,
    })
}

fn backups(data: &DataDirectory) -> Backups {
    let credentials = (ROOT_CREDENTIALS.to_owned(), data.root_credentials());
    Backups {
        directory: data.backups(),
        files: [credentials].into(),
    }
}

async fn open_gateway(
    services: &Services,
    options: &ServerOptions,
    keys: Arc<AccessKeys>,
    tls: Option<Tls>,
    store: &Store,
    clock: &Clock,
) -> anyhow::Result<Bound> {
    let mut builder = Gateway::builder(clock.clone(), &options.region)
        .service(Arc::new(api_ecs::Server(Arc::clone(&services.ecs))))
        .service(Arc::new(api_ec2::Server(Arc::clone(&services.ec2))))
        .service(Arc::new(api_ecr::Server(Arc::clone(&services.ecr))))
        .service(Arc::new(api_gantry::Server(Arc::clone(&services.control))))
        .service(Arc::new(api_logs::Server(Arc::clone(&services.logs))))
        .service(Arc::new(api_secretsmanager::Server(Arc::clone(
            &services.secrets_manager,
        ))))
        .service(Arc::new(api_ssm::Server(Arc::clone(&services.ssm))))
        .service(Arc::new(api_iam::Server(Arc::clone(&services.iam))))
        .service(Arc::new(api_sts::Server(Arc::clone(&services.iam))))
        .registry(services.registry.clone())
        .websocket("/acs/ws", Arc::new(AcsSocket(Arc::clone(&services.ecs))))
        .websocket("/tcs/ws", Arc::new(TcsSocket(Arc::clone(&services.ecs))))
        .credentials(keys)
        .authorizer(services.authorizer.clone())
        .throttle(options.throttle)
        .drain_delay(Duration::from_secs(options.drain_seconds))
        .collect(Arc::new(StateMetrics::new(store.clone())));
    for address in &options.listen {
        let tls = tls.clone().filter(|_| options.needs_tls(*address));
        let listener = Listener::all(*address).tls(tls);
        builder = builder.listener(listener.allow_plain_http(options.allow_plain_http));
    }
    if let Some(address) = options.metrics_listen {
        builder = builder.listener(Listener::metrics(address));
    }
    if options.no_auth {
        builder = builder.no_authentication(&options.account);
    }
    Ok(builder.build()?.bind().await?)
}

/// One server is one zone: the region's first.
fn availability_zone(options: &ServerOptions) -> String {
    format!("{}a", options.region)
}

/// What agents and `docker login` are told.
fn endpoint_of(options: &ServerOptions) -> String {
    match (&options.advertise_url, options.listen.first()) {
        (Some(url), _) => url.trim_end_matches('/').to_owned(),
        (None, Some(address)) => {
            let scheme = if options.needs_tls(*address) {
                "https"
            } else {
                "http"
            };
            format!("{scheme}://{}", certificates::reachable(*address))
        }
        (None, None) => "http://127.0.0.1:4580".into(),
    }
}
