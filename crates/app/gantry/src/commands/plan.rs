//! `gantry plan update-service`: what a change would lead to, by the real planner and placement, without making it.

use std::{collections::BTreeMap, process::ExitCode, str::FromStr};

use anyhow::{anyhow, bail};
use api_gantry::{
    operations::PlanUpdateService,
    types::{
        PlanOutcome, PlanUpdateServiceRequest, PlanUpdateServiceResponse, PlannedAction,
        PlannedActionKind, PlannedCapacityProvider, PlannedCircuitBreaker,
        PlannedPlacementConstraint, PlannedPlacementStrategy,
    },
};

use crate::{
    arguments::{Global, Output, Plan, PlanUpdate},
    connect,
    output::{self, Colour},
};

pub async fn run(global: &Global, plan: Plan) -> anyhow::Result<ExitCode> {
    let Plan::UpdateService(update) = plan;
    let client = connect::client(global)?;
    let answer = client.call::<PlanUpdateService>(request(update)?).await?;
    match global.output {
        Output::Json => output::json(&output::as_json(&answer)?),
        Output::Table => print!("{}", text(&answer)),
    }
    Ok(match answer.outcome {
        Some(outcome) if outcome == PlanOutcome::WAITING => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}

fn request(update: PlanUpdate) -> anyhow::Result<PlanUpdateServiceRequest> {
    let breaker = update.deployment_circuit_breaker.as_deref();
    Ok(PlanUpdateServiceRequest {
        cluster: Some(update.cluster),
        service: Some(update.service),
        task_definition: update.task_definition,
        desired_count: update.desired_count,
        force_new_deployment: update.force_new_deployment.then_some(true),
        minimum_healthy_percent: update.minimum_healthy_percent,
        maximum_percent: update.maximum_percent,
        strategy: update.strategy,
        bake_time_in_minutes: update.bake_time_in_minutes,
        deployment_circuit_breaker: breaker
            .map(|text| {
                let mut members = Members::read(text, &["enable", "rollback"])?;
                anyhow::Ok(PlannedCircuitBreaker {
                    enable: Some(members.parse("enable")?.unwrap_or_default()),
                    rollback: Some(members.parse("rollback")?.unwrap_or_default()),
                })
            })
            .transpose()?,
        placement_constraints: list(update.placement_constraints, |text| {
            let mut members = Members::read(text, &["type", "expression"])?;
            Ok(PlannedPlacementConstraint {
                r#type: members.take("type"),
                expression: members.take("expression"),
            })
        })?,
        placement_strategy: list(update.placement_strategy, |text| {
            let mut members = Members::read(text, &["type", "field"])?;
            Ok(PlannedPlacementStrategy {
                r#type: members.take("type"),
                field: members.take("field"),
            })
        })?,
        capacity_provider_strategy: list(update.capacity_provider_strategy, |text| {
            let mut members = Members::read(text, &["capacityProvider", "weight", "base"])?;
            Ok(PlannedCapacityProvider {
                capacity_provider: members.take("capacityProvider"),
                weight: members.parse("weight")?,
                base: members.parse("base")?,
            })
        })?,
    })
}

/// One empty item stands for an empty list, which is another thing than none.
fn list<T>(
    items: Option<Vec<String>>,
    read: impl Fn(&str) -> anyhow::Result<T>,
) -> anyhow::Result<Option<Vec<T>>> {
    let items = items.map(|items| items.into_iter().filter(|item| !item.is_empty()));
    items
        .map(|items| items.map(|item| read(&item)).collect())
        .transpose()
}

/// `name=value,name=value`, as the AWS CLI takes structures. A value may have commas: only before a known name does
/// another member begin.
struct Members<'a> {
    text: &'a str,
    values: BTreeMap<&'static str, String>,
}

impl<'a> Members<'a> {
    fn read(text: &'a str, names: &[&'static str]) -> anyhow::Result<Self> {
        let mut values = BTreeMap::<&'static str, String>::new();
        let mut last = None;
        for part in text.split(',') {
            let known = names
                .iter()
                .find_map(|name| Some((*name, part.strip_prefix(*name)?.strip_prefix('=')?)));
            match (known, last) {
                (Some((name, value)), _) => {
                    values.insert(name, value.to_owned());
                    last = Some(name);
                }
                (None, Some(name)) => {
                    let value = values.entry(name).or_default();
                    value.push(',');
                    value.push_str(part);
                }
                (None, None) => {
                    bail!("`{text}` does not begin with one of {}=", names.join("=, "))
                }
            }
        }
        Ok(Self { text, values })
    }

    fn take(&mut self, name: &str) -> Option<String> {
        self.values.remove(name)
    }

    fn parse<T: FromStr>(&mut self, name: &str) -> anyhow::Result<Option<T>> {
        let text = self.text;
        let value = self.take(name);
        value
            .map(|value| value.parse())
            .transpose()
            .map_err(|_| anyhow!("`{text}`: {name} has a value that it cannot have"))
    }
}

fn text(plan: &PlanUpdateServiceResponse) -> String {
    let actions: Vec<&PlannedAction> = plan.actions.iter().flatten().collect();
    let mut text = String::new();
    for action in &actions {
        text.push_str(&line(action));
    }
    let of_kind = |kind: PlannedActionKind| {
        let actions = actions.iter();
        actions
            .filter(|action| action.kind.as_ref() == Some(&kind))
            .count()
    };
    let (starts, stops) = (
        of_kind(PlannedActionKind::START),
        of_kind(PlannedActionKind::STOP),
    );
    if !text.is_empty() {
        text.push('\n');
    }
    if starts + stops == 0 {
        text.push_str("No task would be started or stopped.\n");
    } else {
        text.push_str(&format!(
            "{starts} started, {stops} stopped; between {} and {} run at any time, {} are desired.\n",
            plan.fewest_running.unwrap_or_default(),
            plan.most_running.unwrap_or_default(),
            plan.desired_count.unwrap_or_default(),
        ));
    }
    text.push_str(&ending(plan));
    text.push_str("Nothing was changed. Times are for tasks that start and stop within a second and stay healthy.\n");
    text
}

fn line(action: &PlannedAction) -> String {
    let definition = action.task_definition.as_deref().unwrap_or_default();
    let id: String = action
        .task_id
        .iter()
        .flat_map(|id| id.chars().take(12))
        .collect();
    let node = action.node_name.as_deref().unwrap_or("no node yet");
    let message = action.message.as_deref().unwrap_or_default();
    let what = match &action.kind {
        Some(kind) if *kind == PlannedActionKind::START => {
            let sign = output::paint(Colour::Green, "+ start");
            format!("{sign}  a task of {definition} on {node}")
        }
        Some(kind) if *kind == PlannedActionKind::STOP => {
            let sign = output::paint(Colour::Red, "- stop ");
            format!("{sign}  task {id} of {definition} on {node}: {message}")
        }
        _ => format!("  event  {message}"),
    };
    format!(
        "{:>7}  {what}\n",
        after(action.after_seconds.unwrap_or_default())
    )
}

fn after(seconds: f64) -> String {
    match seconds {
        ..120.0 => format!("{seconds:.0} s"),
        ..7200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

fn ending(plan: &PlanUpdateServiceResponse) -> String {
    match &plan.outcome {
        Some(outcome) if *outcome == PlanOutcome::STEADY => {
            format!(
                "{}\n",
                output::paint(Colour::Green, "The service would become steady.")
            )
        }
        Some(outcome) if *outcome == PlanOutcome::WAITING => {
            let stuck = match plan.waits_for.as_deref().filter(|text| !text.is_empty()) {
                Some(waits_for) => {
                    format!("The service would not become steady: it waits for {waits_for}.")
                }
                None => "The service would not become steady.".to_owned(),
            };
            format!("{}\n", output::paint(Colour::Red, &stuck))
        }
        _ => "There would be more: only the beginning was rehearsed.\n".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_written_as_for_the_aws_cli() {
        let names = ["type", "expression"];
        let text = "type=memberOf,expression=attribute:rack in [a,b]";
        let mut members = Members::read(text, &names).unwrap();
        assert_eq!(members.take("type").as_deref(), Some("memberOf"));
        let expression = members.take("expression");
        assert_eq!(expression.as_deref(), Some("attribute:rack in [a,b]"));
        assert!(Members::read("memberOf", &names).is_err());
        let mut members = Members::read("weight=x", &["weight"]).unwrap();
        assert!(members.parse::<i32>("weight").is_err());
        let empty = list(Some(vec![String::new()]), |_| Ok(1));
        assert_eq!(empty.unwrap(), Some(vec![]));
    }

    fn action(kind: PlannedActionKind, after: f64) -> PlannedAction {
        PlannedAction {
            kind: Some(kind),
            after_seconds: Some(after),
            task_id: Some("0123456789abcdef0123456789abcdef".into()),
            task_definition: Some("web:2".into()),
            node_name: Some("one".into()),
            message: Some("Scaling activity".into()),
        }
    }

    #[test]
    fn a_plan_reads_as_what_would_happen() {
        let plan = PlanUpdateServiceResponse {
            actions: Some(vec![
                action(PlannedActionKind::START, 0.0),
                action(PlannedActionKind::STOP, 1.0),
                action(PlannedActionKind::EVENT, 600.0),
            ]),
            outcome: Some(PlanOutcome::STEADY),
            desired_count: Some(1),
            most_running: Some(2),
            fewest_running: Some(1),
            ..PlanUpdateServiceResponse::default()
        };
        let expected = "    0 s  + start  a task of web:2 on one
    1 s  - stop   task 0123456789ab of web:2 on one: Scaling activity
 10 min    event  Scaling activity

1 started, 1 stopped; between 1 and 2 run at any time, 1 are desired.
The service would become steady.
Nothing was changed. Times are for tasks that start and stop within a second and stay healthy.
";
        assert_eq!(text(&plan), expected);
        let stuck = PlanUpdateServiceResponse {
            outcome: Some(PlanOutcome::WAITING),
            waits_for: Some("Room".into()),
            ..PlanUpdateServiceResponse::default()
        };
        assert!(text(&stuck).contains("No task would be started or stopped.\nThe service would not become steady: it waits for Room.\n"));
    }
}
