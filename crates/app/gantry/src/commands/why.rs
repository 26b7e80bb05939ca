//! `gantry why`: why a task is where it is, waits or stopped; what a service or a deployment waits for; what a node could
//! still take.

use std::process::ExitCode;

use api_gantry::{
    operations::Explain,
    types::{ExplainRequest, ExplainResponse, ExplainedKind, Finding, FindingTopic, NodeVerdict},
};
use clock::UnixMillis;
use wire::Timestamp;

use crate::{
    arguments::{Global, Output, Why},
    connect,
    output::{self, Cell, Colour},
    when,
};

pub async fn run(global: &Global, why: Why) -> anyhow::Result<ExitCode> {
    let client = connect::client(global)?;
    let request = ExplainRequest {
        resource: Some(why.what),
        cluster: Some(why.cluster),
        node_by_node: why.nodes.then_some(true),
    };
    let answer = client.call::<Explain>(request).await?;
    match global.output {
        Output::Json => output::json(&output::as_json(&answer)?),
        Output::Table => print!("{}", text(&answer, when::shown)),
    }
    Ok(ExitCode::SUCCESS)
}

/// The whole, in paragraphs.
fn text(answer: &ExplainResponse, shown: impl Fn(UnixMillis) -> String) -> String {
    let mut text = format!("{}\n", answer.summary.as_deref().unwrap_or_default());
    let kind = answer.kind.as_ref();
    let topics = [
        (FindingTopic::STATUS, "How it is"),
        (FindingTopic::CAUSE, "Why"),
        (FindingTopic::WAITS_FOR, "It waits for"),
        (FindingTopic::PLACEMENT, placement_heading(answer)),
        (FindingTopic::FAILURE, "What went wrong last"),
        (FindingTopic::TASK, "What runs on it"),
        (FindingTopic::ROOM, "What it could still take"),
        (FindingTopic::NEXT, next_heading(kind)),
        (FindingTopic::TIMELINE, "What happened when"),
    ];
    for (topic, heading) in topics {
        let findings = answer.findings.iter().flatten();
        let own: Vec<&Finding> = findings
            .filter(|finding| finding.topic.as_ref() == Some(&topic))
            .collect();
        if !own.is_empty() {
            text.push_str(&format!("\n{heading}\n"));
            match topic == FindingTopic::TIMELINE {
                true => push_timeline(&mut text, &own, &shown),
                false => push_findings(&mut text, &own, &shown),
            }
        }
        if topic == FindingTopic::PLACEMENT {
            push_nodes(&mut text, answer);
        }
    }
    text
}

fn placement_heading(answer: &ExplainResponse) -> &'static str {
    let is_task = answer.kind == Some(ExplainedKind::TASK);
    let findings = answer.findings.iter().flatten();
    let mut waits = findings.filter(|finding| finding.topic == Some(FindingTopic::WAITS_FOR));
    let has_no_node = waits.any(|wait| wait.code.as_deref() == Some("NODE"));
    match (is_task, has_no_node) {
        (true, false) => "Why this node, when it was placed",
        (true, true) => "Why no node, when it was tried last",
        (false, _) => "Placement now",
    }
}

fn next_heading(kind: Option<&ExplainedKind>) -> &'static str {
    match kind {
        Some(kind) if *kind == ExplainedKind::TASK => "Look further",
        _ => "What comes next",
    }
}

fn push_findings(text: &mut String, findings: &[&Finding], shown: &impl Fn(UnixMillis) -> String) {
    for finding in findings {
        let message = finding.message.as_deref().unwrap_or_default();
        let colour = match finding.topic.as_ref() {
            Some(topic) if *topic == FindingTopic::FAILURE => Colour::Red,
            Some(topic) if *topic == FindingTopic::WAITS_FOR => Colour::Yellow,
            _ => Colour::Plain,
        };
        text.push_str(&format!("  {}", output::paint(colour, message)));
        if let Some(at) = millis(finding.at) {
            text.push_str(&format!("  ({})", shown(at)));
        }
        text.push('\n');
    }
}

/// The first with its time, the others by what lies between.
fn push_timeline(text: &mut String, findings: &[&Finding], shown: &impl Fn(UnixMillis) -> String) {
    let mut before = None;
    for finding in findings {
        let Some(at) = millis(finding.at) else {
            continue;
        };
        let time = match before {
            None => shown(at),
            Some(before) => format!("+{}", between(at.since(before))),
        };
        before = Some(at);
        let message = finding.message.as_deref().unwrap_or_default();
        text.push_str(&format!("  {time:>19}  {message}\n"));
    }
}

fn between(time: std::time::Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.3} s", time.as_secs_f64()),
        10..600 => format!("{} s", time.as_secs()),
        seconds => format!("{} min", seconds / 60),
    }
}

fn push_nodes(text: &mut String, answer: &ExplainResponse) {
    let Some(nodes) = &answer.nodes else {
        return;
    };
    let rows = nodes.iter().map(node_row).collect();
    text.push_str("\nNode by node, for one more such task now (the best first)\n");
    for line in output::rows(&["node", "takes it", "why"], rows).lines() {
        text.push_str(&format!("  {line}\n"));
    }
    if let Some(left_out) = answer.nodes_left_out.filter(|count| *count > 0) {
        text.push_str(&format!("  and {left_out} more\n"));
    }
}

fn node_row(node: &NodeVerdict) -> Vec<Cell> {
    let (takes, colour) = match node.fits {
        Some(true) => ("yes", Colour::Green),
        _ => ("no", Colour::Red),
    };
    let lacks = node.lacks.iter().flatten().cloned();
    let ranks = node.ranks.iter().flatten().map(|rank| {
        let strategy = rank.strategy.as_deref().unwrap_or_default();
        format!("{strategy} {}", rank.rank.unwrap_or_default())
    });
    let why: Vec<String> = match node.fits {
        Some(true) => ranks.collect(),
        _ => lacks.collect(),
    };
    vec![
        node.node_name.clone().unwrap_or_default().into(),
        Cell::new(takes, colour),
        why.join("; ").into(),
    ]
}

fn millis(at: Option<Timestamp>) -> Option<UnixMillis> {
    at.map(|at| UnixMillis::from_seconds_f64(at.as_seconds_f64()))
}

#[cfg(test)]
mod tests {
    use api_gantry::types::StrategyRank;

    use super::*;

    fn finding(topic: FindingTopic, message: &str, seconds: Option<f64>) -> Finding {
        Finding {
            topic: Some(topic),
            code: Some("CODE".into()),
            message: Some(message.into()),
            at: seconds.and_then(Timestamp::from_seconds_f64),
        }
    }

    #[test]
    fn an_explanation_reads_from_what_it_is_to_what_happened() {
        let answer = ExplainResponse {
            kind: Some(ExplainedKind::TASK),
            summary: Some("Task 0af of service web is RUNNING on one.".into()),
            findings: Some(vec![
                finding(FindingTopic::CAUSE, "service web started it", None),
                finding(FindingTopic::STATUS, "it runs", Some(3.0)),
                finding(FindingTopic::PLACEMENT, "1 of 2 nodes could take it", None),
                finding(FindingTopic::TIMELINE, "created", Some(1.0)),
                finding(FindingTopic::TIMELINE, "RUNNING", Some(1.25)),
                finding(FindingTopic::TIMELINE, "STOPPED", Some(61.25)),
            ]),
            nodes: Some(vec![
                NodeVerdict {
                    node_name: Some("one".into()),
                    fits: Some(true),
                    ranks: Some(vec![StrategyRank {
                        strategy: Some("binpack(cpu)".into()),
                        rank: Some(768),
                    }]),
                    ..NodeVerdict::default()
                },
                NodeVerdict {
                    node_name: Some("two".into()),
                    fits: Some(false),
                    lacks: Some(vec!["it is DRAINING".into()]),
                    ..NodeVerdict::default()
                },
            ]),
            ..ExplainResponse::default()
        };
        let expected = "\
Task 0af of service web is RUNNING on one.

How it is
  it runs  (at 3000)

Why
  service web started it

Why this node, when it was placed
  1 of 2 nodes could take it

Node by node, for one more such task now (the best first)
  NODE  TAKES IT  WHY
  one   yes       binpack(cpu) 768
  two   no        it is DRAINING

What happened when
              at 1000  created
             +0.250 s  RUNNING
                +60 s  STOPPED
";
        let shown = |at: UnixMillis| format!("at {}", at.as_millis());
        assert_eq!(text(&answer, shown), expected);
    }
}
