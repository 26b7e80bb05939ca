//! The operations, one file each.

mod create_backup;
mod describe_server;
mod explain;
mod get_task_secrets;
mod history_list;
mod interrupt_node;
mod join_node;
mod list_deployment_history;
mod list_events;
mod list_nodes;
mod list_task_history;
mod list_task_usage;
mod plan_update_service;
mod read_backup;
mod release_node;
mod rotate_root_key;

use std::sync::Arc;

use api_gantry::errors::invalid_parameter_exception;
use clock::UnixMillis;
use kit::Page;
use service_ecs::records::ContainerInstanceRecord;
use wire::{Access, Caller, Error, Timestamp};

use crate::{
    Control,
    explain::{Found, Reference},
};

/// Items of a page, unless fewer are asked for.
const PAGE_MOST: usize = 1000;

fn backup_access(action: &'static str, caller: &Caller) -> Access {
    access(action, caller, "backup")
}

fn page(max_results: Option<i32>, next_token: Option<&str>) -> Result<Page, Error> {
    Page::new(max_results, next_token, PAGE_MOST)
        .map_err(|error| invalid_parameter_exception(error.to_string()))
}

fn access(action: &'static str, caller: &Caller, kind: &str) -> Access {
    let Caller {
        account, region, ..
    } = caller;
    Access::action(action).resource(format!("arn:aws:gantry:{region}:{account}:{kind}/*"))
}

/// The node that an argument means: by name, by the beginning of its id, or by ARN.
async fn node_of(
    control: &Control,
    caller: &Caller,
    argument: Option<String>,
) -> Result<(String, Arc<ContainerInstanceRecord>), Error> {
    let name = argument.unwrap_or_default();
    if name.is_empty() {
        return Err(invalid_parameter_exception("node must name a node."));
    }
    let named = match name.contains([':', '/']) {
        true => name.clone(),
        false => format!("node/{name}"),
    };
    let reference = Reference::parse(caller, &named, None)?;
    match control.find(&reference).await? {
        Found::Node(node) => Ok((name, node)),
        _ => Err(invalid_parameter_exception(format!("{name} is no node."))),
    }
}

/// An argument that was given and says something.
fn given(argument: Option<&String>) -> Option<&str> {
    argument.map(String::as_str).filter(|text| !text.is_empty())
}

pub(crate) fn timestamp(at: UnixMillis) -> Option<Timestamp> {
    Timestamp::from_seconds_f64(at.as_seconds_f64())
}

pub(crate) fn count(number: usize) -> Option<i32> {
    Some(i32::try_from(number).unwrap_or(i32::MAX))
}
