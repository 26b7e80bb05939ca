//! DescribeRegistry.

use api_ecr::operations::DescribeRegistry;
use api_ecr::types::{DescribeRegistryRequest, DescribeRegistryResponse, ReplicationConfiguration};
use wire::{Access, Caller, Error, Handle};

use crate::Ecr;

impl Handle<DescribeRegistry> for Ecr {
    fn access(&self, _: &Caller, _: &DescribeRegistryRequest) -> Access {
        Access::action("ecr:DescribeRegistry")
    }

    async fn handle(
        &self,
        caller: &Caller,
        _: DescribeRegistryRequest,
    ) -> Result<DescribeRegistryResponse, Error> {
        Ok(DescribeRegistryResponse {
            registry_id: Some(caller.account.clone()),
            replication_configuration: Some(ReplicationConfiguration {
                rules: Some(Vec::new()),
            }),
        })
    }
}
