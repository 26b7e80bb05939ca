//! The policies of repositories, for whoever decides about calls.

use names::Arn;
use registry::Scope;
use state::Store;

use crate::records::{RepositoryPolicyRecord, repository_key};

/// Looks them up as they are now.
pub struct RepositoryPolicies {
    store: Store,
}

impl RepositoryPolicies {
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The document of the repository that the ARN names; none if it names none, or one without a policy.
    pub fn policy_of(&self, arn: &str) -> Option<String> {
        let arn = Arn::parse(arn).ok()?;
        let name = arn.resource_of("ecr", "repository")?;
        let scope = Scope {
            account: arn.account.clone(),
            region: arn.region.clone(),
        };
        let key = repository_key(&scope, name);
        let found = self
            .store
            .read(|head| head.get::<RepositoryPolicyRecord>(&key));
        found.head().map(|record| record.text.clone())
    }
}
