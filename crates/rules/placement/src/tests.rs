//! By example; the properties are in their own files.

mod examples;
mod explained;
mod index;
mod strategies;

use std::sync::Arc;

use super::*;

pub(crate) fn node(id: &str) -> Node {
    Node {
        facts: Facts {
            id: id.into(),
            standing: Standing::Ready,
            cpu_units: 1024,
            memory_mib: 2048,
            gpus: 0,
            attributes: zone("a"),
            reserved_tcp_ports: vec![22],
            reserved_udp_ports: vec![],
            agent_connected: true,
            agent_version: "1.105.1".into(),
            ec2_instance_id: None,
            registered_at_unix_seconds: 1_800_000_000,
        },
        used: Used::default(),
    }
}

pub(crate) fn zone(zone: &str) -> Arc<Attributes> {
    attributes(zone, "m5.large")
}

pub(crate) fn attributes(zone: &str, instance_type: &str) -> Arc<Attributes> {
    let pairs = [
        ("ecs.availability-zone", Some(zone)),
        ("ecs.instance-type", Some(instance_type)),
        ("ssd", None),
    ];
    Arc::new(Attributes::new(pairs))
}

pub(crate) fn need() -> Need {
    Need {
        cpu_units: 256,
        memory_mib: 512,
        group: "g".into(),
        ..Need::default()
    }
}

/// The node with tasks of a group that hold nothing.
pub(crate) fn with_group(mut node: Node, group: &str, tasks: usize) -> Node {
    let holding = Holding {
        cpu_units: 0,
        memory_mib: 0,
        gpus: 0,
        host_ports: &[],
        group,
        phase: Phase::Running,
        is_stopping: false,
    };
    for _ in 0..tasks {
        node.used.count(&holding, &group.into(), 1);
    }
    node
}

pub(crate) fn with_free(mut node: Node, cpu_units: i64, memory_mib: i64) -> Node {
    node.facts.cpu_units = cpu_units;
    node.facts.memory_mib = memory_mib;
    node
}

pub(crate) fn in_zone(mut node: Node, name: &str) -> Node {
    node.facts.attributes = zone(name);
    node
}
