//! Credentials of the roles that tasks name. ECS asks for them and brings them to the nodes; who issues them is said by
//! whoever puts a server together.

use std::sync::Arc;

use clock::UnixMillis;
use wire::Error;

use crate::Ecs;

/// What a role is for: the task's own calls, or what its agent does to start it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleType {
    TaskApplication,
    TaskExecution,
}

impl RoleType {
    /// As ACS calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            RoleType::TaskApplication => "TaskApplication",
            RoleType::TaskExecution => "TaskExecution",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct WantedCredentials<'a> {
    pub account: &'a str,
    pub role_arn: &'a str,
    pub role_type: RoleType,
    pub task_arn: &'a str,
    /// Names the session.
    pub task_id: &'a str,
}

#[derive(Clone)]
pub struct IssuedCredentials {
    /// The same for each issue to a task and type; part of the address where containers get them, so nobody may guess it.
    pub credentials_id: String,
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
    pub expires_at: UnixMillis,
    /// When the node is to get newer ones.
    pub refresh_at: UnixMillis,
}

pub trait IssueCredentials: Send + Sync {
    /// # Errors
    /// There is no such role, or it does not trust ECS's tasks.
    fn issue(&self, wanted: &WantedCredentials<'_>) -> Result<IssuedCredentials, Error>;
}

impl Ecs {
    /// Once, before agents connect. Without it tasks get no credentials.
    pub fn issue_credentials_with(&self, issuer: Arc<dyn IssueCredentials>) {
        if self.issuer.set(issuer).is_err() {
            tracing::warn!("who issues credentials was said already");
        }
    }
}
