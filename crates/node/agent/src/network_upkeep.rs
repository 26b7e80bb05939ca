//! Keeps the node's network rules in place: a firewall that is loaded anew takes them away, a Docker that is started later
//! forbids forwarding.

use std::time::Duration;

use crate::node::Node;

/// How long tasks may be cut off by that; a look costs two short processes.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Never comes back.
pub async fn run(node: &Node) {
    loop {
        node.clock.sleep(LOOK_EVERY).await;
        match node.network.restore().await {
            Ok(missing) if missing.is_empty() => {}
            Ok(missing) => {
                tracing::warn!(?missing, "somebody took network rules away; they are back");
            }
            Err(error) => tracing::warn!(%error, "the node's network rules cannot be restored"),
        }
    }
}
