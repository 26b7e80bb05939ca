//! The Docker JSON in payloads, and the numbers and sizes of task definitions.
#![no_main]

use libfuzzer_sys::fuzz_target;
use link::docker::{Config, HostConfig};
use link::render::{cpu_units, memory_mib};

fuzz_target!(|text: &str| {
    if let Ok(config) = Config::parse(text) {
        let again = Config::parse(&config.encode()).expect("our own config is readable");
        assert_eq!(config, again);
    }
    if let Ok(host) = HostConfig::parse(text) {
        let again = HostConfig::parse(&host.encode()).expect("our own config is readable");
        assert_eq!(host, again);
    }
    cpu_units(text);
    memory_mib(text);
});
