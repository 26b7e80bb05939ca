//! One file an operation.

mod describe_account_attributes;
mod describe_availability_zones;
mod describe_regions;
mod describe_security_groups;
mod describe_subnets;
mod describe_vpcs;
