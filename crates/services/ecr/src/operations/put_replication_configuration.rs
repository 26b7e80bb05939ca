//! PutReplicationConfiguration: nothing is replicated, so all it can be told is that nothing shall be.

use api_ecr::operations::PutReplicationConfiguration;
use api_ecr::types::{PutReplicationConfigurationRequest, PutReplicationConfigurationResponse};
use wire::{Access, Caller, Error, Handle};

use crate::Ecr;
use crate::refusals::unsupported;

// coverage: PutReplicationConfiguration refuses replicationConfiguration.rules: only none, images are not replicated yet
impl Handle<PutReplicationConfiguration> for Ecr {
    fn access(&self, _: &Caller, _: &PutReplicationConfigurationRequest) -> Access {
        Access::action("ecr:PutReplicationConfiguration")
    }

    async fn handle(
        &self,
        _: &Caller,
        input: PutReplicationConfigurationRequest,
    ) -> Result<PutReplicationConfigurationResponse, Error> {
        let rules = input.replication_configuration.as_ref();
        let rules = rules.and_then(|configuration| configuration.rules.as_ref());
        if rules.is_some_and(|rules| !rules.is_empty()) {
            return Err(unsupported(
                "replication of images (replicationConfiguration.rules)",
            ));
        }
        Ok(PutReplicationConfigurationResponse {
            replication_configuration: input.replication_configuration,
        })
    }
}
