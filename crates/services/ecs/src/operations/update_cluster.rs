use api_ecs::{
    operations::UpdateCluster,
    types::{UpdateClusterRequest, UpdateClusterResponse},
};
use ecs_rules::cluster;
use wire::{Access, Caller, Error, Handle, Stored};

use super::clusters;
use crate::{Ecs, lookup, records::ClusterRecord, render};

impl Handle<UpdateCluster> for Ecs {
    fn access(&self, caller: &Caller, input: &UpdateClusterRequest) -> Access {
        clusters::on_cluster("ecs:UpdateCluster", caller, input.cluster.as_deref())
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: UpdateClusterRequest,
    ) -> Result<UpdateClusterResponse, Error> {
        let argument = clusters::required(input.cluster.as_deref())?;
        cluster::check_service_connect(input.service_connect_defaults.as_ref())?;
        if let Some(configuration) = &input.configuration {
            cluster::check_configuration(configuration)?;
        }
        let cluster = self
            .transact(|tx| {
                let known = lookup::cluster(tx, caller, Some(argument))?;
                let mut record = ClusterRecord::clone(&known);
                record.change_settings(input.settings)?;
                if let Some(configuration) = input.configuration {
                    record.configuration = Some(Stored(configuration));
                }
                let rendered =
                    render::cluster::render_whole(&record, &clusters::counts(tx, &record));
                tx.put(record);
                Ok(rendered)
            })
            .await?;
        Ok(UpdateClusterResponse {
            cluster: Some(cluster),
        })
    }
}
