//! Asks an instance what an expression wants to know.

use std::cmp::Ordering;

use super::{Expression, Subject, Test, TextKind, TextTest, literal};

/// Nesting is bounded by the parser.
pub(super) fn expression(expression_: &Expression, subject: &(impl Subject + ?Sized)) -> bool {
    match expression_ {
        Expression::Any(parts) => parts.iter().any(|part| expression(part, subject)),
        Expression::All(parts) => parts.iter().all(|part| expression(part, subject)),
        Expression::Not(inner) => !expression(inner, subject),
        Expression::Test(test) => passes(test, subject),
    }
}

fn passes(test: &Test, subject: &(impl Subject + ?Sized)) -> bool {
    match test {
        Test::AgentConnected(test) => {
            let connected = match subject.is_agent_connected() {
                true => "true",
                false => "false",
            };
            text(test, Some(connected))
        }
        Test::AgentVersion(comparison, wanted) => literal::Version::parse(subject.agent_version())
            .is_some_and(|version| comparison.holds(version.cmp(wanted))),
        Test::Attribute { name, test } => text(test, subject.attribute(name)),
        Test::Ec2InstanceId(test) => text(test, subject.ec2_instance_id()),
        Test::RegisteredAt(comparison, wanted) => {
            comparison.holds(subject.registered_at_unix_seconds().cmp(wanted))
        }
        Test::RunningTasksCount(comparison, wanted) => {
            let running = u64::try_from(subject.running_tasks()).unwrap_or(u64::MAX);
            comparison.holds(running.cmp(wanted))
        }
        Test::TaskGroup(test) => {
            test.is_negated != subject.has_group(&mut |group| holds(&test.kind, group))
        }
    }
}

fn text(test: &TextTest, value: Option<&str>) -> bool {
    test.is_negated != value.is_some_and(|value| holds(&test.kind, value))
}

fn holds(kind: &TextKind, value: &str) -> bool {
    match kind {
        TextKind::Exists => true,
        TextKind::Equals(wanted) => value == wanted,
        TextKind::In(wanted) => wanted.iter().any(|wanted| wanted == value),
        TextKind::Matches(pattern) => pattern.is_match(value),
        TextKind::Compares(comparison, wanted) => comparison.holds(compare(value, wanted)),
    }
}

fn compare(left: &str, right: &str) -> Ordering {
    match (left.parse::<f64>(), right.parse::<f64>()) {
        (Ok(left), Ok(right)) => left.partial_cmp(&right).unwrap_or(Ordering::Equal),
        _ => left.cmp(right),
    }
}
