//! CreateServiceLinkedRole, DeleteServiceLinkedRole, GetServiceLinkedRoleDeletionStatus.

use std::collections::BTreeSet;

use api_iam::errors;
use api_iam::operations::{
    CreateServiceLinkedRole, DeleteServiceLinkedRole, GetServiceLinkedRoleDeletionStatus,
};
use api_iam::types::{
    CreateServiceLinkedRoleResponse, DeleteServiceLinkedRoleResponse, DeletionTaskStatusType,
    GetServiceLinkedRoleDeletionStatusResponse,
};
use kit::answer::transact;
use state::Record;
use wire::{Access, Error};

use crate::answer::operation;
use crate::entities::{find, require};
use crate::records::{Grants, RoleRecord};
use crate::service_linked::SERVICES;
use crate::{Iam, render};

operation!(CreateServiceLinkedRole, |iam, caller, input| {
    let service = input.aws_service_name.clone().unwrap_or_default();
    let path = Some(format!("/aws-service-role/{service}/"));
    let linked = SERVICES.iter().find(|linked| linked.service == service);
    let name = linked.map(|linked| linked.role.to_owned());
    Iam::on_new("iam:CreateServiceLinkedRole", caller, "role", &path, &name)
        .condition("iam:AWSServiceName", service)
} {
    let service = input.aws_service_name.unwrap_or_default();
    let linked = SERVICES.iter().find(|linked| linked.service == service).ok_or_else(|| {
        errors::no_such_entity_exception(format!("Gantry has no service-linked role for {service}."))
    })?;
    if input.custom_suffix.is_some() {
        let message = format!("Custom suffix is not allowed for {service}");
        return Err(errors::invalid_input_exception(message));
    }
    let trust = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": [service]}, "Action": ["sts:AssumeRole"]}],
    });
    let record = RoleRecord {
        account: caller.account.clone(),
        name: linked.role.to_owned(),
        path: format!("/aws-service-role/{service}/"),
        id: iam.new_id("AROA"),
        created_at: iam.clock.now(),
        description: input.description,
        max_session_seconds: limits::STS_SESSION_SECONDS,
        trust: trust.to_string(),
        grants: Grants {
            attached: linked.policy.iter().map(|arn| (*arn).to_owned()).collect::<BTreeSet<_>>(),
            ..Grants::default()
        },
        tags: Vec::new(),
        linked_service: Some(service),
    };
    transact(&iam.store, |tx| {
        if find::<RoleRecord>(tx, &record.account, &record.name).is_some() {
            let message = format!(
                "Service role name {} has been taken in this account, please try a different suffix.",
                record.name
            );
            return Err(errors::invalid_input_exception(message).into());
        }
        let role = render::role(&record);
        tx.insert(record)?;
        Ok(CreateServiceLinkedRoleResponse { role: Some(role) })
    })
    .await
});

operation!(DeleteServiceLinkedRole, |iam, caller, input| {
    iam.on::<RoleRecord>("iam:DeleteServiceLinkedRole", caller, &input.role_name)
} {
    let id = iam.clock.uuid();
    transact(&iam.store, |tx| {
        let role = require::<RoleRecord>(tx, caller, &input.role_name)?;
        let Some(service) = &role.linked_service else {
            return Err(RoleRecord::not_linked(&role.name).into());
        };
        tx.delete::<RoleRecord>(&role.key());
        // The deletion is done; its id says of what it was.
        let task = format!("task/aws-service-role/{service}/{}/{id}", role.name);
        Ok(DeleteServiceLinkedRoleResponse { deletion_task_id: Some(task) })
    })
    .await
});

impl RoleRecord {
    fn not_linked(name: &str) -> Error {
        let message = format!("The role {name} is not a service-linked role.");
        Error::client("ValidationError", message)
    }
}

operation!(GetServiceLinkedRoleDeletionStatus, |iam, caller, input| {
    Access::action("iam:GetServiceLinkedRoleDeletionStatus")
} {
    let id = input.deletion_task_id.unwrap_or_default();
    let parts: Vec<&str> = id.split('/').collect();
    let ["task", "aws-service-role", service, role, _] = parts[..] else {
        let message = format!("Deletion task {id} cannot be found.");
        return Err(errors::no_such_entity_exception(message));
    };
    if !SERVICES.iter().any(|linked| linked.service == service && linked.role == role) {
        let message = format!("Deletion task {id} cannot be found.");
        return Err(errors::no_such_entity_exception(message));
    }
    // Deleting answers when it is done.
    Ok(GetServiceLinkedRoleDeletionStatusResponse {
        reason: None,
        status: Some(DeletionTaskStatusType::SUCCEEDED),
    })
});
