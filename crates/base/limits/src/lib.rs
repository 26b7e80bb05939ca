//! Every limit of Gantry, by name. A limit is AWS's where AWS has one (the doc says which), else our own.

// Tags (every service): https://docs.aws.amazon.com/general/latest/gr/aws_tagging.html
pub const TAGS_PER_RESOURCE: usize = 50;
pub const TAG_KEY_CHARACTERS: usize = 128;
pub const TAG_VALUE_CHARACTERS: usize = 256;

// ECS service quotas: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
pub const TASKS_PER_RUN_TASK: i32 = 10;
pub const TASKS_PER_SERVICE: i32 = 5_000;
pub const SERVICES_PER_CLUSTER: usize = 5_000;
/// Task sets of a service with the EXTERNAL deployment controller.
pub const TASK_SETS_PER_SERVICE: usize = 5;
/// Ours: a Cloud Map attribute, which AWS makes of it, has no more.
pub const EXTERNAL_ID_CHARACTERS: usize = 1024;
/// Daemons (CreateDaemon) of a cluster; AWS names no number.
pub const DAEMONS_PER_CLUSTER: usize = 100;
/// Capacity providers that a daemon names.
pub const CAPACITY_PROVIDERS_PER_DAEMON: usize = 20;
pub const CONTAINERS_PER_TASK_DEFINITION: usize = 10;
pub const TASK_DEFINITION_BYTES: usize = 64 * 1024;
/// Ours: AWS has no quota of them, and DescribeCapacityProviders looks at all.
pub const CAPACITY_PROVIDERS_PER_REGION: usize = 1_000;
/// Tasks of a cluster that wait for capacity which managed scaling is to bring.
pub const PROVISIONING_TASKS_PER_CLUSTER: usize = 500;
/// How long a task waits for capacity; on AWS between 10 and 30 minutes
/// (<https://aws.amazon.com/blogs/containers/deep-dive-on-amazon-ecs-cluster-auto-scaling/>).
pub const PROVISIONING_MINUTES: u64 = 15;
pub const CONTAINER_INSTANCES_PER_START_TASK: usize = 10;
pub const TASK_DEFINITIONS_PER_DELETE: usize = 10;
pub const TASKS_PER_UPDATE_PROTECTION: usize = 10;
/// How long a task is protected that does not say it, and at most.
pub const TASK_PROTECTION_MINUTES: i32 = 120;
pub const TASK_PROTECTION_MINUTES_MAX: i32 = 2_880;
/// IAM names have 64 characters, their paths 512.
pub const PRINCIPAL_ARN_BYTES: usize = 640;
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
/// A cluster query (PlacementConstraint says so).
pub const CLUSTER_QUERY_CHARACTERS: usize = 2_000;
/// How deep parentheses and `not` of a cluster query may nest.
pub const CLUSTER_QUERY_NESTING: usize = 32;

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

// wire

/// How deep a request's lists, maps and structures may nest.
pub const WIRE_NESTING_DEPTH: usize = 64;
/// The largest body of an API request, buffered in memory before it is verified.
pub const WIRE_BODY_BYTES: usize = 8 * 1024 * 1024;

// registry and ECR: https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html

/// The OCI distribution specification asks registries to take at least 4 MiB.
pub const MANIFEST_MAX_BYTES: usize = 4 * 1024 * 1024;
/// ECR's maximum layer size.
pub const LAYER_MAX_BYTES: u64 = 52_000 * 1024 * 1024;
/// How long an upload may stand still before it is thrown away.
pub const UPLOAD_IDLE_SECONDS: u64 = 24 * 60 * 60;
/// How often uploads and blobs that nobody needs are looked for.
pub const REGISTRY_SWEEP_SECONDS: u64 = 60 * 60;
/// Uploads under way in one registry.
pub const UPLOADS_OPEN_MAX: usize = 4096;
/// Bytes of a blob read or written at once.
pub const BLOB_CHUNK_BYTES: usize = 256 * 1024;
/// The largest page of tags or repositories, and the page when the client names none.
pub const REGISTRY_PAGE_ITEMS: usize = 1000;
/// How long a registry token is good for, as in ECR.
pub const REGISTRY_TOKEN_SECONDS: u64 = 12 * 60 * 60;

// ecs-rules: capacity provider strategies
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html>
pub const CAPACITY_PROVIDERS_PER_STRATEGY: usize = 20;
pub const CAPACITY_PROVIDER_WEIGHT: i32 = 1_000;
pub const CAPACITY_PROVIDER_BASE: i32 = 100_000;
/// RunTask's `overrides`: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskOverride.html
pub const TASK_OVERRIDES_BYTES: usize = 8192;
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html>
pub const SUBNETS_PER_TASK: usize = 16;
pub const SECURITY_GROUPS_PER_TASK: usize = 5;

// service-ecs: texts of RunTask and StopTask
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>
pub const STARTED_BY_CHARACTERS: usize = 128;
pub const GROUP_CHARACTERS: usize = 255;
pub const REFERENCE_ID_CHARACTERS: usize = 1024;
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html>
pub const STOPPED_REASON_CHARACTERS: usize = 1024;
/// Lengths that Amazon's agent cuts its reports to.
pub const CONTAINER_REASON_CHARACTERS: usize = 1024;
pub const RUNTIME_ID_CHARACTERS: usize = 255;
pub const IMAGE_DIGEST_CHARACTERS: usize = 255;

// client

/// How long a client waits for a TCP connection.
pub const CLIENT_CONNECT_TIMEOUT_SECONDS: u64 = 5;
/// How long a client waits for one whole answer, unless told otherwise.
pub const CLIENT_CALL_TIMEOUT_SECONDS: u64 = 60;
/// Idle connections that a client keeps.
pub const CLIENT_IDLE_CONNECTIONS: usize = 8;
/// A connection that was idle this long is not used again; must stay below the server's own limit.
pub const CLIENT_IDLE_SECONDS: u64 = 20;
/// The largest answer to an API call that a client reads.
pub const CLIENT_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// The longest pause between two attempts of a call.
pub const CLIENT_RETRY_PAUSE_MAX_MILLISECONDS: u64 = 5_000;
/// The first pause between two attempts; it doubles, and half of it is drawn by lot.
pub const CLIENT_RETRY_PAUSE_MILLISECONDS: u64 = 100;
/// The largest message on a websocket, either way.
pub const WEBSOCKET_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// What a websocket reads at once. So much is cleared before each read, and kept for each connection.
pub const WEBSOCKET_READ_BYTES: usize = 8 * 1024;

// gateway

/// Connections that a server holds at once; more wait in the kernel's queue.
pub const GATEWAY_CONNECTIONS: usize = 16_384;
/// How long a connection may take to send a request's headers, and how long it may be idle.
pub const GATEWAY_HEADER_TIMEOUT_SECONDS: u64 = 60;
/// How long the body of an API request may take.
pub const GATEWAY_BODY_TIMEOUT_SECONDS: u64 = 60;
/// How long a TLS handshake may take.
pub const GATEWAY_HANDSHAKE_TIMEOUT_SECONDS: u64 = 10;
/// How long a body may be waited for, or an answer not be taken, before the connection is given up.
pub const GATEWAY_STALL_SECONDS: u64 = 30;
/// A body that comes slower than this for longer than [`GATEWAY_STALL_SECONDS`] is given up.
pub const GATEWAY_BODY_BYTES_PER_SECOND: u64 = 1024;
/// Memory for the bodies of API requests, all together; more of them wait.
pub const GATEWAY_BODY_MEMORY_BYTES: usize = 256 * 1024 * 1024;
/// Bodies up to this are not counted: they are bounded by the number of connections.
pub const GATEWAY_SMALL_BODY_BYTES: usize = 16 * 1024;
/// Calls a second of one account and class of operations, unless throttled otherwise.
pub const THROTTLE_RATE: u32 = 20_000;
/// Calls at once of one account and class of operations, unless throttled otherwise.
pub const THROTTLE_BURST: u32 = 40_000;
/// Headers of one request.
pub const GATEWAY_HEADERS: usize = 100;
/// Bytes of a request's line and headers.
pub const GATEWAY_HEADER_BYTES: usize = 64 * 1024;
/// How long requests and websockets get to finish when the server stops.
pub const GATEWAY_SHUTDOWN_GRACE_SECONDS: u64 = 10;

// history

/// Bytes of one entry, key and overhead included.
pub const HISTORY_ENTRY_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of an entry's key.
pub const HISTORY_KEY_BYTES: usize = 2048;
/// Appends that may wait for the writer before callers wait to hand theirs over.
pub const HISTORY_WAITING_APPENDS: usize = 1024;
/// Appends that one fsync may carry.
pub const HISTORY_GROUP_APPENDS: usize = 512;
/// ECR's quota of repositories in a registry.
pub const REPOSITORIES_PER_REGISTRY: usize = 100_000;
/// ListImages, DescribeImages and DescribeRepositories give this many at most, and `ECR_PAGE_ITEMS` when not asked.
pub const ECR_PAGE_ITEMS_MAX: usize = 1000;
pub const ECR_PAGE_ITEMS: usize = 100;
/// GetLifecyclePolicyPreview gives this many at most.
pub const LIFECYCLE_PREVIEW_PAGE_ITEMS: usize = 100;
/// How often a lifecycle policy is applied. AWS promises a day.
pub const LIFECYCLE_EVERY_SECONDS: u64 = 60 * 60;
/// A lifecycle policy that was written takes no image before this: time to take it back.
pub const LIFECYCLE_SETTLE_SECONDS: u64 = 15;
/// How long a link to a layer is good for, as in ECR.
pub const DOWNLOAD_URL_SECONDS: u64 = 60 * 60;
/// The size of parts that InitiateLayerUpload asks for: in base 64 it stays below `WIRE_BODY_BYTES`.
pub const LAYER_PART_BYTES: i64 = 5 * 1024 * 1024;
/// ListImageReferrers gives this many at most.
pub const IMAGE_REFERRERS_PAGE_ITEMS: usize = 50;
/// Image ids or repository names that one request may have.
pub const ECR_REQUEST_ITEMS: usize = 100;

// log-store

/// Events of a stream that wait in memory (and in the journal) before they become a compressed block.
pub const LOG_BLOCK_BYTES: usize = 256 * 1024;
/// A segment file of a stream is closed when it has grown to this.
pub const LOG_SEGMENT_BYTES: u64 = 16 * 1024 * 1024;
/// Segments kept of a stream; the oldest goes when there are more. So a stream holds 256 MiB, compressed.
pub const LOG_STREAM_SEGMENTS: u64 = 16;
/// The journal is folded into segments when it has grown to this.
pub const LOG_JOURNAL_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of events that may wait for the disk before new ones are refused.
pub const LOG_WAITING_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of events looked at for one page of a search; then the page ends, full or not.
pub const LOG_SEARCH_BYTES: usize = 256 * 1024 * 1024;
/// How often what is older than its group keeps is removed. Nobody reads it from the moment on that it is too old.
pub const LOG_EXPIRE_EVERY_SECONDS: u64 = 600;

/// Bytes of one stream that a follower is given at once; of more the newest.
pub const LOG_ARRIVALS_BYTES: usize = 4 * 1024 * 1024;

// ecs-rules, service-ecs: services

/// The largest maximumPercent; far beyond what makes sense, and small enough that no sum overflows.
pub const DEPLOYMENT_PERCENT: i32 = 10_000;
/// How long an INACTIVE service stays describable.
pub const INACTIVE_SERVICE_HOURS: u64 = 1;
/// Service deployments of one service that are kept, the newest; older ones are dropped, with their revisions.
pub const SERVICE_DEPLOYMENTS_KEPT: usize = 100;
/// How long they are kept at most, as AWS shows them:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/view-service-deployment.html>
pub const SERVICE_DEPLOYMENT_DAYS: u64 = 90;
/// DescribeServiceDeployments and DescribeServiceRevisions take this many.
pub const DESCRIBE_SERVICE_DEPLOYMENTS_ITEMS: usize = 20;
pub const LIST_SERVICE_DEPLOYMENTS_PAGE_ITEMS: usize = 100;
/// Alarms and lifecycle hooks of one deployment configuration.
pub const DEPLOYMENT_ALARMS: usize = 100;
pub const DEPLOYMENT_HOOKS: usize = 50;
/// Minutes that a deployment may bake, and that it may wait for a hook (the model's maximum).
pub const DEPLOYMENT_BAKE_MINUTES: i32 = 1_440;
pub const DEPLOYMENT_HOOK_MINUTES: i32 = 20_160;
/// How long an event of a cause that goes on is not repeated, and how often a steady state is told again.
pub const SERVICE_EVENT_REPEAT_HOURS: u64 = 6;

// CloudWatch Logs: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html

pub const LOG_EVENTS_PER_PUT: usize = 10_000;
/// Of all messages of one PutLogEvents, each counted with [`LOG_EVENT_OVERHEAD_BYTES`] more.
pub const LOG_PUT_BYTES: usize = 1024 * 1024;
pub const LOG_EVENT_OVERHEAD_BYTES: usize = 26;
/// From the first to the last event of one PutLogEvents.
pub const LOG_PUT_SPAN_HOURS: i64 = 24;
pub const LOG_EVENT_MAX_AGE_DAYS: i64 = 14;
pub const LOG_EVENT_MAX_AHEAD_HOURS: i64 = 2;
/// Events of one page of GetLogEvents and FilterLogEvents.
pub const LOG_PAGE_EVENTS: usize = 10_000;
pub const LOG_PAGE_BYTES: usize = 1024 * 1024;
/// Groups or streams of one page.
pub const LOG_DESCRIBE_ITEMS: usize = 50;
pub const LOG_FILTER_STREAMS: usize = 100;
/// Logs Insights: log groups of one query, its results, how many queries run, are open and are remembered, how long one
/// may take, and bytes of results that are remembered.
pub const LOG_QUERY_GROUPS: usize = 50;
pub const LOG_QUERY_RESULTS: usize = 10_000;
pub const LOG_QUERIES_AT_ONCE: usize = 2;
pub const LOG_QUERIES_OPEN: usize = 30;
pub const LOG_QUERIES_KEPT: usize = 1000;
pub const LOG_QUERY_MINUTES: u64 = 60;
pub const LOG_QUERY_RESULT_BYTES: usize = 256 * 1024 * 1024;
/// Saved queries of an account and region.
pub const LOG_QUERY_DEFINITIONS: usize = 1000;
/// Events that GetLogGroupFields looks at.
pub const LOG_FIELDS_EVENTS: u64 = 10_000;
/// Live tails: at once, log groups and streams of one, events shown a second, and how long one lasts.
pub const LOG_TAILS_AT_ONCE: usize = 15;
pub const LOG_TAIL_GROUPS: usize = 10;
pub const LOG_TAIL_STREAMS: usize = 10;
pub const LOG_TAIL_EVENTS_A_SECOND: usize = 500;
pub const LOG_TAIL_HOURS: u64 = 3;
/// What ListLogGroups gives when not asked.
pub const LOG_LIST_GROUPS_ITEMS: usize = 50;
/// Metric filters of a group, and dimensions of a metric.
pub const LOG_METRIC_FILTERS: usize = 100;
pub const LOG_METRIC_DIMENSIONS: usize = 3;

// service-ecs: container instances

/// UpdateContainerInstancesState takes this many:
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateContainerInstancesState.html>
pub const CONTAINER_INSTANCES_PER_STATE_CHANGE: usize = 10;
/// Attributes of one PutAttributes or DeleteAttributes, and those that users may put on one container instance:
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PutAttributes.html>
pub const ATTRIBUTES_PER_REQUEST: usize = 10;
pub const ATTRIBUTES_PER_RESOURCE: usize = 10;
pub const ATTRIBUTE_CHARACTERS: usize = 128;

// policy, service-iam

/// A policy document as it is sent; what IAM allows of each kind is less.
pub const POLICY_BYTES: usize = 128 * 1024;
/// A page of IAM's lists, and the largest: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html>
pub const IAM_PAGE_ITEMS: i32 = 100;
pub const IAM_PAGE_ITEMS_MAX: usize = 1000;
pub const IAM_PATH_CHARACTERS: usize = 512;
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const IAM_ROLE_INLINE_CHARACTERS: usize = 10_240;
pub const IAM_USER_INLINE_CHARACTERS: usize = 2048;
pub const IAM_GROUP_INLINE_CHARACTERS: usize = 5120;
pub const IAM_POLICY_CHARACTERS: usize = 6144;
pub const IAM_TRUST_CHARACTERS: usize = 2048;
pub const IAM_POLICY_VERSIONS: usize = 5;
pub const IAM_ACCESS_KEYS_PER_USER: usize = 2;
pub const IAM_ATTACHED_POLICIES: usize = 10;
pub const IAM_GROUPS_PER_USER: usize = 10;
pub const IAM_ROLES: usize = 1000;
pub const IAM_USERS: usize = 5000;
pub const IAM_GROUPS: usize = 300;
pub const IAM_POLICIES: usize = 1500;
pub const IAM_INSTANCE_PROFILES: usize = 1000;
/// A role's longest session when it says none, and the longest of one role that assumes another.
pub const STS_SESSION_SECONDS: i32 = 3600;
pub const STS_SESSION_SECONDS_MIN: i32 = 900;
pub const STS_SESSION_SECONDS_MAX: i32 = 43_200;
/// GetSessionToken: of users, when they say none and at most; of the account at most.
pub const STS_USER_SESSION_SECONDS: i32 = 43_200;
pub const STS_USER_SESSION_SECONDS_MAX: i32 = 129_600;
/// Characters of a session's policies together.
pub const STS_SESSION_POLICY_CHARACTERS: usize = 2048;
pub const STS_SESSION_POLICIES: usize = 10;
/// Denials that are remembered for explanations.
pub const IAM_DENIALS: usize = 1000;

// SSM Parameter Store: https://docs.aws.amazon.com/general/latest/gr/ssm.html

pub const PARAMETERS_STANDARD: usize = 10_000;
pub const PARAMETERS_ADVANCED: usize = 100_000;
pub const PARAMETER_STANDARD_BYTES: usize = 4096;
pub const PARAMETER_ADVANCED_BYTES: usize = 8192;
/// Versions of a parameter that are kept; it takes one row each, so a parameter is deleted in one transaction.
pub const PARAMETER_VERSIONS: i64 = 100;
pub const PARAMETER_LABELS_PER_VERSION: usize = 10;
pub const PARAMETER_HIERARCHY_LEVELS: usize = 15;
pub const PARAMETER_NAME_CHARACTERS: usize = 1011;
pub const PARAMETER_DESCRIBE_ITEMS: usize = 50;
pub const PARAMETER_PATH_ITEMS: usize = 10;
/// A pattern that compiles to more than this is refused.
pub const PARAMETER_PATTERN_PROGRAM_BYTES: usize = 1024 * 1024;

// AWS Secrets Manager: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html

pub const SECRETS_PER_REGION: usize = 500_000;
pub const SECRET_BYTES: usize = 65_536;
pub const SECRET_NAME_CHARACTERS: usize = 512;
/// Staging labels of all versions of a secret.
pub const SECRET_STAGES: usize = 20;
/// Versions of a secret that are kept, those with labels first: "around 100" says AWS. With the secret's own row they
/// fit one transaction.
pub const SECRET_VERSIONS: usize = 90;
pub const SECRETS_PAGE_ITEMS: usize = 100;
pub const SECRETS_PER_BATCH: usize = 20;
pub const SECRET_RECOVERY_DAYS: i64 = 30;
pub const SECRET_RECOVERY_DAYS_LEAST: i64 = 7;

// Secrets of tasks

/// How long an agent waits for all secrets and environment files of a task.
pub const TASK_SECRETS_SECONDS: u64 = 60;
/// Environment files of a container: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/use-environment-file.html
pub const ENVIRONMENT_FILES_PER_CONTAINER: usize = 10;
pub const ENVIRONMENT_FILE_BYTES: usize = 1024 * 1024;
