use api_ecs::{
    operations::DescribeDaemon,
    types::{DescribeDaemonRequest, DescribeDaemonResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::daemons;
use crate::{Ecs, render};

impl Handle<DescribeDaemon> for Ecs {
    fn access(&self, caller: &Caller, input: &DescribeDaemonRequest) -> Access {
        daemons::access("ecs:DescribeDaemon", caller, input.daemon_arn.as_deref())
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeDaemonRequest,
    ) -> Result<DescribeDaemonResponse, Error> {
        self.look(|head| {
            let daemon = daemons::require(head, caller, input.daemon_arn.as_deref())?;
            Ok(DescribeDaemonResponse {
                daemon: Some(render::daemon::detail(head, &daemon)),
            })
        })
        .await
    }
}
