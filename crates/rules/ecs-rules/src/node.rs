//! What a node offers when it registers, and when one that went away counts as lost.

use std::time::Duration;

use clock::UnixMillis;

use api_ecs::types::{PlatformDeviceType, RegisterContainerInstanceRequest, Resource};

use crate::Refusal;

/// Says whose capacity a node is; Amazon's agent does not know it and is the user's.
pub const CAPACITY_ATTRIBUTE: &str = "gantry.capacity";
/// Names the capacity provider whose instances a container instance is one of. On AWS its Auto Scaling group says it.
pub const CAPACITY_PROVIDER_ATTRIBUTE: &str = "gantry.capacity-provider";
const SERVERLESS: &str = "serverless";
const CONTAINER_INSTANCE: &str = "container-instance";
/// AWS's quota of reserved ports.
const RESERVED_PORTS: usize = 100;
/// Far more than one machine takes.
const GPUS_PER_NODE: usize = 256;
const GPU_ID_BYTES: usize = 128;
const ATTRIBUTE_VALUE_CHARACTERS: usize = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    Serverless,
    ContainerInstance,
}

/// A registration, checked and typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub capacity: Capacity,
    pub cpu_units: i64,
    pub memory_mib: i64,
    pub reserved_tcp_ports: Vec<u16>,
    pub reserved_udp_ports: Vec<u16>,
    /// Each once, in the order in which they are given to tasks.
    pub gpu_ids: Vec<String>,
    pub attributes: Vec<(String, Option<String>)>,
    pub agent_version: Option<String>,
    pub agent_hash: Option<String>,
    pub docker_version: Option<String>,
}

/// What a node's connection means for its tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Here,
    /// Its tasks run on, as far as anyone knows; `lost_at` is when that ends, if ever.
    Away {
        lost_at: Option<UnixMillis>,
    },
    /// Away for so long that its tasks are given up.
    Lost,
}

/// `since` is when the connection last came or went; without `lost_after` a node is waited for without end, which is what ECS does
/// on instances of the user's own.
pub fn presence(
    connected: bool,
    since: UnixMillis,
    lost_after: Option<Duration>,
    now: UnixMillis,
) -> Presence {
    if connected {
        return Presence::Here;
    }
    match lost_after.map(|patience| since + patience) {
        Some(lost_at) if lost_at <= now => Presence::Lost,
        lost_at => Presence::Away { lost_at },
    }
}

pub fn offer(request: &RegisterContainerInstanceRequest) -> Result<Offer, Refusal> {
    let attributes = attributes(request)?;
    check_provider(&attributes)?;
    let version = request.version_info.clone().unwrap_or_default();
    let mut offer = Offer {
        capacity: capacity(&attributes)?,
        cpu_units: 0,
        memory_mib: 0,
        reserved_tcp_ports: vec![],
        reserved_udp_ports: vec![],
        gpu_ids: platform_gpus(request)?,
        attributes,
        agent_version: version.agent_version,
        agent_hash: version.agent_hash,
        docker_version: version.docker_version,
    };
    for resource in request.total_resources.iter().flatten() {
        let name = resource.name.as_deref().unwrap_or_default();
        match name {
            "CPU" => offer.cpu_units = number(resource)?,
            "MEMORY" => offer.memory_mib = number(resource)?,
            "PORTS" => offer.reserved_tcp_ports = ports(resource)?,
            "PORTS_UDP" => offer.reserved_udp_ports = ports(resource)?,
            "GPU" => {
                let ids = resource.string_set_value.iter().flatten();
                add_gpus(&mut offer.gpu_ids, ids.map(String::as_str))?;
            }
            _ => {
                return Err(Refusal::unsupported_field(
                    &format!("totalResources: {name}"),
                    "Gantry places by CPU, memory, ports and GPUs",
                ));
            }
        }
    }
    Ok(offer)
}

/// Amazon's agent names its GPUs as devices of the platform.
fn platform_gpus(request: &RegisterContainerInstanceRequest) -> Result<Vec<String>, Refusal> {
    let mut gpus = vec![];
    for device in request.platform_devices.iter().flatten() {
        match &device.r#type {
            Some(kind) if *kind == PlatformDeviceType::GPU => {
                add_gpus(&mut gpus, device.id.as_deref())?;
            }
            kind => {
                let kind = kind.as_ref().map(PlatformDeviceType::as_str);
                return Err(Refusal::unsupported_field(
                    &format!("platformDevices: {}", kind.unwrap_or_default()),
                    "of devices Gantry gives GPUs",
                ));
            }
        }
    }
    if gpus.len() < request.platform_devices.iter().flatten().count() {
        return Err(Refusal::invalid_parameter(
            "platformDevices must have an id each, and each its own.",
        ));
    }
    Ok(gpus)
}

fn add_gpus<'a>(
    known: &mut Vec<String>,
    ids: impl IntoIterator<Item = &'a str>,
) -> Result<(), Refusal> {
    for id in ids {
        let is_id = !id.is_empty()
            && id.len() <= GPU_ID_BYTES
            && id
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b',');
        if !is_id || known.len() == GPUS_PER_NODE {
            return Err(Refusal::invalid_parameter(format!(
                "Invalid GPU '{id}': an instance has at most {GPUS_PER_NODE}, with ids of at most {GPU_ID_BYTES} characters."
            )));
        }
        if !known.iter().any(|other| other == id) {
            known.push(id.to_owned());
        }
    }
    Ok(())
}

fn attributes(
    request: &RegisterContainerInstanceRequest,
) -> Result<Vec<(String, Option<String>)>, Refusal> {
    let mut attributes: Vec<(String, Option<String>)> = Vec::new();
    for attribute in request.attributes.iter().flatten() {
        let name = attribute.name.clone().unwrap_or_default();
        let too_long = |value: &String| value.chars().count() > ATTRIBUTE_VALUE_CHARACTERS;
        if !names::is_attribute_name(&name) || attribute.value.as_ref().is_some_and(too_long) {
            return Err(Refusal::invalid_parameter(format!(
                "Invalid attribute '{name}'."
            )));
        }
        attributes.retain(|(known, _)| *known != name);
        attributes.push((name, attribute.value.clone()));
    }
    Ok(attributes)
}

/// FARGATE and FARGATE_SPOT are Gantry's own, and serverless capacity serves both.
fn check_provider(attributes: &[(String, Option<String>)]) -> Result<(), Refusal> {
    let mut attributes_of = attributes.iter();
    let named = attributes_of.find(|(name, _)| name == CAPACITY_PROVIDER_ATTRIBUTE);
    let Some((_, provider)) = named else {
        return Ok(());
    };
    if capacity(attributes)? == Capacity::Serverless {
        return Err(Refusal::invalid_parameter(
            "Serverless capacity belongs to no capacity provider of an Auto Scaling group.",
        ));
    }
    crate::capacity_provider::check_name(provider.as_deref().unwrap_or_default())
}

fn capacity(attributes: &[(String, Option<String>)]) -> Result<Capacity, Refusal> {
    let said = attributes
        .iter()
        .find(|(name, _)| name == CAPACITY_ATTRIBUTE);
    match said.and_then(|(_, value)| value.as_deref()) {
        None | Some(CONTAINER_INSTANCE) => Ok(Capacity::ContainerInstance),
        Some(SERVERLESS) => Ok(Capacity::Serverless),
        Some(other) => Err(Refusal::invalid_parameter(format!(
            "Invalid value '{other}' of attribute {CAPACITY_ATTRIBUTE}."
        ))),
    }
}

/// An INTEGER resource; agents fill in one of three members.
fn number(resource: &Resource) -> Result<i64, Refusal> {
    let integer = resource
        .integer_value
        .map(i64::from)
        .filter(|value| *value != 0);
    let long = resource.long_value.filter(|value| *value != 0);
    let double = resource.double_value.map(|value| value as i64);
    let value = integer.or(long).or(double).unwrap_or(0);
    if value < 0 {
        return Err(invalid(resource));
    }
    Ok(value)
}

fn ports(resource: &Resource) -> Result<Vec<u16>, Refusal> {
    let texts = resource.string_set_value.as_deref().unwrap_or_default();
    if texts.len() > RESERVED_PORTS {
        return Err(invalid(resource));
    }
    texts
        .iter()
        .map(|text| text.parse().map_err(|_| invalid(resource)))
        .collect()
}

fn invalid(resource: &Resource) -> Refusal {
    let name = resource.name.as_deref().unwrap_or_default();
    Refusal::invalid_parameter(format!("Invalid value of resource {name}."))
}

#[cfg(test)]
mod tests {
    use api_ecs::types::{Attribute, PlatformDevice};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_node_is_lost_when_its_time_is_over_and_not_before() {
        let (since, patience) = (UnixMillis(5_000), Some(Duration::from_secs(10)));
        let at = |now| presence(false, since, patience, UnixMillis(now));
        let waits = Presence::Away {
            lost_at: Some(UnixMillis(15_000)),
        };
        assert_eq!((at(5_000), at(14_999)), (waits, waits));
        assert_eq!(at(15_000), Presence::Lost);
        assert_eq!(
            presence(true, since, patience, UnixMillis(99_000)),
            Presence::Here
        );
    }

    proptest! {
        #[test]
        fn once_lost_stays_lost_until_the_connection_changes(
            since in 0..1_000_000i64, patience in 0..1_000_000u64, now in 0..3_000_000i64, later in 0..1_000_000i64,
        ) {
            let patience = Some(Duration::from_millis(patience));
            let since = UnixMillis(since);
            if presence(false, since, patience, UnixMillis(now)) == Presence::Lost {
                prop_assert_eq!(presence(false, since, patience, UnixMillis(now + later)), Presence::Lost);
            }
            prop_assert_eq!(presence(false, since, None, UnixMillis(now)), Presence::Away { lost_at: None });
        }
    }

    fn resource(name: &str, integer: i32, set: &[&str]) -> Resource {
        Resource {
            name: Some(name.into()),
            integer_value: Some(integer),
            string_set_value: Some(set.iter().map(|text| text.to_string()).collect()),
            ..Resource::default()
        }
    }

    fn attribute(name: &str, value: Option<&str>) -> Attribute {
        Attribute {
            name: Some(name.into()),
            value: value.map(Into::into),
            ..Attribute::default()
        }
    }

    fn request() -> RegisterContainerInstanceRequest {
        RegisterContainerInstanceRequest {
            total_resources: Some(vec![
                resource("CPU", 2048, &[]),
                resource("MEMORY", 3900, &[]),
                resource("PORTS", 0, &["22", "51678"]),
                resource("PORTS_UDP", 0, &[]),
            ]),
            attributes: Some(vec![
                attribute("ecs.os-type", Some("linux")),
                attribute("x", None),
            ]),
            ..RegisterContainerInstanceRequest::default()
        }
    }

    #[test]
    fn what_amazons_agent_sends() {
        let offer = offer(&request()).unwrap();
        assert_eq!(offer.capacity, Capacity::ContainerInstance);
        assert_eq!((offer.cpu_units, offer.memory_mib), (2048, 3900));
        assert_eq!(offer.reserved_tcp_ports, [22, 51678]);
        assert_eq!(
            offer.attributes[0],
            ("ecs.os-type".into(), Some("linux".into()))
        );
    }

    fn device(kind: &str, id: &str) -> PlatformDevice {
        PlatformDevice {
            r#type: Some(PlatformDeviceType::from(kind)),
            id: Some(id.into()),
        }
    }

    #[test]
    fn gpus_are_devices_of_the_platform_or_a_resource() {
        let mut request = request();
        request.platform_devices = Some(vec![device("GPU", "GPU-b"), device("GPU", "GPU-a")]);
        let with_resource = |ids: &[&str]| RegisterContainerInstanceRequest {
            total_resources: Some(vec![resource("GPU", 0, ids)]),
            ..request.clone()
        };
        assert_eq!(offer(&request).unwrap().gpu_ids, ["GPU-b", "GPU-a"]);
        let both = offer(&with_resource(&["GPU-a", "GPU-c"])).unwrap();
        assert_eq!(both.gpu_ids, ["GPU-b", "GPU-a", "GPU-c"]);
        assert!(offer(&with_resource(&["a,b"])).is_err());
        request.platform_devices = Some(vec![device("GPU", "x"), device("GPU", "x")]);
        assert!(offer(&request).is_err());
    }

    #[test]
    fn capacity_is_an_attribute() {
        let with = |value| {
            let mut request = request();
            request.attributes = Some(vec![attribute(CAPACITY_ATTRIBUTE, Some(value))]);
            offer(&request).map(|offer| offer.capacity)
        };
        assert_eq!(with("serverless"), Ok(Capacity::Serverless));
        assert_eq!(with("container-instance"), Ok(Capacity::ContainerInstance));
        assert!(with("cloud").is_err());
    }

    #[test]
    fn what_cannot_be_placed_is_refused_by_name() {
        let mut devices = request();
        devices.platform_devices = Some(vec![device("NEURON_DEVICE", "0")]);
        assert!(
            offer(&devices)
                .unwrap_err()
                .message()
                .contains("platformDevices: NEURON_DEVICE")
        );
        let mut cores = request();
        cores.total_resources = Some(vec![resource("NEURON_CORES", 2, &[])]);
        assert!(
            offer(&cores)
                .unwrap_err()
                .message()
                .contains("NEURON_CORES")
        );
        let mut port = request();
        port.total_resources = Some(vec![resource("PORTS", 0, &["65536"])]);
        assert!(offer(&port).is_err());
    }
}
