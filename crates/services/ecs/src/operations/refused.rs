//! Fields of requests that ask for what Gantry does not have yet. The tables are the check, and `docs/coverage.md` is
//! made from them.

use api_ecs::types::RunTaskRequest;
use wire::Error;

/// A field that is refused when its value asks for something.
pub(crate) struct Refused<T> {
    /// As in the model, lists with `[]`.
    pub path: &'static str,
    pub why: &'static str,
    pub asks: fn(&T) -> bool,
}

// coverage: RunTask
pub(crate) const RUN_TASK: &[Refused<RunTaskRequest>] = &[
    Refused {
        path: "enableExecuteCommand",
        why: "ECS Exec is not built",
        asks: |input| input.enable_execute_command == Some(true),
    },
    Refused {
        path: "volumeConfigurations",
        why: "Gantry has no EBS",
        asks: |input| input.volume_configurations.iter().flatten().count() > 0,
    },
];

/// Refuses the first field that asks for something we do not have, by its name.
pub(crate) fn check<T>(table: &[Refused<T>], input: &T) -> Result<(), Error> {
    match table.iter().find(|refused| (refused.asks)(input)) {
        None => Ok(()),
        Some(refused) => {
            Err(ecs_rules::Refusal::unsupported_field(refused.path, refused.why).into())
        }
    }
}
