//! `name:selector`: a version by number or label.

/// Which version is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selector {
    Latest,
    Number(i64),
    Label(String),
}

/// The name (or ARN) and the selector behind it.
pub(crate) fn split(text: &str) -> (&str, Selector) {
    // An ARN has five colons of its own.
    let own_colons = if names::Arn::is_arn(text) { 5 } else { 0 };
    let Some((at, _)) = text.match_indices(':').nth(own_colons) else {
        return (text, Selector::Latest);
    };
    let (name, selector) = (&text[..at], &text[at + 1..]);
    match selector.parse() {
        Ok(number) => (name, Selector::Number(number)),
        Err(_) => (name, Selector::Label(selector.to_owned())),
    }
}

impl Selector {
    /// As answers show it: with its colon.
    pub(crate) fn shown(&self) -> Option<String> {
        match self {
            Self::Latest => None,
            Self::Number(number) => Some(format!(":{number}")),
            Self::Label(label) => Some(format!(":{label}")),
        }
    }

    pub(crate) fn described(&self) -> String {
        match self {
            Self::Latest => "the latest version".to_owned(),
            Self::Number(number) => format!("version {number}"),
            Self::Label(label) => format!("label {label}"),
        }
    }
}

/// What AWS allows as a label: <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-labels.html>
pub(crate) fn is_label(label: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    let begins_well = label
        .bytes()
        .next()
        .is_some_and(|byte| !byte.is_ascii_digit());
    let mut bytes = label.bytes();
    begins_well
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        && !lower.starts_with("aws")
        && !lower.starts_with("ssm")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn selectors() {
        assert_eq!(split("/a/b"), ("/a/b", Selector::Latest));
        assert_eq!(split("/a/b:3"), ("/a/b", Selector::Number(3)));
        assert_eq!(split("db:prod"), ("db", Selector::Label("prod".into())));
        let arn = "arn:aws:ssm:us-east-1:123456789012:parameter/db";
        assert_eq!(split(arn), (arn, Selector::Latest));
        assert_eq!(split(&format!("{arn}:7")), (arn, Selector::Number(7)));
    }

    #[test]
    fn labels() {
        for good in ["prod", "My_label.1-x", "p"] {
            assert!(is_label(good), "{good}");
        }
        for bad in ["", "1st", "aws-x", "SSMx", "a b", "a/b", "é"] {
            assert!(!is_label(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_splits_again(name in "(/[a-z]{1,3}){1,3}", number in 1..1000_i64, label in "[a-z][a-z0-9_.]{0,5}") {
            for selector in [Selector::Number(number), Selector::Label(label)] {
                let text = format!("{name}{}", selector.shown().expect("shown"));
                prop_assert_eq!(split(&text), (name.as_str(), selector));
            }
        }
    }
}
