//! A task on the node that somebody chose, instead of placement.

use placement::Filter;
use state::{StateError, Tx};

use super::{NewTask, make, pool};
use crate::{
    Ecs,
    assign::{self, AssignError},
    launch::Placing,
    records::{ContainerInstanceRecord, TaskRecord},
};

#[derive(Debug)]
pub(crate) enum StartedOn {
    Placed(Box<TaskRecord>),
    /// Nothing was written: what the node lacks.
    Refused(Filter),
    /// Nothing was written: why there is no address.
    NoAddress(String),
}

/// Makes a task on a node, if it fits there.
pub(crate) fn create_on(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    new: &NewTask<'_>,
    node: &ContainerInstanceRecord,
) -> Result<StartedOn, StateError> {
    let mut task = make::record(ecs, new);
    // Whoever names the node has seen to its capacity provider: a daemon is also on instances that name none.
    let required = make::required(new.definition, new.launch.is_serverless());
    let wanted = pool::Wanted::of(&task, required, &Placing::default());
    let explanation = match wanted.check(tx, &node.id) {
        Ok(explanation) => explanation,
        Err(filter) => return Ok(StartedOn::Refused(filter)),
    };
    task.placement = Some(explanation);
    if task.network_configuration.is_some() {
        match assign::network_interface(tx, &task, &ecs.clock) {
            Ok(interface) => task.network_interface = Some(interface),
            Err(AssignError::State(error)) => return Err(error),
            Err(error) => return Ok(StartedOn::NoAddress(error.to_string())),
        }
    }
    assign::to_node(tx, &mut task, node, &ecs.clock);
    tx.insert(task.clone())?;
    Ok(StartedOn::Placed(Box::new(task)))
}
