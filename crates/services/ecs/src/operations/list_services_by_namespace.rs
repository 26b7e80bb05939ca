use api_ecs::{
    errors,
    operations::ListServicesByNamespace,
    types::{ListServicesByNamespaceRequest, ListServicesByNamespaceResponse},
};
use limits::LIST_PAGE_ITEMS;
use names::Arn;
use wire::{Access, Caller, Error, Handle};

use crate::{Ecs, access::scope_of, lookup};

const NAMESPACE_CHARACTERS: usize = 1024;

impl Handle<ListServicesByNamespace> for Ecs {
    fn access(&self, caller: &Caller, input: &ListServicesByNamespaceRequest) -> Access {
        let namespace = input.namespace.as_deref().unwrap_or_default();
        let arn = match Arn::is_arn(namespace) {
            true => namespace.to_owned(),
            false => scope_of(caller).arn("servicediscovery", "namespace/*"),
        };
        Access::action("ecs:ListServicesByNamespace").condition("ecs:namespace", arn)
    }

    /// A service gets a namespace from Service Connect, which is refused by name: none has one.
    async fn handle(
        &self,
        caller: &Caller,
        input: ListServicesByNamespaceRequest,
    ) -> Result<ListServicesByNamespaceResponse, Error> {
        lookup::page(
            input.max_results,
            input.next_token.as_deref(),
            LIST_PAGE_ITEMS,
        )?;
        let namespace = input.namespace.unwrap_or_default();
        if namespace.is_empty() {
            return Err(errors::invalid_parameter_exception(
                "Namespace can not be blank.",
            ));
        }
        let is_name = |text: &str| {
            text.chars().count() <= NAMESPACE_CHARACTERS
                && text
                    .chars()
                    .all(|it| it.is_ascii_alphanumeric() || "!-_.~/:".contains(it))
        };
        let is_valid = match Arn::parse(&namespace) {
            Ok(arn) => arn.service == "servicediscovery" && arn.resource_parts().0 == "namespace",
            Err(_) => !Arn::is_arn(&namespace) && is_name(&namespace),
        };
        lookup::check_scope(caller, &namespace)?;
        if !is_valid {
            return Err(errors::namespace_not_found_exception(format!(
                "Namespace {namespace} not found."
            )));
        }
        Ok(ListServicesByNamespaceResponse {
            service_arns: Some(vec![]),
            next_token: None,
        })
    }
}
