use api_ec2::{
    operations::DescribeAccountAttributes,
    types::{
        AccountAttribute, AccountAttributeName, AccountAttributeValue,
        DescribeAccountAttributesRequest, DescribeAccountAttributesResult,
    },
};
use wire::{Access, Caller, Error, Handle};

use crate::{
    Ec2,
    answer::{self, invalid_value},
};

impl Handle<DescribeAccountAttributes> for Ec2 {
    fn access(&self, _: &Caller, _: &DescribeAccountAttributesRequest) -> Access {
        Access::action("ec2:DescribeAccountAttributes").resource("*")
    }

    /// The two attributes of the model. AWS has more, of instances and elastic addresses: Gantry has neither.
    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeAccountAttributesRequest,
    ) -> Result<DescribeAccountAttributesResult, Error> {
        answer::check_dry_run(input.dry_run)?;
        let asked = input.attribute_names.unwrap_or_default();
        let known = AccountAttributeName::VALUES;
        if let Some(name) = asked.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(invalid_value(format!(
                "Value ({name}) for parameter attributeName is invalid. Unknown attribute name."
            )));
        }
        let vpcs = self.vpcs(caller).await?;
        let default_vpc = vpcs.into_iter().find(|vpc| vpc.is_default);
        let values = [
            (AccountAttributeName::SUPPORTED_PLATFORMS, "VPC".to_owned()),
            (
                AccountAttributeName::DEFAULT_VPC,
                default_vpc.map_or("none".to_owned(), |vpc| vpc.id),
            ),
        ];
        let wanted = values
            .into_iter()
            .filter(|(name, _)| asked.is_empty() || asked.contains(name));
        Ok(DescribeAccountAttributesResult {
            account_attributes: Some(wanted.map(render).collect()),
        })
    }
}

fn render((name, value): (AccountAttributeName, String)) -> AccountAttribute {
    AccountAttribute {
        attribute_name: Some(name.as_str().to_owned()),
        attribute_values: Some(vec![AccountAttributeValue {
            attribute_value: Some(value),
        }]),
    }
}
