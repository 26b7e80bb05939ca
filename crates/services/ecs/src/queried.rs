//! Container instances as the cluster query language sees them.

use placement::query::{Query, Subject};
use wire::Error;

use crate::{records::ContainerInstanceRecord, usage::Used};

pub(crate) struct Queried<'a> {
    pub record: &'a ContainerInstanceRecord,
    /// `None` while it has no task.
    pub used: Option<&'a Used>,
}

impl Subject for Queried<'_> {
    fn attribute(&self, name: &str) -> Option<&str> {
        let mut all = self.record.all_attributes();
        let attribute = all.find(|attribute| attribute.name == name)?;
        Some(attribute.value.as_deref().unwrap_or_default())
    }

    fn is_agent_connected(&self) -> bool {
        self.record.connection.connected
    }

    fn agent_version(&self) -> &str {
        &self.record.agent_version
    }

    /// A node of one's own is no EC2 instance.
    fn ec2_instance_id(&self) -> Option<&str> {
        None
    }

    fn registered_at_unix_seconds(&self) -> i64 {
        self.record.registered_at.0.div_euclid(1000)
    }

    fn running_tasks(&self) -> usize {
        self.used.map_or(0, |used| used.running_tasks)
    }

    fn has_group(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        let groups = self.used.map(|used| used.groups.keys());
        groups.into_iter().flatten().any(|group| test(group))
    }
}

/// The expression of a request, which names its field where it is wrong.
pub(crate) fn parse(field: &str, expression: &str) -> Result<Query, Error> {
    Query::parse(expression).map_err(|error| {
        api_ecs::errors::invalid_parameter_exception(format!(
            "Invalid {field} '{expression}': {error}."
        ))
    })
}
