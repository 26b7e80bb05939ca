//! The lifecycle stages of deployments that shift traffic: BLUE_GREEN, LINEAR and CANARY.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LinearConfiguration.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CanaryConfiguration.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/pause-lifecycle-hooks.html>.

use std::time::Duration;

use clock::UnixMillis;
use serde::{Deserialize, Serialize};

use super::rollout::Facts;

/// All of the traffic.
pub const WHOLE_PERMILLE: i32 = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    ReconcileService,
    PreScaleUp,
    ScaleUp,
    PostScaleUp,
    TestTrafficShift,
    PostTestTrafficShift,
    /// Of hooks only.
    PreProductionTrafficShift,
    ProductionTrafficShift,
    PostProductionTrafficShift,
    BakeTime,
    CleanUp,
}

/// How production traffic goes over to the new revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shift {
    AllAtOnce,
    /// So much more with every step, which is watched for so long; the last one not.
    Linear {
        step_permille: i32,
        bake: Duration,
    },
    /// So much first, watched for so long; then the rest.
    Canary {
        permille: i32,
        bake: Duration,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagesView {
    pub shift: Shift,
    /// Of BAKE_TIME.
    pub bake: Duration,
    pub stage: Stage,
    pub entered: UnixMillis,
    /// The new revision's share, and since when.
    pub production_permille: i32,
    pub shifted: Option<UnixMillis>,
    pub test_permille: i32,
    /// Whether hooks are configured for the stage that it is in.
    pub has_hooks: bool,
    /// Those of the stage that it is in; of PRODUCTION_TRAFFIC_SHIFT, of the step that comes next.
    pub hooks: Vec<HookView>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookView {
    pub id: String,
    pub status: HookStatus,
    /// What the function of an open hook said, that the hook's status does not say yet.
    pub answer: Option<HookStatus>,
    pub expires: UnixMillis,
    pub timeout_action: HookAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HookStatus {
    AwaitingAction,
    InProgress,
    Succeeded,
    Failed,
    TimedOut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HookAction {
    Rollback,
    Continue,
}

/// What happens to the stages now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageStep {
    Wait,
    Enter(Stage),
    /// The hooks of the stage begin.
    OpenHooks,
    TimeOut {
        hook: String,
    },
    /// A function said what becomes of its hook.
    Answer {
        hook: String,
        status: HookStatus,
    },
    /// This share of production traffic goes to the new revision.
    ShiftProduction {
        permille: i32,
    },
    /// All test traffic goes to the new revision.
    ShiftTest,
    Fail {
        stage: Stage,
    },
    Done,
}

impl Stage {
    const ALL: [Self; 11] = [
        Self::ReconcileService,
        Self::PreScaleUp,
        Self::ScaleUp,
        Self::PostScaleUp,
        Self::TestTrafficShift,
        Self::PostTestTrafficShift,
        Self::PreProductionTrafficShift,
        Self::ProductionTrafficShift,
        Self::PostProductionTrafficShift,
        Self::BakeTime,
        Self::CleanUp,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReconcileService => "RECONCILE_SERVICE",
            Self::PreScaleUp => "PRE_SCALE_UP",
            Self::ScaleUp => "SCALE_UP",
            Self::PostScaleUp => "POST_SCALE_UP",
            Self::TestTrafficShift => "TEST_TRAFFIC_SHIFT",
            Self::PostTestTrafficShift => "POST_TEST_TRAFFIC_SHIFT",
            Self::PreProductionTrafficShift => "PRE_PRODUCTION_TRAFFIC_SHIFT",
            Self::ProductionTrafficShift => "PRODUCTION_TRAFFIC_SHIFT",
            Self::PostProductionTrafficShift => "POST_PRODUCTION_TRAFFIC_SHIFT",
            Self::BakeTime => "BAKE_TIME",
            Self::CleanUp => "CLEAN_UP",
        }
    }

    /// Whether the tasks of the source revision are still kept.
    pub fn keeps_source(self) -> bool {
        self < Self::CleanUp
    }

    /// Whether tasks of the target revision run.
    pub fn runs_target(self) -> bool {
        self >= Self::ScaleUp
    }

    fn next(self) -> Option<Self> {
        let position = Self::ALL.iter().position(|stage| *stage == self)?;
        Self::ALL.get(position + 1).copied()
    }
}

impl HookStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingAction => "AWAITING_ACTION",
            Self::InProgress => "IN_PROGRESS",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
        }
    }
}

impl HookAction {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rollback => "ROLLBACK",
            Self::Continue => "CONTINUE",
        }
    }
}

/// One step at a time: the hooks of a stage first, then what the stage itself does, then the next stage.
pub(super) fn step(
    view: &StagesView,
    facts: Facts,
    now: UnixMillis,
) -> (StageStep, Option<UnixMillis>) {
    if let Some(decided) = step_before_hooks(view, now) {
        return decided;
    }
    if let Some(decided) = step_of_hooks(view, now) {
        return decided;
    }
    let after = |since: UnixMillis, time: Duration| {
        let end = since + time;
        if now >= end {
            (enter_next(view.stage), None)
        } else {
            (StageStep::Wait, Some(end))
        }
    };
    match view.stage {
        Stage::ScaleUp if !facts.settled => (StageStep::Wait, None),
        Stage::TestTrafficShift if view.test_permille < WHOLE_PERMILLE => {
            (StageStep::ShiftTest, None)
        }
        Stage::ProductionTrafficShift => (step_of_traffic(view), None),
        Stage::BakeTime => after(view.entered, view.bake),
        Stage::CleanUp if facts.settled => (StageStep::Done, None),
        Stage::CleanUp => (StageStep::Wait, None),
        stage => (enter_next(stage), None),
    }
}

fn enter_next(stage: Stage) -> StageStep {
    stage.next().map_or(StageStep::Done, StageStep::Enter)
}

fn step_of_hooks(view: &StagesView, now: UnixMillis) -> Option<(StageStep, Option<UnixMillis>)> {
    if view.has_hooks && view.hooks.is_empty() {
        return Some((StageStep::OpenHooks, None));
    }
    let mut open = view.hooks.iter().filter(|hook| hook.is_open());
    let answered = open.clone().find_map(|hook| Some((hook, hook.answer?)));
    if let Some((hook, status)) = answered {
        let hook = hook.id.clone();
        return Some((StageStep::Answer { hook, status }, None));
    }
    let failed = view.hooks.iter().any(|hook| match hook.status {
        HookStatus::Failed => true,
        HookStatus::TimedOut => hook.timeout_action == HookAction::Rollback,
        _ => false,
    });
    if failed {
        return Some((StageStep::Fail { stage: view.stage }, None));
    }
    let first = open.clone().min_by_key(|hook| hook.expires)?;
    match open.find(|hook| hook.expires <= now) {
        Some(late) => {
            let hook = late.id.clone();
            Some((StageStep::TimeOut { hook }, None))
        }
        None => Some((StageStep::Wait, Some(first.expires))),
    }
}

impl HookView {
    pub(super) fn is_open(&self) -> bool {
        matches!(
            self.status,
            HookStatus::AwaitingAction | HookStatus::InProgress
        )
    }
}

/// Every step of production traffic has its hooks: they begin when the step before was watched for long enough. After
/// the last step there is nothing to ask.
fn step_before_hooks(
    view: &StagesView,
    now: UnixMillis,
) -> Option<(StageStep, Option<UnixMillis>)> {
    if view.stage != Stage::ProductionTrafficShift {
        return None;
    }
    let present = view.production_permille;
    if present >= WHOLE_PERMILLE {
        return Some((enter_next(view.stage), None));
    }
    let end = view.shifted.filter(|_| present > 0)? + view.shift.bake();
    (now < end).then_some((StageStep::Wait, Some(end)))
}

fn step_of_traffic(view: &StagesView) -> StageStep {
    let present = view.production_permille;
    let next = match view.shift {
        Shift::AllAtOnce => WHOLE_PERMILLE,
        Shift::Linear { step_permille, .. } => present + step_permille.max(1),
        // A canary of nothing would be one for ever.
        Shift::Canary { permille, .. } if present == 0 => permille.max(1),
        Shift::Canary { .. } => WHOLE_PERMILLE,
    };
    StageStep::ShiftProduction {
        permille: next.min(WHOLE_PERMILLE),
    }
}

impl Shift {
    /// How long a step is watched before the next.
    fn bake(self) -> Duration {
        match self {
            Self::AllAtOnce => Duration::ZERO,
            Self::Linear { bake, .. } | Self::Canary { bake, .. } => bake,
        }
    }
}
