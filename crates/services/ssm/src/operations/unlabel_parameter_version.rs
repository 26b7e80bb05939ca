//! UnlabelParameterVersion.

use api_ssm::operations::UnlabelParameterVersion;
use api_ssm::types::{UnlabelParameterVersionRequest, UnlabelParameterVersionResult};
use kit::answer::transact;
use wire::{Access, Caller, Error, Handle};

use super::find;
use crate::name::arn_of;
use crate::refusals::version_not_found;
use crate::selector::Selector;
use crate::{Ssm, versions};

impl Handle<UnlabelParameterVersion> for Ssm {
    fn access(&self, caller: &Caller, input: &UnlabelParameterVersionRequest) -> Access {
        Access::action("ssm:UnlabelParameterVersion")
            .resource(arn_of(caller, input.name.as_deref()))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: UnlabelParameterVersionRequest,
    ) -> Result<UnlabelParameterVersionResult, Error> {
        let name = input.name.unwrap_or_default();
        let number = input.parameter_version.unwrap_or_default();
        let labels = input.labels.unwrap_or_default();
        transact(&self.store, |tx| {
            let found = find(tx, caller, &name)?;
            let selector = Selector::Number(number);
            let version = versions::find(tx, &found.key, &found.record, &selector);
            let mut version =
                version.ok_or_else(|| version_not_found(&name, &selector.described()))?;
            let (removed, invalid): (Vec<_>, Vec<_>) = labels
                .into_iter()
                .partition(|label| version.labels.contains(label));
            version.labels.retain(|label| !removed.contains(label));
            versions::put(tx, &found.key, version);
            Ok(UnlabelParameterVersionResult {
                invalid_labels: Some(invalid),
                removed_labels: Some(removed),
            })
        })
        .await
    }
}
