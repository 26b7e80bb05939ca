use api_ec2::{
    operations::DescribeVpcs,
    types::{
        BlockPublicAccessMode, BlockPublicAccessStates, DescribeVpcsRequest, DescribeVpcsResult,
        Tenancy, Vpc, VpcCidrBlockAssociation, VpcCidrBlockState, VpcCidrBlockStateCode, VpcState,
    },
};
use wire::{Access, Caller, Error, Handle};

use crate::{
    Ec2, answer,
    facts::VpcFacts,
    filter::{self, Filtered, one},
    ids,
};

/// The option set of every VPC that nobody gave one.
const DHCP_OPTIONS: &str = "default";

impl Handle<DescribeVpcs> for Ec2 {
    fn access(&self, _: &Caller, _: &DescribeVpcsRequest) -> Access {
        Access::action("ec2:DescribeVpcs").resource("*")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeVpcsRequest,
    ) -> Result<DescribeVpcsResult, Error> {
        answer::check_dry_run(input.dry_run)?;
        let page = answer::page(
            input.max_results,
            input.next_token.as_deref(),
            &input.vpc_ids,
            "vpcIds",
        )?;
        let facts = self.vpcs(caller).await?;
        let vpcs: Vec<Vpc> = facts.iter().map(|facts| render(caller, facts)).collect();
        let asked = input.vpc_ids.unwrap_or_default();
        ids::check(&ids::VPC, &asked, vpcs.iter().map(id))?;
        let filters = input.filters.unwrap_or_default();
        filter::check(&filters, &Vpc::default())?;
        let wanted = vpcs
            .iter()
            .filter(|vpc| asked.is_empty() || asked.iter().any(|asked| asked == id(vpc)))
            .filter(|vpc| filter::matches(&filters, *vpc));
        let (found, next_token) = kit::paginate(&page, wanted.cloned(), |it| id(it).to_owned());
        Ok(DescribeVpcsResult {
            vpcs: Some(found),
            next_token,
        })
    }
}

fn id(vpc: &Vpc) -> &str {
    vpc.vpc_id.as_deref().unwrap_or_default()
}

fn render(caller: &Caller, facts: &VpcFacts) -> Vpc {
    let association = VpcCidrBlockAssociation {
        association_id: Some(association_id(&facts.id)),
        cidr_block: Some(facts.cidr.clone()),
        cidr_block_state: Some(VpcCidrBlockState {
            state: Some(VpcCidrBlockStateCode::ASSOCIATED),
            status_message: None,
        }),
    };
    Vpc {
        vpc_id: Some(facts.id.clone()),
        owner_id: Some(caller.account.clone()),
        cidr_block: Some(facts.cidr.clone()),
        cidr_block_association_set: Some(vec![association]),
        dhcp_options_id: Some(DHCP_OPTIONS.into()),
        instance_tenancy: Some(Tenancy::DEFAULT),
        is_default: Some(facts.is_default),
        state: Some(VpcState::AVAILABLE),
        tags: Some(vec![]),
        block_public_access_states: Some(BlockPublicAccessStates {
            internet_gateway_block_mode: Some(BlockPublicAccessMode::OFF),
        }),
        ..Vpc::default()
    }
}

/// A VPC has one block, so the association's digits are the VPC's.
fn association_id(vpc_id: &str) -> String {
    format!("vpc-cidr-assoc-{}", vpc_id.trim_start_matches("vpc-"))
}

impl Filtered for Vpc {
    fn values(&self, name: &str) -> Option<Vec<String>> {
        let text = |value: &Option<String>| Some(value.iter().cloned().collect());
        match name {
            "cidr" | "cidr-block-association.cidr-block" => text(&self.cidr_block),
            "cidr-block-association.association-id" => one(association_id(id(self))),
            "cidr-block-association.state" => one("associated"),
            "dhcp-options-id" => text(&self.dhcp_options_id),
            "is-default" | "isDefault" => {
                Some(self.is_default.iter().map(bool::to_string).collect())
            }
            "owner-id" => text(&self.owner_id),
            "state" => one("available"),
            "vpc-id" => text(&self.vpc_id),
            "ipv6-cidr-block-association.ipv6-cidr-block"
            | "ipv6-cidr-block-association.ipv6-pool"
            | "ipv6-cidr-block-association.association-id"
            | "ipv6-cidr-block-association.state" => Some(vec![]),
            _ => None,
        }
    }
}
