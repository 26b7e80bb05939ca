//! Lifecycle hooks that functions answer: what is asked of whoever runs functions, and what it said
//! ([`kit::facts::HookCall`], [`kit::facts::HookAnswer`]).

use api_ecs::types::DeploymentLifecycleHook;
use clock::UnixMillis;
use kit::facts::{HookAnswer, HookCall};
use state::{Head, Record, Tx};

use crate::records::{
    HookRecord, HookStatus, ServiceDeploymentRecord, ServiceRevisionRecord, StageState,
};

/// Asks for the call of a hook's function, if it is a function's.
pub(crate) fn call(
    tx: &mut Tx<'_>,
    deployment: &ServiceDeploymentRecord,
    hook: &DeploymentLifecycleHook,
    opened: &HookRecord,
    now: UnixMillis,
) {
    let Some(function_arn) = &opened.function_arn else {
        return;
    };
    let revision_key =
        ServiceRevisionRecord::key_of(&deployment.service_key(), &deployment.target.revision);
    let revision = tx.get::<ServiceRevisionRecord>(&revision_key);
    tx.put(HookCall {
        service_deployment_key: deployment.key(),
        hook_id: opened.id.clone(),
        function_arn: function_arn.clone(),
        lifecycle_stage: opened.stage.as_str().to_owned(),
        service_deployment_arn: deployment.arn(),
        target_service_revision_arn: revision.map(|known| known.arn()).unwrap_or_default(),
        hook: wire::json::to_string(hook),
        called_at: now,
    });
}

/// What the hook's function said, as long as that is not the hook's status.
pub(crate) fn answer(
    head: &Head,
    deployment: &ServiceDeploymentRecord,
    hook: &HookRecord,
) -> Option<HookStatus> {
    if hook.function_arn.is_none() || hook.status != HookStatus::InProgress {
        return None;
    }
    let key = HookCall::key_of(&deployment.key(), &hook.id);
    let answer = head.get::<HookAnswer>(&key)?;
    Some(match answer.is_success {
        true => HookStatus::Succeeded,
        false => HookStatus::Failed,
    })
}

/// Takes back the calls whose answers nobody waits for any more.
pub(crate) fn close(tx: &mut Tx<'_>, deployment: &ServiceDeploymentRecord) {
    let hooks = deployment.stages.iter().flat_map(hooks_of_functions);
    let is_open =
        |hook: &HookRecord| hook.status == HookStatus::InProgress && !deployment.status.is_over();
    for hook in hooks.filter(|hook| !is_open(hook)) {
        let key = HookCall::key_of(&deployment.key(), &hook.id);
        if tx.contains::<HookCall>(&key) {
            tx.delete::<HookCall>(&key);
        }
    }
}

/// Key of the service that an answer is about.
pub(crate) fn service_key(answer: &HookAnswer) -> Option<&str> {
    let (service_key, _) = answer.service_deployment_key.rsplit_once('/')?;
    Some(service_key)
}

fn hooks_of_functions(stages: &StageState) -> impl Iterator<Item = &HookRecord> {
    let hooks = stages.hooks.iter();
    hooks.filter(|hook| hook.function_arn.is_some())
}
