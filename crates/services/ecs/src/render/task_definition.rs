//! Task definitions as DescribeTaskDefinition shows them.

use api_ecs::types::TaskDefinition;

use super::timestamp;
use crate::records::TaskDefinitionRecord;

pub(crate) fn render(record: &TaskDefinitionRecord) -> TaskDefinition {
    TaskDefinition {
        task_definition_arn: Some(record.arn()),
        revision: Some(record.revision),
        status: Some(record.status.as_str().into()),
        registered_at: Some(timestamp(record.registered_at)),
        registered_by: Some(record.registered_by.clone()),
        deregistered_at: record.deregistered_at.map(timestamp),
        ..record.definition.0.clone()
    }
}
