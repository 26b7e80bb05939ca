//! What one seed is about. Each seed has its own mix of faults and work, some none of a kind: a bug that needs one kind
//! alone is not drowned by the others.

use std::time::Duration;

use crate::lot::Lot;

/// How the simulated world behaves, drawn from the seed.
#[derive(Debug, Clone)]
pub struct Profile {
    /// How long clients work and faults happen; then everything must become as asked.
    pub unrest: Duration,
    pub clients: u64,
    pub client_pause: (Duration, Duration),
    pub serverless_nodes: u64,
    pub container_instances: u64,
    pub network: NetworkFaults,
    pub disk: DiskFaults,
    /// Mean time between faults of a kind; none: the kind does not occur.
    pub server_kills: Option<Duration>,
    pub session_cuts: Option<Duration>,
    pub agent_restarts: Option<Duration>,
    pub reboots: Option<Duration>,
    pub node_losses: Option<Duration>,
    pub partitions: Option<Duration>,
    pub full_disks: Option<Duration>,
    /// Drains and activations by the operator.
    pub drains: Option<Duration>,
    /// Capacity that is taken back from FARGATE_SPOT.
    pub spot_interruptions: Option<Duration>,
    /// Whole zones that are away for a while.
    pub zone_losses: Option<Duration>,
    /// How long an Auto Scaling group takes until it sees that tasks wait for it.
    pub group_scaling: Option<Duration>,
    /// Of a hundred steps of services and their deployments, those at which the server is killed.
    pub step_kills: u64,
    /// Whether tasks other than well-behaved ones occur.
    pub bad_tasks: bool,
    /// The server's setting; none: a node may be away without end.
    pub node_lost_after: Option<Duration>,
    pub features: Features,
}

/// What clients use of ECS besides tasks and services.
#[derive(Debug, Clone, Default)]
pub struct Features {
    pub circuit_breaker: bool,
    pub bake_time: bool,
    /// Deployments that shift traffic: BLUE_GREEN, LINEAR, CANARY.
    pub traffic: bool,
    /// Stop- and ContinueServiceDeployment.
    pub meddling: bool,
    pub protection: bool,
    /// Constraints and strategies.
    pub placement: bool,
    pub capacity_providers: bool,
    /// Task definitions that are deleted.
    pub deletions: bool,
    /// Services of the DAEMON strategy.
    pub daemons: bool,
    /// Services with the EXTERNAL deployment controller.
    pub task_sets: bool,
    /// Nodes in several Availability Zones, and services that keep their balance over them.
    pub zones: bool,
    /// A capacity provider of an Auto Scaling group: tasks wait for its instances.
    pub groups: bool,
    /// UpdateService that changes whatever it can, at any time.
    pub everything: bool,
    /// Daemons (CreateDaemon) on the instances of a capacity provider.
    pub managed_daemons: bool,
}

#[derive(Debug, Clone)]
pub struct NetworkFaults {
    pub latency: (Duration, Duration),
    /// Of a million messages each.
    pub lost: u64,
    pub repeated: u64,
    /// How late a repeated message may come.
    pub repeated_after: Duration,
}

#[derive(Debug, Clone)]
pub struct DiskFaults {
    /// How long a commit takes.
    pub latency: (Duration, Duration),
}

impl Profile {
    pub fn draw(lot: &Lot) -> Self {
        let ms = Duration::from_millis;
        let sometimes = |percent: u64, least: u64, most: u64| {
            lot.percent(percent).then(|| lot.seconds(least, most))
        };
        // A fifth of all seeds know no fault at all: what fails there is plainly wrong.
        let calm = lot.percent(20);
        let faulty = |percent: u64| if calm { 0 } else { percent };
        let mut drawn = Self {
            unrest: if lot.percent(75) {
                lot.seconds(30, 150)
            } else {
                lot.seconds(150, 480)
            },
            clients: lot.between(1, 4),
            client_pause: *lot
                .pick(&[
                    (ms(20), ms(2_000)),
                    (ms(200), ms(10_000)),
                    (ms(1_000), ms(30_000)),
                ])
                .expect("there are choices"),
            serverless_nodes: lot.between(1, 4),
            container_instances: lot.between(0, 5),
            network: NetworkFaults::draw(lot, faulty(50)),
            disk: DiskFaults {
                latency: *lot
                    .pick(&[(ms(0), ms(1)), (ms(1), ms(10)), (ms(1), ms(500))])
                    .expect("there are choices"),
            },
            server_kills: sometimes(faulty(50), 10, 120),
            session_cuts: sometimes(faulty(50), 5, 60),
            agent_restarts: sometimes(faulty(40), 10, 120),
            reboots: sometimes(faulty(30), 20, 180),
            node_losses: sometimes(faulty(30), 30, 240),
            partitions: sometimes(faulty(35), 20, 120),
            full_disks: sometimes(faulty(20), 30, 180),
            drains: sometimes(40, 20, 120),
            bad_tasks: lot.percent(70),
            features: Features::draw(lot),
            node_lost_after: None,
            spot_interruptions: None,
            zone_losses: None,
            group_scaling: None,
            step_kills: if lot.percent(faulty(30)) {
                lot.between(1, 25)
            } else {
                0
            },
        };
        let features = &drawn.features;
        let of_feature = |is_known: bool, percent: u64, least: u64, most: u64| {
            sometimes(percent, least, most).filter(|_| is_known)
        };
        drawn.spot_interruptions = of_feature(features.capacity_providers, 60, 10, 90);
        drawn.zone_losses = of_feature(features.zones, faulty(50), 40, 240);
        drawn.group_scaling = of_feature(features.groups, 100, 5, 60);
        drawn
    }

    /// No fault and nothing drawn: what happens is somebody else's to say.
    pub fn quiet(node_lost_after: Option<Duration>) -> Self {
        let latency = (Duration::from_millis(1), Duration::from_millis(1));
        Self {
            unrest: Duration::ZERO,
            clients: 0,
            client_pause: latency,
            serverless_nodes: 0,
            container_instances: 0,
            network: NetworkFaults {
                latency,
                lost: 0,
                repeated: 0,
                repeated_after: Duration::ZERO,
            },
            disk: DiskFaults { latency },
            server_kills: None,
            session_cuts: None,
            agent_restarts: None,
            reboots: None,
            node_losses: None,
            partitions: None,
            full_disks: None,
            drains: None,
            spot_interruptions: None,
            zone_losses: None,
            group_scaling: None,
            step_kills: 0,
            bad_tasks: false,
            features: Features::default(),
            node_lost_after,
        }
    }
}

impl NetworkFaults {
    /// Messages are lost, or repeated, `percent` times of a hundred.
    fn draw(lot: &Lot, percent: u64) -> Self {
        let ms = Duration::from_millis;
        let sometimes = |most: u64| match lot.percent(percent) {
            true => lot.between(1_000, most),
            false => 0,
        };
        Self {
            latency: *lot
                .pick(&[(ms(0), ms(1)), (ms(1), ms(20)), (ms(5), ms(400))])
                .expect("there are choices"),
            lost: sometimes(80_000),
            repeated: sometimes(100_000),
            repeated_after: lot.seconds(1, 90),
        }
    }
}

impl Features {
    fn draw(lot: &Lot) -> Self {
        Self {
            circuit_breaker: lot.percent(35),
            bake_time: lot.percent(25),
            traffic: lot.percent(30),
            meddling: lot.percent(30),
            protection: lot.percent(30),
            placement: lot.percent(40),
            capacity_providers: lot.percent(30),
            deletions: lot.percent(25),
            daemons: lot.percent(25),
            task_sets: lot.percent(30),
            zones: lot.percent(30),
            groups: lot.percent(25),
            everything: lot.percent(35),
            managed_daemons: lot.percent(25),
        }
    }
}
