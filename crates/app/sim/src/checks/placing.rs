//! A second opinion on every placement on a container instance: constraints, and the best by the strategies.

use std::collections::BTreeMap;

use placement::{Resource, SpreadOver, Strategy};
use service_ecs::records::{
    Capacity, ContainerInstanceRecord, ContainerInstanceStatus, DesiredStatus, TaskRecord,
};

/// A node, and the tasks that hold something of it.
pub struct Held<'a> {
    pub node: &'a ContainerInstanceRecord,
    pub tasks: Vec<&'a TaskRecord>,
}

/// What is wrong with putting the task on the node with this key, seen from just before. `beside` are other tasks that
/// came to the same node at the same time.
pub fn wrong_with_constraints(
    task: &TaskRecord,
    chosen: &Held<'_>,
    beside: usize,
) -> Option<String> {
    if !is_of_provider(task, chosen.node) {
        let own = chosen.node.capacity_provider();
        return Some(format!(
            "{:?} was asked for, and it is of {own:?}",
            task.capacity_provider
        ));
    }
    let placing = task.placing.as_ref()?;
    if placing.distinct_instance && (of_group(task, chosen) + beside) > 0 {
        return Some("distinctInstance, and another task of its group is there".into());
    }
    let broken = placing
        .member_of
        .iter()
        .find(|expression| is_member(expression, chosen.node) == Some(false));
    broken.map(|expression| format!("memberOf {expression} does not hold there"))
}

/// Whether the node is one of the task's capacity provider. A daemon is on nodes that name none, too.
fn is_of_provider(task: &TaskRecord, node: &ContainerInstanceRecord) -> bool {
    let asked = task.capacity_provider.as_deref();
    let is_daemon = task.is_of_daemon() && node.capacity_provider().is_none();
    node.capacity == Capacity::Serverless
        || is_daemon
        || asked.is_none_or(|asked| node.capacity_provider() == Some(asked))
}

/// Whether another node was better. Only for the one placement of a transaction.
pub fn wrong_with_choice(
    task: &TaskRecord,
    chosen: &str,
    nodes: &BTreeMap<String, Held<'_>>,
) -> Option<String> {
    let placing = task.placing.as_ref()?;
    if placing.strategies.is_empty() {
        return None;
    }
    let chosen_node = nodes.get(chosen)?.node;
    let mut expressions = placing.member_of.iter();
    if expressions.any(|expression| is_member(expression, chosen_node).is_none()) {
        return None;
    }
    let ranked: Vec<(&String, Vec<i64>)> = nodes
        .iter()
        .filter(|(_, held)| takes(task, held))
        .map(|(key, held)| (key, rank(task, held, nodes, &placing.strategies)))
        .collect();
    let own = ranked.iter().find(|(key, _)| *key == chosen);
    let Some((_, own)) = own else {
        return Some("it does not take the task".into());
    };
    let better = ranked.iter().find(|(_, rank)| rank < own);
    better.map(|(key, rank)| {
        format!(
            "{key} ranks {rank:?} and the chosen one {own:?} by {:?}",
            placing.strategies
        )
    })
}

/// Whether the node would take the task, beside what it has.
fn takes(task: &TaskRecord, held: &Held<'_>) -> bool {
    let node = held.node;
    let is_ready = node.status == ContainerInstanceStatus::Active
        && node.connection.connected
        && node.awaited_daemons.is_empty()
        && node.capacity == Capacity::ContainerInstance
        && node.cluster == task.cluster;
    let cpu_units: i64 = held.tasks.iter().map(|task| task.cpu_units).sum();
    let memory_mib: i64 = held.tasks.iter().map(|task| task.memory_mib).sum();
    let fits = cpu_units + task.cpu_units <= node.cpu_units
        && memory_mib + task.memory_mib <= node.memory_mib;
    let mut ports = task.host_ports.iter().filter(|(port, _)| *port != 0);
    let has_port = ports.any(|port| held.tasks.iter().any(|task| task.host_ports.contains(port)));
    is_ready && fits && !has_port && wrong_with_constraints(task, held, 0).is_none()
}

/// Less is better, the first strategy before the second.
fn rank(
    task: &TaskRecord,
    held: &Held<'_>,
    nodes: &BTreeMap<String, Held<'_>>,
    strategies: &[Strategy],
) -> Vec<i64> {
    let steps = strategies
        .iter()
        .take_while(|strategy| !matches!(strategy, Strategy::Random));
    steps
        .map(|strategy| match strategy {
            Strategy::Spread(SpreadOver::Instance) => of_group(task, held) as i64,
            Strategy::Spread(SpreadOver::Attribute(name)) => {
                let value = attribute(held.node, name);
                let alike = nodes.values().filter(|other| {
                    other.node.status != ContainerInstanceStatus::Inactive
                        && attribute(other.node, name) == value
                });
                alike.map(|other| of_group(task, other) as i64).sum()
            }
            Strategy::Binpack(Resource::Cpu) => {
                let used: i64 = held.tasks.iter().map(|task| task.cpu_units).sum();
                held.node.cpu_units - used
            }
            Strategy::Binpack(Resource::Memory) => {
                let used: i64 = held.tasks.iter().map(|task| task.memory_mib).sum();
                held.node.memory_mib - used
            }
            Strategy::Random => 0,
        })
        .collect()
}

/// Tasks of the same group there that nobody told to stop.
fn of_group(task: &TaskRecord, held: &Held<'_>) -> usize {
    let alike = held.tasks.iter().filter(|other| {
        other.group == task.group
            && other.cluster == task.cluster
            && other.desired_status == DesiredStatus::Running
    });
    alike.count()
}

fn attribute<'a>(node: &'a ContainerInstanceRecord, name: &str) -> Option<&'a str> {
    let mut known = node.all_attributes();
    let own = known.find(|attribute| attribute.name == name)?;
    own.value.as_deref()
}

/// The few forms of expression that the workload writes; of others, which a scenario may have, it knows nothing.
pub fn is_member(expression: &str, node: &ContainerInstanceRecord) -> Option<bool> {
    if let Some(inner) = expression.strip_prefix("not(") {
        return is_member(inner.trim_end_matches(')'), node).map(|is_member| !is_member);
    }
    let mut words = expression.splitn(3, ' ');
    let (subject, operator, value) = (words.next()?, words.next()?, words.next());
    let own = attribute(node, subject.strip_prefix("attribute:")?);
    let value = value.unwrap_or_default();
    Some(match operator {
        "exists" => own.is_some(),
        "==" => own == Some(value),
        "!=" => own != Some(value),
        "in" => {
            let listed = value.trim_matches(['[', ']']).split(',').map(str::trim);
            own.is_some_and(|own| listed.into_iter().any(|value| value == own))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use clock::UnixMillis;
    use service_ecs::records::{AgentConnection, Attribute};

    use super::*;

    fn node(rack: &str) -> ContainerInstanceRecord {
        ContainerInstanceRecord {
            account: "1".into(),
            region: "r".into(),
            cluster: "default".into(),
            id: rack.into(),
            node_id: rack.into(),
            capacity: Capacity::ContainerInstance,
            status: ContainerInstanceStatus::Active,
            status_reason: None,
            cpu_units: 1024,
            memory_mib: 1024,
            reserved_tcp_ports: vec![],
            reserved_udp_ports: vec![],
            gpu_ids: vec![],
            attributes: vec![Attribute {
                name: "rack".into(),
                value: Some(rack.into()),
            }],
            own_attributes: vec![],
            awaited_daemons: Default::default(),
            availability_zone: "a".into(),
            agent_version: String::new(),
            agent_hash: String::new(),
            docker_version: String::new(),
            connection: AgentConnection {
                connected: true,
                changed_at: UnixMillis(0),
            },
            tags: vec![],
            registered_at: UnixMillis(0),
            deregistered_at: None,
            version: 1,
        }
    }

    #[test]
    fn expressions_mean_what_they_say() {
        let node = node("r1");
        let holds = |expression: &str| is_member(expression, &node) == Some(true);
        assert!(holds("attribute:rack == r1") && !holds("attribute:rack == r2"));
        assert!(holds("attribute:rack != r2") && !holds("attribute:rack != r1"));
        assert!(holds("attribute:rack in [r0, r1]") && !holds("attribute:rack in [r0, r2]"));
        assert!(holds("not(attribute:rack == r2)") && !holds("not(attribute:rack == r1)"));
        assert!(holds("attribute:rack exists") && !holds("attribute:row exists"));
        assert_eq!(is_member("attribute:rack =~ r.", &node), None);
    }
}
