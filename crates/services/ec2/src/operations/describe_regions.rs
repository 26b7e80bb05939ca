use api_ec2::{
    operations::DescribeRegions,
    types::{DescribeRegionsRequest, DescribeRegionsResult, Region},
};
use wire::{Access, Caller, Error, Handle};

use crate::{
    Ec2,
    answer::{self, invalid_value},
    filter::{self, Filtered, one},
};

impl Handle<DescribeRegions> for Ec2 {
    fn access(&self, _: &Caller, _: &DescribeRegionsRequest) -> Access {
        Access::action("ec2:DescribeRegions").resource("*")
    }

    /// One server is one region; `AllRegions` adds those that are disabled: there are none.
    async fn handle(
        &self,
        _: &Caller,
        input: DescribeRegionsRequest,
    ) -> Result<DescribeRegionsResult, Error> {
        answer::check_dry_run(input.dry_run)?;
        let _all = input.all_regions;
        let own = Region {
            region_name: Some(self.config.region.clone()),
            // Where this region is reached: a host, as on AWS, with a port.
            endpoint: self.config.endpoint.split("://").last().map(str::to_owned),
            opt_in_status: Some("opt-in-not-required".into()),
            ..Region::default()
        };
        let asked = input.region_names.unwrap_or_default();
        if let Some(unknown) = asked.iter().find(|name| **name != self.config.region) {
            return Err(invalid_value(format!(
                "Invalid region provided: [{unknown}]"
            )));
        }
        let filters = input.filters.unwrap_or_default();
        filter::check(&filters, &own)?;
        let regions = [own].into_iter();
        Ok(DescribeRegionsResult {
            regions: Some(
                regions
                    .filter(|own| filter::matches(&filters, own))
                    .collect(),
            ),
        })
    }
}

impl Filtered for Region {
    fn values(&self, name: &str) -> Option<Vec<String>> {
        match name {
            "endpoint" => Some(self.endpoint.iter().cloned().collect()),
            "opt-in-status" => one("opt-in-not-required"),
            "region-name" => Some(self.region_name.iter().cloned().collect()),
            _ => None,
        }
    }
}
