//! What the command line takes. Words are those of ECS and of `docker`, so that nobody has to learn new ones.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clock::UnixMillis;

use crate::when;

/// Your own Amazon ECS, in one binary.
#[derive(Debug, Parser)]
#[command(
    name = "gantry",
    version,
    about,
    after_help = "Start here:\n  gantry doctor         what this machine lacks\n  gantry up --detach    server and node in the background\n  gantry demo           a first service\n  gantry status         what runs, what is wrong, what to do next\n  gantry configure      writes the AWS profile `gantry`\n  aws --profile gantry ecs list-clusters\n\n`gantry COMMAND --help` shows examples."
)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Where Gantry listens; found by itself for one that runs on this machine.
    #[arg(long, global = true, env = "GANTRY_ENDPOINT", value_name = "URL")]
    pub endpoint: Option<String>,
    /// Where Gantry keeps its data [default: /var/lib/gantry, or the XDG data directory of a user]
    #[arg(long, global = true, env = "GANTRY_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// File with the certificate authorities (PEM) that an https endpoint's certificate may come from
    /// besides Gantry's own authority, if it is in the data directory [default: this machine's authorities]
    #[arg(long, global = true, env = "AWS_CA_BUNDLE", value_name = "FILE")]
    pub ca_certificate: Option<PathBuf>,
    /// A table for people or JSON for programs
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Table,
    Json,
}

#[derive(Debug, Subcommand)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one of them in a process"
)]
pub enum Command {
    /// Starts server and node on this machine, in one process
    #[command(
        after_help = "Examples:\n  gantry up --detach\n  gantry up --detach --listen 0.0.0.0:4580       (https, for other machines too)\n  gantry up --overcommit cpu=16,memory=2        (more Fargate tasks than the machine has cores)"
    )]
    Up(Up),
    /// Stops what `up` started, and the containers of this node; state stays
    #[command(
        after_help = "Examples:\n  gantry down\n  gantry down --keep-tasks     (the next `gantry up` takes the containers over)"
    )]
    Down(Down),
    /// Runs the control plane alone
    #[command(
        after_help = "Examples:\n  gantry server\n  gantry server --listen 0.0.0.0:4580 --tls-name gantry.example.com --history-days 90"
    )]
    Server(Server),
    /// Runs a node that joins a server
    #[command(
        after_help = "Examples:\n  gantry agent --endpoint https://10.0.0.1:4580 --join-credentials root-credentials.json --ca-certificate ca.pem\n  gantry agent --capacity ec2 --cluster prod --attribute rack=7"
    )]
    Agent(Agent),
    /// Shows server, nodes, clusters and services, what is wrong, and what to do next
    #[command(
        after_help = "Examples:\n  gantry status\n  gantry status --output json | jq .problems"
    )]
    Status,
    /// Shows what nodes and tasks use of CPU and memory, again and again
    #[command(
        after_help = "Examples:\n  gantry top\n  gantry top --once --service web\n  gantry top --output json\n\nCPU is the share of all the node's cores. Agents measure every 20 seconds."
    )]
    Top(Top),
    /// Shows what happened to services, deployments, tasks and nodes
    #[command(
        after_help = "Examples:\n  gantry events --follow\n  gantry events --service web --since 1h\n  gantry events --source node,deployment --limit 1000\n  gantry events --resource 3f2a9c            (a task, by the beginning of its id)"
    )]
    Events(Events),
    /// Shows what is long over: stopped tasks, events, deployments
    #[command(subcommand)]
    History(History),
    /// Explains a task, a service, a deployment or a node: why it is there, what it waits for, why it stopped
    #[command(
        after_help = "Examples:\n  gantry why 3f2a9c                   (a task, by the beginning of its id)\n  gantry why web --nodes              (a service, and what each node says to one more of its tasks)\n  gantry why node/node-1\n  gantry why deployment/Zx1…  or an ARN of any of them"
    )]
    Why(Why),
    /// Plays a described cluster and what happens to it, by the real scheduler under virtual time; needs no server
    #[command(
        after_help = "Examples:\n  gantry simulate zone-loss.yaml\n  gantry simulate zone-loss.yaml --output json | jq .services\n\nThe file is YAML or JSON: docs/simulate.md. It ends with 1 if a service is not steady at the end."
    )]
    Simulate(Simulate),
    /// Does something to a node
    #[command(subcommand)]
    Node(Node),
    /// Shows what a change would lead to, without making it
    #[command(subcommand)]
    Plan(Plan),
    /// Runs an image as a task on Fargate capacity and follows it
    #[command(
        after_help = "Examples:\n  gantry run demo:latest -- print 3\n  gantry run demo:latest --detach --name web --env GREETING=Hi\n  gantry run --task-definition web:3 --count 2 --detach"
    )]
    Run(Run),
    /// Lists tasks
    #[command(
        after_help = "Examples:\n  gantry ps\n  gantry ps --all --service web\n  gantry ps --output json | jq '.[].address'"
    )]
    Ps(Ps),
    /// Prints what a task's containers wrote
    #[command(
        after_help = "Examples:\n  gantry logs 3f2a9c\n  gantry logs 3f2a9c --follow --container web"
    )]
    Logs(Logs),
    /// Stops tasks
    #[command(
        after_help = "Examples:\n  gantry stop 3f2a9c\n  gantry stop 3f2a9c 81bd00 --reason maintenance"
    )]
    Stop(Stop),
    /// Images in Gantry's registry
    #[command(subcommand)]
    Image(Image),
    /// Writes the AWS profile `gantry` into ~/.aws
    #[command(
        after_help = "Examples:\n  gantry configure && aws --profile gantry ecs list-clusters\n  gantry configure --profile staging --endpoint https://10.0.0.1:4580"
    )]
    Configure(Configure),
    /// Writes the whole state into one file, while the server runs or from its data directory
    #[command(
        after_help = "Examples:\n  gantry backup gantry-2026-11-20.backup\n  gantry backup state.backup --endpoint https://10.0.0.1:4580"
    )]
    Backup(Backup),
    /// Fills an empty data directory from a backup
    #[command(
        after_help = "Examples:\n  gantry restore gantry-2026-11-20.backup --data-dir /var/lib/gantry\n  gantry restore gantry-2026-11-20.backup --root-key /safe/root-key.json"
    )]
    Restore(Restore),
    /// Makes a new root key for the secrets in the state, and wraps their keys anew with it
    #[command(
        after_help = "Examples:\n  gantry rotate-root-key\n\nBackups of before need the root key of before: docs/secrets.md."
    )]
    RotateRootKey,
    /// Says what this machine lacks and how to get it
    #[command(after_help = "Examples:\n  gantry doctor && gantry up --detach")]
    Doctor,
    /// Runs the demo service and waits until it serves
    #[command(after_help = "Examples:\n  gantry up --detach && gantry demo")]
    Demo,
    /// Prints the completion script of a shell
    #[command(
        after_help = "Examples:\n  source <(gantry completion bash)\n  gantry completion bash > /etc/bash_completion.d/gantry\n  gantry completion zsh > \"${fpath[1]}/_gantry\"\n  gantry completion fish > ~/.config/fish/completions/gantry.fish"
    )]
    Completion(Completion),
    /// Writes manual pages, one a command
    #[command(after_help = "Examples:\n  gantry man /usr/local/share/man/man1 && man gantry-run")]
    Man(Man),
}

#[derive(Debug, Clone, Args)]
pub struct Top {
    /// Show once what is known now; so it is where standard output is no terminal
    #[arg(long)]
    pub once: bool,
    /// How often to look again
    #[arg(long, default_value_t = 2, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub interval: u64,
    /// Only tasks of this cluster
    #[arg(long)]
    pub cluster: Option<String>,
    /// Only tasks of this service
    #[arg(long)]
    pub service: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct Events {
    /// Go on as events come
    #[arg(long, short)]
    pub follow: bool,
    /// Only events of this cluster
    #[arg(long)]
    pub cluster: Option<String>,
    /// Only events of this service and its tasks (of cluster `default` unless one is given)
    #[arg(long)]
    pub service: Option<String>,
    /// Only events of the thing with this ARN, or whose id begins like this
    #[arg(long, value_name = "ARN|ID")]
    pub resource: Option<String>,
    /// Only events of these
    #[arg(long = "source", value_delimiter = ',', value_name = "SOURCE")]
    pub sources: Vec<Source>,
    /// Nothing older: 90s, 15m, 2h, 7d, 4w ago, or a date or time
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    pub since: Option<UnixMillis>,
    /// How many past events to show, the newest
    #[arg(long, short = 'n', default_value_t = 50, value_name = "NUMBER")]
    pub limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Source {
    Deployment,
    Node,
    Service,
    Task,
}

#[derive(Debug, Clone, Subcommand)]
pub enum History {
    /// Tasks that stopped, newest first, with why
    #[command(
        after_help = "Examples:\n  gantry history tasks --since 7d --service web\n  gantry history tasks --since 2026-11-01 --until 2026-11-08 --output json"
    )]
    Tasks(HistoryOf),
    /// What happened, newest first
    #[command(after_help = "Examples:\n  gantry history events --since 2h --until 1h")]
    Events(HistoryOf),
    /// Deployments of services, newest first, with how they ended
    #[command(
        after_help = "Examples:\n  gantry history deployments --service web\n  gantry history deployments --since 4w --output json"
    )]
    Deployments(HistoryOf),
}

#[derive(Debug, Clone, Args)]
pub struct HistoryOf {
    /// Nothing older: 90s, 15m, 2h, 7d, 4w ago, or a date or time
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    pub since: Option<UnixMillis>,
    /// Nothing younger
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    pub until: Option<UnixMillis>,
    /// Only of this cluster
    #[arg(long)]
    pub cluster: Option<String>,
    /// Only of this service (of cluster `default` unless one is given)
    #[arg(long)]
    pub service: Option<String>,
    /// How many to show at most
    #[arg(long, short = 'n', default_value_t = 200, value_name = "NUMBER")]
    pub limit: usize,
}

#[derive(Debug, Clone, Args)]
pub struct Why {
    /// An ARN, the name of a service or a node, the id of a deployment, or the beginning of a task's id;
    /// task/…, service/…, deployment/… and node/… say which is meant
    pub what: String,
    #[arg(long, default_value = "default")]
    pub cluster: String,
    /// Also what each node says to one more such task now
    #[arg(long)]
    pub nodes: bool,
}

#[derive(Debug, Clone, Args)]
pub struct Simulate {
    pub file: PathBuf,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Plan {
    /// What `aws ecs update-service` with these options would start and stop, by the real planner and placement
    #[command(
        after_help = "Examples:\n  gantry plan update-service --service web --task-definition web:7\n  gantry plan update-service --service web --desired-count 20\n  gantry plan update-service --service web --force-new-deployment --maximum-percent 100 --minimum-healthy-percent 50\n  gantry plan update-service --service web --placement-constraints type=memberOf,expression='attribute:rack == a'\n  gantry plan update-service --service web --capacity-provider-strategy capacityProvider=FARGATE,base=1 capacityProvider=FARGATE_SPOT,weight=1\n\nIt ends with 1 if the service would not become steady."
    )]
    UpdateService(PlanUpdate),
}

#[derive(Debug, Clone, Args)]
pub struct PlanUpdate {
    #[arg(long)]
    pub service: String,
    #[arg(long, default_value = "default")]
    pub cluster: String,
    #[arg(long, value_name = "FAMILY[:REVISION]")]
    pub task_definition: Option<String>,
    #[arg(long, value_name = "NUMBER")]
    pub desired_count: Option<i32>,
    #[arg(long)]
    pub force_new_deployment: bool,
    #[arg(long, value_name = "PERCENT")]
    pub minimum_healthy_percent: Option<i32>,
    #[arg(long, value_name = "PERCENT")]
    pub maximum_percent: Option<i32>,
    /// Of the deployment: ROLLING, BLUE_GREEN, LINEAR or CANARY
    #[arg(long)]
    pub strategy: Option<String>,
    #[arg(long, value_name = "MINUTES")]
    pub bake_time_in_minutes: Option<i32>,
    /// The deployment circuit breaker, as the AWS CLI writes it
    #[arg(long, value_name = "enable=BOOL,rollback=BOOL")]
    pub deployment_circuit_breaker: Option<String>,
    /// Constraints instead of those of now, as the AWS CLI writes them; none at all with an empty one
    #[arg(long, num_args = 1.., value_name = "type=TYPE[,expression=EXPRESSION]")]
    pub placement_constraints: Option<Vec<String>>,
    /// Strategies instead of those of now; none at all with an empty one
    #[arg(long, num_args = 1.., value_name = "type=TYPE[,field=FIELD]")]
    pub placement_strategy: Option<Vec<String>>,
    /// Capacity providers instead of those of now, or of the launch type
    #[arg(long, num_args = 1.., value_name = "capacityProvider=NAME[,weight=N][,base=N]")]
    pub capacity_provider_strategy: Option<Vec<String>>,
}

#[derive(Debug, Clone, Args)]
pub struct Completion {
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Clone, Args)]
pub struct Man {
    /// Directory to write to
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}

/// Options of the control plane.
#[derive(Debug, Clone, Args)]
pub struct ServerOptions {
    /// Address to listen on; may be given several times. Beyond loopback it serves https, with a certificate of Gantry's own authority (tls/ca.pem in the data directory) unless one is given
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4580")]
    pub listen: Vec<SocketAddr>,
    /// Serve plain HTTP beyond loopback: only on a network where everyone may read everything
    #[arg(long)]
    pub allow_plain_http: bool,
    /// Serve https on loopback too
    #[arg(long, conflicts_with = "allow_plain_http")]
    pub tls: bool,
    /// Certificate chain to serve https with (PEM), in place of one of Gantry's own authority; read again when it changes
    #[arg(long, requires = "tls_key", value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// Key of --tls-certificate (PEM)
    #[arg(long, requires = "tls_certificate", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Further name or address for the server's own certificate; may be given several times
    #[arg(long = "tls-name", value_name = "NAME")]
    pub tls_names: Vec<String>,
    /// Further address for /metrics and /healthz alone, in plain HTTP and open to whoever reaches it
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub metrics_listen: Option<SocketAddr>,
    /// How often operations may be called: generous, aws (ECS's own rates), off, or BURST:PER_SECOND for each class
    #[arg(long, default_value = "generous", value_name = "RATE")]
    pub throttle: gateway::Throttle,
    /// How long to serve on after SIGTERM while /healthz says 503, so that a balancer in front goes elsewhere
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    pub drain_seconds: u64,
    /// How long stopped tasks, events and deployments are kept
    #[arg(long, default_value_t = 30, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub history_days: u32,
    /// URL that agents and `docker login` are told, when it is not the first address
    #[arg(long, value_name = "URL")]
    pub advertise_url: Option<String>,
    #[arg(long, default_value = "123456789012", value_name = "12 DIGITS")]
    pub account: String,
    #[arg(long, default_value = "us-east-1")]
    pub region: String,
    /// Addresses for awsvpc tasks: the default subnet
    #[arg(long, default_value = "172.31.0.0/20", value_name = "CIDR")]
    pub default_subnet_cidr: String,
    /// How long a node's agent may be disconnected before its tasks count as lost, are STOPPED and replaced; 0 waits without end, as ECS does on EC2
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub node_lost_after: u64,
    /// Verify no signatures: throw-away use, on loopback only
    #[arg(long)]
    pub no_auth: bool,
}

/// Options of a node.
#[derive(Debug, Clone, Args)]
pub struct NodeOptions {
    /// What this node offers
    #[arg(long, value_enum, default_value_t = Capacity::Serverless)]
    pub capacity: Capacity,
    /// What runs the containers
    #[arg(long, value_enum, default_value_t = Runtime::Builtin)]
    pub runtime: Runtime,
    /// What makes containers under the built-in runtime: libcontainer, which is compiled in, or a program with runc's
    /// command line, by name or path
    #[arg(long, default_value = "libcontainer", value_name = "PROGRAM")]
    pub oci_runtime: String,
    #[command(flatten)]
    pub images: ImageOptions,
    /// Serverless capacity offered beyond what the machine has, for example cpu=8,memory=1.5
    #[arg(
        long,
        value_name = "cpu=N,memory=N",
        default_value = "cpu=8,memory=1.5"
    )]
    pub overcommit: String,
    /// Cluster to register in (container instances only)
    #[arg(long, default_value = "default")]
    pub cluster: String,
    /// Capacity provider whose Auto Scaling group this machine stands in for (container instances only)
    #[arg(long, value_name = "NAME")]
    pub capacity_provider: Option<String>,
    /// GPU to offer, with the devices of the host that a container gets with it; may be given several times (container
    /// instances only) [default: those of NVIDIA's driver]
    #[arg(long = "gpu", value_name = "ID=DEVICE[,DEVICE...]")]
    pub gpus: Vec<String>,
    /// Name of the node [default: the host name]
    #[arg(long)]
    pub node_name: Option<String>,
    /// Attribute of the container instance; may be given several times
    #[arg(long = "attribute", value_name = "NAME=VALUE")]
    pub attributes: Vec<String>,
    /// Addresses that tasks get, as the server's subnets have them
    #[arg(long, default_value = "172.31.0.0/16", value_name = "CIDR")]
    pub network_cidr: String,
    /// Prefix of this node's namespaces, links and nftables table
    #[arg(long, default_value = "gantry", value_name = "NAME")]
    pub network_name: String,
}

/// Where a node's images come from, and when they go. The variables are those of Amazon's agent, which also takes logins
/// from ECS_ENGINE_AUTH_TYPE and ECS_ENGINE_AUTH_DATA.
#[derive(Debug, Clone, Args)]
pub struct ImageOptions {
    /// Logins for registries, in the form of Docker's config.json; read again at each pull
    #[arg(long, value_name = "FILE")]
    pub registry_auth: Option<PathBuf>,
    /// Asked before the registry that an image names, for example docker.io=https://mirror.example.com; may be given
    /// several times
    #[arg(long = "registry-mirror", value_name = "REGISTRY=URL")]
    pub registry_mirrors: Vec<String>,
    /// Certificate authorities (PEM) that registries' certificates may come from besides this machine's; may be given
    /// several times
    #[arg(long = "registry-ca", value_name = "FILE")]
    pub registry_authorities: Vec<PathBuf>,
    /// Registry that is spoken to without TLS, as those on loopback are; may be given several times
    #[arg(long = "insecure-registry", value_name = "HOST[:PORT]")]
    pub insecure_registries: Vec<String>,
    /// When the registry is asked for an image
    #[arg(
        long,
        env = "ECS_IMAGE_PULL_BEHAVIOR",
        value_enum,
        default_value_t = PullBehavior::Default
    )]
    pub image_pull_behavior: PullBehavior,
    /// How often images that no task needs are looked for; 10m at least
    #[arg(
        long,
        env = "ECS_IMAGE_CLEANUP_INTERVAL",
        default_value = "30m",
        value_name = "DURATION"
    )]
    pub image_cleanup_interval: String,
    /// How long such an image stays after it was last wanted; 1m at least
    #[arg(
        long,
        env = "ECS_IMAGE_MINIMUM_CLEANUP_AGE",
        default_value = "1h",
        value_name = "DURATION"
    )]
    pub image_minimum_cleanup_age: String,
    /// How many of them are deleted at a time
    #[arg(
        long,
        env = "ECS_NUM_IMAGES_DELETE_PER_CYCLE",
        default_value_t = 5,
        value_name = "COUNT",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub num_images_delete_per_cycle: u32,
    /// Leaves images where they are until the disk is nearly full
    #[arg(long, env = "ECS_DISABLE_IMAGE_CLEANUP")]
    pub disable_image_cleanup: bool,
}

/// As Amazon's agent has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PullBehavior {
    /// Each time; when it fails, what is on the node will do
    Default,
    /// Each time, and its failure is the container's
    Always,
    /// For what is not on the node
    Once,
    /// For what is not on the node
    PreferCached,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Node {
    /// Takes the capacity of its FARGATE_SPOT tasks back: they get SIGTERM and their stop timeout, services start others
    #[command(after_help = "Examples:\n  gantry node interrupt node-1")]
    Interrupt(Interrupt),
    /// Says that the machine of a capacity provider's instance is about to end: managed draining moves its tasks away
    #[command(
        after_help = "Examples:\n  gantry node release node-3 && ssh node-3 poweroff\n  gantry node release node-3 --cancel\n\nIt ends with 1 while tasks run there that are no daemon's: ask again."
    )]
    Release(Release),
}

#[derive(Debug, Clone, Args)]
pub struct Release {
    /// The node, by name, by the beginning of its id, or by ARN
    pub node: String,
    /// It stays after all; one that drains is taken back by update-container-instances-state
    #[arg(long)]
    pub cancel: bool,
}

#[derive(Debug, Clone, Args)]
pub struct Interrupt {
    /// The node, by name, by the beginning of its id, or by ARN
    pub node: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Capacity {
    /// Fargate capacity, hidden from users
    Serverless,
    /// A container instance of the EC2 launch type
    Ec2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Runtime {
    /// Needs nothing installed
    Builtin,
}

#[derive(Debug, Clone, Args)]
pub struct Up {
    /// Come back as soon as it serves; `gantry down` stops it
    #[arg(long, short)]
    pub detach: bool,
    #[command(flatten)]
    pub server: ServerOptions,
    #[command(flatten)]
    pub node: NodeOptions,
}

#[derive(Debug, Clone, Args)]
pub struct Down {
    /// Leave the containers running; the next `up` takes them over
    #[arg(long)]
    pub keep_tasks: bool,
    /// The --network-name that the node was started with
    #[arg(long, default_value = "gantry", value_name = "NAME")]
    pub network_name: String,
}

#[derive(Debug, Clone, Args)]
pub struct Server {
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Clone, Args)]
pub struct Agent {
    #[command(flatten)]
    pub node: NodeOptions,
    #[arg(long, default_value = "us-east-1")]
    pub region: String,
    /// File with the credentials to join with [default: root-credentials.json in the data directory]
    #[arg(long, value_name = "FILE")]
    pub join_credentials: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct Run {
    /// Image to run; a task definition is registered for it
    #[arg(required_unless_present = "task_definition")]
    pub image: Option<String>,
    /// Run this task definition instead of an image
    #[arg(long, conflicts_with = "image", value_name = "FAMILY[:REVISION]")]
    pub task_definition: Option<String>,
    /// Family of the task definition [default: from the image's name]
    #[arg(long)]
    pub name: Option<String>,
    #[arg(long, default_value = "default")]
    pub cluster: String,
    #[arg(long, default_value_t = 1)]
    pub count: i32,
    /// CPU units, 1024 are one vCPU
    #[arg(long, default_value = "256")]
    pub cpu: String,
    /// Memory in MiB
    #[arg(long, default_value = "512")]
    pub memory: String,
    #[arg(long = "env", short = 'e', value_name = "NAME=VALUE")]
    pub environment: Vec<String>,
    /// Port that the container listens on
    #[arg(long = "port", short = 'p', value_name = "PORT")]
    pub ports: Vec<i32>,
    /// Come back as soon as the task was accepted
    #[arg(long, short)]
    pub detach: bool,
    /// Command for the container
    #[arg(last = true)]
    pub command: Vec<String>,
}

#[derive(Debug, Clone, Args)]
pub struct Ps {
    #[arg(long, default_value = "default")]
    pub cluster: String,
    /// Show stopped tasks too
    #[arg(long, short)]
    pub all: bool,
    /// Only tasks of this service
    #[arg(long)]
    pub service: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct Logs {
    /// Task id (its first characters do) or ARN
    pub task: String,
    #[arg(long, default_value = "default")]
    pub cluster: String,
    /// Only this container
    #[arg(long)]
    pub container: Option<String>,
    /// Go on as lines come
    #[arg(long, short)]
    pub follow: bool,
}

#[derive(Debug, Clone, Args)]
pub struct Stop {
    /// Task ids (their first characters do) or ARNs
    #[arg(required = true)]
    pub tasks: Vec<String>,
    #[arg(long, default_value = "default")]
    pub cluster: String,
    #[arg(long)]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Image {
    #[command(
        after_help = "Examples:\n  gantry image import ./rootfs app:1 --entrypoint /app\n  docker save app:1 > app.tar && gantry image import app.tar app:1"
    )]
    /// Brings an image into Gantry's registry: an OCI layout, a `docker save` archive, or a root file system directory
    Import(ImageImport),
    /// Lists what the registry holds
    Ls,
}

#[derive(Debug, Clone, Args)]
pub struct ImageImport {
    pub source: PathBuf,
    /// Name in the registry, NAME[:TAG]
    pub name: String,
    /// Entry point of a root file system; may be given several times
    #[arg(long, value_name = "WORD")]
    pub entrypoint: Vec<String>,
    /// Default command of a root file system; may be given several times
    #[arg(long, value_name = "WORD")]
    pub cmd: Vec<String>,
    #[arg(long = "env", short = 'e', value_name = "NAME=VALUE")]
    pub environment: Vec<String>,
    #[arg(long)]
    pub user: Option<String>,
    #[arg(long)]
    pub working_dir: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct Backup {
    /// File to write, readable by its owner only: it holds access keys
    pub file: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub struct Restore {
    /// What `gantry backup` wrote
    pub file: PathBuf,
    /// The root-key.json of the server that was backed up; needed if the state holds secrets
    #[arg(long, value_name = "FILE")]
    pub root_key: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct Configure {
    /// Name of the profile
    #[arg(long, default_value = "gantry")]
    pub profile: String,
}
