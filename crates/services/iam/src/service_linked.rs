//! Service-linked roles: made by CreateServiceLinkedRole for a service, and changed by nobody.

use api_iam::errors;
use wire::Error;

use crate::records::RoleRecord;

/// A service that can have one: its name, that of the role, and the managed policy it comes with.
pub(crate) struct LinkedService {
    pub service: &'static str,
    pub role: &'static str,
    pub policy: Option<&'static str>,
}

pub(crate) static SERVICES: [LinkedService; 6] = [
    LinkedService {
        service: "ecs.amazonaws.com",
        role: "AWSServiceRoleForECS",
        policy: Some("arn:aws:iam::aws:policy/aws-service-role/AmazonECSServiceRolePolicy"),
    },
    LinkedService {
        service: "ecs.application-autoscaling.amazonaws.com",
        role: "AWSServiceRoleForApplicationAutoScaling_ECSService",
        policy: None,
    },
    LinkedService {
        service: "autoscaling.amazonaws.com",
        role: "AWSServiceRoleForAutoScaling",
        policy: None,
    },
    LinkedService {
        service: "elasticloadbalancing.amazonaws.com",
        role: "AWSServiceRoleForElasticLoadBalancing",
        policy: None,
    },
    LinkedService {
        service: "spot.amazonaws.com",
        role: "AWSServiceRoleForEC2Spot",
        policy: None,
    },
    LinkedService {
        service: "ecs-compute.amazonaws.com",
        role: "AWSServiceRoleForECSCompute",
        policy: None,
    },
];

pub(crate) fn check_modifiable(role: &RoleRecord) -> Result<(), Error> {
    match role.linked_service {
        None => Ok(()),
        Some(_) => Err(errors::unmodifiable_entity_exception(format!(
            "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS",
            role.name
        ))),
    }
}
