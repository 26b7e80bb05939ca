//! Carries the plan of a service's task sets out, as far as one transaction reaches.

use clock::UnixMillis;
use ecs_rules::{
    deployment::Wait,
    task_set::{Stability, TaskSetPlan, TaskSetsPlan},
};
use kit::LoopError;
use state::Tx;

use super::{act, look};
use crate::{Ecs, records::ServiceRecord, service_events as events};

/// Of all sets together: each may have four events besides, and every event may drop an old one.
const STARTS_AT_ONCE: usize = 10;
const STOPS_AT_ONCE: usize = 10;

pub(super) fn act(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    service: &mut ServiceRecord,
    plan: &TaskSetsPlan,
    now: UnixMillis,
) -> Result<(), LoopError> {
    if plan.inactive {
        act::retire(service, now);
        return Ok(());
    }
    let mut left = Left {
        starts: STARTS_AT_ONCE,
        stops: STOPS_AT_ONCE,
    };
    for set in &plan.sets {
        carry_out(ecs, tx, service, set, &mut left, now)?;
        follow(ecs, tx, service, set, now);
    }
    let gone = |id: &str| plan.sets.iter().any(|set| set.gone && set.id == id);
    service.task_sets.retain(|set| !gone(set.id()));
    if !plan.steady {
        service.steady_state_reported_at = None;
    } else if look::is_steady_state_due(service, now) {
        events::add(ecs, tx, service, events::STEADY);
        service.steady_state_reported_at = Some(now);
    }
    Ok(())
}

/// What the transaction has room for still; the sets share it.
struct Left {
    starts: usize,
    stops: usize,
}

fn carry_out(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    service: &mut ServiceRecord,
    set: &TaskSetPlan,
    left: &mut Left,
    now: UnixMillis,
) -> Result<(), LoopError> {
    let stops = act::bounded(&set.tasks.stop, left.stops);
    left.stops -= stops.len();
    act::stop(ecs, tx, service, Some(&set.id), stops, now);
    let is_all = stops.len() == set.tasks.stop.len();
    let starts = usize::try_from(set.tasks.start)
        .unwrap_or(0)
        .min(left.starts);
    if is_all && starts > 0 {
        left.starts -= starts;
        act::start(ecs, tx, service, &set.id, starts, now)?;
    }
    Ok(())
}

/// How the set fares, and what its user should hear of it.
fn follow(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    service: &mut ServiceRecord,
    plan: &TaskSetPlan,
    now: UnixMillis,
) {
    let id = Some(plan.id.as_str());
    if let Some(stability) = plan.stability {
        if stability == Stability::SteadyState {
            events::add_of(ecs, tx, service, id, events::STEADY);
        }
        if let Some(set) = service.task_set_mut(&plan.id) {
            set.set_stability(stability, now);
        }
    }
    if plan.tasks.waits_for.contains(&Wait::ProtectedTasks) {
        events::add_once(ecs, tx, service, &events::protected(&plan.id));
    }
    let is_impaired = service
        .deployment(&plan.id)
        .is_some_and(look::is_newly_impaired);
    if is_impaired {
        events::add_of(ecs, tx, service, id, &events::impaired());
        if let Some(deployment) = service.deployment_mut(&plan.id) {
            deployment.impaired_reported = true;
        }
    }
}
