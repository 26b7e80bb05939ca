//! Services with the EXTERNAL deployment controller: a client makes, scales, exchanges and deletes their task sets, as a
//! deployment tool of one's own does.

use std::collections::{BTreeMap, BTreeSet};

use api_ecs::{
    operations as op,
    types::{Service as Shown, *},
};
use wire::Error;

use super::{behaviour::Behaviour, client::Client};
use crate::network::CallError;

/// Thousandths of a percent.
const SCALES: [u64; 8] = [0, 100, 10_000, 25_000, 33_300, 50_000, 66_700, WHOLE];
const WHOLE: u64 = 100_000;

/// What a client knows of the task sets of its service. What a request without an answer asked for may be so or not.
#[derive(Debug, Clone, Default)]
pub struct TaskSets {
    /// By `externalId`, which names the request that made the set.
    pub sets: BTreeMap<String, KnownSet>,
    /// Which of them may be PRIMARY.
    primaries: BTreeSet<Option<String>>,
}

#[derive(Debug, Clone)]
pub struct KnownSet {
    /// Unknown until somebody has seen the set.
    arn: Option<String>,
    pub behaviour: Behaviour,
    scales: BTreeSet<u64>,
    may_be_missing: bool,
    /// It was, or may have been, deleted.
    may_go: bool,
    /// It was deleted for certain.
    goes: bool,
}

/// The tasks of a set: its share of the service's, rounded up.
pub fn computed_desired_count(desired: u64, scale: u64) -> u64 {
    (desired * scale).div_ceil(WHOLE)
}

/// Of a percentage as the API has it.
pub fn scale_of(percent: f64) -> u64 {
    (percent * 1_000.0).round() as u64
}

fn scale(thousandths: u64) -> Scale {
    Scale {
        unit: Some(ScaleUnit::PERCENT),
        value: Some(thousandths as f64 / 1_000.0),
    }
}

impl TaskSets {
    pub fn new() -> Self {
        Self {
            sets: BTreeMap::new(),
            primaries: [None].into(),
        }
    }

    /// Narrows what is known to what is shown, and says what is wrong with that.
    pub fn learn(&mut self, shown: &[TaskSet], desired: u64) -> Option<String> {
        let mut seen = BTreeSet::new();
        let mut primary = None;
        for set in shown {
            let id = set.external_id.clone().unwrap_or_default();
            if !seen.insert(id.clone()) {
                return Some(format!("there are two task sets {id}"));
            }
            if let Some(wrong) = self.learn_set(set, &[desired].into()) {
                return Some(wrong);
            }
            if set.status.as_deref() == Some("PRIMARY") {
                primary = Some(id);
            }
        }
        let lost = |set: &KnownSet| !set.may_be_missing && !set.may_go;
        let mut missing = self.sets.iter().filter(|(id, _)| !seen.contains(*id));
        if let Some((id, _)) = missing.find(|(_, set)| lost(set)) {
            return Some(format!("task set {id} was acknowledged and is missing"));
        }
        self.sets.retain(|id, _| seen.contains(id));
        if !self.primaries.contains(&primary) {
            let asked = &self.primaries;
            return Some(format!("{primary:?} is PRIMARY, {asked:?} was asked for"));
        }
        self.primaries = [primary].into();
        None
    }

    /// Of one set, when the service desires one of these counts.
    fn learn_set(&mut self, shown: &TaskSet, desired: &BTreeSet<u64>) -> Option<String> {
        let id = shown.external_id.as_deref().unwrap_or_default();
        let Some(set) = self.sets.get_mut(id) else {
            return Some(format!("task set {id:?} comes from nowhere"));
        };
        set.arn.clone_from(&shown.task_set_arn);
        set.may_be_missing = false;
        let count = shown.computed_desired_count.unwrap_or_default();
        if shown.status.as_deref() == Some("DRAINING") {
            set.goes = true;
            return match (set.may_go, count) {
                (false, _) => Some(format!("task set {id} is DRAINING, and nobody deleted it")),
                (true, 0) => None,
                (true, _) => Some(format!("task set {id} is DRAINING and desires {count}")),
            };
        }
        if set.goes {
            return Some(format!("task set {id} is back from DRAINING"));
        }
        set.may_go = false;
        let percent = shown.scale.as_ref().and_then(|scale| scale.value);
        let scale = scale_of(percent.unwrap_or_default());
        if !set.scales.contains(&scale) {
            let asked = &set.scales;
            return Some(format!(
                "task set {id} is scaled to {scale}, {asked:?} asked for"
            ));
        }
        set.scales = [scale].into();
        let mut counts = desired
            .iter()
            .map(|desired| computed_desired_count(*desired, scale));
        let is_right = counts.any(|right| u64::try_from(count) == Ok(right));
        (!is_right).then(|| {
            format!(
                "task set {id} desires {count}: {scale} thousandths of a percent of {desired:?}"
            )
        })
    }

    fn deleted(&mut self, id: &str, for_certain: bool) {
        if let Some(set) = self.sets.get_mut(id) {
            set.may_go = true;
            set.goes |= for_certain;
        }
        let primary = Some(id.to_owned());
        if self.primaries.contains(&primary) {
            self.primaries.insert(None);
        }
        if for_certain {
            self.primaries.remove(&primary);
        }
    }
}

impl Client {
    /// One of the things that are done to such a service.
    pub async fn change_task_sets(&mut self, name: &str) {
        match self.lot.below(100) {
            0..35 => {
                let (behaviour, scale) = (self.draw_behaviour(), self.draw_scale());
                self.create_task_set(name, behaviour, scale).await;
            }
            35..60 => {
                if let Some(id) = self.pick_set(name) {
                    let scale = self.draw_scale();
                    self.scale_task_set(name, &id, scale).await;
                }
            }
            60..75 => {
                if let Some(id) = self.pick_set(name) {
                    self.make_primary(name, &id).await;
                }
            }
            75..90 => {
                if let Some(id) = self.pick_set(name) {
                    let force = self.lot.percent(60);
                    self.delete_task_set(name, &id, force).await;
                }
            }
            _ => {
                self.look_at_service(name).await;
            }
        }
    }

    fn draw_scale(&self) -> u64 {
        *self.lot.pick(&SCALES).unwrap_or(&WHOLE)
    }

    fn pick_set(&self, name: &str) -> Option<String> {
        let known = self.services.get(name)?.task_sets.as_ref()?;
        let ids: Vec<&String> = known.sets.keys().collect();
        self.lot.pick(&ids).map(|id| (*id).clone())
    }

    fn known_sets(&mut self, name: &str) -> Option<&mut TaskSets> {
        self.services.get_mut(name)?.task_sets.as_mut()
    }

    /// True if it was made.
    async fn create_task_set(
        &mut self,
        name: &str,
        behaviour: Behaviour,
        thousandths: u64,
    ) -> bool {
        let Some(kind) = self.services.get(name).map(|service| service.kind) else {
            return false;
        };
        self.requests += 1;
        let id = format!("{name}/{}", self.requests);
        let providers = self.draw_providers_of(kind);
        let request = CreateTaskSetRequest {
            cluster: Some("default".into()),
            service: Some(name.to_owned()),
            external_id: Some(id.clone()),
            task_definition: Some(kind.family(behaviour)),
            launch_type: providers.is_none().then(|| kind.launch_type()),
            capacity_provider_strategy: providers,
            network_configuration: kind.network(&self.world),
            scale: (thousandths > 0 || self.lot.percent(50)).then(|| scale(thousandths)),
            client_token: Some(id.clone()),
            ..CreateTaskSetRequest::default()
        };
        for _ in 0..self.lot.between(1, 3) {
            let answer = self.call::<op::CreateTaskSet>(request.clone()).await;
            let known = KnownSet {
                arn: None,
                behaviour,
                scales: [thousandths].into(),
                may_be_missing: true,
                may_go: false,
                goes: false,
            };
            match answer {
                Ok(answer) => {
                    if let Some(sets) = self.known_sets(name) {
                        sets.sets.entry(id.clone()).or_insert(known);
                    }
                    self.learn_set(name, answer.task_set.as_ref());
                    return true;
                }
                Err(CallError::Refused(error)) => {
                    self.note_if_gone(name, &error);
                    return false;
                }
                Err(CallError::Unknown) => {
                    if let Some(sets) = self.known_sets(name) {
                        sets.sets.entry(id.clone()).or_insert(known);
                    }
                }
            }
        }
        false
    }

    async fn scale_task_set(&mut self, name: &str, id: &str, thousandths: u64) -> bool {
        let Some(arn) = self.arn_of_set(name, id) else {
            return false;
        };
        let request = UpdateTaskSetRequest {
            cluster: Some("default".into()),
            service: Some(name.to_owned()),
            task_set: Some(arn),
            scale: Some(scale(thousandths)),
        };
        let answer = self.call::<op::UpdateTaskSet>(request).await;
        let Some(set) = self
            .known_sets(name)
            .and_then(|known| known.sets.get_mut(id))
        else {
            return false;
        };
        match answer {
            Ok(answer) => {
                set.scales = [thousandths].into();
                self.learn_set(name, answer.task_set.as_ref());
                true
            }
            Err(CallError::Refused(error)) => {
                self.check_refused(name, id, &error);
                false
            }
            Err(CallError::Unknown) => {
                set.scales.insert(thousandths);
                false
            }
        }
    }

    async fn make_primary(&mut self, name: &str, id: &str) -> bool {
        let Some(arn) = self.arn_of_set(name, id) else {
            return false;
        };
        let request = UpdateServicePrimaryTaskSetRequest {
            cluster: Some("default".into()),
            service: Some(name.to_owned()),
            primary_task_set: Some(arn),
        };
        let answer = self.call::<op::UpdateServicePrimaryTaskSet>(request).await;
        let primary = Some(id.to_owned());
        match answer {
            Ok(answer) => {
                if let Some(known) = self.known_sets(name) {
                    known.primaries = [primary].into();
                }
                self.learn_set(name, answer.task_set.as_ref());
                true
            }
            Err(CallError::Refused(error)) => {
                self.check_refused(name, id, &error);
                false
            }
            Err(CallError::Unknown) => {
                if let Some(known) = self.known_sets(name) {
                    known.primaries.insert(primary);
                }
                false
            }
        }
    }

    /// True once there is an answer.
    async fn delete_task_set(&mut self, name: &str, id: &str, force: bool) -> bool {
        let Some(arn) = self.arn_of_set(name, id) else {
            return false;
        };
        let request = DeleteTaskSetRequest {
            cluster: Some("default".into()),
            service: Some(name.to_owned()),
            task_set: Some(arn),
            force: Some(force),
        };
        let answer = self.call::<op::DeleteTaskSet>(request).await;
        let Some(known) = self.known_sets(name) else {
            return true;
        };
        match answer {
            Ok(answer) => {
                let may_be_unused = known.sets.get(id).is_none_or(|set| {
                    set.may_go
                        || set.scales.contains(&0)
                            && known.primaries != [Some(id.to_owned())].into()
                });
                known.deleted(id, true);
                if !force && !may_be_unused {
                    self.world.trace.violated(format_args!(
                        "task set {id} is in use and was deleted without force"
                    ));
                }
                self.learn_set(name, answer.task_set.as_ref());
                true
            }
            Err(CallError::Refused(error)) => {
                self.check_refused(name, id, &error);
                true
            }
            Err(CallError::Unknown) => {
                known.deleted(id, false);
                false
            }
        }
    }

    fn arn_of_set(&mut self, name: &str, id: &str) -> Option<String> {
        self.known_sets(name)?.sets.get(id)?.arn.clone()
    }

    fn learn_set(&mut self, name: &str, shown: Option<&TaskSet>) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        let (Some(known), Some(shown)) = (service.task_sets.as_mut(), shown) else {
            return;
        };
        if let Some(wrong) = known.learn_set(shown, &service.desired) {
            self.world
                .trace
                .violated(format_args!("service {name}: {wrong}"));
        }
    }

    /// What was acknowledged and not deleted is there.
    fn check_refused(&mut self, name: &str, id: &str, error: &Error) {
        self.note_if_gone(name, error);
        let set = self.known_sets(name).and_then(|known| known.sets.get(id));
        let is_wrong = error.code == "TaskSetNotFoundException"
            && set.is_some_and(|set| !set.may_go && !set.may_be_missing);
        if is_wrong {
            self.world.trace.violated(format_args!(
                "task set {id} of {name} is gone: {}",
                error.message
            ));
        }
    }

    /// A service whose end was not answered.
    fn note_if_gone(&mut self, name: &str, error: &Error) {
        let is_gone = matches!(
            &*error.code,
            "ServiceNotFoundException" | "ServiceNotActiveException"
        );
        let Some(service) = self.services.get(name).filter(|_| is_gone) else {
            return;
        };
        if !service.may_be_missing {
            self.world
                .trace
                .violated(format_args!("service {name} is gone: {}", error.message));
        }
        self.services.remove(name);
    }

    /// At rest: tasks that run, in one set at least, which is PRIMARY. False if it is to be tried again.
    pub async fn settle_task_sets(&mut self, name: &str) -> bool {
        let Some(known) = self.known_sets(name).cloned() else {
            return true;
        };
        let living = known.sets.iter().filter(|(_, set)| !set.goes);
        let (good, bad): (Vec<_>, Vec<_>) = living.partition(|(_, set)| set.behaviour.is_good());
        for (id, _) in bad {
            if !self.delete_task_set(name, id, true).await {
                return false;
            }
        }
        let Some((id, set)) = good.last() else {
            self.create_task_set(name, Behaviour::Stable, WHOLE).await;
            return false;
        };
        if known.primaries != [Some((*id).clone())].into() && !self.make_primary(name, id).await {
            return false;
        }
        set.scales == [WHOLE].into() || self.scale_task_set(name, id, WHOLE).await
    }
}

/// What is not yet as desired.
pub fn unsettled(shown: &Shown) -> Vec<String> {
    let sets = shown.task_sets.iter().flatten().filter(|set| {
        let is_settled = set.running_count == set.computed_desired_count
            && set.pending_count == Some(0)
            && set.stability_status == Some(StabilityStatus::STEADY_STATE)
            && set.status.as_deref() != Some("DRAINING");
        !is_settled
    });
    let unsettled = sets.map(|set| {
        format!(
            "task set {:?} ({:?}, {:?}) has {:?} running and {:?} pending of {:?}",
            set.external_id,
            set.status,
            set.stability_status,
            set.running_count,
            set.pending_count,
            set.computed_desired_count
        )
    });
    unsettled.collect()
}

#[cfg(test)]
mod tests {
    use super::computed_desired_count;

    #[test]
    fn a_share_is_rounded_up() {
        let counts = [
            (3, 33_300, 1),
            (3, 33_400, 2),
            (5, 100, 1),
            (0, 50_000, 0),
            (4, 25_000, 1),
        ];
        for (desired, scale, count) in counts {
            assert_eq!(computed_desired_count(desired, scale), count);
        }
    }
}
