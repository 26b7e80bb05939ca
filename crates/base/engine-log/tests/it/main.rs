//! The suite of engines, the directory's lock, reopening, damage, crashes and kills.

mod crashes;
mod faulty_disk;
mod process;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine_log::{Directory, LogEngine, Options};
use state::Engine;

const SMALL: Options = Options {
    snapshot_after_bytes: 256,
    reserve_bytes: 512,
    background: true,
};

#[tokio::test]
async fn keeps_the_promises_of_engines() {
    let directory = tempfile::tempdir().expect("a directory");
    let count = AtomicUsize::new(0);
    for options in [Options::default(), SMALL] {
        let new_engine = || {
            let path = directory
                .path()
                .join(count.fetch_add(1, Ordering::Relaxed).to_string());
            let disk = Arc::new(Directory::open(&path).expect("opens"));
            Arc::new(LogEngine::open_on(disk, options).expect("opens")) as Arc<dyn Engine>
        };
        state::engine_suite::run(new_engine).await;
    }
}
