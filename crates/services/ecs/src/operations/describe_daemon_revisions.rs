use api_ecs::{
    operations::DescribeDaemonRevisions,
    types::{DescribeDaemonRevisionsRequest, DescribeDaemonRevisionsResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::{daemons::Reference, service_deployments};
use crate::{
    Ecs,
    records::{ServiceRecord, ServiceRevisionRecord},
    render,
};

impl Handle<DescribeDaemonRevisions> for Ecs {
    fn access(&self, _: &Caller, input: &DescribeDaemonRevisionsRequest) -> Access {
        let arns = input.daemon_revision_arns.iter().flatten();
        service_deployments::access("ecs:DescribeDaemonRevisions", arns)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeDaemonRevisionsRequest,
    ) -> Result<DescribeDaemonRevisionsResponse, Error> {
        let arns = input.daemon_revision_arns.unwrap_or_default();
        service_deployments::check_batch(&arns, "daemonRevisionArns")?;
        self.look(|head| {
            let (mut found, mut failures) = (vec![], vec![]);
            for arn in &arns {
                let reference = Reference::parse(caller, "daemon-revision", arn)?;
                let daemon_key = reference.service_key(caller);
                let id = reference.id.unwrap_or_default();
                let daemon = head.get::<ServiceRecord>(&daemon_key);
                let key = ServiceRevisionRecord::key_of(&daemon_key, &id);
                // A daemon that was made anew under the same name has none of the old one's.
                let record = head.get::<ServiceRevisionRecord>(&key).filter(|record| {
                    daemon.is_some_and(|daemon| record.created_at >= daemon.created_at)
                });
                match record {
                    Some(record) => found.push(render::daemon::revision(&record)),
                    None => failures.push(service_deployments::missing(arn)),
                }
            }
            Ok(DescribeDaemonRevisionsResponse {
                daemon_revisions: Some(found),
                failures: Some(failures),
            })
        })
        .await
    }
}
