//! What one node lacks for a task, in full. Worked out when somebody asks; placement itself stops at the first.

use std::fmt;

use crate::{Filter, Need, Node, Standing};

/// One thing that keeps a task from a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    Inactive,
    Draining,
    /// Critical daemons do not run there yet.
    Daemons,
    Agent,
    Attribute {
        name: String,
        wanted: Option<String>,
        /// What the node has under that name.
        has: Option<String>,
    },
    /// The expression that does not select the node.
    MemberOf(String),
    DistinctInstance {
        group: String,
        tasks: usize,
    },
    Gpu {
        wanted: i64,
        free: i64,
    },
    Port {
        port: u16,
        protocol: String,
    },
    MemoryMib {
        wanted: i64,
        free: i64,
    },
    CpuUnits {
        wanted: i64,
        free: i64,
    },
}

/// All that the node lacks, in the order of the filters; empty when it takes the task.
pub fn lacks(node: &Node, need: &Need) -> Vec<Lack> {
    let mut lacks = vec![];
    lacks.extend(match node.facts.standing {
        Standing::Ready => None,
        Standing::AwaitsDaemons => (!need.is_daemon).then_some(Lack::Daemons),
        Standing::Inactive => Some(Lack::Inactive),
        Standing::Draining => Some(Lack::Draining),
        Standing::Disconnected => Some(Lack::Agent),
    });
    for (name, wanted) in &need.attributes {
        let has = node.facts.attributes.get(name);
        let fits = has.is_some_and(|has| wanted.as_ref().is_none_or(|wanted| wanted == has));
        if !fits {
            lacks.push(Lack::Attribute {
                name: name.clone(),
                wanted: wanted.clone(),
                has: has.map(str::to_owned),
            });
        }
    }
    let outside = need
        .member_of
        .iter()
        .filter(|constraint| !constraint.query().selects(node));
    lacks.extend(outside.map(|constraint| Lack::MemberOf(constraint.text().to_owned())));
    let tasks = node.tasks_of_group(&need.group);
    if need.distinct_instance && tasks > 0 {
        let group = need.group.clone();
        lacks.push(Lack::DistinctInstance { group, tasks });
    }
    if need.gpus > 0 && node.gpus_free() < need.gpus {
        lacks.push(Lack::Gpu {
            wanted: need.gpus,
            free: node.gpus_free(),
        });
    }
    let taken = need
        .host_ports
        .iter()
        .filter(|(port, protocol)| *port != 0 && node.is_port_taken(*port, protocol));
    lacks.extend(taken.map(|(port, protocol)| Lack::Port {
        port: *port,
        protocol: protocol.clone(),
    }));
    if node.memory_mib_free() < need.memory_mib {
        lacks.push(Lack::MemoryMib {
            wanted: need.memory_mib,
            free: node.memory_mib_free(),
        });
    }
    if node.cpu_units_free() < need.cpu_units {
        lacks.push(Lack::CpuUnits {
            wanted: need.cpu_units,
            free: node.cpu_units_free(),
        });
    }
    lacks
}

impl Lack {
    pub fn filter(&self) -> Filter {
        match self {
            Self::Inactive => Filter::Inactive,
            Self::Draining => Filter::Draining,
            Self::Daemons => Filter::Daemons,
            Self::Agent => Filter::Agent,
            Self::Attribute { .. } => Filter::Attribute,
            Self::MemberOf(_) => Filter::MemberOf,
            Self::DistinctInstance { .. } => Filter::DistinctInstance,
            Self::Gpu { .. } => Filter::Gpu,
            Self::Port { .. } => Filter::Ports,
            Self::MemoryMib { .. } => Filter::Memory,
            Self::CpuUnits { .. } => Filter::Cpu,
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inactive => formatter.write_str("it is deregistered"),
            Self::Draining => formatter.write_str("it is DRAINING"),
            Self::Daemons => formatter.write_str("critical daemons do not run there yet"),
            Self::Agent => formatter.write_str("its agent is disconnected"),
            Self::Attribute { name, wanted, has } => {
                write!(formatter, "attribute {name}")?;
                if let Some(wanted) = wanted {
                    write!(formatter, " = {wanted}")?;
                }
                match has {
                    Some(has) => write!(formatter, " is wanted, it has {has}"),
                    None => formatter.write_str(" is missing"),
                }
            }
            Self::MemberOf(expression) => write!(formatter, "not memberOf {expression}"),
            Self::DistinctInstance { group, tasks } => {
                write!(formatter, "distinctInstance: it has {tasks} of {group}")
            }
            Self::Gpu { wanted, free } => {
                write!(formatter, "{wanted} GPUs are wanted, {free} are free")
            }
            Self::Port { port, protocol } => write!(formatter, "port {port}/{protocol} is taken"),
            Self::MemoryMib { wanted, free } => {
                write!(
                    formatter,
                    "{wanted} MiB of memory are wanted, {free} are free"
                )
            }
            Self::CpuUnits { wanted, free } => {
                write!(formatter, "{wanted} CPU units are wanted, {free} are free")
            }
        }
    }
}
