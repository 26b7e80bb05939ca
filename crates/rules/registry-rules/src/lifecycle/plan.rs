//! Which images of a repository go.

use super::policy::{Count, Policy, Rule};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// What a policy looks at of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub tags: Vec<String>,
    /// Since the epoch.
    pub pushed_at_millis: i64,
    /// An index lists it, or it is about an image that is there (a signature): it stays as long as that one does.
    pub is_held: bool,
}

/// An image that goes, and the one rule that takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// In the slice of images.
    pub image: usize,
    pub rule_priority: u32,
}

/// What the policy expires now: by rule, the oldest first.
///
/// A rule looks at all images that match its tags, also those that a rule before it matches or takes, but it takes none
/// that a rule before it matches. So an image has at most one rule that can take it: the first that matches its tags.
pub fn plan(policy: &Policy, images: &[Image], now_millis: i64) -> Vec<Expiry> {
    let mut oldest_first: Vec<usize> = (0..images.len()).collect();
    oldest_first.sort_by_key(|image| (images[*image].pushed_at_millis, *image));
    let mut is_claimed = vec![false; images.len()];
    let mut expiries = Vec::new();
    for rule in policy.rules() {
        let matching: Vec<usize> = oldest_first
            .iter()
            .copied()
            .filter(|image| rule.tags.match_any_of(&images[*image].tags))
            .collect();
        let marked = marked(rule, &matching, images, now_millis);
        let taken = marked
            .iter()
            .filter(|image| !is_claimed[**image] && !images[**image].is_held);
        expiries.extend(taken.map(|image| Expiry {
            image: *image,
            rule_priority: rule.priority,
        }));
        for image in matching {
            is_claimed[image] = true;
        }
    }
    expiries
}

/// The beginning of `matching`, oldest first, that the rule's count is about.
fn marked<'a>(
    rule: &Rule,
    matching: &'a [usize],
    images: &[Image],
    now_millis: i64,
) -> &'a [usize] {
    let end = match rule.count {
        Count::MoreThan(images) => matching.len().saturating_sub(images as usize),
        Count::DaysSincePushed(days) => {
            let limit_millis = now_millis.saturating_sub(i64::from(days) * DAY_MILLIS);
            matching.partition_point(|image| images[*image].pushed_at_millis < limit_millis)
        }
    };
    &matching[..end]
}
