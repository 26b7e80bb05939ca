//! Everything of one simulated cluster that its parts share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::Clock;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use crate::{
    checks::{tables, told::Told},
    disk::Disk,
    lot::Lot,
    network::Network,
    node::machine::Machine,
    profile::Profile,
    server::{Place, Server},
    trace::Trace,
};

/// The simulated world; always behind an [`Arc`].
pub struct World {
    /// The simulation's own: what it spawns survives every kill.
    pub clock: Clock,
    pub profile: Profile,
    pub trace: Trace,
    pub disk: Disk,
    pub network: Network,
    pub told: Mutex<Told>,
    pub tables: Arc<Mutex<tables::Check>>,
    history_directory: PathBuf,
    server: Mutex<Option<Arc<Server>>>,
    /// Ends the watch over the tables of the server that runs, once it has seen all.
    watch: Mutex<Option<Watch>>,
    machines: Mutex<BTreeMap<String, Arc<Machine>>>,
    /// Somebody has killed the server and will start it.
    is_restarting: AtomicBool,
    /// Faults happen; false once everything must become as asked.
    is_unrestful: AtomicBool,
    calmed: Notify,
    seed: u64,
}

impl World {
    pub fn new(
        seed: u64,
        profile: Profile,
        clock: Clock,
        trace: Trace,
        history_directory: PathBuf,
    ) -> Arc<Self> {
        Arc::new(Self {
            disk: Disk::new(profile.disk.clone(), Lot::new(seed, 2)),
            network: Network::new(profile.network.clone(), Lot::new(seed, 3), clock.clone()),
            told: Mutex::default(),
            tables: Arc::new(Mutex::new(tables::Check::new(trace.clone()))),
            history_directory,
            server: Mutex::default(),
            watch: Mutex::default(),
            calmed: Notify::new(),
            machines: Mutex::default(),
            is_restarting: AtomicBool::new(false),
            is_unrestful: AtomicBool::new(true),
            clock,
            profile,
            trace,
            seed,
        })
    }

    /// A stream of random values for one purpose; 1 to 9 are the world's own.
    pub fn lot(&self, purpose: u64) -> Lot {
        Lot::new(self.seed, purpose)
    }

    pub fn server(&self) -> Option<Arc<Server>> {
        lock(&self.server).clone()
    }

    pub async fn start_server(self: &Arc<Self>) -> anyhow::Result<()> {
        let tables = Arc::clone(&self.tables);
        let mut feed = None;
        let place = Place {
            disk: &self.disk,
            history_directory: &self.history_directory,
            node_lost_after: self.profile.node_lost_after,
        };
        let server = Server::start(&self.clock, place, |store| {
            let (opened, changes) = store.read_and_feed(|head| lock(&tables).opened(head));
            opened.head();
            feed = Some(changes);
        })
        .await?;
        if let Some(feed) = feed {
            let (stop, stopped) = oneshot::channel();
            let watching = tables::watch(
                Arc::clone(&self.tables),
                server.store.clone(),
                feed,
                stopped,
            );
            let watching = self.clock.spawn("watch-tables", watching);
            *lock(&self.watch) = Some(Watch { stop, watching });
        }
        self.trace.note(format_args!(
            "server: up at revision {}",
            server.store.durable_revision()
        ));
        *lock(&self.server) = Some(Arc::new(server));
        Ok(())
    }

    /// False if somebody else is about it.
    pub fn begin_restart(&self) -> bool {
        !self.is_restarting.swap(true, Ordering::Relaxed)
    }

    pub fn end_restart(&self) {
        self.is_restarting.store(false, Ordering::Relaxed);
    }

    pub async fn kill_server(&self) {
        let server = lock(&self.server).take();
        if let Some(server) = server {
            self.trace.note(format_args!("server: killed"));
            server.kill().await;
        }
        let watch = lock(&self.watch).take();
        if let Some(watch) = watch {
            let _ = watch.stop.send(());
            let _ = watch.watching.await;
        }
    }

    /// Waits, at most until the unrest ends; true if it goes on.
    pub async fn pause(&self, duration: Duration) -> bool {
        let calmed = self.calmed.notified();
        if self.is_unrestful() {
            let _ = self.clock.timeout(duration, calmed).await;
        }
        self.is_unrestful()
    }

    pub fn add_machine(&self, machine: Arc<Machine>) {
        lock(&self.machines).insert(machine.id.clone(), machine);
    }

    /// Those that are not lost, in order.
    pub fn machines(&self) -> Vec<Arc<Machine>> {
        let machines = lock(&self.machines);
        let living = machines.values().filter(|machine| !machine.is_lost());
        living.cloned().collect()
    }

    /// Every machine that ever was.
    pub fn all_machines(&self) -> Vec<Arc<Machine>> {
        lock(&self.machines).values().cloned().collect()
    }

    pub fn is_unrestful(&self) -> bool {
        self.is_unrestful.load(Ordering::Relaxed)
    }

    pub fn calm_down(&self) {
        self.is_unrestful.store(false, Ordering::Relaxed);
        self.network.calm_down();
        self.disk.fill(false);
        self.calmed.notify_waiters();
    }
}

struct Watch {
    stop: oneshot::Sender<()>,
    watching: JoinHandle<()>,
}

// A panic is a violation of its own and ends the run.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
