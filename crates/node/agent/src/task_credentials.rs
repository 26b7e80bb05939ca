//! The credentials of tasks' roles, in memory only: the server brings them with each session, and newer ones in time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use link::acs::IamRoleCredentials;

/// `roleType` of the agent protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleType {
    /// For the containers.
    TaskApplication,
    /// For the agent, on behalf of the task: images, secrets, logs.
    TaskExecution,
}

impl RoleType {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "TaskApplication" => Some(Self::TaskApplication),
            "TaskExecution" => Some(Self::TaskExecution),
            _ => None,
        }
    }
}

#[derive(Clone, Default, PartialEq)]
pub struct RoleCredentials {
    pub task: Option<IamRoleCredentials>,
    pub execution: Option<IamRoleCredentials>,
}

/// By the ARN of the task.
#[derive(Default)]
pub struct TaskCredentials {
    held: Mutex<BTreeMap<String, RoleCredentials>>,
}

impl TaskCredentials {
    /// What came last counts.
    pub fn keep(&self, task_arn: &str, role_type: RoleType, credentials: IamRoleCredentials) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let of_task = held.entry(task_arn.to_owned()).or_default();
        match role_type {
            RoleType::TaskApplication => of_task.task = Some(credentials),
            RoleType::TaskExecution => of_task.execution = Some(credentials),
        }
    }

    pub fn of(&self, task_arn: &str) -> RoleCredentials {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(task_arn).cloned().unwrap_or_default()
    }

    /// Forgets the tasks that are none of these.
    pub fn retain(&self, is_known: impl Fn(&str) -> bool) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|task_arn, _| is_known(task_arn));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_last_counts() {
        let credentials = |id: &str| IamRoleCredentials {
            access_key_id: Some(id.to_owned()),
            ..Default::default()
        };
        let kept = TaskCredentials::default();
        kept.keep("a", RoleType::TaskApplication, credentials("1"));
        kept.keep("a", RoleType::TaskExecution, credentials("2"));
        kept.keep("a", RoleType::TaskApplication, credentials("3"));
        let of_a = kept.of("a");
        assert_eq!(of_a.task, Some(credentials("3")));
        assert_eq!(of_a.execution, Some(credentials("2")));
        kept.retain(|arn| arn != "a");
        assert!(kept.of("a") == RoleCredentials::default());
    }
}
