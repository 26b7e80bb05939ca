//! The tables of IAM. Names are unique whatever their case, so keys hold them in lower case; all fields are written by the
//! operations alone.

use std::collections::{BTreeMap, BTreeSet};

use clock::UnixMillis;
use serde::{Deserialize, Serialize};
use state::{Index, Record};

pub type Tags = Vec<(String, String)>;

/// What a role, a user or a group is given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Grants {
    /// Inline policies: documents by name.
    pub inline: BTreeMap<String, String>,
    /// ARNs of managed policies.
    pub attached: BTreeSet<String>,
    /// ARN of a managed policy.
    pub boundary: Option<String>,
}

impl Grants {
    /// The managed policies it names, in either way.
    pub fn managed(&self) -> impl Iterator<Item = &String> {
        self.attached.iter().chain(&self.boundary)
    }
}

pub(crate) fn key_of(account: &str, name: &str) -> String {
    format!("{account}/{}", name.to_lowercase())
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleRecord {
    pub account: String,
    pub name: String,
    pub path: String,
    /// `AROA…`
    pub id: String,
    pub created_at: UnixMillis,
    pub description: Option<String>,
    pub max_session_seconds: i32,
    /// The document as it was sent.
    pub trust: String,
    pub grants: Grants,
    pub tags: Tags,
    /// The service that a service-linked role is of.
    pub linked_service: Option<String>,
}

impl Record for RoleRecord {
    const TABLE: &'static str = "iam_roles";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        key_of(&self.account, &self.name)
    }

    fn indexes() -> &'static [Index<Self>] {
        &[Index {
            name: BY_POLICY,
            keys: |role| of_account(&role.account, role.grants.managed()),
        }]
    }
}

/// The entities that name a managed policy: `{account}/{arn}`.
pub(crate) const BY_POLICY: &str = "by_policy";

fn of_account<'a>(account: &str, names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let keys: BTreeSet<String> = names.map(|name| policy_index(account, name)).collect();
    keys.into_iter().collect()
}

pub(crate) fn policy_index(account: &str, arn: &str) -> String {
    format!("{account}/{arn}")
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserRecord {
    pub account: String,
    pub name: String,
    pub path: String,
    /// `AIDA…`
    pub id: String,
    pub created_at: UnixMillis,
    pub grants: Grants,
    pub tags: Tags,
    /// Names of groups.
    pub groups: BTreeSet<String>,
}

impl Record for UserRecord {
    const TABLE: &'static str = "iam_users";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        key_of(&self.account, &self.name)
    }

    fn indexes() -> &'static [Index<Self>] {
        &[
            Index {
                name: BY_POLICY,
                keys: |user| of_account(&user.account, user.grants.managed()),
            },
            Index {
                name: UserRecord::BY_GROUP,
                keys: |user| {
                    let groups = user.groups.iter();
                    groups.map(|name| key_of(&user.account, name)).collect()
                },
            },
        ]
    }
}

impl UserRecord {
    /// The members of a group, by its key.
    pub const BY_GROUP: &'static str = "by_group";
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupRecord {
    pub account: String,
    pub name: String,
    pub path: String,
    /// `AGPA…`
    pub id: String,
    pub created_at: UnixMillis,
    pub grants: Grants,
}

impl Record for GroupRecord {
    const TABLE: &'static str = "iam_groups";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        key_of(&self.account, &self.name)
    }

    fn indexes() -> &'static [Index<Self>] {
        &[Index {
            name: BY_POLICY,
            keys: |group| of_account(&group.account, group.grants.managed()),
        }]
    }
}

/// A managed policy of the account. AWS's own are in the binary (`managed.rs`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyRecord {
    pub account: String,
    pub name: String,
    pub path: String,
    /// `ANPA…`
    pub id: String,
    pub created_at: UnixMillis,
    pub updated_at: UnixMillis,
    pub description: Option<String>,
    /// Oldest first.
    pub versions: Vec<PolicyVersion>,
    /// Number of the version that counts.
    pub default_version: u32,
    /// Numbers are not used again.
    pub next_version: u32,
    pub tags: Tags,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyVersion {
    pub number: u32,
    pub document: String,
    pub created_at: UnixMillis,
}

impl Record for PolicyRecord {
    const TABLE: &'static str = "iam_policies";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        key_of(&self.account, &self.name)
    }
}

impl PolicyRecord {
    pub fn arn(&self) -> String {
        let (account, path, name) = (&self.account, &self.path, &self.name);
        format!("arn:aws:iam::{account}:policy{path}{name}")
    }

    pub fn version(&self, number: u32) -> Option<&PolicyVersion> {
        self.versions
            .iter()
            .find(|version| version.number == number)
    }

    /// The document that counts.
    pub fn document(&self) -> &str {
        let default = self.version(self.default_version);
        default.map_or("", |version| &version.document)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceProfileRecord {
    pub account: String,
    pub name: String,
    pub path: String,
    /// `AIPA…`
    pub id: String,
    pub created_at: UnixMillis,
    /// Name of the one role that it can have.
    pub role: Option<String>,
    pub tags: Tags,
}

impl Record for InstanceProfileRecord {
    const TABLE: &'static str = "iam_instance_profiles";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        key_of(&self.account, &self.name)
    }

    fn indexes() -> &'static [Index<Self>] {
        &[Index {
            name: InstanceProfileRecord::BY_ROLE,
            keys: |profile| {
                let role = profile.role.iter();
                role.map(|name| key_of(&profile.account, name)).collect()
            },
        }]
    }
}

impl InstanceProfileRecord {
    /// The profiles of a role, by its key.
    pub const BY_ROLE: &'static str = "by_role";
}
