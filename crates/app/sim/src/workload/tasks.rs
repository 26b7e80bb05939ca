//! RunTask, StopTask, and looking at tasks.

use std::collections::BTreeSet;

use api_ecs::{operations as op, types::*};

use super::{client::Client, placing};
use crate::{network::CallError, world::lock};

/// DescribeTasks takes no more.
pub const DESCRIBED_AT_ONCE: usize = 100;

impl Client {
    pub async fn run_task(&mut self) {
        self.requests += 1;
        let (kind, behaviour) = (self.draw_kind(), self.draw_behaviour());
        let started_by = format!("{}/{}", self.name, self.requests);
        let token = self.lot.percent(60).then(|| started_by.clone());
        let count = self.lot.between(1, 5);
        let places = self.draw_places(kind);
        let providers = places.providers.clone();
        let request = RunTaskRequest {
            task_definition: Some(kind.family(behaviour)),
            launch_type: places.launch_type(kind),
            capacity_provider_strategy: places.providers,
            placement_constraints: places.constraints,
            placement_strategy: places.strategies,
            network_configuration: kind.network(&self.world),
            count: i32::try_from(count).ok(),
            started_by: Some(started_by.clone()),
            client_token: token.clone(),
            ..RunTaskRequest::default()
        };
        lock(&self.world.told).asked_for(&started_by, count);
        // With a token a client may try again until it knows; without one nobody does.
        let tries = if token.is_some() {
            self.lot.between(1, 4)
        } else {
            1
        };
        for _ in 0..tries {
            match self.call::<op::RunTask>(request.clone()).await {
                Ok(answer) => {
                    self.check_division(providers.as_deref(), &answer);
                    self.take_made(token.as_deref(), answer);
                    // Now and then an answer is not believed.
                    if !self.lot.percent(10) {
                        return;
                    }
                }
                Err(CallError::Refused(_)) => return,
                Err(CallError::Unknown) => {}
            }
        }
    }

    fn check_division(
        &self,
        strategy: Option<&[CapacityProviderStrategyItem]>,
        answer: &RunTaskResponse,
    ) {
        let is_whole = answer.failures.iter().flatten().count() == 0;
        if let Some(strategy) = strategy.filter(|_| is_whole)
            && let Some(tasks) = &answer.tasks
            && let Some(wrong) = placing::wrong_with_division(strategy, tasks)
        {
            self.world.trace.violated(format_args!("{wrong}"));
        }
    }

    fn take_made(&self, token: Option<&str>, answer: RunTaskResponse) {
        let tasks = answer.tasks.unwrap_or_default();
        let mut told = lock(&self.world.told);
        let arns: BTreeSet<String> = tasks
            .iter()
            .filter_map(|task| task.task_arn.clone())
            .collect();
        let mut results: Vec<_> = tasks.iter().map(|task| told.task(task, None)).collect();
        if let Some(token) = token {
            results.push(told.token(token, arns));
        }
        drop(told);
        self.check(results);
    }

    pub async fn stop_task(&mut self) {
        let living: Vec<String> = lock(&self.world.told).living_tasks().cloned().collect();
        let Some(arn) = self.lot.pick(&living).cloned() else {
            return;
        };
        self.ask_stop(&arn).await;
    }

    /// True once there is an answer.
    pub async fn ask_stop(&self, arn: &str) -> bool {
        let arn = arn.to_owned();
        let before = lock(&self.world.told).of_tasks(std::slice::from_ref(&arn));
        let request = StopTaskRequest {
            task: Some(arn.clone()),
            ..StopTaskRequest::default()
        };
        let answer = match self.call::<op::StopTask>(request).await {
            Ok(answer) => answer,
            Err(error) => return matches!(error, CallError::Refused(_)),
        };
        if let Some(task) = answer.task {
            if task.desired_status.as_deref() != Some("STOPPED") {
                self.world
                    .trace
                    .violated(format_args!("StopTask answered {task:?}"));
            }
            let result = lock(&self.world.told).task(&task, before.get(&arn));
            self.check([result]);
        }
        true
    }

    pub async fn describe_tasks(&mut self) {
        let known: Vec<String> = lock(&self.world.told).task_arns().cloned().collect();
        if known.is_empty() {
            return;
        }
        let first = self.lot.below(known.len() as u64) as usize;
        let most = if self.lot.percent(10) {
            DESCRIBED_AT_ONCE
        } else {
            10
        };
        let count = self.lot.between(1, most as u64) as usize;
        let arns: Vec<String> = known.into_iter().skip(first).take(count).collect();
        self.look_at_tasks(arns).await;
    }

    /// What is known must be found, and must not be less than it was. False if there was no answer.
    pub async fn look_at_tasks(&self, arns: Vec<String>) -> bool {
        let before = lock(&self.world.told).of_tasks(&arns);
        let request = DescribeTasksRequest {
            tasks: Some(arns.clone()),
            ..DescribeTasksRequest::default()
        };
        let Ok(answer) = self.call::<op::DescribeTasks>(request).await else {
            return false;
        };
        for failure in answer.failures.into_iter().flatten() {
            let arn = failure.arn.unwrap_or_default();
            if before.contains_key(&arn) {
                self.world.trace.violated(format_args!(
                    "{arn} was acknowledged and is {}",
                    failure.reason.unwrap_or_default()
                ));
            }
        }
        let tasks = answer.tasks.unwrap_or_default();
        let results: Vec<_> = {
            let mut told = lock(&self.world.told);
            let tasks = tasks.iter();
            tasks
                .map(|task| told.task(task, task.task_arn.as_ref().and_then(|arn| before.get(arn))))
                .collect()
        };
        self.check(results);
        true
    }

    /// Finds tasks of services too, and those whose making was not answered.
    pub async fn list_tasks(&mut self) {
        let desired = if self.lot.percent(70) {
            DesiredStatus::RUNNING
        } else {
            DesiredStatus::STOPPED
        };
        let request = ListTasksRequest {
            desired_status: Some(desired),
            ..ListTasksRequest::default()
        };
        if let Ok(answer) = self.call::<op::ListTasks>(request).await {
            let arns = answer.task_arns.unwrap_or_default();
            if !arns.is_empty() {
                self.look_at_tasks(arns).await;
            }
        }
    }

    pub fn check(&self, results: impl IntoIterator<Item = Result<(), String>>) {
        for wrong in results.into_iter().filter_map(Result::err) {
            self.world.trace.violated(format_args!("{wrong}"));
        }
    }
}
