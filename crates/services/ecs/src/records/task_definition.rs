use api_ecs::types::TaskDefinition;
use clock::UnixMillis;
use serde::{Deserialize, Serialize};
use state::{Index, Record};
use wire::Stored;

use super::{DAEMON_PREFIX, Tags};

/// One revision of a family; of a daemon task definition the family is `daemon:FAMILY` here. `definition` is what DescribeTaskDefinition answers, except status and times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskDefinitionRecord {
    pub account: String,
    pub region: String,
    pub family: String,
    pub revision: i32,
    pub status: TaskDefinitionStatus,
    pub definition: Stored<TaskDefinition>,
    pub tags: Tags,
    pub registered_at: UnixMillis,
    pub registered_by: String,
    pub deregistered_at: Option<UnixMillis>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskDefinitionStatus {
    Active,
    Inactive,
    DeleteInProgress,
    /// Of daemon task definitions, which are described for a while after they were deleted.
    Deleted,
}

/// The highest revision a family ever had: revisions are never used again, even after all are gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FamilyRecord {
    pub account: String,
    pub region: String,
    pub family: String,
    pub latest_revision: i32,
}

impl TaskDefinitionRecord {
    /// Revisions are zero-padded, so that the order of keys is the order of revisions.
    pub fn key_of(account: &str, region: &str, family: &str, revision: i32) -> String {
        format!("{account}/{region}/{family}/{revision:010}")
    }

    pub fn arn(&self) -> String {
        let scope = names::Scope::new(&self.account, &self.region);
        task_definition_arn(&scope, &self.family, self.revision)
    }

    /// Whether it is a daemon task definition, which has operations of its own.
    pub fn is_of_daemon(&self) -> bool {
        self.family.starts_with(DAEMON_PREFIX)
    }
}

/// The ARN of what the tables call a family and a revision.
pub(crate) fn task_definition_arn(scope: &names::Scope, family: &str, revision: i32) -> String {
    match family.strip_prefix(DAEMON_PREFIX) {
        Some(family) => scope.daemon_task_definition(family, revision),
        None => scope.task_definition(family, revision),
    }
}

impl Record for TaskDefinitionRecord {
    const TABLE: &'static str = "ecs_task_definitions";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.family, self.revision)
    }

    fn indexes() -> &'static [Index<Self>] {
        // Those that a loop has to look after.
        &[Index {
            name: "by_work",
            keys: |record| match record.status {
                TaskDefinitionStatus::DeleteInProgress => vec!["doomed".into()],
                TaskDefinitionStatus::Deleted => vec!["deleted".into()],
                TaskDefinitionStatus::Active | TaskDefinitionStatus::Inactive => vec![],
            },
        }]
    }
}

impl FamilyRecord {
    pub fn key_of(account: &str, region: &str, family: &str) -> String {
        [account, region, family].join("/")
    }
}

impl Record for FamilyRecord {
    const TABLE: &'static str = "ecs_families";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.family)
    }

    fn indexes() -> &'static [Index<Self>] {
        &[]
    }
}

impl TaskDefinitionStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
            Self::DeleteInProgress => "DELETE_IN_PROGRESS",
            Self::Deleted => "DELETED",
        }
    }
}
