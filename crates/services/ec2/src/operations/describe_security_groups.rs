use api_ec2::{
    operations::DescribeSecurityGroups,
    types::{
        DescribeSecurityGroupsRequest, DescribeSecurityGroupsResult, IpPermission, IpRange,
        SecurityGroup, UserIdGroupPair,
    },
};
use names::Scope;
use wire::{Access, Caller, Error, Handle};

use crate::{
    Ec2, answer,
    facts::VpcFacts,
    filter::{self, Filtered, one},
    ids,
};

/// What EC2 calls the group that every VPC has.
const NAME: &str = "default";
const DESCRIPTION: &str = "default VPC security group";
const EVERYWHERE: &str = "0.0.0.0/0";

impl Handle<DescribeSecurityGroups> for Ec2 {
    fn access(&self, _: &Caller, _: &DescribeSecurityGroupsRequest) -> Access {
        Access::action("ec2:DescribeSecurityGroups").resource("*")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeSecurityGroupsRequest,
    ) -> Result<DescribeSecurityGroupsResult, Error> {
        answer::check_dry_run(input.dry_run)?;
        let page = answer::page(
            input.max_results,
            input.next_token.as_deref(),
            &input.group_ids,
            "groupIds",
        )?;
        let facts = self.vpcs(caller).await?;
        let groups: Vec<SecurityGroup> = facts.iter().map(|facts| render(caller, facts)).collect();
        let asked = input.group_ids.unwrap_or_default();
        ids::check(&ids::GROUP, &asked, groups.iter().map(id))?;
        let asked_names = input.group_names.unwrap_or_default();
        check_names(&asked_names, &facts)?;
        let filters = input.filters.unwrap_or_default();
        filter::check(&filters, &SecurityGroup::default())?;
        let wanted = groups
            .iter()
            .filter(|group| asked.is_empty() || asked.iter().any(|asked| asked == id(group)))
            .filter(|group| filter::matches(&filters, *group));
        let (found, next_token) = kit::paginate(&page, wanted.cloned(), |it| id(it).to_owned());
        Ok(DescribeSecurityGroupsResult {
            security_groups: Some(found),
            next_token,
        })
    }
}

/// Names mean groups of the default VPC.
fn check_names(asked: &[String], vpcs: &[VpcFacts]) -> Result<(), Error> {
    let default_vpc = vpcs.iter().find(|vpc| vpc.is_default);
    match asked.iter().find(|name| *name != NAME) {
        None => Ok(()),
        Some(name) => {
            let vpc = default_vpc.map_or("", |vpc| vpc.id.as_str());
            Err(Error::client(
                "InvalidGroup.NotFound",
                format!("The security group '{name}' does not exist in default VPC '{vpc}'"),
            ))
        }
    }
}

fn id(group: &SecurityGroup) -> &str {
    group.group_id.as_deref().unwrap_or_default()
}

/// AWS's default group: everything from its members in, everything out.
fn render(caller: &Caller, facts: &VpcFacts) -> SecurityGroup {
    let group = &facts.default_security_group;
    let scope = Scope::new(&caller.account, &caller.region);
    let all_traffic = IpPermission {
        ip_protocol: Some("-1".into()),
        ip_ranges: Some(vec![]),
        ipv6_ranges: Some(vec![]),
        prefix_list_ids: Some(vec![]),
        user_id_group_pairs: Some(vec![]),
        ..IpPermission::default()
    };
    SecurityGroup {
        group_id: Some(group.clone()),
        group_name: Some(NAME.into()),
        description: Some(DESCRIPTION.into()),
        owner_id: Some(caller.account.clone()),
        security_group_arn: Some(scope.arn("ec2", &format!("security-group/{group}"))),
        vpc_id: Some(facts.id.clone()),
        tags: Some(vec![]),
        ip_permissions: Some(vec![IpPermission {
            user_id_group_pairs: Some(vec![UserIdGroupPair {
                group_id: Some(group.clone()),
                user_id: Some(caller.account.clone()),
                ..UserIdGroupPair::default()
            }]),
            ..all_traffic.clone()
        }]),
        ip_permissions_egress: Some(vec![IpPermission {
            ip_ranges: Some(vec![IpRange {
                cidr_ip: Some(EVERYWHERE.into()),
                description: None,
            }]),
            ..all_traffic
        }]),
    }
}

impl Filtered for SecurityGroup {
    fn values(&self, name: &str) -> Option<Vec<String>> {
        let text = |value: &Option<String>| Some(value.iter().cloned().collect());
        match name {
            "description" => text(&self.description),
            "group-id" => text(&self.group_id),
            "group-name" => text(&self.group_name),
            "owner-id" => text(&self.owner_id),
            "vpc-id" => text(&self.vpc_id),
            "ip-permission.protocol" | "egress.ip-permission.protocol" => one("-1"),
            "ip-permission.group-id" => text(&self.group_id),
            "ip-permission.group-name" => text(&self.group_name),
            "ip-permission.user-id" => text(&self.owner_id),
            "egress.ip-permission.cidr" => one(EVERYWHERE),
            "ip-permission.cidr"
            | "ip-permission.from-port"
            | "ip-permission.to-port"
            | "ip-permission.ipv6-cidr"
            | "ip-permission.prefix-list-id"
            | "egress.ip-permission.from-port"
            | "egress.ip-permission.to-port"
            | "egress.ip-permission.group-id"
            | "egress.ip-permission.group-name"
            | "egress.ip-permission.ipv6-cidr"
            | "egress.ip-permission.prefix-list-id"
            | "egress.ip-permission.user-id" => Some(vec![]),
            _ => None,
        }
    }
}
