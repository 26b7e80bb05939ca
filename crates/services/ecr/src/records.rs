//! The tables of ECR. What belongs to a repository has keys `{account}/{region}/{repository}:…`: names of
//! repositories hold slashes but no colons, so a scan of one repository meets no other's rows.

use std::collections::BTreeMap;

use clock::UnixMillis;
use registry::{Digest, ManifestEntry, Scope};
use registry_rules::TagMutability;
use serde::{Deserialize, Serialize};
use state::{Index, Record};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepositoryRecord {
    pub account: String,
    pub region: String,
    pub name: String,
    pub created_at: UnixMillis,
    /// A tag that is there cannot be pushed again.
    pub immutable_tags: bool,
    /// Patterns of tags for which the opposite holds.
    #[serde(default)]
    pub tag_exclusions: Vec<String>,
    pub tags: Vec<(String, String)>,
}

impl Record for RepositoryRecord {
    const TABLE: &'static str = "ecr_repositories";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        repository_key(&self.scope(), &self.name)
    }
}

impl RepositoryRecord {
    pub fn tag_mutability(&self) -> TagMutability<'_> {
        TagMutability {
            immutable: self.immutable_tags,
            exclusions: &self.tag_exclusions,
        }
    }

    pub fn scope(&self) -> Scope {
        Scope {
            account: self.account.clone(),
            region: self.region.clone(),
        }
    }
}

/// A manifest or index. Its bytes are a blob of the registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// Key of the repository.
    pub repository: String,
    pub digest: Digest,
    pub media_type: String,
    pub manifest_bytes: u64,
    pub config_media_type: Option<String>,
    pub artifact_type: Option<String>,
    pub subject: Option<Digest>,
    pub blobs: Vec<Digest>,
    pub manifests: Vec<Digest>,
    pub image_bytes: u64,
    pub annotations: BTreeMap<String, String>,
    pub pushed_at: UnixMillis,
}

impl Record for ImageRecord {
    const TABLE: &'static str = "ecr_images";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        in_repository(&self.repository, self.digest.as_str())
    }

    fn indexes() -> &'static [Index<Self>] {
        &[
            Index {
                name: ImageRecord::BY_DIGEST,
                keys: |image| vec![image.digest.to_string()],
            },
            Index {
                name: ImageRecord::BY_SUBJECT,
                keys: |image| {
                    let subject = image.subject.iter();
                    subject
                        .map(|subject| in_repository(&image.repository, subject.as_str()))
                        .collect()
                },
            },
            Index {
                name: ImageRecord::BY_CHILD,
                keys: |image| {
                    let children = image.manifests.iter();
                    children
                        .map(|child| in_repository(&image.repository, child.as_str()))
                        .collect()
                },
            },
        ]
    }
}

impl ImageRecord {
    /// In all repositories.
    pub const BY_DIGEST: &'static str = "by_digest";
    /// What refers to a manifest of the repository.
    pub const BY_SUBJECT: &'static str = "by_subject";
    /// The indexes that list a manifest of the repository.
    pub const BY_CHILD: &'static str = "by_child";

    pub fn new(repository: String, entry: ManifestEntry, pushed_at: UnixMillis) -> Self {
        Self {
            repository,
            digest: entry.digest,
            media_type: entry.media_type,
            manifest_bytes: entry.size,
            config_media_type: entry.config_media_type,
            artifact_type: entry.artifact_type,
            subject: entry.subject,
            blobs: entry.blobs,
            manifests: entry.manifests,
            image_bytes: entry.image_size,
            annotations: entry.annotations,
            pushed_at,
        }
    }

    pub fn entry(&self) -> ManifestEntry {
        ManifestEntry {
            digest: self.digest.clone(),
            media_type: self.media_type.clone(),
            size: self.manifest_bytes,
            config_media_type: self.config_media_type.clone(),
            artifact_type: self.artifact_type.clone(),
            subject: self.subject.clone(),
            blobs: self.blobs.clone(),
            manifests: self.manifests.clone(),
            image_size: self.image_bytes,
            annotations: self.annotations.clone(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TagRecord {
    /// Key of the repository.
    pub repository: String,
    pub tag: String,
    pub digest: Digest,
}

impl Record for TagRecord {
    const TABLE: &'static str = "ecr_tags";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        in_repository(&self.repository, &self.tag)
    }

    fn indexes() -> &'static [Index<Self>] {
        &[Index {
            name: TagRecord::BY_IMAGE,
            keys: |tag| vec![in_repository(&tag.repository, tag.digest.as_str())],
        }]
    }
}

impl TagRecord {
    /// The tags of an image.
    pub const BY_IMAGE: &'static str = "by_image";
}

/// A blob that a repository holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// Key of the repository.
    pub repository: String,
    pub digest: Digest,
    pub bytes: u64,
}

impl Record for LayerRecord {
    const TABLE: &'static str = "ecr_layers";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        in_repository(&self.repository, self.digest.as_str())
    }

    fn indexes() -> &'static [Index<Self>] {
        &[Index {
            name: LayerRecord::BY_DIGEST,
            keys: |layer| vec![layer.digest.to_string()],
        }]
    }
}

impl LayerRecord {
    /// In all repositories.
    pub const BY_DIGEST: &'static str = "by_digest";
}

/// A repository's own policy: who else may use it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepositoryPolicyRecord {
    /// Key of the repository.
    pub repository: String,
    pub text: String,
}

impl Record for RepositoryPolicyRecord {
    const TABLE: &'static str = "ecr_repository_policies";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        self.repository.clone()
    }
}

/// The registry's own policy. There is one account, so nobody asks it yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegistryPolicyRecord {
    pub account: String,
    pub region: String,
    pub text: String,
}

impl Record for RegistryPolicyRecord {
    const TABLE: &'static str = "ecr_registry_policies";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        format!("{}/{}", self.account, self.region)
    }
}

/// A repository's lifecycle policy. PutLifecyclePolicy writes all of it but `evaluated_at`, which is the loop's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LifecyclePolicyRecord {
    /// Key of the repository.
    pub repository: String,
    pub text: String,
    pub updated_at: UnixMillis,
    pub evaluated_at: Option<UnixMillis>,
}

impl Record for LifecyclePolicyRecord {
    const TABLE: &'static str = "ecr_lifecycle_policies";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        self.repository.clone()
    }
}

/// The preview that was asked for last: what the policy would expire at that time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LifecyclePreviewRecord {
    /// Key of the repository.
    pub repository: String,
    pub text: String,
    pub started_at: UnixMillis,
}

impl Record for LifecyclePreviewRecord {
    const TABLE: &'static str = "ecr_lifecycle_previews";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        self.repository.clone()
    }
}

/// Key of a repository.
pub(crate) fn repository_key(scope: &Scope, name: &str) -> String {
    format!("{}/{}/{name}", scope.account, scope.region)
}

/// Key of something in a repository; with nothing, the prefix of all of it.
pub(crate) fn in_repository(repository_key: &str, what: &str) -> String {
    format!("{repository_key}:{what}")
}
