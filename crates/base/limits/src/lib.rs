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
