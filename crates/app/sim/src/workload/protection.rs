//! Scale-in protection of a client's own tasks.

use api_ecs::{operations as op, types::*};

use super::client::Client;

const MINUTES_MOST: u64 = 5;
const TASKS_MOST: usize = 10;

impl Client {
    pub async fn protect_tasks(&mut self) {
        let names: Vec<String> = self.services.keys().cloned().collect();
        let Some(name) = self.lot.pick(&names).cloned() else {
            return;
        };
        let request = ListTasksRequest {
            service_name: Some(name),
            ..ListTasksRequest::default()
        };
        let Ok(answer) = self.call::<op::ListTasks>(request).await else {
            return;
        };
        let mut tasks = answer.task_arns.unwrap_or_default();
        tasks.retain(|_| self.lot.percent(60));
        tasks.truncate(TASKS_MOST);
        if tasks.is_empty() {
            return;
        }
        let is_enabled = self.lot.percent(75);
        let request = UpdateTaskProtectionRequest {
            cluster: Some("default".into()),
            tasks: Some(tasks),
            protection_enabled: Some(is_enabled),
            expires_in_minutes: is_enabled.then(|| self.lot.between(1, MINUTES_MOST) as i32),
        };
        let Ok(answer) = self.call::<op::UpdateTaskProtection>(request).await else {
            return;
        };
        self.look_at_protection(is_enabled, answer.protected_tasks.unwrap_or_default())
            .await;
    }

    /// What was acknowledged holds: nobody else changes it, and a minute is longer than an answer takes.
    async fn look_at_protection(&self, is_enabled: bool, changed: Vec<ProtectedTask>) {
        let arns = |tasks: &[ProtectedTask]| -> Vec<String> {
            tasks
                .iter()
                .filter_map(|task| task.task_arn.clone())
                .collect()
        };
        let tasks = arns(&changed);
        if tasks.is_empty()
            || changed
                .iter()
                .any(|task| task.protection_enabled != Some(is_enabled))
        {
            if !tasks.is_empty() {
                self.world.trace.violated(format_args!(
                    "protection {is_enabled} was answered {changed:?}"
                ));
            }
            return;
        }
        let asked_at = self.world.clock.now();
        let request = GetTaskProtectionRequest {
            cluster: Some("default".into()),
            tasks: Some(tasks),
        };
        let Ok(answer) = self.call::<op::GetTaskProtection>(request).await else {
            return;
        };
        let took = self.world.clock.now().since(asked_at);
        for task in answer.protected_tasks.unwrap_or_default() {
            if task.protection_enabled != Some(is_enabled) && took.as_secs() < 30 {
                self.world.trace.violated(format_args!(
                    "protection was made {is_enabled}, and is {task:?}"
                ));
            }
        }
    }
}
