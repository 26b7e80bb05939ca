//! Who is asked about which caller: nodes by what agents need, everybody else by IAM's policies.

use std::sync::Arc;

use gateway::PrincipalPolicy;
use service_ecs::Ecs;
use service_iam::{Iam, ResourceTags};
use wire::{Ask, Authorizer, Caller, Error, Principal};

pub struct Authorizers {
    nodes: PrincipalPolicy,
    iam: Arc<Iam>,
}

impl Authorizers {
    pub fn new(nodes: PrincipalPolicy, iam: Arc<Iam>) -> Self {
        Self { nodes, iam }
    }
}

impl Authorizer for Authorizers {
    fn allow(&self, caller: &Caller, ask: &Ask) -> Result<(), Error> {
        match &caller.principal {
            Principal::Node { .. } => self.nodes.allow(caller, ask),
            _ => self.iam.allow(caller, ask),
        }
    }
}

/// The tags that services keep, for the condition key `aws:ResourceTag`.
pub struct TagsOfResources(pub Arc<Ecs>);

impl ResourceTags for TagsOfResources {
    fn tags_of(&self, arn: &str) -> Option<Vec<(String, String)>> {
        self.0.tags_of(arn)
    }
}
