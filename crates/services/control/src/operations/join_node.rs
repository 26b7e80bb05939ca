//! JoinNode: lets a machine in and gives its agent a key of its own.
//!
//! Joining again under the same name keeps the node's id and makes the earlier key invalid: whoever reinstalls a
//! machine gets the same node, and a key that was copied away stops working.

use api_gantry::errors::invalid_parameter_exception;
use api_gantry::operations::JoinNode;
use api_gantry::types::{JoinNodeRequest, JoinNodeResponse, NodeCapacity};
use identity::AccessKeyRecord;
use kit::answer::transact;
use wire::{Access, Caller, Error, Handle};

use crate::{Control, NodeRecord};

const NODE_NAME_MAX_LENGTH: usize = 128;

impl Handle<JoinNode> for Control {
    fn access(&self, caller: &Caller, input: &JoinNodeRequest) -> Access {
        let name = input.node_name.as_deref().unwrap_or("*");
        let Caller {
            account, region, ..
        } = caller;
        Access::action("gantry:JoinNode")
            .resource(format!("arn:aws:gantry:{region}:{account}:node/{name}"))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: JoinNodeRequest,
    ) -> Result<JoinNodeResponse, Error> {
        let name = node_name(input.node_name)?;
        let capacity = capacity(input.capacity)?;
        let cluster = cluster(input.cluster)?;
        let fresh_id = self.clock.random_hex(16);
        let (node, key) = transact(&self.store, |tx| {
            let record_key = NodeRecord::key_of(&caller.account, &caller.region, &name);
            let known = tx.get::<NodeRecord>(&record_key);
            if let Some(known) = &known {
                tx.delete::<AccessKeyRecord>(&known.access_key_id);
            }
            let node_id = known.map_or(fresh_id, |known| known.node_id.clone());
            let key = AccessKeyRecord::mint_for_node(&node_id, &caller.account, &self.clock);
            let node = NodeRecord {
                account: caller.account.clone(),
                region: caller.region.clone(),
                name,
                node_id,
                capacity,
                cluster,
                access_key_id: key.access_key_id.clone(),
                joined_at: self.clock.now(),
            };
            tx.insert(key.clone())?;
            tx.put(node.clone());
            Ok((node, key))
        })
        .await?;
        tracing::info!(node = node.name, node_id = node.node_id, "node joined");
        Ok(JoinNodeResponse {
            access_key_id: Some(key.access_key_id),
            secret_access_key: Some(key.secret_access_key),
            node_id: Some(node.node_id),
            account: Some(node.account),
            region: Some(node.region),
        })
    }
}

fn node_name(name: Option<String>) -> Result<String, Error> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    name.filter(|name| {
        (1..=NODE_NAME_MAX_LENGTH).contains(&name.len()) && name.bytes().all(is_allowed)
    })
    .ok_or_else(|| {
        invalid_parameter_exception(format!(
            "nodeName must have 1 to {NODE_NAME_MAX_LENGTH} letters, digits, dots, hyphens or underscores"
        ))
    })
}

fn capacity(capacity: Option<NodeCapacity>) -> Result<String, Error> {
    match capacity {
        Some(capacity)
            if capacity == NodeCapacity::SERVERLESS
                || capacity == NodeCapacity::CONTAINER_INSTANCE =>
        {
            Ok(capacity.as_str().to_owned())
        }
        _ => Err(invalid_parameter_exception(
            "capacity must be SERVERLESS or CONTAINER_INSTANCE",
        )),
    }
}

fn cluster(cluster: Option<String>) -> Result<String, Error> {
    let cluster = cluster.filter(|cluster| !cluster.is_empty());
    let cluster = cluster.as_deref().unwrap_or("default");
    names::cluster_name(cluster).map_err(|error| invalid_parameter_exception(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use identity::{AccessKeys, FindAccessKey, KeyOwner};

    use super::*;
    use crate::testing::{World, root};

    fn request(name: &str) -> JoinNodeRequest {
        JoinNodeRequest {
            node_name: Some(name.to_owned()),
            capacity: Some(NodeCapacity::SERVERLESS),
            cluster: None,
        }
    }

    #[tokio::test]
    async fn joining_again_is_the_same_node_with_a_new_key() {
        let World { control, .. } = World::new().await;
        let join = |name: &'static str| {
            let control = Arc::clone(&control);
            async move {
                let joined = Handle::<JoinNode>::handle(&*control, &root(), request(name)).await;
                let joined = joined.expect("joins");
                let id = joined.node_id.expect("an id");
                (id, joined.access_key_id.expect("a key"))
            }
        };
        let (first_id, first_key) = join("one").await;
        let (second_id, second_key) = join("one").await;
        let (other_id, other_key) = join("two").await;
        assert_eq!(first_id, second_id);
        assert_ne!(first_id, other_id);

        let keys = AccessKeys::fixed([]).and_store(control.store.clone());
        assert!(keys.find_access_key(&first_key).is_none(), "revoked");
        for (key, node_id) in [(second_key, second_id), (other_key, other_id)] {
            let found = keys.find_access_key(&key).expect("valid");
            assert_eq!(found.owner, KeyOwner::Node { node_id });
        }
    }

    #[tokio::test]
    async fn what_is_no_name_or_capacity_is_refused() {
        let World { control, .. } = World::new().await;
        let long = "x".repeat(129);
        for name in ["", "a/b", "a b", &long] {
            let error = Handle::<JoinNode>::handle(&*control, &root(), request(name)).await;
            let error = error.expect_err("refused");
            assert_eq!(error.code, "InvalidParameterException", "{name}");
        }
        let odd = JoinNodeRequest {
            capacity: Some(NodeCapacity::from("QUANTUM")),
            ..request("one")
        };
        let error = Handle::<JoinNode>::handle(&*control, &root(), odd)
            .await
            .expect_err("refused");
        assert_eq!(error.code, "InvalidParameterException");
    }
}
