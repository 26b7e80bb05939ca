use api_ecs::{
    operations::DescribeServiceRevisions,
    types::{DescribeServiceRevisionsRequest, DescribeServiceRevisionsResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::service_deployments::{self, Reference};
use crate::{
    Ecs,
    records::{ServiceRecord, ServiceRevisionRecord},
    render,
};

impl Handle<DescribeServiceRevisions> for Ecs {
    fn access(&self, _: &Caller, input: &DescribeServiceRevisionsRequest) -> Access {
        let arns = input.service_revision_arns.iter().flatten();
        service_deployments::access("ecs:DescribeServiceRevisions", arns)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeServiceRevisionsRequest,
    ) -> Result<DescribeServiceRevisionsResponse, Error> {
        let arns = input.service_revision_arns.unwrap_or_default();
        service_deployments::check_batch(&arns, "serviceRevisionArns")?;
        self.look(|head| {
            let (mut found, mut failures) = (vec![], vec![]);
            for arn in &arns {
                let reference = Reference::parse(caller, "service-revision", arn)?;
                let service_key = reference.service_key(caller);
                let service = head.get::<ServiceRecord>(&service_key);
                let key = ServiceRevisionRecord::key_of(&service_key, &reference.id);
                // A service that was made anew under the same name has none of the old one's.
                let record = head.get::<ServiceRevisionRecord>(&key).filter(|record| {
                    service.is_some_and(|service| {
                        service.daemon_name().is_none() && record.created_at >= service.created_at
                    })
                });
                match record {
                    Some(record) => {
                        found.push(render::service_deployment::service_revision(&record));
                    }
                    None => failures.push(service_deployments::missing(arn)),
                }
            }
            Ok(DescribeServiceRevisionsResponse {
                service_revisions: Some(found),
                failures: Some(failures),
            })
        })
        .await
    }
}
