use api_ecs::{
    errors,
    operations::UpdateClusterSettings,
    types::{UpdateClusterSettingsRequest, UpdateClusterSettingsResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::clusters;
use crate::{Ecs, lookup, records::ClusterRecord, render};

impl Handle<UpdateClusterSettings> for Ecs {
    fn access(&self, caller: &Caller, input: &UpdateClusterSettingsRequest) -> Access {
        clusters::on_cluster(
            "ecs:UpdateClusterSettings",
            caller,
            input.cluster.as_deref(),
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: UpdateClusterSettingsRequest,
    ) -> Result<UpdateClusterSettingsResponse, Error> {
        let argument = clusters::required(input.cluster.as_deref())?;
        if input.settings.as_deref().unwrap_or_default().is_empty() {
            return Err(errors::invalid_parameter_exception(
                "Settings should not be null or empty.",
            ));
        }
        let cluster = self
            .transact(|tx| {
                let known = lookup::cluster(tx, caller, Some(argument))?;
                let mut record = ClusterRecord::clone(&known);
                record.change_settings(input.settings)?;
                let rendered =
                    render::cluster::render_whole(&record, &clusters::counts(tx, &record));
                tx.put(record);
                Ok(rendered)
            })
            .await?;
        Ok(UpdateClusterSettingsResponse {
            cluster: Some(cluster),
        })
    }
}
