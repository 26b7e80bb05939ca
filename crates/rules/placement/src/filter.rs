//! What rules a node out, in the order in which it is asked.

use serde::{Deserialize, Serialize};

use crate::{Need, Node, Standing};

/// The order of the variants is the order of asking: the further a node came, the nearer it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Filter {
    Inactive,
    Draining,
    Agent,
    Attribute,
    DistinctInstance,
    Ports,
    Memory,
    Cpu,
}

/// A node ruled out, with what it lacks (units of the filter; 0 where there are none).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub filter: Filter,
    pub lacking: i64,
}

impl Filter {
    /// The reason in `failures` of RunTask
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html>).
    pub fn failure_reason(self) -> &'static str {
        match self {
            Self::Inactive | Self::Draining => "INACTIVE",
            Self::Agent => "AGENT",
            Self::Attribute => "ATTRIBUTE",
            Self::DistinctInstance => "DISTINCT_INSTANCE",
            Self::Ports => "RESOURCE:PORTS",
            Self::Memory => "RESOURCE:MEMORY",
            Self::Cpu => "RESOURCE:CPU",
        }
    }
}

pub(crate) fn check<N: Node>(node: &N, need: &Need<'_>) -> Result<(), Refusal> {
    match node.standing() {
        Standing::Ready => {}
        Standing::Inactive => return refuse(Filter::Inactive, 0),
        Standing::Draining => return refuse(Filter::Draining, 0),
        Standing::Disconnected => return refuse(Filter::Agent, 0),
    }
    let lacks_attribute = need.attributes.iter().any(|required| {
        match (node.attribute(required.name), required.value) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(has), Some(wants)) => has != wants,
        }
    });
    if lacks_attribute {
        return refuse(Filter::Attribute, 0);
    }
    if need.distinct_instance && node.tasks_of_group(need.group) > 0 {
        return refuse(Filter::DistinctInstance, 0);
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

fn refuse(filter: Filter, lacking: i64) -> Result<(), Refusal> {
    Err(Refusal { filter, lacking })
}
