//! Task definitions of a client's own, which come and go under its services.

use api_ecs::{operations as op, types::*};

use super::{behaviour::Behaviour, client::Client, definitions::Kind};

impl Client {
    /// Registers another revision of the client's own family and gives it to a service of the kind, and now and then
    /// deletes an older one.
    pub async fn change_definition(&mut self) {
        if !self.own_definitions.is_empty() && self.lot.percent(50) {
            return self.delete_definition().await;
        }
        let kind = self.draw_kind();
        let request = RegisterTaskDefinitionRequest {
            family: Some(format!("{}-{}", self.name, kind.family(Behaviour::Stable))),
            ..kind.request(Behaviour::Stable)
        };
        let Ok(answer) = self.call::<op::RegisterTaskDefinition>(request).await else {
            return;
        };
        let definition = answer.task_definition.unwrap_or_default();
        let (Some(family), Some(revision)) = (definition.family, definition.revision) else {
            return;
        };
        let name = format!("{family}:{revision}");
        self.own_definitions.push((kind, name.clone()));
        self.use_definition(kind, name).await;
    }

    async fn use_definition(&mut self, kind: Kind, definition: String) {
        let services = self.services.iter();
        let alike: Vec<String> = services
            .filter(|(_, service)| service.kind == kind && service.task_sets.is_none())
            .map(|(name, _)| name.clone())
            .collect();
        let Some(service) = self.lot.pick(&alike).cloned() else {
            return;
        };
        let request = UpdateServiceRequest {
            service: Some(service.clone()),
            task_definition: Some(definition),
            ..UpdateServiceRequest::default()
        };
        let behaviour = Some(Behaviour::Stable);
        self.ask_update(&service, request, None, behaviour).await;
    }

    async fn delete_definition(&mut self) {
        let position = self.lot.below(self.own_definitions.len() as u64) as usize;
        let (_, definition) = self.own_definitions[position].clone();
        let request = DeregisterTaskDefinitionRequest {
            task_definition: Some(definition.clone()),
        };
        let _ = self.call::<op::DeregisterTaskDefinition>(request).await;
        let request = DeleteTaskDefinitionsRequest {
            task_definitions: Some(vec![definition]),
        };
        if self
            .call::<op::DeleteTaskDefinitions>(request)
            .await
            .is_ok()
        {
            self.own_definitions.remove(position);
        }
    }
}
