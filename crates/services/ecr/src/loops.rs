//! One file a loop.

mod expire_images;

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Ecr;

impl Ecr {
    /// Starts every loop; they end with shutdown. To be called once.
    pub fn spawn_loops(self: &Arc<Self>, shutdown: &watch::Receiver<bool>) -> Vec<JoinHandle<()>> {
        let expire = expire_images::ExpireImages(Arc::clone(self));
        vec![kit::loops::spawn(
            expire,
            &self.store,
            &self.clock,
            shutdown,
        )]
    }
}
