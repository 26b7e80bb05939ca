//! Every limit of Gantry, by name. A limit is AWS's where AWS has one (the doc says which), else our own.

// Tags (every service): https://docs.aws.amazon.com/general/latest/gr/aws_tagging.html
pub const TAGS_PER_RESOURCE: usize = 50;
pub const TAG_KEY_CHARACTERS: usize = 128;
pub const TAG_VALUE_CHARACTERS: usize = 256;

// ECS service quotas: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
pub const TASKS_PER_RUN_TASK: i32 = 10;
pub const TASKS_PER_SERVICE: i32 = 5_000;
pub const SERVICES_PER_CLUSTER: usize = 5_000;
pub const CONTAINERS_PER_TASK_DEFINITION: usize = 10;
pub const TASK_DEFINITION_BYTES: usize = 64 * 1024;
/// DescribeTasks, DescribeClusters and DescribeContainerInstances take this many.
pub const DESCRIBE_ITEMS: usize = 100;
/// DescribeServices takes this many.
pub const DESCRIBE_SERVICES_ITEMS: usize = 10;
pub const LIST_PAGE_ITEMS: usize = 100;
pub const LIST_SERVICES_PAGE_ITEMS: usize = 100;
/// Events of a service that DescribeServices shows.
pub const SERVICE_EVENTS_KEPT: usize = 100;
/// How long an idempotency token is remembered.
pub const CLIENT_TOKEN_HOURS: u64 = 24;
pub const CLIENT_TOKEN_CHARACTERS: usize = 64;

// identity

/// How far a request's signature may be dated from the server's clock, either way.
pub const SIGNATURE_SKEW_SECONDS: i64 = 300;
/// The longest life of a presigned request, as AWS has it: seven days.
pub const PRESIGNED_EXPIRES_MAX_SECONDS: i64 = 604_800;
/// Derived signing keys kept, one for each access key, day, region and service.
pub const SIGNING_KEY_CACHE_ENTRIES: usize = 16_384;

// state: a transaction must fit etcd's defaults (128 operations, 1.5 MiB a request) with room to spare.

/// Rows that one transaction may change.
pub const TRANSACTION_ROWS: usize = 100;
/// Bytes of keys and encoded rows that one transaction may write.
pub const TRANSACTION_BYTES: usize = 1024 * 1024;
/// Transactions that may wait for the disk before new ones are refused.
pub const STORE_WAITING_TRANSACTIONS: usize = 65_536;
/// Transactions that one commit of the engine may carry.
pub const COMMIT_GROUP_TRANSACTIONS: usize = 1024;
/// Change sets that a slow reader of the feed may be behind before it has to sweep.
pub const FEED_CHANGE_SETS: usize = 4096;
/// Batches that an engine without a log of its own keeps for followers.
pub const FOLLOW_BATCHES: usize = 256;
/// Bytes that those batches may take.
pub const FOLLOW_BYTES: usize = 4 * 1024 * 1024;
