//! Explanations in words, for people and golden tests.

use std::fmt;

use crate::{Explanation, Filter, NearestMiss, Resource, SpreadOver, Strategy, strategy};

impl Explanation {
    /// One sentence each: how many nodes could, what decided among them, and what ruled out the others. `name` gives what
    /// people call a node.
    pub fn sentences(&self, strategies: &[Strategy], name: impl Fn(&str) -> String) -> Vec<String> {
        let mut told = vec![match (self.considered, self.fitting) {
            (0, _) => "there is no node at all".to_owned(),
            (1, 1) => "the only node could take it".to_owned(),
            (1, 0) => "the only node could not take it".to_owned(),
            (all, 0) => format!("none of {all} nodes could take it"),
            (all, fitting) => format!("{fitting} of {all} nodes could take it"),
        }];
        if self.fitting > 1 {
            let ranks = strategy::ranked(strategies).zip(&self.ranks);
            told.extend(
                ranks.map(|(strategy, rank)| format!("{strategy}: {}", strategy.saw(*rank))),
            );
            if strategies.contains(&Strategy::Random) {
                told.push("random: among those that were equal so far".to_owned());
            }
        }
        let refused = self.refused.iter();
        told.extend(refused.map(|(filter, nodes)| {
            format!("{nodes} {}: {}", plural(i64::from(*nodes), "node"), filter)
        }));
        if let Some(nearest) = &self.nearest_miss {
            told.push(nearest.sentence(&name(&nearest.node)));
        }
        told
    }
}

impl NearestMiss {
    fn sentence(&self, name: &str) -> String {
        let lacking = self.lacking;
        match self.filter {
            Filter::Cpu => format!("{name} came nearest: {lacking} CPU units short"),
            Filter::Memory => format!("{name} came nearest: {lacking} MiB of memory short"),
            Filter::Gpu => format!("{name} came nearest: {lacking} GPUs short"),
            other => format!("{name} came nearest: {other}"),
        }
    }
}

impl Strategy {
    /// What it saw of the node that was chosen, as [`Explanation::ranks`] keeps it.
    pub fn saw(&self, rank: i64) -> String {
        match self {
            Self::Spread(SpreadOver::Instance) => {
                format!("{rank} {} of its group there", plural(rank, "task"))
            }
            Self::Spread(SpreadOver::Attribute(_)) => format!(
                "{rank} {} of its group where that is the same",
                plural(rank, "task")
            ),
            Self::Binpack(Resource::Cpu) => format!("{rank} CPU units were free"),
            Self::Binpack(Resource::Memory) => format!("{rank} MiB of memory were free"),
            Self::Random => "chance".to_owned(),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Inactive => "deregistered",
            Self::Draining => "DRAINING",
            Self::Daemons => "waits for its daemons",
            Self::Agent => "agent disconnected",
            Self::Attribute => "an attribute is missing",
            Self::MemberOf => "outside a memberOf constraint",
            Self::DistinctInstance => "has one of its group (distinctInstance)",
            Self::Gpu => "too few GPUs free",
            Self::Ports => "a host port is taken",
            Self::Memory => "too little memory free",
            Self::Cpu => "too little CPU free",
        })
    }
}

fn plural(count: i64, word: &str) -> String {
    match count {
        1 => word.to_owned(),
        _ => format!("{word}s"),
    }
}
