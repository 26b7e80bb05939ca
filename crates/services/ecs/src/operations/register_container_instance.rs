use std::sync::Arc;

use api_ecs::{
    errors,
    operations::RegisterContainerInstance,
    types::{
        ContainerInstanceField, RegisterContainerInstanceRequest, RegisterContainerInstanceResponse,
    },
};
use clock::UnixMillis;
use ecs_rules::node::{self, Capacity as AskedCapacity, Offer};
use state::{Head, Record, Tx};
use wire::{Access, Caller, Error, Handle, Principal};

use super::container_instances;
use crate::{
    Ecs,
    access::{cluster_of, in_cluster, scope_of},
    answer::Refusal,
    client_token::{self, Seen},
    daemons, lookup,
    records::{
        AgentConnection, Attribute, Capacity, ContainerInstanceRecord, ContainerInstanceStatus,
    },
    render::tags,
};

/// The attribute that the server adds, unless the node says where it stands.
const AVAILABILITY_ZONE: &str = "ecs.availability-zone";
/// A registration is the same one by its token alone.
const ANY_REQUEST: &str = "";

// coverage: RegisterContainerInstance ignores instanceIdentityDocument: a node proves who it is by its key
// coverage: RegisterContainerInstance ignores instanceIdentityDocumentSignature: a node proves who it is by its key
// coverage: RegisterContainerInstance ignores attributes[].targetId: the target is the instance that registers
// coverage: RegisterContainerInstance ignores attributes[].targetType: the target is the instance that registers
impl Handle<RegisterContainerInstance> for Ecs {
    fn access(&self, caller: &Caller, input: &RegisterContainerInstanceRequest) -> Access {
        let cluster = input.cluster.as_deref();
        let access = in_cluster(
            "ecs:RegisterContainerInstance",
            caller,
            cluster,
            |scope, cluster| scope.cluster(cluster),
        );
        let instances = scope_of(caller).container_instance(&cluster_of(cluster), "*");
        self.with_tags_of_creation(
            caller,
            access,
            "RegisterContainerInstance",
            instances,
            &input.tags,
        )
    }

    /// The signature says which node it is, so the identity document of EC2 instances, which Amazon's agent sends when it
    /// has one, proves nothing more and is not asked for.
    async fn handle(
        &self,
        caller: &Caller,
        mut input: RegisterContainerInstanceRequest,
    ) -> Result<RegisterContainerInstanceResponse, Error> {
        let Principal::Node { node_id } = &caller.principal else {
            return Err(errors::access_denied_exception(format!(
                "User: {} is not authorized to perform: ecs:RegisterContainerInstance because it is not a node. A node gets its key when it joins.",
                caller.arn()
            )));
        };
        let token = client_token::of_request(input.client_token.as_deref())?.map(str::to_owned);
        let tags = tags::parse(input.tags.take())?;
        let offer = node::offer(&input)?;
        let known_arn = input.container_instance_arn.filter(|arn| !arn.is_empty());
        let now = self.clock.now();
        let (account, region) = (&caller.account, &caller.region);
        let scope = format!("{account}/{region}/RegisterContainerInstance/{node_id}");
        let fields = [ContainerInstanceField::TAGS];
        let instance = self
            .transact(|tx| {
                if let Some(token) = &token
                    && let Some(made) = made_before(tx, &scope, token, now)
                {
                    return Ok(container_instances::render(tx, &made, &fields));
                }
                let cluster = match offer.capacity {
                    AskedCapacity::Serverless => String::new(),
                    AskedCapacity::ContainerInstance => {
                        lookup::cluster(tx, caller, input.cluster.as_deref())?
                            .name
                            .clone()
                    }
                };
                let mut record = match &known_arn {
                    Some(arn) => known(tx, caller, &cluster, arn)?,
                    None => {
                        retire_former(tx, node_id, now)?;
                        self.new_instance(caller, node_id, cluster, now)
                    }
                };
                fill(&mut record, offer, &self.config.availability_zone);
                record.version += 1;
                if known_arn.is_none() || !tags.is_empty() {
                    record.tags = tags;
                }
                // From its first moment on: no other task comes before them.
                record.awaited_daemons = daemons::awaited(tx, &record);
                if let Some(token) = &token {
                    client_token::keep(tx, &scope, token, ANY_REQUEST, vec![record.key()], now);
                }
                let rendered = container_instances::render(tx, &record, &fields);
                tx.put(record);
                Ok(rendered)
            })
            .await?;
        Ok(RegisterContainerInstanceResponse {
            container_instance: Some(instance),
        })
    }
}

impl Ecs {
    fn new_instance(
        &self,
        caller: &Caller,
        node_id: &str,
        cluster: String,
        now: UnixMillis,
    ) -> ContainerInstanceRecord {
        ContainerInstanceRecord {
            account: caller.account.clone(),
            region: caller.region.clone(),
            cluster,
            id: names::container_instance_id(&self.clock),
            node_id: node_id.to_owned(),
            capacity: Capacity::ContainerInstance,
            status: ContainerInstanceStatus::Active,
            status_reason: None,
            cpu_units: 0,
            memory_mib: 0,
            reserved_tcp_ports: vec![],
            reserved_udp_ports: vec![],
            gpu_ids: vec![],
            attributes: vec![],
            own_attributes: vec![],
            availability_zone: self.config.availability_zone.clone(),
            agent_version: String::new(),
            agent_hash: String::new(),
            docker_version: String::new(),
            connection: AgentConnection {
                connected: false,
                changed_at: now,
            },
            awaited_daemons: vec![],
            tags: vec![],
            registered_at: now,
            deregistered_at: None,
            version: 0,
        }
    }
}

/// What the same registration made. It may arrive again, long after, when the node has registered anew or was
/// deregistered: then it must change nothing.
fn made_before(
    head: &Head,
    scope: &str,
    token: &str,
    now: UnixMillis,
) -> Option<Arc<ContainerInstanceRecord>> {
    match client_token::look(head, scope, token, ANY_REQUEST, now) {
        Seen::Same(keys) => head.get::<ContainerInstanceRecord>(keys.first()?),
        Seen::Never | Seen::Other(_) => None,
    }
}

/// The node's own record, when it comes back after a restart.
fn known(
    tx: &Tx<'_>,
    caller: &Caller,
    cluster: &str,
    arn: &str,
) -> Result<ContainerInstanceRecord, Refusal> {
    let record = container_instances::find(tx, caller, cluster, arn)
        .ok_or_else(|| container_instances::not_found(arn))?;
    if record.cluster != cluster {
        return Err(errors::invalid_parameter_exception(
            "Container instance type changes are not supported. The node was registered with another cluster or capacity.",
        )
        .into());
    }
    let mut record = ContainerInstanceRecord::clone(&record);
    // Deregistered, and back: it offers itself again, its former tasks are gone.
    if record.status == ContainerInstanceStatus::Inactive {
        record.status = ContainerInstanceStatus::Active;
        record.deregistered_at = None;
    }
    Ok(record)
}

/// One node is one container instance. A node that asks for a new one has lost its state, and with it the tasks of the
/// old one. As long as it is connected as the old one, that cannot be: the request is one of before, which took its
/// time, or the session has not noticed its end yet. Agents try again after a server's error.
fn retire_former(tx: &mut Tx<'_>, node_id: &str, now: UnixMillis) -> Result<(), Error> {
    let mut former = tx.index::<ContainerInstanceRecord>("by_node", node_id);
    former.retain(|former| former.status != ContainerInstanceStatus::Inactive);
    if let Some(connected) = former.iter().find(|former| former.connection.connected) {
        return Err(errors::server_exception(format!(
            "The node is registered and connected as {}. It can register anew when that session has ended.",
            connected.arn()
        )));
    }
    for former in former {
        tx.update::<ContainerInstanceRecord>(&former.key(), |record| {
            record.deregister(now);
        });
    }
    Ok(())
}

fn fill(record: &mut ContainerInstanceRecord, offer: Offer, availability_zone: &str) {
    record.capacity = match offer.capacity {
        AskedCapacity::Serverless => Capacity::Serverless,
        AskedCapacity::ContainerInstance => Capacity::ContainerInstance,
    };
    record.cpu_units = offer.cpu_units;
    record.memory_mib = offer.memory_mib;
    record.reserved_tcp_ports = offer.reserved_tcp_ports;
    record.reserved_udp_ports = offer.reserved_udp_ports;
    record.gpu_ids = offer.gpu_ids;
    let said = offer
        .attributes
        .iter()
        .find(|(name, _)| name == AVAILABILITY_ZONE)
        .and_then(|(_, value)| value.clone().filter(|value| !value.is_empty()));
    let availability_zone = said.unwrap_or_else(|| availability_zone.to_owned());
    record.availability_zone = availability_zone.clone();
    if let Some(version) = offer.agent_version {
        record.agent_version = version;
    }
    if let Some(hash) = offer.agent_hash {
        record.agent_hash = hash;
    }
    if let Some(version) = offer.docker_version {
        record.docker_version = version;
    }
    // Those of the agent are what it says now; `own_attributes` stay.
    let mut attributes: Vec<Attribute> = offer
        .attributes
        .into_iter()
        .map(|(name, value)| Attribute { name, value })
        .collect();
    attributes.retain(|attribute| attribute.name != AVAILABILITY_ZONE);
    attributes.push(Attribute {
        name: AVAILABILITY_ZONE.into(),
        value: Some(availability_zone),
    });
    record.attributes = attributes;
}
