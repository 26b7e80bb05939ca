//! JSON and CBOR: what decodes is encoded, decodes again, and is then encoded to the same bytes.
#![no_main]

use api_ecs::types::{RegisterTaskDefinitionRequest, RunTaskRequest};
use gantry_fuzz::kitchen::Everything;
use libfuzzer_sys::fuzz_target;
use wire::{Shape, cbor, json};

fuzz_target!(|data: &[u8]| {
    let Some((kind, body)) = data.split_first() else {
        return;
    };
    match kind % 3 {
        0 => both::<Everything>(body),
        1 => both::<RegisterTaskDefinitionRequest>(body),
        _ => both::<RunTaskRequest>(body),
    }
});

fn both<T: Shape>(body: &[u8]) {
    if let Ok(shape) = json::from_slice::<T>(body) {
        let once = json::to_vec(&shape);
        let again = json::from_slice::<T>(&once).expect("our own JSON is readable");
        assert_eq!(text(&once), text(&json::to_vec(&again)));
        through_cbor(&shape);
    }
    if let Ok(shape) = cbor::from_slice::<T>(body) {
        through_cbor(&shape);
        let written = json::to_vec(&shape);
        json::from_slice::<T>(&written).expect("our own JSON is readable");
    }
}

fn through_cbor<T: Shape>(shape: &T) {
    let once = cbor::to_vec(shape);
    let again = cbor::from_slice::<T>(&once).expect("our own CBOR is readable");
    assert_eq!(once, cbor::to_vec(&again));
    assert_eq!(format!("{shape:?}"), format!("{again:?}"));
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("JSON is UTF-8")
}
