//! The IAM and STS APIs, and the [`wire::Authorizer`] that asks their policies about every call of a user or a role.
//!
//! IAM has no regions: its tables have keys `{account}/{name}`. Temporary credentials have no rows
//! ([`identity::SessionSeal`]); what their holders may do is looked up with each request.

mod answer;
mod authorize;
mod compiled;
mod context;
mod credentials;
mod denials;
mod entities;
mod grants;
mod managed;
mod operations;
mod records;
mod render;
mod service_linked;
mod sts_operations;

use std::sync::Arc;

use clock::Clock;
use identity::SessionSeal;
use state::{Schema, Store};

pub use credentials::RoleCredentials;
pub use denials::Denial;
pub use records::{
    Grants, GroupRecord, InstanceProfileRecord, PolicyRecord, RoleRecord, UserRecord,
};

use compiled::Compiled;
use denials::Denials;

/// What the tags of resources of other services are, for `aws:ResourceTag`.
pub trait ResourceTags: Send + Sync {
    /// None if nothing of this ARN is known.
    fn tags_of(&self, arn: &str) -> Option<Vec<(String, String)>>;
}

/// The policies that resources of other services have of their own.
pub trait ResourcePolicies: Send + Sync {
    /// The document; none if what the ARN names has none.
    fn policy_of(&self, arn: &str) -> Option<String>;
}

/// Both services. Cheap to share behind an [`Arc`].
pub struct Iam {
    store: Store,
    clock: Clock,
    seal: SessionSeal,
    resource_tags: Option<Arc<dyn ResourceTags>>,
    resource_policies: Option<Arc<dyn ResourcePolicies>>,
    compiled: Compiled,
    denials: Denials,
}

impl Iam {
    pub fn new(store: Store, clock: Clock, seal: SessionSeal) -> Self {
        Self {
            store,
            clock,
            seal,
            resource_tags: None,
            resource_policies: None,
            compiled: Compiled::default(),
            denials: Denials::default(),
        }
    }

    pub fn with_resource_tags(self, resource_tags: Arc<dyn ResourceTags>) -> Self {
        Self {
            resource_tags: Some(resource_tags),
            ..self
        }
    }

    pub fn with_resource_policies(self, resource_policies: Arc<dyn ResourcePolicies>) -> Self {
        Self {
            resource_policies: Some(resource_policies),
            ..self
        }
    }

    /// Registers the tables of IAM. The one of access keys is Gantry's own and registered with it.
    pub fn schema(schema: Schema) -> Schema {
        schema
            .table::<RoleRecord>()
            .table::<UserRecord>()
            .table::<GroupRecord>()
            .table::<PolicyRecord>()
            .table::<InstanceProfileRecord>()
            .table::<identity::SessionKeyRecord>()
    }
}
