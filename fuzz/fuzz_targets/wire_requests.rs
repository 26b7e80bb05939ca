//! Any HTTP request through routing, decoding, validation, and both kinds of answer.
#![no_main]

use std::sync::{Arc, LazyLock};

use gantry_fuzz::kitchen::{Everything, Located, SERVICES};
use gantry_fuzz::text::TextRequest;
use libfuzzer_sys::fuzz_target;
use wire::{AnyShape, Error, HttpRequest, Routed, Router};

static ROUTER: LazyLock<Router> = LazyLock::new(|| Router::new(SERVICES));

fuzz_target!(|data: &[u8]| {
    let Some(text) = TextRequest::parse(data) else {
        return;
    };
    let request = HttpRequest {
        method: &text.method,
        path: text.path,
        query: text.query,
        headers: &text.headers,
        body: text.body,
    };
    match ROUTER.route(&request) {
        Ok(routed) if routed.operation.name == "Rest" => {
            answer(&routed, routed.decode::<Located>(&request));
        }
        Ok(routed) => answer(&routed, routed.decode::<Everything>(&request)),
        Err(unrouted) => assert!(unrouted.respond("id").status().is_client_error()),
    }
});

fn answer<T: wire::Shape>(routed: &Routed, decoded: Result<T, wire::DecodeError>) {
    match decoded {
        Ok(shape) => {
            wire::validate(&shape, true, true);
            let details: Arc<dyn AnyShape> = Arc::new(shape.clone());
            let error = Error {
                details: Some(details),
                ..Error::client("Gone", "it is\u{0}gone")
            };
            routed.respond("id", &Err(error));
            let answered = routed.respond("id", &Ok(Box::new(shape)));
            assert!(answered.status().is_success() || routed.operation.name == "Rest");
        }
        Err(error) => {
            let answered = routed.respond("id", &Err(error.into()));
            assert!(answered.status().is_client_error());
        }
    }
}
