//! BatchGetRepositoryScanningConfiguration: nothing is scanned.

use api_ecr::operations::BatchGetRepositoryScanningConfiguration;
use api_ecr::types::{
    BatchGetRepositoryScanningConfigurationRequest,
    BatchGetRepositoryScanningConfigurationResponse, RepositoryScanningConfiguration,
    RepositoryScanningConfigurationFailure, ScanFrequency, ScanningConfigurationFailureCode,
};
use kit::answer::look;
use wire::{Access, Caller, Error, Handle};

use super::find_repository;
use crate::access::scope_of;
use crate::{Ecr, render};

impl Handle<BatchGetRepositoryScanningConfiguration> for Ecr {
    fn access(
        &self,
        caller: &Caller,
        input: &BatchGetRepositoryScanningConfigurationRequest,
    ) -> Access {
        let scope = names::Scope::new(&caller.account, &caller.region);
        let names = input.repository_names.iter().flatten();
        Access::action("ecr:BatchGetRepositoryScanningConfiguration")
            .resources(names.map(|name| scope.repository(name)))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: BatchGetRepositoryScanningConfigurationRequest,
    ) -> Result<BatchGetRepositoryScanningConfigurationResponse, Error> {
        let scope = scope_of(caller);
        let names = input.repository_names.unwrap_or_default();
        look(&self.store, |head| {
            let (mut found, mut failures) = (Vec::new(), Vec::new());
            for name in names {
                match find_repository(head, &scope, &name) {
                    Ok(repository) => found.push(RepositoryScanningConfiguration {
                        repository_arn: render::repository(&repository).repository_arn,
                        repository_name: Some(name),
                        scan_on_push: Some(false),
                        scan_frequency: Some(ScanFrequency::MANUAL),
                        applied_scan_filters: Some(Vec::new()),
                    }),
                    Err(error) => failures.push(RepositoryScanningConfigurationFailure {
                        repository_name: Some(name),
                        failure_code: Some(ScanningConfigurationFailureCode::REPOSITORY_NOT_FOUND),
                        failure_reason: Some(error.message),
                    }),
                }
            }
            Ok(BatchGetRepositoryScanningConfigurationResponse {
                scanning_configurations: Some(found),
                failures: Some(failures),
            })
        })
        .await
    }
}
