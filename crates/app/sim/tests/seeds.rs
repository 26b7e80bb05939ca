//! A fixed set of seeds, those that once failed, and the proof that a seed is a whole run.

use std::ops::RangeInclusive;

use sim::Lines;

const FIXED: RangeInclusive<u64> = 1..=8;
const REPLAYED: [u64; 2] = [2, 5];
/// One seed a line; what follows it says what it found.
const ONCE_FAILED: &str = include_str!("../seeds.txt");

fn check(seed: u64) -> u64 {
    let outcome = sim::run(seed, Lines::Kept).expect("the world can be made");
    if let Some(violation) = &outcome.violation {
        panic!(
            "seed {seed}: {violation}\n{}\nagain: cargo run --package sim -- --seed {seed} --trace",
            outcome.last_lines.join("\n")
        );
    }
    outcome.hash
}

#[test]
fn fixed_seeds_hold() {
    FIXED.for_each(|seed| {
        check(seed);
    });
}

#[test]
fn seeds_that_once_failed_hold() {
    let lines = ONCE_FAILED.lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let number = line
            .split_whitespace()
            .next()
            .expect("the line is not empty");
        check(number.parse().expect("a line begins with a seed"));
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let hashes: Vec<u64> = REPLAYED.into_iter().map(check).collect();
    let again: Vec<u64> = REPLAYED.into_iter().map(check).collect();
    assert_eq!(hashes, again);
    let mut different = hashes.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(
        different.len(),
        hashes.len(),
        "different seeds are different runs"
    );
}
