//! Why something is as it is: what the records say of it, and what planner and placement say of it now.
//!
//! Every explanation is a list of findings, each under a topic, in words and with a code; placement is told as data too.

mod deployment;
mod find;
mod node;
pub(crate) mod placement;
mod service;
mod task;

use api_gantry::types::{ExplainResponse, ExplainedKind, Finding, FindingTopic};
use clock::UnixMillis;
use state::Head;

use crate::{Control, operations::timestamp};

pub(crate) use find::{Found, Reference};

/// Lines of one topic, where there may be any number.
const LINES_MOST: usize = 50;

/// One look at the tables, and who explains what it sees.
pub(crate) struct Explainer<'a> {
    pub control: &'a Control,
    pub head: &'a Head,
    pub now: UnixMillis,
    /// Whether each node's answer is worked out, too.
    pub node_by_node: bool,
}

/// Findings in the order in which they are told.
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, topic: FindingTopic, code: &str, message: impl Into<String>) {
        self.add_at(topic, code, message, None);
    }

    fn add_at(
        &mut self,
        topic: FindingTopic,
        code: &str,
        message: impl Into<String>,
        at: Option<UnixMillis>,
    ) {
        self.0.push(Finding {
            topic: Some(topic),
            code: Some(code.to_owned()),
            message: Some(message.into()),
            at: at.and_then(timestamp),
        });
    }

    /// A list that is cut where it becomes long.
    fn add_list(&mut self, topic: &FindingTopic, lines: Vec<(String, String)>) {
        let left_out = lines.len().saturating_sub(LINES_MOST);
        for (code, message) in lines.into_iter().take(LINES_MOST) {
            self.add(topic.clone(), &code, message);
        }
        if left_out > 0 {
            self.add(topic.clone(), "MORE", format!("and {left_out} more"));
        }
    }
}

fn response(
    kind: ExplainedKind,
    arn: String,
    cluster: &str,
    status: &str,
    summary: String,
    findings: Findings,
) -> ExplainResponse {
    ExplainResponse {
        kind: Some(kind),
        resource_arn: Some(arn),
        cluster: Some(cluster.to_owned()).filter(|cluster| !cluster.is_empty()),
        status: Some(status.to_owned()),
        summary: Some(summary),
        findings: Some(findings.0),
        ..ExplainResponse::default()
    }
}

/// `1 task`, `2 tasks`.
fn counted(count: i64, word: &str) -> String {
    match count {
        1 => format!("1 {word}"),
        _ => format!("{count} {word}s"),
    }
}

/// As people refer to a task or a node.
fn short(id: &str) -> String {
    id.chars().take(12).collect()
}
