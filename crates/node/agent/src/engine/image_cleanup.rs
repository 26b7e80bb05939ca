//! Deletes images that no task needs, by the habits of ECS's agent, and sooner when the disk gets full.

use std::time::Duration;

use runtime::ImageCleanup;

use crate::node::Node;
use crate::records::TaskRecord;

/// The disk is looked at so often.
const PRESSURE_INTERVAL: Duration = Duration::from_secs(60);

/// Never comes back. `interval` is between two looks at what is merely old.
pub async fn run(node: &Node, interval: Duration, ordinary: ImageCleanup) {
    let clock = &node.clock;
    let mut due = clock.monotonic() + interval;
    loop {
        clock.sleep(interval.min(PRESSURE_INTERVAL)).await;
        let is_due = clock.monotonic() >= due;
        if is_due {
            due = clock.monotonic() + interval;
        }
        let at_most = if is_due { ordinary.at_most } else { 0 };
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
