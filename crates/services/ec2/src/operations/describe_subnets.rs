use api_ec2::{
    operations::DescribeSubnets,
    types::{
        BlockPublicAccessMode, BlockPublicAccessStates, DescribeSubnetsRequest,
        DescribeSubnetsResult, HostnameType, PrivateDnsNameOptionsOnLaunch, Subnet, SubnetState,
    },
};
use names::Scope;
use wire::{Access, Caller, Error, Handle};

use crate::{
    Ec2, answer,
    facts::SubnetFacts,
    filter::{self, Filtered, one},
    ids,
};

impl Handle<DescribeSubnets> for Ec2 {
    fn access(&self, _: &Caller, _: &DescribeSubnetsRequest) -> Access {
        Access::action("ec2:DescribeSubnets").resource("*")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeSubnetsRequest,
    ) -> Result<DescribeSubnetsResult, Error> {
        answer::check_dry_run(input.dry_run)?;
        let page = answer::page(
            input.max_results,
            input.next_token.as_deref(),
            &input.subnet_ids,
            "subnetIds",
        )?;
        let subnets: Vec<Subnet> = self.subnets(caller).await?.iter().map(render).collect();
        let asked = input.subnet_ids.unwrap_or_default();
        ids::check(&ids::SUBNET, &asked, subnets.iter().map(id))?;
        let filters = input.filters.unwrap_or_default();
        filter::check(&filters, &Subnet::default())?;
        let wanted = subnets
            .iter()
            .filter(|subnet| asked.is_empty() || asked.iter().any(|asked| asked == id(subnet)))
            .filter(|subnet| filter::matches(&filters, *subnet));
        let (found, next_token) = kit::paginate(&page, wanted.cloned(), |it| id(it).to_owned());
        Ok(DescribeSubnetsResult {
            subnets: Some(found),
            next_token,
        })
    }
}

fn id(subnet: &Subnet) -> &str {
    subnet.subnet_id.as_deref().unwrap_or_default()
}

fn render(facts: &SubnetFacts) -> Subnet {
    let record = &facts.record;
    let scope = Scope::new(&record.account, &record.region);
    Subnet {
        subnet_id: Some(record.id.clone()),
        subnet_arn: Some(scope.arn("ec2", &format!("subnet/{}", record.id))),
        vpc_id: Some(record.vpc_id.clone()),
        owner_id: Some(record.account.clone()),
        availability_zone: Some(record.availability_zone.clone()),
        availability_zone_id: Some(vpc::zone_id(&record.availability_zone)),
        available_ip_address_count: Some(facts.free_addresses),
        cidr_block: Some(record.cidr.clone()),
        default_for_az: Some(record.default_for_zone),
        state: Some(SubnetState::AVAILABLE),
        tags: Some(vec![]),
        // Tasks have addresses of this subnet only: nothing public, no IPv6.
        map_public_ip_on_launch: Some(false),
        map_customer_owned_ip_on_launch: Some(false),
        assign_ipv6_address_on_creation: Some(false),
        ipv6_cidr_block_association_set: Some(vec![]),
        ipv6_native: Some(false),
        enable_dns64: Some(false),
        private_dns_name_options_on_launch: Some(PrivateDnsNameOptionsOnLaunch {
            hostname_type: Some(HostnameType::IP_NAME),
            enable_resource_name_dns_a_record: Some(false),
            enable_resource_name_dns_aaaa_record: Some(false),
        }),
        block_public_access_states: Some(BlockPublicAccessStates {
            internet_gateway_block_mode: Some(BlockPublicAccessMode::OFF),
        }),
        ..Subnet::default()
    }
}

impl Filtered for Subnet {
    fn values(&self, name: &str) -> Option<Vec<String>> {
        let text = |value: &Option<String>| Some(value.iter().cloned().collect());
        let flag = |value: Option<bool>| Some(value.iter().map(bool::to_string).collect());
        match name {
            "availability-zone" | "availabilityZone" => text(&self.availability_zone),
            "availability-zone-id" | "availabilityZoneId" => text(&self.availability_zone_id),
            "available-ip-address-count" => Some(
                self.available_ip_address_count
                    .iter()
                    .map(i32::to_string)
                    .collect(),
            ),
            "cidr-block" | "cidr" | "cidrBlock" => text(&self.cidr_block),
            "default-for-az" | "defaultForAz" => flag(self.default_for_az),
            "enable-dns64" => flag(self.enable_dns64),
            "ipv6-native" => flag(self.ipv6_native),
            "map-customer-owned-ip-on-launch" => flag(self.map_customer_owned_ip_on_launch),
            "map-public-ip-on-launch" => flag(self.map_public_ip_on_launch),
            "owner-id" => text(&self.owner_id),
            "private-dns-name-options-on-launch.hostname-type" => one("ip-name"),
            "private-dns-name-options-on-launch.enable-resource-name-dns-a-record"
            | "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record" => {
                one("false")
            }
            "state" => one("available"),
            "subnet-arn" => text(&self.subnet_arn),
            "subnet-id" => text(&self.subnet_id),
            "vpc-id" => text(&self.vpc_id),
            // Known names of what no subnet here has.
            "customer-owned-ipv4-pool"
            | "enable-lni-at-device-index"
            | "ipv6-cidr-block-association.ipv6-cidr-block"
            | "ipv6-cidr-block-association.association-id"
            | "ipv6-cidr-block-association.state"
            | "outpost-arn" => Some(vec![]),
            _ => None,
        }
    }
}
