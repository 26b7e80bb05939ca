//! Capacity provider strategies: what is a valid one, and which provider the next task gets.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html>: first every
//! provider's base, then tasks in proportion to the weights.

use limits::{CAPACITY_PROVIDER_BASE, CAPACITY_PROVIDER_WEIGHT, CAPACITY_PROVIDERS_PER_STRATEGY};

/// One item of a strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    pub provider: &'a str,
    pub weight: i32,
    pub base: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StrategyError {
    #[error(
        "The capacity provider strategy cannot have more than {CAPACITY_PROVIDERS_PER_STRATEGY} items."
    )]
    TooMany,
    #[error(
        "The specified capacity provider '{0}' was not found. Specify a valid name or ARN and try again."
    )]
    Unknown(String),
    #[error(
        "The specified capacity provider strategy contains a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again."
    )]
    NotAssociated(String),
    #[error(
        "The capacity provider strategy cannot contain a duplicate capacity provider. Specify each capacity provider once and try again."
    )]
    Duplicate(String),
    #[error("The weight of a capacity provider must be between 0 and {CAPACITY_PROVIDER_WEIGHT}.")]
    Weight,
    #[error("The base of a capacity provider must be between 0 and {CAPACITY_PROVIDER_BASE}.")]
    Base,
    #[error("The capacity provider strategy can have a base for one capacity provider only.")]
    SeveralBases,
    #[error(
        "The specified capacity provider strategy must contain at least one capacity provider with a weight greater than 0."
    )]
    NoWeight,
    #[error(
        "The specified capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and Fargate."
    )]
    Mixed,
}

/// Checks a strategy against the providers that exist and those of the cluster. A weight left out is 0, but a strategy
/// of one provider needs none.
pub fn validate(
    items: &[Item<'_>],
    exists: impl Fn(&str) -> bool,
    is_associated: impl Fn(&str) -> bool,
) -> Result<(), StrategyError> {
    if items.len() > CAPACITY_PROVIDERS_PER_STRATEGY {
        return Err(StrategyError::TooMany);
    }
    for (position, item) in items.iter().enumerate() {
        if !(0..=CAPACITY_PROVIDER_WEIGHT).contains(&item.weight) {
            return Err(StrategyError::Weight);
        }
        if !(0..=CAPACITY_PROVIDER_BASE).contains(&item.base) {
            return Err(StrategyError::Base);
        }
        if items[..position]
            .iter()
            .any(|other| other.provider == item.provider)
        {
            return Err(StrategyError::Duplicate(item.provider.into()));
        }
        if !exists(item.provider) {
            return Err(StrategyError::Unknown(item.provider.into()));
        }
        if !is_associated(item.provider) {
            return Err(StrategyError::NotAssociated(item.provider.into()));
        }
    }
    if items.iter().filter(|item| item.base > 0).count() > 1 {
        return Err(StrategyError::SeveralBases);
    }
    if items.len() > 1 && items.iter().all(|item| item.weight == 0) {
        return Err(StrategyError::NoWeight);
    }
    let fargate = items.iter().filter(|item| is_fargate(item.provider));
    if !matches!(fargate.count(), 0) && !items.iter().all(|item| is_fargate(item.provider)) {
        return Err(StrategyError::Mixed);
    }
    Ok(())
}

/// Which item the next task gets, when `tasks_of(position)` tasks of this strategy run already.
pub fn choose(items: &[Item<'_>], tasks_of: impl Fn(usize) -> u64) -> Option<usize> {
    if items.len() == 1 {
        return Some(0);
    }
    let below_base =
        |position: usize| tasks_of(position) < u64::try_from(items[position].base).unwrap_or(0);
    if let Some(position) = (0..items.len()).find(|position| below_base(*position)) {
        return Some(position);
    }
    // The one whose share would be least exceeded: (tasks + 1) / weight, compared without division.
    let weighted = (0..items.len()).filter(|position| items[*position].weight > 0);
    weighted.min_by(|left, right| {
        let share = |position: usize, other: usize| {
            let base = u64::try_from(items[position].base).unwrap_or(0);
            let beyond = tasks_of(position).saturating_sub(base) + 1;
            u128::from(beyond) * u128::try_from(items[other].weight).unwrap_or(0)
        };
        share(*left, *right).cmp(&share(*right, *left))
    })
}

/// Capacity that may be taken back at any time.
pub const FARGATE_SPOT: &str = "FARGATE_SPOT";

/// The two providers that every cluster may have without making them.
pub fn is_fargate(provider: &str) -> bool {
    matches!(provider, "FARGATE" | "FARGATE_SPOT")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(provider: &str, weight: i32, base: i32) -> Item<'_> {
        Item {
            provider,
            weight,
            base,
        }
    }

    fn check(items: &[Item<'_>]) -> Result<(), StrategyError> {
        validate(items, |name| name != "ghost", |name| name != "elsewhere")
    }

    #[test]
    fn what_is_refused() {
        assert_eq!(check(&[item("FARGATE", 0, 0)]), Ok(()));
        assert_eq!(
            check(&[item("FARGATE", 0, 0), item("FARGATE_SPOT", 0, 0)]),
            Err(StrategyError::NoWeight)
        );
        assert_eq!(
            check(&[item("FARGATE", 1, 1), item("FARGATE_SPOT", 1, 1)]),
            Err(StrategyError::SeveralBases)
        );
        assert_eq!(
            check(&[item("FARGATE", 1, 0), item("FARGATE", 1, 0)]),
            Err(StrategyError::Duplicate("FARGATE".into()))
        );
        assert_eq!(
            check(&[item("FARGATE", 1, 0), item("mine", 1, 0)]),
            Err(StrategyError::Mixed)
        );
        assert_eq!(
            check(&[item("FARGATE", 1001, 0)]),
            Err(StrategyError::Weight)
        );
        assert_eq!(check(&[item("FARGATE", 1, -1)]), Err(StrategyError::Base));
        assert!(matches!(
            check(&[item("ghost", 1, 0)]),
            Err(StrategyError::Unknown(_))
        ));
        assert!(matches!(
            check(&[item("elsewhere", 1, 0)]),
            Err(StrategyError::NotAssociated(_))
        ));
    }

    fn run(items: &[Item<'_>], count: usize) -> Vec<u64> {
        let mut counts = vec![0; items.len()];
        for _ in 0..count {
            let chosen = choose(items, |position| counts[position]).unwrap();
            counts[chosen] += 1;
        }
        counts
    }

    #[test]
    fn base_first_then_weights() {
        let items = [item("FARGATE", 1, 2), item("FARGATE_SPOT", 4, 0)];
        assert_eq!(run(&items, 2), [2, 0]);
        assert_eq!(run(&items, 12), [4, 8]);
        assert_eq!(run(&[item("FARGATE", 0, 0)], 3), [3]);
    }

    proptest! {
        #[test]
        fn shares_follow_the_weights(weights in proptest::collection::vec(0..20i32, 2..6), rounds in 1..5usize) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let names: Vec<String> = (0..weights.len()).map(|n| n.to_string()).collect();
            let items: Vec<Item<'_>> = weights.iter().zip(&names).map(|(weight, name)| item(name, *weight, 0)).collect();
            let total: i32 = weights.iter().sum();
            let counts = run(&items, total as usize * rounds);
            for (count, weight) in counts.iter().zip(&weights) {
                prop_assert_eq!(*count, *weight as u64 * rounds as u64);
            }
        }
    }
}
