//! The registry: paths, ranges, digests and manifests, as several requests to one registry.
#![no_main]

#[path = "../../crates/traffic/registry/tests/registry/memory.rs"]
mod memory;

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use clock::Clock;
use gantry_fuzz::text::TextRequest;
use http::Request;
use http_body_util::{BodyExt, Full};
use libfuzzer_sys::fuzz_target;
use registry::{Digest, Manifest, Reference, Registry};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
});

fuzz_target!(|data: &[u8]| {
    if let Ok((manifest, media_type)) = Manifest::parse(data, None) {
        assert!(
            Manifest::parse(data, Some(&media_type)).is_ok(),
            "{manifest:?}"
        );
    }
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(digest) = text.parse::<Digest>() {
            assert_eq!(digest.as_str().parse(), Ok(digest.clone()));
        }
        Reference::parse(text);
    }
    let requests: Vec<_> = data
        .split(|byte| *byte == 0)
        .take(4)
        .filter_map(TextRequest::parse)
        .filter(|text| text.path.starts_with("/v2/"))
        .collect();
    if !requests.is_empty() {
        RUNTIME.block_on(serve(requests));
    }
});

async fn serve(requests: Vec<TextRequest<'_>>) {
    let directory = tempfile::tempdir_in("/dev/shm").expect("a directory");
    let catalog = Arc::new(memory::MemoryCatalog::with(&["demo", "a/b"]));
    let inside = directory.path().join("registry");
    let registry = Registry::open(
        &inside,
        catalog,
        Arc::new(memory::TwoTokens),
        Clock::system(),
    )
    .expect("opened");
    for text in requests {
        let target = if text.query.is_empty() {
            text.path.to_owned()
        } else {
            format!("{}?{}", text.path, text.query)
        };
        let mut request = Request::builder().method(text.method).uri(target);
        if let Some(headers) = request.headers_mut() {
            *headers = text.headers;
        }
        let body = Full::new(Bytes::copy_from_slice(text.body));
        let Ok(request) = request.body(body) else {
            continue;
        };
        let answer = registry.handle(request).await;
        assert!(answer.status().as_u16() < 500, "{}", answer.status());
        answer.into_body().collect().await.expect("a whole answer");
    }
    let beside = std::fs::read_dir(directory.path()).expect("read").count();
    assert_eq!(
        beside, 1,
        "something was written outside of the registry's directory"
    );
}
