//! LabelParameterVersion.

use api_ssm::errors::parameter_version_label_limit_exceeded;
use api_ssm::operations::LabelParameterVersion;
use api_ssm::types::{LabelParameterVersionRequest, LabelParameterVersionResult};
use kit::answer::transact;
use limits::PARAMETER_LABELS_PER_VERSION;
use wire::{Access, Caller, Error, Handle};

use super::find;
use crate::name::arn_of;
use crate::refusals::version_not_found;
use crate::selector::is_label;
use crate::{Ssm, versions};

impl Handle<LabelParameterVersion> for Ssm {
    fn access(&self, caller: &Caller, input: &LabelParameterVersionRequest) -> Access {
        Access::action("ssm:LabelParameterVersion").resource(arn_of(caller, input.name.as_deref()))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: LabelParameterVersionRequest,
    ) -> Result<LabelParameterVersionResult, Error> {
        let name = input.name.unwrap_or_default();
        let labels = input.labels.unwrap_or_default();
        let (labels, invalid): (Vec<String>, Vec<String>) =
            labels.into_iter().partition(|label| is_label(label));
        transact(&self.store, |tx| {
            let found = find(tx, caller, &name)?;
            let number = input.parameter_version.unwrap_or(found.record.latest.number);
            let mut all = versions::all(tx, &found.key, &found.record);
            let Some(at) = all.iter().position(|version| version.number == number) else {
                return Err(version_not_found(&name, &format!("version {number}")).into());
            };
            // A label is on one version only: it moves.
            for version in &mut all {
                let before = version.labels.len();
                version.labels.retain(|label| !labels.contains(label));
                if version.number != number && version.labels.len() != before {
                    versions::put(tx, &found.key, version.clone());
                }
            }
            let version = &mut all[at];
            for label in labels {
                if !version.labels.contains(&label) {
                    version.labels.push(label);
                }
            }
            if version.labels.len() > PARAMETER_LABELS_PER_VERSION {
                return Err(parameter_version_label_limit_exceeded(
                    "A parameter version can have maximum 10 labels. Move one or more labels to another version and try \
                     again.",
                )
                .into());
            }
            versions::put(tx, &found.key, version.clone());
            Ok(LabelParameterVersionResult {
                invalid_labels: Some(invalid),
                parameter_version: Some(number),
            })
        })
        .await
    }
}
