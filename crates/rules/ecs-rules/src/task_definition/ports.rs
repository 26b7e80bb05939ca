//! Port mappings by network mode.

use std::collections::BTreeSet;

use api_ecs::types::{
    ApplicationProtocol, ContainerDefinition, NetworkMode, PortMapping, TaskDefinition,
    TransportProtocol,
};

use super::{containers, list};
use crate::Refusal;

const PORTS_PER_RANGE: u16 = 100;
const PORT_NAME_CHARACTERS: usize = 64;

/// Fills in what AWS fills in, and refuses what cannot be mapped.
pub(super) fn normalise(
    container: &mut ContainerDefinition,
    mode: &NetworkMode,
) -> Result<(), Refusal> {
    let container_name = container.name.clone().unwrap_or_default();
    let mappings = container.port_mappings.get_or_insert_default();
    if !mappings.is_empty() && *mode == NetworkMode::NONE {
        return Err(Refusal::client(
            "Port mappings are not supported when networkMode=none.",
        ));
    }
    for mapping in mappings {
        let invalid = |field: &str| {
            Refusal::client(format!(
                "Invalid '{field}' setting for container '{container_name}'."
            ))
        };
        let protocol = mapping.protocol.get_or_insert(TransportProtocol::TCP);
        if !TransportProtocol::VALUES.contains(&protocol.as_str()) {
            return Err(invalid("protocol"));
        }
        if let Some(protocol) = &mapping.app_protocol
            && !ApplicationProtocol::VALUES.contains(&protocol.as_str())
        {
            return Err(invalid("appProtocol"));
        }
        if let Some(name) = &mapping.name
            && !is_port_name(name)
        {
            return Err(invalid("name"));
        }
        if mapping.container_port_range.is_some() {
            check_range(mapping, mode).map_err(invalid)?;
        } else {
            normalise_single(mapping, mode, invalid)?;
        }
    }
    Ok(())
}

/// What is only wrong between mappings, of one container or of several.
pub(super) fn check_together(definition: &TaskDefinition) -> Result<(), Refusal> {
    let mut names = BTreeSet::new();
    let mut host_ports = BTreeSet::new();
    for container in containers(definition) {
        for mapping in list(&container.port_mappings) {
            if let Some(name) = &mapping.name
                && !names.insert(name.as_str())
            {
                return Err(Refusal::client(format!(
                    "The port mapping name '{name}' is used more than once."
                )));
            }
            let protocol = mapping
                .protocol
                .as_ref()
                .map_or("tcp", |protocol| protocol.as_str());
            if let Some(port) = mapping.host_port.filter(|port| *port != 0)
                && !host_ports.insert((port, protocol.to_owned()))
            {
                return Err(Refusal::client(format!(
                    "The host port {port}/{protocol} is used by more than one port mapping."
                )));
            }
        }
    }
    Ok(())
}

fn normalise_single(
    mapping: &mut PortMapping,
    mode: &NetworkMode,
    invalid: impl Fn(&str) -> Refusal,
) -> Result<(), Refusal> {
    let container_port = mapping
        .container_port
        .filter(|port| (1..=65_535).contains(port))
        .ok_or_else(|| invalid("containerPort"))?;
    if mapping
        .host_port
        .is_some_and(|port| !(0..=65_535).contains(&port))
    {
        return Err(invalid("hostPort"));
    }
    if *mode == NetworkMode::BRIDGE {
        mapping.host_port.get_or_insert(0);
        return Ok(());
    }
    // In the other modes the container's port is the host's (or the interface's) own.
    let host_port = mapping.host_port.filter(|port| *port != 0);
    if host_port.is_some_and(|port| port != container_port) {
        return Err(Refusal::client(format!(
            "When networkMode={mode}, the host ports and container ports in port mappings must match."
        )));
    }
    mapping.host_port = Some(container_port);
    Ok(())
}

/// `first-last`; gives the field that is wrong.
fn check_range(mapping: &PortMapping, mode: &NetworkMode) -> Result<(), &'static str> {
    if *mode == NetworkMode::HOST {
        return Err("containerPortRange");
    }
    if mapping.container_port.is_some() {
        return Err("containerPort");
    }
    if mapping.host_port.is_some() {
        return Err("hostPort");
    }
    let range = mapping.container_port_range.as_deref().unwrap_or_default();
    let ends = range
        .split_once('-')
        .and_then(|(first, last)| Some((first.parse::<u16>().ok()?, last.parse::<u16>().ok()?)));
    match ends {
        Some((first, last)) if first >= 1 && first <= last && last - first < PORTS_PER_RANGE => {
            Ok(())
        }
        _ => Err("containerPortRange"),
    }
}

/// Lower-case letters, digits, underscores and hyphens; no hyphen at the start.
fn is_port_name(name: &str) -> bool {
    (1..=PORT_NAME_CHARACTERS).contains(&name.len())
        && !name.starts_with('-')
        && name.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
        })
}
