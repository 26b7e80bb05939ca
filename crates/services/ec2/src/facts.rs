//! What the subnets' records say: the subnets themselves, their VPCs, and the VPCs' default security groups.

use std::collections::BTreeMap;

use state::Head;
use vpc::{AddressRecord, SubnetRecord};
use wire::{Caller, Error};

use crate::Ec2;

/// One subnet and how many of its addresses are free.
#[derive(Debug, Clone)]
pub(crate) struct SubnetFacts {
    pub record: SubnetRecord,
    pub free_addresses: i32,
}

/// A VPC: what some subnets have in common.
#[derive(Debug, Clone)]
pub(crate) struct VpcFacts {
    pub id: String,
    /// The block of its subnets. There is one subnet, so it is that one's.
    pub cidr: String,
    pub is_default: bool,
    pub default_security_group: String,
}

impl Ec2 {
    /// The caller's subnets, in the order of their ids.
    pub(crate) async fn subnets(&self, caller: &Caller) -> Result<Vec<SubnetFacts>, Error> {
        kit::answer::look(&self.store, |head| Ok(subnets(head, caller))).await
    }

    pub(crate) async fn vpcs(&self, caller: &Caller) -> Result<Vec<VpcFacts>, Error> {
        Ok(vpcs(&self.subnets(caller).await?))
    }
}

fn subnets(head: &Head, caller: &Caller) -> Vec<SubnetFacts> {
    let (account, region) = (&caller.account, &caller.region);
    let prefix = SubnetRecord::key_of(account, region, "");
    head.scan::<SubnetRecord>(&prefix)
        .map(|record| {
            let addresses = AddressRecord::key_of(account, region, &record.id, "");
            let used = head.scan::<AddressRecord>(&addresses).count();
            let all = usize::try_from(vpc::address_count(&record.cidr)).unwrap_or(usize::MAX);
            SubnetFacts {
                record: SubnetRecord::clone(record),
                free_addresses: i32::try_from(all.saturating_sub(used)).unwrap_or(i32::MAX),
            }
        })
        .collect()
}

fn vpcs(subnets: &[SubnetFacts]) -> Vec<VpcFacts> {
    let mut found: BTreeMap<&str, VpcFacts> = BTreeMap::new();
    for SubnetFacts { record, .. } in subnets {
        found.entry(&record.vpc_id).or_insert_with(|| VpcFacts {
            id: record.vpc_id.clone(),
            cidr: record.cidr.clone(),
            is_default: record.default_for_zone,
            default_security_group: record.default_security_group.clone(),
        });
    }
    found.into_values().collect()
}
