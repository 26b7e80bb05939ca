//! Fields of requests that ask for what Gantry does not have yet. The tables are the check, and `docs/coverage.md` is
//! made from them.

use api_ecs::types::{
    CreateCapacityProviderRequest, CreateServiceRequest, CreateTaskSetRequest, RunTaskRequest,
    StartTaskRequest, UpdateCapacityProviderRequest, UpdateServiceRequest,
};
use wire::Error;

/// A field that is refused when its value asks for something.
pub(crate) struct Refused<T> {
    /// As in the model, lists with `[]`.
    pub path: &'static str,
    pub why: &'static str,
    pub asks: fn(&T) -> bool,
}

// coverage: RunTask
pub(crate) const RUN_TASK: &[Refused<RunTaskRequest>] = &[Refused {
    path: "volumeConfigurations",
    why: "Gantry has no EBS",
    asks: |input| input.volume_configurations.iter().flatten().count() > 0,
}];

// coverage: StartTask
pub(crate) const START_TASK: &[Refused<StartTaskRequest>] = &[Refused {
    path: "volumeConfigurations",
    why: "Gantry has no EBS",
    asks: |input| input.volume_configurations.iter().flatten().count() > 0,
}];

// coverage: CreateCapacityProvider
pub(crate) const CREATE_CAPACITY_PROVIDER: &[Refused<CreateCapacityProviderRequest>] = &[Refused {
    path: "managedInstancesProvider",
    why: "Gantry has no Managed Instances",
    asks: |input| input.managed_instances_provider.is_some(),
}];

// coverage: UpdateCapacityProvider
pub(crate) const UPDATE_CAPACITY_PROVIDER: &[Refused<UpdateCapacityProviderRequest>] = &[Refused {
    path: "managedInstancesProvider",
    why: "Gantry has no Managed Instances",
    asks: |input| input.managed_instances_provider.is_some(),
}];

// coverage: CreateTaskSet
pub(crate) const CREATE_TASK_SET: &[Refused<CreateTaskSetRequest>] = &[
    Refused {
        path: "loadBalancers",
        why: "Gantry has no load balancer",
        asks: |input| input.load_balancers.iter().flatten().count() > 0,
    },
    Refused {
        path: "serviceRegistries",
        why: "Gantry has no Cloud Map",
        asks: |input| input.service_registries.iter().flatten().count() > 0,
    },
];

/// What CreateService and UpdateService have in common.
macro_rules! service_table {
    ($name:ident, $request:ty) => {
        // coverage: CreateService, UpdateService
        pub(crate) const $name: &[Refused<$request>] = &[
            Refused {
                path: "loadBalancers",
                why: "Gantry has no load balancer",
                asks: |input| input.load_balancers.iter().flatten().count() > 0,
            },
            Refused {
                path: "serviceRegistries",
                why: "Gantry has no Cloud Map",
                asks: |input| input.service_registries.iter().flatten().count() > 0,
            },
            Refused {
                path: "serviceConnectConfiguration",
                why: "Gantry has no Service Connect",
                asks: |input| {
                    let configuration = input.service_connect_configuration.as_ref();
                    configuration.is_some_and(|configuration| configuration.enabled != Some(false))
                },
            },
            Refused {
                path: "volumeConfigurations",
                why: "Gantry has no EBS",
                asks: |input| input.volume_configurations.iter().flatten().count() > 0,
            },
            Refused {
                path: "vpcLatticeConfigurations",
                why: "Gantry has no VPC Lattice",
                asks: |input| input.vpc_lattice_configurations.iter().flatten().count() > 0,
            },
            Refused {
                path: "gatewayConnectors",
                why: "Gantry has no gateways",
                asks: |input| input.gateway_connectors.iter().flatten().count() > 0,
            },
            Refused {
                path: "monitoring",
                why: "Gantry collects no metrics of services",
                asks: |input| {
                    let metrics = input.monitoring.iter();
                    metrics
                        .flat_map(|monitoring| monitoring.metric_configurations.iter().flatten())
                        .count()
                        > 0
                },
            },
        ];
    };
}

service_table!(CREATE_SERVICE, CreateServiceRequest);
service_table!(UPDATE_SERVICE, UpdateServiceRequest);

/// Refuses the first field that asks for something we do not have, by its name.
pub(crate) fn check<T>(table: &[Refused<T>], input: &T) -> Result<(), Error> {
    match table.iter().find(|refused| (refused.asks)(input)) {
        None => Ok(()),
        Some(refused) => {
            Err(ecs_rules::Refusal::unsupported_field(refused.path, refused.why).into())
        }
    }
}
