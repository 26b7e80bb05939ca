//! What `stats` computes of many rows.

use std::collections::BTreeSet;

use crate::evaluate::{Context, finite};
use crate::expression::Expression;
use crate::value::Value;

/// Values that a group keeps for `pct` and `median` at most; beyond that every second one goes, evenly.
const MAX_SAMPLES: usize = 100_000;
/// Different values that are told apart.
const MAX_DISTINCT: usize = 1_000_000;

#[derive(Debug, Clone)]
pub(crate) struct Aggregate {
    kind: Kind,
    /// `None`: rows are counted.
    of: Option<Expression>,
    /// Of 100.
    percent: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Average,
    Count,
    CountDistinct,
    Earliest,
    Latest,
    Max,
    Min,
    Percentile,
    SortsFirst,
    SortsLast,
    StandardDeviation,
    Sum,
}

const KINDS: [(&str, Kind); 14] = [
    ("avg", Kind::Average),
    ("count", Kind::Count),
    ("count_distinct", Kind::CountDistinct),
    ("earliest", Kind::Earliest),
    ("latest", Kind::Latest),
    ("max", Kind::Max),
    ("median", Kind::Percentile),
    ("min", Kind::Min),
    ("pct", Kind::Percentile),
    ("percentile", Kind::Percentile),
    ("sortsfirst", Kind::SortsFirst),
    ("sortslast", Kind::SortsLast),
    ("stddev", Kind::StandardDeviation),
    ("sum", Kind::Sum),
];

impl Aggregate {
    /// `name` in lower case.
    pub fn is_name(name: &str) -> bool {
        KINDS.iter().any(|(known, _)| *known == name)
    }

    /// `None` when the arguments are not what it takes.
    pub fn new(name: &str, arguments: Vec<Expression>) -> Option<Self> {
        let (_, kind) = KINDS.iter().find(|(known, _)| *known == name)?;
        let mut arguments = arguments.into_iter();
        let of = arguments.next();
        let percent = match (kind, name, arguments.next()) {
            (Kind::Percentile, "median", None) => 50.0,
            (
                Kind::Percentile,
                "pct" | "percentile",
                Some(Expression::Value(Value::Number(percent))),
            ) if (0.0..=100.0).contains(&percent) => percent,
            (Kind::Percentile, ..) => return None,
            (_, _, None) => 0.0,
            _ => return None,
        };
        let is_enough = of.is_some() || *kind == Kind::Count;
        (is_enough && arguments.next().is_none()).then_some(Self {
            kind: *kind,
            of,
            percent,
        })
    }
}

/// What is known of one aggregate in one group.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    count: u64,
    /// Of numbers: Welford's algorithm, which does not lose small differences of large numbers.
    numbers: u64,
    sum: f64,
    mean: f64,
    squares: f64,
    best: Value,
    best_at: i64,
    distinct: BTreeSet<String>,
    samples: Vec<f64>,
    /// Every n-th number is a sample.
    every: u64,
}

impl State {
    pub fn add(&mut self, aggregate: &Aggregate, context: &Context<'_>) {
        let Some(of) = &aggregate.of else {
            self.count += 1;
            return;
        };
        let value = context.value(of);
        if value.is_missing() {
            return;
        }
        self.count += 1;
        match aggregate.kind {
            Kind::Count => {}
            Kind::CountDistinct => {
                if self.distinct.len() < MAX_DISTINCT {
                    self.distinct.insert(value.text());
                }
            }
            Kind::Average | Kind::Sum | Kind::StandardDeviation | Kind::Percentile => {
                if let Some(number) = value.number() {
                    self.add_number(number, aggregate.kind == Kind::Percentile);
                }
            }
            kind => self.add_extreme(kind, value, context),
        }
    }

    fn add_number(&mut self, number: f64, is_sampled: bool) {
        self.numbers += 1;
        self.sum += number;
        let before = number - self.mean;
        self.mean += before / self.numbers as f64;
        self.squares += before * (number - self.mean);
        if !is_sampled {
            return;
        }
        self.every = self.every.max(1);
        if self.numbers.is_multiple_of(self.every) {
            self.samples.push(number);
        }
        if self.samples.len() >= MAX_SAMPLES {
            let mut index = 0;
            self.samples.retain(|_| {
                index += 1;
                index % 2 == 0
            });
            self.every *= 2;
        }
    }

    fn add_extreme(&mut self, kind: Kind, value: Value, context: &Context<'_>) {
        let at = context.row.timestamp();
        let is_first = self.count == 1;
        let is_better = match kind {
            Kind::Earliest => at < self.best_at,
            Kind::Latest => at >= self.best_at,
            Kind::Max => value.order(&self.best).is_gt(),
            Kind::Min => value.order(&self.best).is_lt(),
            Kind::SortsFirst => value.text() < self.best.text(),
            _ => value.text() > self.best.text(),
        };
        if is_first || is_better {
            self.best = value;
            self.best_at = at;
        }
    }

    pub fn value(&self, aggregate: &Aggregate) -> Value {
        match aggregate.kind {
            Kind::Count => Value::Number(self.count as f64),
            Kind::CountDistinct => Value::Number(self.distinct.len() as f64),
            Kind::Sum => Value::Number(self.sum),
            Kind::Average if self.numbers == 0 => Value::Missing,
            Kind::Average => finite(self.sum / self.numbers as f64),
            // Of a sample, as of a population when there is but one.
            Kind::StandardDeviation if self.numbers < 2 => match self.numbers {
                0 => Value::Missing,
                _ => Value::Number(0.0),
            },
            Kind::StandardDeviation => finite((self.squares / (self.numbers - 1) as f64).sqrt()),
            Kind::Percentile => self.percentile(aggregate.percent),
            _ => self.best.clone(),
        }
    }

    /// The smallest value that so many of 100 are not above.
    fn percentile(&self, percent: f64) -> Value {
        let mut samples = self.samples.clone();
        samples.sort_by(f64::total_cmp);
        let rank = (percent / 100.0 * samples.len() as f64).ceil() as usize;
        let found = samples.get(rank.max(1) - 1);
        found.map_or(Value::Missing, |number| Value::Number(*number))
    }
}
