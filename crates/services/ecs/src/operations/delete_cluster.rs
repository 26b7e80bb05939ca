use api_ecs::{
    errors,
    operations::DeleteCluster,
    types::{DeleteClusterRequest, DeleteClusterResponse},
};
use state::Record;
use wire::{Access, Caller, Error, Handle};

use super::clusters;
use crate::{
    Ecs,
    counts::Counts,
    daemons, lookup,
    records::{ClusterRecord, ClusterStatus},
    render,
};

impl Handle<DeleteCluster> for Ecs {
    fn access(&self, caller: &Caller, input: &DeleteClusterRequest) -> Access {
        clusters::on_cluster("ecs:DeleteCluster", caller, input.cluster.as_deref())
    }

    /// It stays describable, as INACTIVE.
    async fn handle(
        &self,
        caller: &Caller,
        input: DeleteClusterRequest,
    ) -> Result<DeleteClusterResponse, Error> {
        let argument = clusters::required(input.cluster.as_deref())?;
        let cluster = self
            .transact(|tx| {
                let known = lookup::cluster(tx, caller, Some(argument))?;
                check_empty(&clusters::counts(tx, &known))?;
                if !daemons::of_cluster(tx, &known.key()).is_empty() {
                    return Err(errors::cluster_contains_services_exception(
                        "The Cluster cannot be deleted while Daemons are active.",
                    )
                    .into());
                }
                let mut record = ClusterRecord::clone(&known);
                record.status = ClusterStatus::Inactive;
                let rendered =
                    render::cluster::render_whole(&record, &clusters::counts(tx, &record));
                tx.put(record);
                Ok(rendered)
            })
            .await?;
        Ok(DeleteClusterResponse {
            cluster: Some(cluster),
        })
    }
}

fn check_empty(counts: &Counts) -> Result<(), Error> {
    if counts.container_instances > 0 {
        return Err(errors::cluster_contains_container_instances_exception(
            "The Cluster cannot be deleted while Container Instances are active or draining.",
        ));
    }
    let services = counts
        .active_services
        .iter()
        .chain(&counts.draining_services);
    if services.sum::<i32>() > 0 {
        return Err(errors::cluster_contains_services_exception(
            "The Cluster cannot be deleted while Services are active.",
        ));
    }
    if counts.live_tasks > 0 {
        return Err(errors::cluster_contains_tasks_exception(
            "The Cluster cannot be deleted while Tasks are active.",
        ));
    }
    Ok(())
}
