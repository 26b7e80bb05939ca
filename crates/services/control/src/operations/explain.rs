//! Explain: why a task, a service, a deployment or a node is as it is.

use api_gantry::operations::Explain;
use api_gantry::types::{ExplainRequest, ExplainResponse};
use wire::{Access, Caller, Error, Handle};

use crate::{
    Control,
    explain::{self, Found, Reference},
};

impl Handle<Explain> for Control {
    fn access(&self, caller: &Caller, _input: &ExplainRequest) -> Access {
        super::access("gantry:Explain", caller, "explanation")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ExplainRequest,
    ) -> Result<ExplainResponse, Error> {
        let asked = input.resource.as_deref().unwrap_or_default();
        let cluster = super::given(input.cluster.as_ref());
        let reference = Reference::parse(caller, asked, cluster)?;
        let found = self.find(&reference).await?;
        let failures = match &found {
            Found::Service(service) => self.recent_failures(service).await?,
            Found::Deployment(service, _) => self.recent_failures(service).await?,
            _ => vec![],
        };
        let node_by_node = input.node_by_node == Some(true);
        kit::answer::look(&self.store, |head| {
            let explainer = explain::Explainer {
                control: self,
                head,
                now: self.clock.now(),
                node_by_node,
            };
            Ok(match &found {
                Found::Task(task) => explainer.task(task),
                Found::Service(service) => explainer.service(service, &failures),
                Found::Deployment(service, deployment) => {
                    explainer.deployment(service, deployment, &failures)
                }
                Found::Node(node) => explainer.node(node),
            })
        })
        .await
    }
}
