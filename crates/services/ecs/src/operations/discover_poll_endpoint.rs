use api_ecs::{
    operations::DiscoverPollEndpoint,
    types::{DiscoverPollEndpointRequest, DiscoverPollEndpointResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::container_instances;
use crate::Ecs;

impl Handle<DiscoverPollEndpoint> for Ecs {
    fn access(&self, caller: &Caller, input: &DiscoverPollEndpointRequest) -> Access {
        let (cluster, instance) = (
            input.cluster.as_deref(),
            input.container_instance.as_deref(),
        );
        container_instances::on_instance("ecs:DiscoverPollEndpoint", caller, cluster, instance)
    }

    /// The agent appends `ws?…` to both.
    async fn handle(
        &self,
        _caller: &Caller,
        _input: DiscoverPollEndpointRequest,
    ) -> Result<DiscoverPollEndpointResponse, Error> {
        let base = self.config.endpoint.trim_end_matches('/');
        Ok(DiscoverPollEndpointResponse {
            endpoint: Some(format!("{base}/acs/")),
            telemetry_endpoint: Some(format!("{base}/tcs/")),
            // Without Service Connect there is nothing to poll for it.
            service_connect_endpoint: None,
        })
    }
}
