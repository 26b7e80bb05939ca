//! What rules a node out, in the order in which it is asked.

use serde::{Deserialize, Serialize};

use crate::{Need, Node, Standing};

/// The order of the variants is the order of asking: the further a node came, the nearer it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Filter {
    Inactive,
    Draining,
    Daemons,
    Agent,
    Attribute,
    MemberOf,
    DistinctInstance,
    Gpu,
    Ports,
    Memory,
    Cpu,
}

/// A node ruled out, with what it lacks (units of the filter; 0 where there are none).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub filter: Filter,
    pub lacking: i64,
}

impl Filter {
    pub const ALL: [Self; 11] = [
        Self::Inactive,
        Self::Draining,
        Self::Daemons,
        Self::Agent,
        Self::Attribute,
        Self::MemberOf,
        Self::DistinctInstance,
        Self::Gpu,
        Self::Ports,
        Self::Memory,
        Self::Cpu,
    ];

    /// The reason in `failures` of RunTask
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html>; those of the
    /// constraints as ECS answers them).
    pub fn failure_reason(self) -> &'static str {
        match self {
            // AWS shows an instance whose daemons do not run yet as one that is not ACTIVE yet.
            Self::Inactive | Self::Draining | Self::Daemons => "INACTIVE",
            Self::Agent => "AGENT",
            Self::Attribute => "ATTRIBUTE",
            Self::MemberOf => "MemberOf placement constraint unsatisfied.",
            Self::DistinctInstance => "DistinctInstance placement constraint unsatisfied.",
            Self::Gpu => "RESOURCE:GPU",
            Self::Ports => "RESOURCE:PORTS",
            Self::Memory => "RESOURCE:MEMORY",
            Self::Cpu => "RESOURCE:CPU",
        }
    }
}

/// Whether the node takes the task, when `group_tasks` tasks of its group are there.
pub(crate) fn check(node: &Node, need: &Need, group_tasks: usize) -> Result<(), Refusal> {
    match node.facts.standing {
        Standing::Ready => {}
        Standing::AwaitsDaemons if need.is_daemon => {}
        Standing::AwaitsDaemons => return refuse(Filter::Daemons, 0),
        Standing::Inactive => return refuse(Filter::Inactive, 0),
        Standing::Draining => return refuse(Filter::Draining, 0),
        Standing::Disconnected => return refuse(Filter::Agent, 0),
    }
    if lacking_attribute(node, need).is_some() {
        return refuse(Filter::Attribute, 0);
    }
    if !is_member(node, need) {
        return refuse(Filter::MemberOf, 0);
    }
    if need.distinct_instance && group_tasks > 0 {
        return refuse(Filter::DistinctInstance, 0);
    }
    let gpus_left = node.gpus_free() - need.gpus;
    if need.gpus > 0 && gpus_left < 0 {
        return refuse(Filter::Gpu, -gpus_left);
    }
    let port_taken = need
        .host_ports
        .iter()
        .any(|(port, protocol)| *port != 0 && node.is_port_taken(*port, protocol));
    if port_taken {
        return refuse(Filter::Ports, 0);
    }
    let memory_left = node.memory_mib_free() - need.memory_mib;
    if memory_left < 0 {
        return refuse(Filter::Memory, -memory_left);
    }
    let cpu_left = node.cpu_units_free() - need.cpu_units;
    if cpu_left < 0 {
        return refuse(Filter::Cpu, -cpu_left);
    }
    Ok(())
}

/// The first required attribute that the node lacks, or has with another value.
pub(crate) fn lacking_attribute<'a>(node: &Node, need: &'a Need) -> Option<&'a str> {
    let mut required = need.attributes.iter();
    let lacking = required.find(
        |(name, wanted)| match (node.facts.attributes.get(name), wanted) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(has), Some(wanted)) => has != wanted,
        },
    );
    lacking.map(|(name, _)| name.as_str())
}

pub(crate) fn is_member(node: &Node, need: &Need) -> bool {
    let mut constraints = need.member_of.iter();
    constraints.all(|constraint| constraint.query().selects(node))
}

fn refuse(filter: Filter, lacking: i64) -> Result<(), Refusal> {
    Err(Refusal { filter, lacking })
}
