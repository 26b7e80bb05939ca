//! ARNs, ids and the names of AWS's things.
//!
//! ARNs are always built in the long format (with the cluster); the old one is still understood where clients send it.
//! Formats: "Service Authorization Reference" (resource types of Amazon ECS), the patterns and member
//! documentation of the service models.

mod arn;
mod ids;
mod reference;
mod scope;
mod valid;

pub use arn::Arn;
pub use ids::{
    attachment_id, container_id, container_instance_id, deployment_id, eni_id, pause_hook_id,
    service_deployment_id, service_revision_id, task_id,
};
pub use reference::{
    ContainerInstanceReference, ServiceReference, TaskDefinitionReference, TaskReference,
    TaskSetReference, cluster_name,
};
pub use scope::Scope;
pub use valid::{
    is_account, is_attribute_name, is_cluster_name, is_container_instance_id, is_container_name,
    is_family, is_image_tag, is_log_group_name, is_log_stream_name, is_region, is_repository_name,
    is_service_name, is_task_id,
};

/// What a client wrote is not what it should be. The caller knows AWS's words for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("{0} is not an ARN")]
    NotAnArn(String),

    #[error("{arn} is not the ARN of a {expected}")]
    WrongResource { arn: String, expected: &'static str },

    #[error("{name} is not a valid {kind}")]
    Invalid { name: String, kind: &'static str },
}
