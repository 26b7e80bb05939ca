//! The credentials that a session has brought to its node, and when newer ones are due.

use std::collections::BTreeMap;

use clock::UnixMillis;
use link::acs::IamRoleCredentials;
use wire::{Timestamp, TimestampFormat};

use crate::Ecs;
use crate::records::TaskRecord;
use crate::task_credentials::{RoleType, WantedCredentials};

/// The roles that a task names: its own, and that of its execution.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Roles {
    pub task: Option<String>,
    pub execution: Option<String>,
}

impl Roles {
    pub fn each(&self) -> impl Iterator<Item = (RoleType, &str)> {
        let task = self.task.as_deref();
        let execution = self.execution.as_deref();
        let task = task.map(|arn| (RoleType::TaskApplication, arn));
        let execution = execution.map(|arn| (RoleType::TaskExecution, arn));
        task.into_iter().chain(execution)
    }
}

/// Tasks by key, and when their credentials are to be renewed.
#[derive(Debug, Default)]
pub(super) struct Refreshes {
    due: BTreeMap<String, UnixMillis>,
}

impl Refreshes {
    pub fn note(&mut self, task: &str, at: UnixMillis) {
        let due = self.due.entry(task.to_owned()).or_insert(at);
        *due = (*due).min(at);
    }

    /// Takes the tasks that are due.
    pub fn take_due(&mut self, now: UnixMillis) -> Vec<String> {
        let due = self.due.extract_if(.., |_, at| *at <= now);
        due.map(|(task, _)| task).collect()
    }
}

/// Of one role, as ACS carries them, and when newer ones are due. None, with a word in the log, if nobody issues them:
/// the task runs without, and what needs them fails by name.
pub(super) fn issue(
    ecs: &Ecs,
    task: &TaskRecord,
    role_type: RoleType,
    role: &str,
) -> Option<(IamRoleCredentials, UnixMillis)> {
    let issuer = ecs.issuer.get()?;
    let role_arn = match role.starts_with("arn:") {
        true => role.to_owned(),
        false => format!("arn:aws:iam::{}:role/{role}", task.account),
    };
    let task_arn = task.arn();
    let wanted = WantedCredentials {
        account: &task.account,
        role_arn: &role_arn,
        role_type,
        task_arn: &task_arn,
        task_id: &task.id,
    };
    let issued = match issuer.issue(&wanted) {
        Ok(issued) => issued,
        Err(error) => {
            tracing::warn!(task = task_arn, role = role_arn, %error, "a task gets no credentials of its role");
            return None;
        }
    };
    let expiration = Timestamp::from_millis(issued.expires_at.as_seconds() * 1000);
    let credentials = IamRoleCredentials {
        credentials_id: Some(issued.credentials_id),
        role_arn: Some(role_arn),
        access_key_id: Some(issued.access_key_id),
        secret_access_key: Some(issued.secret_access_key),
        session_token: Some(issued.session_token),
        expiration: Some(expiration.format(TimestampFormat::Iso8601)),
        credential_scope: None,
    };
    Some((credentials, issued.refresh_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_time_counts_and_is_told_once() {
        let mut refreshes = Refreshes::default();
        refreshes.note("a", UnixMillis(20));
        refreshes.note("a", UnixMillis(10));
        refreshes.note("b", UnixMillis(30));
        assert!(refreshes.take_due(UnixMillis(9)).is_empty());
        assert_eq!(refreshes.take_due(UnixMillis(10)), ["a"]);
        assert!(refreshes.take_due(UnixMillis(29)).is_empty());
        assert_eq!(refreshes.take_due(UnixMillis(40)), ["b"]);
    }
}
