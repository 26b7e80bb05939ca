//! ACS and TCS: frames, envelopes, refusals and queries. What is read is written and read back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use link::{AcsQuery, HandshakeRefusal, TcsQuery, acs, tcs};

fuzz_target!(|text: &str| {
    if let Ok(message) = acs::Message::parse(text) {
        let written = message.encode();
        let again = acs::Message::parse(&written).expect("our own envelope is readable");
        assert_eq!(written, again.encode());
    }
    let frame = tcs::Frame::parse(text);
    if let Ok(message) = frame.message() {
        let written = message.encode();
        let again = tcs::Message::parse(&written).expect("our own envelope is readable");
        assert_eq!(written, again.encode());
        assert_eq!(tcs::Frame::parse(&frame.encode()).payload, frame.payload);
    }
    if let Some(refusal) = HandshakeRefusal::parse(text) {
        assert_eq!(HandshakeRefusal::parse(&refusal.encode()), Some(refusal));
    }
    let query = AcsQuery::parse(text);
    assert_eq!(AcsQuery::parse(&query.encode()), query);
    let query = TcsQuery::parse(text);
    assert_eq!(TcsQuery::parse(&query.encode()), query);
});
