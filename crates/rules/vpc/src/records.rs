use serde::{Deserialize, Serialize};
use state::{Index, Record};

/// A subnet that tasks get addresses from. The default one is made at first start and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetRecord {
    pub account: String,
    pub region: String,
    /// `subnet-` and 17 hexadecimal digits.
    pub id: String,
    pub vpc_id: String,
    pub availability_zone: String,
    pub cidr: String,
    /// The subnet that `make up` prints.
    pub default_for_zone: bool,
    pub default_security_group: String,
}

/// One address in use. Made with the task's placement, deleted when the node said that the task is gone,
/// so no two tasks ever hold the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressRecord {
    pub account: String,
    pub region: String,
    pub subnet_id: String,
    pub ipv4: String,
    pub task_key: String,
}

impl SubnetRecord {
    pub fn key_of(account: &str, region: &str, id: &str) -> String {
        format!("{account}/{region}/{id}")
    }
}

impl Record for SubnetRecord {
    const TABLE: &'static str = "ec2_subnets";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.id)
    }

    fn indexes() -> &'static [Index<Self>] {
        &[]
    }
}

impl AddressRecord {
    pub fn key_of(account: &str, region: &str, subnet_id: &str, ipv4: &str) -> String {
        format!("{account}/{region}/{subnet_id}/{ipv4}")
    }
}

impl Record for AddressRecord {
    const TABLE: &'static str = "ec2_addresses";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.subnet_id, &self.ipv4)
    }

    fn indexes() -> &'static [Index<Self>] {
        &[]
    }
}
