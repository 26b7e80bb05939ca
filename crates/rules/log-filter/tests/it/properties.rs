use log_filter::FilterPattern;
use proptest::prelude::*;

proptest! {
    /// Whatever is given, parsing and matching end without a panic.
    #[test]
    fn nothing_panics(pattern in "[\\[{%\"?-]?[ a-z0-9$.*=!<>&|()\\[\\]{}%\"',\\\\é-]{0,40}", message in "\\PC{0,40}") {
        if let Ok(pattern) = FilterPattern::parse(&pattern) {
            prop_assert_eq!(pattern.matches(&message), pattern.extract(&message).is_some());
        }
    }

    /// A quoted phrase is found exactly where the message holds it.
    #[test]
    fn phrases(phrase in "[ -~]{1,6}", message in "[ -~]{0,30}") {
        let quoted = phrase.replace('\\', "\\\\").replace('"', "\\\"");
        let pattern = FilterPattern::parse(&format!("\"{quoted}\"")).expect("a pattern");
        prop_assert_eq!(pattern.matches(&message), message.contains(&phrase));
        let without = FilterPattern::parse(&format!("-\"{quoted}\"")).expect("a pattern");
        prop_assert_eq!(without.matches(&message), !message.contains(&phrase));
    }

    /// `*` stands for any characters: as a search with every way of splitting would find.
    #[test]
    fn wildcards(text in "[ab]{0,8}", wanted in "[ab*]{1,5}") {
        fn fits(text: &[u8], wanted: &[u8]) -> bool {
            match wanted.split_first() {
                None => text.is_empty(),
                Some((b'*', rest)) => (0..=text.len()).any(|skip| fits(&text[skip..], rest)),
                Some((first, rest)) => text.first() == Some(first) && fits(&text[1..], rest),
            }
        }
        let pattern = FilterPattern::parse(&format!("{{ $.a = \"{wanted}\" }}")).expect("a pattern");
        let message = format!("{{\"a\":\"{text}\"}}");
        prop_assert_eq!(pattern.matches(&message), fits(text.as_bytes(), wanted.as_bytes()));
    }

    /// JSON numbers compare as numbers, in all the ways of writing them.
    #[test]
    fn numbers(left in -1000i32..1000, right in -1000i32..1000) {
        let message = format!("{{\"a\":{left}}}");
        for (sign, holds) in [
            ("=", left == right), ("!=", left != right), ("<", left < right),
            ("<=", left <= right), (">", left > right), (">=", left >= right),
        ] {
            for written in [format!("{right}"), format!("{right}.0"), format!("{right}e0")] {
                let pattern = FilterPattern::parse(&format!("{{ $.a {sign} {written} }}")).expect("a pattern");
                prop_assert_eq!(pattern.matches(&message), holds);
            }
        }
    }

    /// One ellipsis stands for any number of fields.
    #[test]
    fn ellipses(before in 0usize..4, after in 0usize..4, count in 0usize..10) {
        let mut fields: Vec<String> = (0..before).map(|n| format!("f{n}")).collect();
        fields.push("...".to_owned());
        fields.extend((0..after).map(|n| format!("l{n}")));
        let pattern = FilterPattern::parse(&format!("[{}]", fields.join(", "))).expect("a pattern");
        let message = vec!["x"; count].join(" ");
        prop_assert_eq!(pattern.matches(&message), count >= before + after);
    }
}
