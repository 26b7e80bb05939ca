use std::collections::BTreeSet;

use api_ec2::{
    operations::DescribeAvailabilityZones,
    types::{
        AvailabilityZone, AvailabilityZoneOptInStatus, AvailabilityZoneState,
        DescribeAvailabilityZonesRequest, DescribeAvailabilityZonesResult,
    },
};
use wire::{Access, Caller, Error, Handle};

use crate::{
    Ec2,
    answer::{self, invalid_value},
    filter::{self, Filtered, one},
};

impl Handle<DescribeAvailabilityZones> for Ec2 {
    fn access(&self, _: &Caller, _: &DescribeAvailabilityZonesRequest) -> Access {
        Access::action("ec2:DescribeAvailabilityZones").resource("*")
    }

    /// `AllAvailabilityZones` adds those that one has not opted into: there are none.
    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeAvailabilityZonesRequest,
    ) -> Result<DescribeAvailabilityZonesResult, Error> {
        answer::check_dry_run(input.dry_run)?;
        let _all = input.all_availability_zones;
        let zones = self.zones(caller).await?;
        let names = input.zone_names.unwrap_or_default();
        let ids = input.zone_ids.unwrap_or_default();
        check("availability zone", &names, &zones, |zone| &zone.zone_name)?;
        check("availability zone-id", &ids, &zones, |zone| &zone.zone_id)?;
        let filters = input.filters.unwrap_or_default();
        filter::check(&filters, &AvailabilityZone::default())?;
        let is_asked = |asked: &[String], has: &Option<String>| {
            asked.is_empty() || has.as_ref().is_some_and(|has| asked.contains(has))
        };
        let wanted = zones
            .into_iter()
            .filter(|zone| is_asked(&names, &zone.zone_name) && is_asked(&ids, &zone.zone_id))
            .filter(|zone| filter::matches(&filters, zone));
        Ok(DescribeAvailabilityZonesResult {
            availability_zones: Some(wanted.collect()),
        })
    }
}

impl Ec2 {
    /// The zones of the subnets, and that of the nodes.
    async fn zones(&self, caller: &Caller) -> Result<Vec<AvailabilityZone>, Error> {
        let subnets = self.subnets(caller).await?;
        let of_subnets = subnets
            .iter()
            .map(|subnet| &subnet.record.availability_zone);
        let names: BTreeSet<&String> = of_subnets.chain([&self.config.availability_zone]).collect();
        Ok(names
            .into_iter()
            .map(|name| render(&self.config.region, name))
            .collect())
    }
}

fn render(region: &str, name: &str) -> AvailabilityZone {
    AvailabilityZone {
        zone_name: Some(name.to_owned()),
        zone_id: Some(vpc::zone_id(name)),
        zone_type: Some("availability-zone".into()),
        region_name: Some(region.to_owned()),
        group_name: Some(region.to_owned()),
        network_border_group: Some(region.to_owned()),
        state: Some(AvailabilityZoneState::AVAILABLE),
        opt_in_status: Some(AvailabilityZoneOptInStatus::OPT_IN_NOT_REQUIRED),
        messages: Some(vec![]),
        ..AvailabilityZone::default()
    }
}

fn check(
    noun: &str,
    asked: &[String],
    zones: &[AvailabilityZone],
    has: impl Fn(&AvailabilityZone) -> &Option<String>,
) -> Result<(), Error> {
    let is_known = |asked: &String| zones.iter().any(|zone| has(zone).as_ref() == Some(asked));
    match asked.iter().find(|asked| !is_known(asked)) {
        None => Ok(()),
        Some(unknown) => Err(invalid_value(format!("Invalid {noun}: [{unknown}]"))),
    }
}

impl Filtered for AvailabilityZone {
    fn values(&self, name: &str) -> Option<Vec<String>> {
        let text = |value: &Option<String>| Some(value.iter().cloned().collect());
        match name {
            "group-name" => text(&self.group_name),
            "opt-in-status" => one("opt-in-not-required"),
            "region-name" => text(&self.region_name),
            "state" => one("available"),
            "zone-id" => text(&self.zone_id),
            "zone-name" => text(&self.zone_name),
            "zone-type" => text(&self.zone_type),
            "group-long-name" | "message" | "parent-zone-id" | "parent-zone-name" => Some(vec![]),
            _ => None,
        }
    }
}
