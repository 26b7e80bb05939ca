//! The ECR API, and what ECR decides for the registry: which repository holds what ([`registry::Catalog`]), and who
//! may pull and push ([`registry::Access`]).

mod access;
mod catalog;
mod download;
mod images;
mod lifecycle;
mod loops;
mod mutability;
mod operations;
mod records;
mod refusals;
mod render;
mod repository_policies;
mod tagging;
mod token;

use std::sync::Arc;

use clock::Clock;
use registry::Content;
use state::{Schema, StateError, Store};
use wire::Authorizer;

pub use records::{
    ImageRecord, LayerRecord, LifecyclePolicyRecord, LifecyclePreviewRecord, RegistryPolicyRecord,
    RepositoryPolicyRecord, RepositoryRecord, TagRecord,
};
pub use repository_policies::RepositoryPolicies;
use token::{TokenKey, TokenKeyRecord};

/// What the operator sets.
#[derive(Debug, Clone)]
pub struct Config {
    pub account: String,
    pub region: String,
    /// Base URL that clients are told to log in to, `http://127.0.0.1:4580`.
    pub endpoint: String,
    /// Whoever brings no token is root (`--no-auth`).
    pub anonymous_is_root: bool,
}

/// The service, and the catalogue and access control of the registry. Cheap to share behind an [`Arc`].
pub struct Ecr {
    store: Store,
    clock: Clock,
    config: Config,
    authorizer: Arc<dyn Authorizer>,
    token_key: TokenKey,
    content: Arc<Content>,
}

impl Ecr {
    /// Makes the key that registry tokens are signed with, if there is none yet.
    pub async fn open(
        store: Store,
        clock: Clock,
        config: Config,
        authorizer: Arc<dyn Authorizer>,
        content: Arc<Content>,
    ) -> Result<Arc<Self>, StateError> {
        let token_key = TokenKey::open(&store, &clock).await?;
        Ok(Arc::new(Self {
            store,
            clock,
            config,
            authorizer,
            token_key,
            content,
        }))
    }

    /// Registers the tables of ECR.
    pub fn schema(schema: Schema) -> Schema {
        schema
            .table::<RepositoryRecord>()
            .table::<ImageRecord>()
            .table::<TagRecord>()
            .table::<LayerRecord>()
            .table::<RepositoryPolicyRecord>()
            .table::<RegistryPolicyRecord>()
            .table::<LifecyclePolicyRecord>()
            .table::<LifecyclePreviewRecord>()
            .table::<TokenKeyRecord>()
    }
}
