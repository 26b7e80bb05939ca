use log_insights::{Query, Run};
use proptest::prelude::*;

const WORDS: [&str; 40] = [
    "fields",
    "filter",
    "stats",
    "sort",
    "limit",
    "parse",
    "dedup",
    "display",
    "|",
    "|",
    ",",
    "(",
    ")",
    "@message",
    "@timestamp",
    "a",
    "b.c",
    "count(*)",
    "avg(a)",
    "by",
    "bin(5m)",
    "as",
    "x",
    "like",
    "/a+/",
    "'te*t'",
    "=",
    "!=",
    "<",
    "and",
    "or",
    "not",
    "in",
    "[1, 'a']",
    "1",
    "2.5",
    "+",
    "-",
    "*",
    "strlen(a)",
];

fn event(n: usize, message: &str) -> log_insights::LogEvent {
    super::event(n as i64 * 7, message)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Whatever is given, it ends without a panic, and positions are inside the text.
    #[test]
    fn nothing_panics(words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..14), noise in "\\PC{0,8}", message in "\\PC{0,30}") {
        for text in [words.join(" "), format!("{} {noise}", words.join(" ")), noise.clone()] {
            match Query::parse(&text) {
                Err(error) => prop_assert!(error.start <= error.end && error.end <= text.chars().count() + 1, "{}", error),
                Ok(query) => {
                    let mut run = Run::new(query.into(), 10, super::NOW);
                    run.push(event(1, &message)).expect("taken");
                    run.push(event(2, r#"{"a":1,"b":{"c":"x"}}"#)).expect("taken");
                    prop_assert!(run.finish().expect("results").len() <= 10);
                }
            }
        }
    }

    /// The needle is in every message of which anything comes.
    #[test]
    fn needles_lose_nothing(parts in prop::collection::vec("[ab]{1,2}", 1..3), messages in prop::collection::vec("[abc]{0,6}", 1..8)) {
        let conditions: Vec<String> = parts.iter().map(|part| format!("@message like '{part}'")).collect();
        let text = format!("filter {}", conditions.join(" and "));
        let query = Query::parse(&text).expect("a query");
        let needle = query.needle().expect("one").to_owned();
        let mut run = Run::new(query.into(), 100, super::NOW);
        let mut wanted = 0;
        for (n, message) in messages.iter().enumerate() {
            if message.contains(&needle) {
                run.push(event(n, message)).expect("taken");
            }
            wanted += usize::from(parts.iter().all(|part| message.contains(part)));
        }
        prop_assert_eq!(run.finish().expect("results").len(), wanted);
    }

    /// Statistics equal what a plain computation gives.
    #[test]
    fn statistics(numbers in prop::collection::vec(-1000i32..1000, 1..60)) {
        let query = Query::parse("stats count(n), sum(n), avg(n), min(n), max(n), stddev(n), pct(n, 95)").expect("a query");
        let mut run = Run::new(query.into(), 10, super::NOW);
        for (index, number) in numbers.iter().enumerate() {
            run.push(event(index, &format!("{{\"n\":{number}}}"))).expect("taken");
        }
        let row = run.finish().expect("results").remove(0);
        let found: Vec<f64> = row.iter().map(|(_, value)| value.parse().expect("a number")).collect();
        let count = numbers.len() as f64;
        let sum: f64 = numbers.iter().map(|n| f64::from(*n)).sum();
        let mean = sum / count;
        let squares: f64 = numbers.iter().map(|n| (f64::from(*n) - mean).powi(2)).sum();
        let deviation = if numbers.len() < 2 { 0.0 } else { (squares / (count - 1.0)).sqrt() };
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        let percentile = sorted[((0.95 * count).ceil() as usize).max(1) - 1];
        let wanted = [count, sum, mean, f64::from(sorted[0]), f64::from(sorted[sorted.len() - 1]), deviation, f64::from(percentile)];
        for (found, wanted) in found.iter().zip(wanted) {
            prop_assert!((found - wanted).abs() < 0.001, "{found} {wanted}");
        }
    }
}
