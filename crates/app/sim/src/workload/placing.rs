//! Where tasks shall go: constraints, strategies, and capacity providers.

use std::collections::BTreeMap;

use api_ecs::types::*;

use super::{client::Client, definitions::Kind};

/// Values of the nodes' attribute `rack`.
pub const RACKS: [&str; 3] = ["r0", "r1", "r2"];
const EXPRESSIONS: [&str; 5] = [
    "attribute:rack == r1",
    "attribute:rack != r0",
    "attribute:rack in [r0, r2]",
    "not(attribute:rack == r2)",
    "attribute:rack exists",
];
const STRATEGIES: [&[(&str, &str)]; 10] = [
    &[("spread", "attribute:ecs.availability-zone")],
    &[
        ("spread", "attribute:ecs.availability-zone"),
        ("binpack", "memory"),
    ],
    &[("spread", "attribute:rack")],
    &[("spread", "instanceId")],
    &[("spread", "attribute:rack"), ("binpack", "memory")],
    &[("spread", "attribute:rack"), ("spread", "instanceId")],
    &[("binpack", "cpu")],
    &[("binpack", "memory")],
    &[("binpack", "memory"), ("spread", "attribute:rack")],
    &[("random", "")],
];
pub const PROVIDERS: [&str; 2] = ["FARGATE", "FARGATE_SPOT"];
/// The capacity provider of an Auto Scaling group.
pub const GROUP: &str = "group";
pub const ZONES: [&str; 3] = ["us-east-1a", "us-east-1b", "us-east-1c"];

/// What a request says of places.
#[derive(Debug, Clone, Default)]
pub struct Places {
    pub constraints: Option<Vec<PlacementConstraint>>,
    pub strategies: Option<Vec<PlacementStrategy>>,
    /// In place of a launch type.
    pub providers: Option<Vec<CapacityProviderStrategyItem>>,
}

impl Places {
    pub fn is_distinct(&self) -> bool {
        let mut constraints = self.constraints.iter().flatten();
        let distinct = Some(PlacementConstraintType::DISTINCT_INSTANCE);
        constraints.any(|constraint| constraint.r#type == distinct)
    }

    pub fn launch_type(&self, kind: Kind) -> Option<LaunchType> {
        self.providers.is_none().then(|| kind.launch_type())
    }
}

impl Client {
    pub fn draw_places(&self, kind: Kind) -> Places {
        let features = &self.world.profile.features;
        if kind == Kind::Fargate {
            return Places {
                providers: self.draw_providers_of(kind),
                ..Places::default()
            };
        }
        let of_group = features.groups && kind == Kind::Bridge && self.lot.percent(40);
        let providers = of_group.then(|| vec![of_provider(GROUP)]);
        if !features.placement {
            return Places {
                providers,
                ..Places::default()
            };
        }
        let constraint = match self.lot.below(10) {
            0..3 => Some(PlacementConstraint {
                r#type: Some(PlacementConstraintType::DISTINCT_INSTANCE),
                expression: None,
            }),
            3..6 => Some(PlacementConstraint {
                r#type: Some(PlacementConstraintType::MEMBER_OF),
                expression: self.lot.pick(&EXPRESSIONS).map(|text| (*text).to_owned()),
            }),
            _ => None,
        };
        if kind == Kind::Daemon {
            let member_of = Some(PlacementConstraintType::MEMBER_OF);
            let constraint = constraint.filter(|known| known.r#type == member_of);
            return Places {
                constraints: constraint.map(|constraint| vec![constraint]),
                ..Places::default()
            };
        }
        let strategies = self.lot.percent(70).then(|| self.draw_strategies());
        Places {
            constraints: constraint.map(|constraint| vec![constraint]),
            strategies,
            providers,
        }
    }

    /// In place of a launch type, now and then.
    pub fn draw_providers_of(&self, kind: Kind) -> Option<Vec<CapacityProviderStrategyItem>> {
        let has_providers = kind == Kind::Fargate && self.world.profile.features.capacity_providers;
        (has_providers && self.lot.percent(60)).then(|| self.draw_providers())
    }

    fn draw_strategies(&self) -> Vec<PlacementStrategy> {
        let drawn = self.lot.pick(&STRATEGIES).unwrap_or(&STRATEGIES[0]);
        let strategies = drawn.iter().map(|(kind, field)| PlacementStrategy {
            r#type: Some(PlacementStrategyType::from(*kind)),
            field: (!field.is_empty()).then(|| (*field).to_owned()),
        });
        strategies.collect()
    }

    fn draw_providers(&self) -> Vec<CapacityProviderStrategyItem> {
        let first = self.lot.below(2) as usize;
        let item = |provider: &str, base: Option<i32>, weight: u64| CapacityProviderStrategyItem {
            capacity_provider: Some(provider.to_owned()),
            base,
            weight: Some(weight as i32),
        };
        let base = self.lot.percent(50).then(|| self.lot.between(1, 3) as i32);
        vec![
            item(PROVIDERS[first], base, self.lot.between(0, 3)),
            item(PROVIDERS[1 - first], None, self.lot.between(1, 3)),
        ]
    }
}

fn of_provider(name: &str) -> CapacityProviderStrategyItem {
    CapacityProviderStrategyItem {
        capacity_provider: Some(name.to_owned()),
        weight: Some(1),
        base: None,
    }
}

/// What is wrong with how the tasks of one request were divided: the base first, the rest by weight.
pub fn wrong_with_division(
    strategy: &[CapacityProviderStrategyItem],
    tasks: &[Task],
) -> Option<String> {
    let mut made: BTreeMap<&str, i64> = BTreeMap::new();
    for task in tasks {
        *made
            .entry(task.capacity_provider_name.as_deref()?)
            .or_default() += 1;
    }
    let count = tasks.len() as i64;
    let base: i64 = strategy
        .iter()
        .filter_map(|item| item.base)
        .map(i64::from)
        .sum();
    let weights: i64 = strategy
        .iter()
        .filter_map(|item| item.weight)
        .map(i64::from)
        .sum();
    let rest = (count - base).max(0);
    for item in strategy {
        let provider = item.capacity_provider.as_deref().unwrap_or_default();
        let own_base = i64::from(item.base.unwrap_or_default()).min(count);
        let weight = i64::from(item.weight.unwrap_or_default());
        let own = made.get(provider).copied().unwrap_or_default() - own_base;
        // Shares are whole tasks: less than one away from the exact one.
        if (own * weights - rest * weight).abs() >= weights {
            return Some(format!("{count} tasks of {strategy:?} are {made:?}"));
        }
    }
    None
}
