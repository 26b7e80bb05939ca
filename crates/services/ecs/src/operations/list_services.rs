use api_ecs::{
    errors,
    operations::ListServices,
    types::{
        LaunchType, ListServicesRequest, ListServicesResponse, ResourceManagementType,
        SchedulingStrategy,
    },
};
use kit::paginate;
use limits::LIST_SERVICES_PAGE_ITEMS;
use state::Record;
use wire::{Access, Caller, Error, Handle};

use crate::{
    Ecs, access, lookup,
    records::{ServiceRecord, ServiceStatus},
};

/// What a request gets that does not say how many.
const DEFAULT_PAGE_ITEMS: i32 = 10;

impl Handle<ListServices> for Ecs {
    fn access(&self, caller: &Caller, input: &ListServicesRequest) -> Access {
        access::in_cluster(
            "ecs:ListServices",
            caller,
            input.cluster.as_deref(),
            |_, _| "*".into(),
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListServicesRequest,
    ) -> Result<ListServicesResponse, Error> {
        let page = lookup::page(
            input.max_results.or(Some(DEFAULT_PAGE_ITEMS)),
            input.next_token.as_deref(),
            LIST_SERVICES_PAGE_ITEMS,
        )?;
        let filter = Filter::of_request(&input)?;
        let (services, next_token) = self
            .look(|head| {
                let cluster = lookup::cluster(head, caller, input.cluster.as_deref())?;
                let prefix =
                    ServiceRecord::key_of(&caller.account, &caller.region, &cluster.name, "");
                let active = head.scan::<ServiceRecord>(&prefix).filter(|record| {
                    record.status == ServiceStatus::Active && filter.matches(record)
                });
                Ok(paginate(&page, active.cloned(), |record| record.key()))
            })
            .await?;
        Ok(ListServicesResponse {
            service_arns: Some(services.iter().map(|record| record.arn()).collect()),
            next_token,
        })
    }
}

/// What a service must be, all of it.
struct Filter {
    launch_type: Option<String>,
    scheduling_strategy: Option<String>,
    resource_management_type: Option<String>,
}

impl Filter {
    fn of_request(input: &ListServicesRequest) -> Result<Self, Error> {
        Ok(Self {
            launch_type: given(
                input.launch_type.as_ref().map(LaunchType::as_str),
                LaunchType::VALUES,
                "launchType",
            )?,
            scheduling_strategy: given(
                input
                    .scheduling_strategy
                    .as_ref()
                    .map(SchedulingStrategy::as_str),
                SchedulingStrategy::VALUES,
                "schedulingStrategy",
            )?,
            resource_management_type: given(
                input
                    .resource_management_type
                    .as_ref()
                    .map(ResourceManagementType::as_str),
                ResourceManagementType::VALUES,
                "resourceManagementType",
            )?,
        })
    }

    fn matches(&self, record: &ServiceRecord) -> bool {
        let is = |wanted: &Option<String>, has: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == has
        };
        record.daemon_name().is_none()
            && is(&self.launch_type, record.task_spec.launch_type.as_deref())
            && is(&self.scheduling_strategy, Some(&record.scheduling_strategy))
            && is(&self.resource_management_type, Some("CUSTOMER"))
    }
}

fn given(value: Option<&str>, known: &[&str], field: &str) -> Result<Option<String>, Error> {
    match value.filter(|value| !value.is_empty()) {
        None => Ok(None),
        Some(value) if known.contains(&value) => Ok(Some(value.to_owned())),
        Some(value) => Err(errors::invalid_parameter_exception(format!(
            "Invalid {field}: '{value}'. Valid values are {}.",
            known.join(", ")
        ))),
    }
}
