//! Deletes images that no task needs, by the habits of ECS's agent, and sooner when the disk gets full.

use std::time::Duration;

use runtime::ImageCleanup;

use crate::node::Node;
use crate::records::TaskRecord;

/// The disk is looked at so often.
const PRESSURE_INTERVAL: Duration = Duration::from_secs(60);
/// Of those looks, one in so many also deletes what is merely old: every half hour.
const LOOKS_PER_CLEANUP: u32 = 30;

/// Never comes back.
pub async fn run(node: &Node) {
    for look in 1_u32.. {
        node.clock.sleep(PRESSURE_INTERVAL).await;
        let ordinary = ImageCleanup::default();
        let at_most = if look.is_multiple_of(LOOKS_PER_CLEANUP) {
            ordinary.at_most
        } else {
            0
        };
        let cleanup = ImageCleanup {
            at_most,
            ..ordinary
        };
        match node.runtime.collect_images(in_use(node), cleanup).await {
            Ok(collected) if collected == Default::default() => {}
            Ok(collected) => {
                let layers = collected.layers;
                tracing::info!(images = ?collected.references, layers, "deleted what no task needs");
            }
            Err(error) => tracing::warn!(%error, "images that no task needs cannot be deleted"),
        }
    }
}

/// Every reference under which the image of a task of this node may have been pulled.
fn in_use(node: &Node) -> Vec<String> {
    let images = node.store.read(|head| {
        let tasks = head.scan::<TaskRecord>("");
        let containers = tasks.flat_map(|task| task.payload.containers.clone());
        containers
            .filter_map(|container| container.image)
            .collect::<Vec<_>>()
    });
    let images = images.head();
    images
        .iter()
        .flat_map(|image| node.images.references(image))
        .collect()
}
