//! Any HTTP response as our client reads it.
#![no_main]

use api_ecs::operations::{DescribeTasks, RunTask};
use gantry_fuzz::text::TextRequest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((status, rest)) = data.split_first() else {
        return;
    };
    let Some(text) = TextRequest::parse(rest) else {
        return;
    };
    let status = [200, 201, 400, 404, 500, 503][usize::from(status % 6)];
    let _ = wire::decode_response::<RunTask>(status, &text.headers, text.body);
    if let Ok(answer) = wire::decode_response::<DescribeTasks>(status, &text.headers, text.body) {
        wire::validate(&answer, true, true);
    }
});
