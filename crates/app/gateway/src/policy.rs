//! What principals may do until policies exist: root everything, a node what an agent needs.

use std::sync::Arc;

use wire::{Ask, Authorizer, Caller, Error, Principal};

/// By AWS's managed policy AmazonEC2ContainerServiceforEC2Role, without the making of clusters.
const NODE_ACTIONS: [&str; 21] = [
    "ecs:DeregisterContainerInstance",
    "ecs:DiscoverPollEndpoint",
    "ecs:ListTagsForResource",
    "ecs:Poll",
    "ecs:PutAttributes",
    "ecs:RegisterContainerInstance",
    "ecs:StartTelemetrySession",
    "ecs:SubmitAttachmentStateChanges",
    "ecs:SubmitContainerStateChange",
    "ecs:SubmitTaskStateChange",
    "ecs:UpdateContainerInstancesState",
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:DescribeLogGroups",
    "logs:DescribeLogStreams",
    "logs:PutLogEvents",
    // Of the tasks that were placed on it: the operation looks.
    "gantry:GetTaskSecrets",
];

/// Knows which container instance belongs to which node.
pub trait Ownership: Send + Sync {
    fn owns(&self, node_id: &str, container_instance_arn: &str) -> bool;
}

/// The authorizer of a gateway that was given none.
#[derive(Default)]
pub struct PrincipalPolicy {
    ownership: Option<Arc<dyn Ownership>>,
}

impl PrincipalPolicy {
    /// A node may then name no container instance but its own. Without it that check is left to
    /// the operations.
    pub fn with_ownership(ownership: Arc<dyn Ownership>) -> Self {
        Self {
            ownership: Some(ownership),
        }
    }

    fn refused_resource<'a>(&self, node_id: &str, ask: &'a Ask) -> Option<&'a str> {
        let ownership = self.ownership.as_ref()?;
        let foreign = |arn: &&String| {
            // Registering anew is checked by the operation, which knows what is registered already.
            arn.contains(":container-instance/") && !ownership.owns(node_id, arn)
        };
        ask.resources.iter().find(foreign).map(String::as_str)
    }
}

impl Authorizer for PrincipalPolicy {
    fn allow(&self, caller: &Caller, ask: &Ask) -> Result<(), Error> {
        let node_id = match &caller.principal {
            Principal::Root => return Ok(()),
            Principal::Node { node_id } => node_id,
            // Nobody here knows their policies.
            Principal::User { .. } | Principal::Role(_) => {
                let resource = ask.resources.first().map_or("*", String::as_str);
                return Err(denied(caller, ask.action, resource));
            }
        };
        if tags_its_registration(ask) {
            return Ok(());
        }
        if !NODE_ACTIONS.contains(&ask.action) {
            let resource = ask.resources.first().map_or("*", String::as_str);
            return Err(denied(caller, ask.action, resource));
        }
        match self.refused_resource(node_id, ask) {
            Some(resource) => Err(denied(caller, ask.action, resource)),
            None => Ok(()),
        }
    }
}

/// A node may tag its container instance in the request that registers it, and at no other time.
fn tags_its_registration(ask: &Ask) -> bool {
    ask.action == "ecs:TagResource"
        && ask.values("ecs:CreateAction") == ["RegisterContainerInstance"]
}

fn denied(caller: &Caller, action: &str, resource: &str) -> Error {
    let message = format!(
        "User: {} is not authorized to perform: {action} on resource: {resource} because no identity-based policy \
         allows the {action} action",
        caller.arn()
    );
    Error::client("AccessDeniedException", message)
}

#[cfg(test)]
mod tests {
    use wire::Access;

    use super::*;

    struct OnlyOne;

    impl Ownership for OnlyOne {
        fn owns(&self, node_id: &str, container_instance_arn: &str) -> bool {
            node_id == "node-1" && container_instance_arn.ends_with("/one")
        }
    }

    fn caller(principal: Principal) -> Caller {
        Caller {
            account: "123456789012".into(),
            region: "us-east-1".into(),
            principal,
            access_key_id: "AKIA".into(),
            request_id: "id".into(),
            source_ip: None,
            user_agent: String::new(),
        }
    }

    fn node() -> Caller {
        caller(Principal::Node {
            node_id: "node-1".into(),
        })
    }

    #[test]
    fn root_may_all_and_nodes_what_agents_need() {
        let policy = PrincipalPolicy::default();
        let run_task = Access::action("ecs:RunTask").resource("arn:task");
        assert_eq!(
            policy.authorize(&caller(Principal::Root), &run_task),
            Ok(())
        );
        let error = policy.authorize(&node(), &run_task).expect_err("denied");
        assert_eq!(error.code, "AccessDeniedException");
        assert_eq!(
            error.message,
            format!(
                "User: {} is not authorized to perform: ecs:RunTask on resource: arn:task because no identity-based \
                 policy allows the ecs:RunTask action",
                node().arn()
            )
        );
        for action in NODE_ACTIONS {
            assert_eq!(policy.authorize(&node(), &Access::action(action)), Ok(()));
        }
        let list = Access::action("ecs:ListTasks");
        let error = policy.authorize(&node(), &list).expect_err("denied");
        assert!(error.message.contains("on resource: * because"));
    }

    #[test]
    fn a_node_tags_what_it_registers_and_nothing_else() {
        let policy = PrincipalPolicy::default();
        let creating = |action: &str| {
            Access::action("ecs:RegisterContainerInstance")
                .also("ecs:TagResource")
                .condition("ecs:CreateAction", action)
        };
        let registering = creating("RegisterContainerInstance");
        assert_eq!(policy.authorize(&node(), &registering), Ok(()));
        assert!(policy.authorize(&node(), &creating("RunTask")).is_err());
        let alone = Access::action("ecs:TagResource");
        assert!(policy.authorize(&node(), &alone).is_err());
    }

    #[test]
    fn a_node_speaks_for_its_own_container_instance_only() {
        let policy = PrincipalPolicy::with_ownership(Arc::new(OnlyOne));
        let poll = |name: &str| {
            let arn = format!("arn:aws:ecs:us-east-1:123456789012:container-instance/c/{name}");
            Access::action("ecs:Poll").resource(arn)
        };
        assert_eq!(policy.authorize(&node(), &poll("one")), Ok(()));
        assert!(policy.authorize(&node(), &poll("two")).is_err());
        let root = caller(Principal::Root);
        assert_eq!(policy.authorize(&root, &poll("two")), Ok(()));
    }
}
