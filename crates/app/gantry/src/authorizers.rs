//! Where ECS and IAM meet. Who is asked about which caller: nodes by what agents need, everybody else by IAM's policies;
//! whose tags conditions see; who issues the credentials of tasks.

use std::{sync::Arc, time::Duration};

use gateway::PrincipalPolicy;
use service_control::ExecutionRoles;
use service_ecr::RepositoryPolicies;
use service_ecs::{Ecs, IssueCredentials, IssuedCredentials, WantedCredentials};
use service_iam::{Iam, ResourcePolicies, ResourceTags};
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

/// Whom the roles of tasks trust.
const TASKS: &str = "ecs-tasks.amazonaws.com";
/// As on AWS.
const TASK_CREDENTIALS: Duration = Duration::from_secs(6 * 60 * 60);
const REFRESH_BEFORE_END: Duration = Duration::from_secs(3 * 60 * 60);

/// Tasks' credentials are sessions of their roles, named after the task.
pub struct TaskRoles(pub Arc<Iam>);

impl IssueCredentials for TaskRoles {
    fn issue(&self, wanted: &WantedCredentials<'_>) -> Result<IssuedCredentials, Error> {
        let issued = self.0.assume_for_service(
            wanted.account,
            wanted.role_arn,
            TASKS,
            wanted.task_id,
            wanted.task_arn,
            TASK_CREDENTIALS,
        )?;
        let purpose = wanted.role_type.as_str();
        Ok(IssuedCredentials {
            credentials_id: self.0.credentials_id(wanted.task_arn, purpose),
            access_key_id: issued.credentials.access_key_id,
            secret_access_key: issued.credentials.secret_access_key,
            session_token: issued.credentials.session_token.unwrap_or_default(),
            expires_at: issued.expires_at,
            refresh_at: issued.expires_at - REFRESH_BEFORE_END,
        })
    }
}

/// The same session, for what the server fetches as the role.
impl ExecutionRoles for TaskRoles {
    fn assume(&self, account: &str, role_arn: &str, task_arn: &str) -> Result<Principal, Error> {
        let task_id = task_arn.rsplit('/').next().unwrap_or_default();
        self.0
            .principal_for_service(account, role_arn, TASKS, task_id, task_arn)
    }
}

/// The policies that services' resources have of their own.
pub struct PoliciesOfResources(pub RepositoryPolicies);

impl ResourcePolicies for PoliciesOfResources {
    fn policy_of(&self, arn: &str) -> Option<String> {
        self.0.policy_of(arn)
    }
}
