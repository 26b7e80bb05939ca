//! What ECS Anywhere cannot do.

use api_ecs::types::{NetworkMode, TaskDefinition};

use super::is_mode;
use crate::Refusal;

pub(super) fn check(definition: &TaskDefinition) -> Result<(), Refusal> {
    if is_mode(definition, &NetworkMode::AWSVPC) {
        return Err(Refusal::client(
            "External only supports network modes 'bridge', 'host' and 'none'.",
        ));
    }
    Ok(())
}
