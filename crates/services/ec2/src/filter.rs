//! `Filters`: a resource matches when it matches every filter, a filter when any of its values does; `*` and `?` are
//! wildcards, `\` takes their meaning away
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html>).

use api_ec2::types::Filter;
use wire::Error;

use crate::answer::invalid_value;

/// A resource that filters look at.
pub(crate) trait Filtered {
    /// The values that a filter's name means here; `None` for a name that the operation does not know.
    fn values(&self, name: &str) -> Option<Vec<String>>;
}

/// Refuses unknown names even when there is nothing to filter: `sample` is any resource of the kind.
pub(crate) fn check(filters: &[Filter], sample: &dyn Filtered) -> Result<(), Error> {
    for filter in filters {
        let name = filter.name.as_deref().unwrap_or_default();
        if name.is_empty() {
            return Err(Error::client(
                "MissingParameter",
                "The request must contain the parameter Filter.Name",
            ));
        }
        if values(sample, name).is_none() {
            return Err(invalid_value(format!("The filter '{name}' is invalid")));
        }
    }
    Ok(())
}

pub(crate) fn matches(filters: &[Filter], resource: &dyn Filtered) -> bool {
    filters.iter().all(|filter| {
        let name = filter.name.as_deref().unwrap_or_default();
        let has = values(resource, name).unwrap_or_default();
        let mut wanted = filter.values.iter().flatten();
        wanted.any(|pattern| has.iter().any(|value| is_like(pattern, value)))
    })
}

/// Nothing here has tags, so every filter by tag is known and matches nothing.
fn values(resource: &dyn Filtered, name: &str) -> Option<Vec<String>> {
    if name == "tag-key" || name.starts_with("tag:") {
        return Some(vec![]);
    }
    resource.values(name)
}

/// One value, or none.
pub(crate) fn one(value: impl Into<String>) -> Option<Vec<String>> {
    Some(vec![value.into()])
}

fn is_like(pattern: &str, value: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let value: Vec<char> = value.chars().collect();
    // Reachable positions of the pattern after each character of the value: no backtracking, however many stars.
    let mut at = vec![false; pattern.len() + 1];
    at[0] = true;
    skip_stars(&pattern, &mut at);
    for character in value {
        let mut next = vec![false; pattern.len() + 1];
        for position in (0..pattern.len()).filter(|position| at[*position]) {
            match (pattern[position], pattern.get(position + 1)) {
                ('*', _) => next[position] = true,
                ('?', _) => next[position + 1] = true,
                ('\\', Some(literal)) if *literal == character => next[position + 2] = true,
                ('\\', Some(_)) => {}
                (literal, _) if literal == character => next[position + 1] = true,
                _ => {}
            }
        }
        skip_stars(&pattern, &mut next);
        at = next;
    }
    at[pattern.len()]
}

/// A star may stand for nothing.
fn skip_stars(pattern: &[char], at: &mut [bool]) {
    for position in 0..pattern.len() {
        // A star behind a backslash is never a place one arrives at.
        if at[position] && pattern[position] == '*' {
            at[position + 1] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, value, expected) in [
            ("172.31.*", "172.31.0.0/20", true),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a\\*c", "a*c", true),
            ("a\\*c", "abc", false),
            ("*a*b*", "xaxbx", true),
            ("*a*b", "xbxa", false),
            ("", "x", false),
            ("abc", "abc", true),
            ("abc", "ABC", false),
        ] {
            assert_eq!(is_like(pattern, value), expected, "{pattern} {value}");
        }
    }
}
