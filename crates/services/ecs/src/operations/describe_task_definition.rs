use api_ecs::{
    errors,
    operations::DescribeTaskDefinition,
    types::{DescribeTaskDefinitionRequest, DescribeTaskDefinitionResponse, TaskDefinitionField},
};
use wire::{Access, Caller, Error, Handle};

use crate::{
    Ecs, lookup,
    render::{self, tags},
};

impl Handle<DescribeTaskDefinition> for Ecs {
    fn access(&self, _caller: &Caller, _input: &DescribeTaskDefinitionRequest) -> Access {
        Access::action("ecs:DescribeTaskDefinition").resource("*")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeTaskDefinitionRequest,
    ) -> Result<DescribeTaskDefinitionResponse, Error> {
        let argument = input.task_definition.unwrap_or_default();
        let include = input.include.unwrap_or_default();
        lookup::check_include(
            &include,
            TaskDefinitionField::VALUES,
            TaskDefinitionField::as_str,
        )?;
        let record = self
            .look(|head| {
                if argument.is_empty() {
                    return Err(errors::client_exception(
                        "TaskDefinition should not be null or empty.",
                    ));
                }
                lookup::check_scope(caller, &argument)?;
                lookup::task_definition(head, caller, &argument)
                    .ok_or_else(|| errors::client_exception("Unable to describe task definition."))
            })
            .await?;
        Ok(DescribeTaskDefinitionResponse {
            task_definition: Some(render::task_definition::render(&record)),
            tags: include
                .contains(&TaskDefinitionField::TAGS)
                .then(|| tags::render(&record.tags)),
        })
    }
}
