use serde::{Deserialize, Serialize};

/// The network interface of an awsvpc task, as its attachment shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElasticNetworkInterface {
    /// UUID: last part of the attachment's ARN.
    pub attachment_id: String,
    /// `eni-` and 17 hexadecimal digits.
    pub network_interface_id: String,
    pub subnet_id: String,
    pub private_ipv4: String,
    pub mac_address: String,
    pub security_groups: Vec<String>,
    pub assign_public_ip: bool,
    /// PRECREATED, ATTACHING, ATTACHED, DETACHING, DETACHED or DELETED.
    pub status: String,
}
