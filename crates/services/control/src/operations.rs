//! The operations, one file each.

mod create_backup;
mod join_node;
mod read_backup;

use wire::{Access, Caller};

fn backup_access(action: &'static str, caller: &Caller) -> Access {
    let Caller {
        account, region, ..
    } = caller;
    Access::action(action).resource(format!("arn:aws:gantry:{region}:{account}:backup/*"))
}
