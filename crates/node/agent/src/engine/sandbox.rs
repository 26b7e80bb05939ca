//! Whether a task's containers share more than a network, and the container that holds what they share.

use link::acs;
use runtime::{ContainerSpec, Namespace, Role, Sandbox};

use super::settings::namespace;

const GIB: u64 = 1024 * 1024 * 1024;

/// Names a task's sandbox on this node. A dot is not allowed in containers' names.
pub fn id(task_id: &str) -> String {
    format!("{task_id}.sandbox")
}

pub fn is_needed(task: &acs::Task) -> bool {
    let shared = |mode: &Option<String>| namespace(mode.as_deref()) == Some(Namespace::Task);
    shared(&task.pid_mode) || shared(&task.ipc_mode) || task.ephemeral_storage_size.is_some()
}

/// It can do nothing, and needs nothing but to be there.
pub fn spec(task: &acs::Task, task_id: &str) -> ContainerSpec {
    let gib = task
        .ephemeral_storage_size
        .and_then(|gib| u64::try_from(gib).ok());
    ContainerSpec {
        id: id(task_id),
        task_id: task_id.to_owned(),
        command: vec!["sandbox".to_owned()],
        capabilities_drop: vec!["ALL".to_owned()],
        readonly_root: true,
        without_network: true,
        role: Role::Sandbox(Sandbox {
            storage_bytes: gib.map(|gib| gib * GIB),
        }),
        ..ContainerSpec::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_shared_needs_one() {
        let task = |pid: &str, ipc: &str, storage: Option<i32>| acs::Task {
            pid_mode: Some(pid.to_owned()).filter(|mode| !mode.is_empty()),
            ipc_mode: Some(ipc.to_owned()).filter(|mode| !mode.is_empty()),
            ephemeral_storage_size: storage,
            ..acs::Task::default()
        };
        assert!(!is_needed(&task("", "", None)));
        assert!(!is_needed(&task("host", "none", None)));
        assert!(is_needed(&task("task", "", None)));
        assert!(is_needed(&task("", "task", None)));
        let storage = task("", "", Some(21));
        assert!(is_needed(&storage));
        let expected = Role::Sandbox(Sandbox {
            storage_bytes: Some(21 << 30),
        });
        assert_eq!(spec(&storage, "t").role, expected);
    }
}
