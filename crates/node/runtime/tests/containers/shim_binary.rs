//! The binary behind the tests: a shim when it is asked to be one, otherwise an agent that starts one container
//! and then waits to be killed.

use std::path::PathBuf;

use clock::Clock;
use runtime::{BuiltinOptions, BuiltinRuntime, OciRuntime, Runtime};

fn main() {
    runtime::shim::dispatch_if_requested();
    let mut arguments = std::env::args().skip(1);
    let mut next = || {
        arguments
            .next()
            .expect("usage: DATA-DIRECTORY GROUP CONTAINER OCI-RUNTIME")
    };
    let (data_dir, group_root, id) = (PathBuf::from(next()), next(), next());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let options = BuiltinOptions {
            group_root,
            oci_runtime: OciRuntime::find(&next()).expect("the OCI runtime is there"),
            ..BuiltinOptions::new(data_dir, Clock::system())
        };
        let containers = BuiltinRuntime::new(options).expect("the data directory is there");
        containers.start(&id).await.expect("the container starts");
        println!("started");
        std::future::pending::<()>().await;
    });
}
