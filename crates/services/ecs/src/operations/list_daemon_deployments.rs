use std::sync::Arc;

use api_ecs::{
    errors,
    operations::ListDaemonDeployments,
    types::{DaemonDeploymentStatus, ListDaemonDeploymentsRequest, ListDaemonDeploymentsResponse},
};
use kit::page::paginate_descending;
use limits::LIST_SERVICE_DEPLOYMENTS_PAGE_ITEMS;
use state::Record;
use wire::{Access, Caller, Error, Handle};

use super::daemons;
use crate::{Ecs, lookup, records::ServiceDeploymentRecord, render};

/// What a request gets that does not say how many.
const DEFAULT_PAGE_ITEMS: i32 = 20;

impl Handle<ListDaemonDeployments> for Ecs {
    fn access(&self, caller: &Caller, input: &ListDaemonDeploymentsRequest) -> Access {
        daemons::access(
            "ecs:ListDaemonDeployments",
            caller,
            input.daemon_arn.as_deref(),
        )
    }

    /// The newest first.
    async fn handle(
        &self,
        caller: &Caller,
        input: ListDaemonDeploymentsRequest,
    ) -> Result<ListDaemonDeploymentsResponse, Error> {
        let page = lookup::page(
            input.max_results.or(Some(DEFAULT_PAGE_ITEMS)),
            input.next_token.as_deref(),
            LIST_SERVICE_DEPLOYMENTS_PAGE_ITEMS,
        )?;
        let statuses = statuses(input.status.as_deref().unwrap_or_default())?;
        let created = input.created_at.unwrap_or_default();
        let (found, next_token) = self
            .look(|head| {
                let daemon = daemons::require(head, caller, input.daemon_arn.as_deref())?;
                let is_asked_for = |record: &&Arc<ServiceDeploymentRecord>| {
                    let at = render::timestamp(record.created_at);
                    record.created_at >= daemon.created_at
                        && (statuses.is_empty()
                            || statuses.contains(&render::daemon::status(record.status)))
                        && created.after.is_none_or(|after| at > after)
                        && created.before.is_none_or(|before| at < before)
                };
                let records = head.scan::<ServiceDeploymentRecord>(&format!("{}/", daemon.key()));
                let mut found: Vec<_> = records.filter(is_asked_for).cloned().collect();
                found.sort_by_key(|record| std::cmp::Reverse(position(record)));
                Ok(paginate_descending(&page, found.into_iter(), |record| {
                    position(record)
                }))
            })
            .await?;
        let summaries = found
            .iter()
            .map(|record| render::daemon::deployment_summary(record));
        Ok(ListDaemonDeploymentsResponse {
            daemon_deployments: Some(summaries.collect()),
            next_token,
        })
    }
}

fn position(record: &ServiceDeploymentRecord) -> String {
    format!("{:016}/{}", record.created_at.0, record.id)
}

fn statuses(asked: &[DaemonDeploymentStatus]) -> Result<Vec<&str>, Error> {
    let statuses: Vec<&str> = asked.iter().map(DaemonDeploymentStatus::as_str).collect();
    let known = DaemonDeploymentStatus::VALUES;
    match statuses.iter().find(|status| !known.contains(status)) {
        None => Ok(statuses),
        Some(unknown) => Err(errors::invalid_parameter_exception(format!(
            "Invalid status: '{unknown}'. Valid values are {}.",
            known.join(", ")
        ))),
    }
}
