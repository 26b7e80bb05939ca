//! A statement's Condition: every operator and key must hold.

use crate::json::Json;
use crate::operator::{Operator, Wanted};
use crate::{Context, MalformedPolicy};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    /// In lower case.
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    /// `Null`: whether the key must be absent; any of these.
    Absent(Vec<bool>),
    Compare {
        operator: Operator,
        quantifier: Quantifier,
        if_exists: bool,
        wanted: Vec<Wanted>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    None,
    All,
    Any,
}

pub(crate) fn parse(block: &Json, variables: bool) -> Result<Vec<Condition>, MalformedPolicy> {
    let Json::Object(operators) = block else {
        return Err(MalformedPolicy::Syntax);
    };
    let mut conditions = Vec::new();
    for (name, keys) in operators {
        let Json::Object(keys) = keys else {
            return Err(MalformedPolicy::Syntax);
        };
        for (key, values) in keys {
            if !key.contains(':') {
                return Err(MalformedPolicy::NoVendor);
            }
            let values = values.scalars().ok_or(MalformedPolicy::Syntax)?;
            conditions.push(Condition {
                key: key.to_ascii_lowercase(),
                test: test(name, &values, variables)?,
            });
        }
    }
    Ok(conditions)
}

fn test(name: &str, values: &[String], variables: bool) -> Result<Test, MalformedPolicy> {
    let unknown = || MalformedPolicy::Operator(name.to_owned());
    if name == "Null" {
        let flag = |value: &String| match value.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(MalformedPolicy::Value {
                operator: name.to_owned(),
                value: value.clone(),
            }),
        };
        let flags: Result<_, _> = values.iter().map(flag).collect();
        return Ok(Test::Absent(flags?));
    }
    let (quantifier, rest) = match name.split_once(':') {
        Some(("ForAllValues", rest)) => (Quantifier::All, rest),
        Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
        Some(_) => return Err(unknown()),
        None => (Quantifier::None, name),
    };
    let (bare, if_exists) = match rest.strip_suffix("IfExists") {
        Some(bare) => (bare, true),
        None => (rest, false),
    };
    let operator = Operator::named(bare).ok_or_else(unknown)?;
    let wanted: Result<_, _> = values
        .iter()
        .map(|value| operator.wanted(name, value, variables))
        .collect();
    Ok(Test::Compare {
        operator,
        quantifier,
        if_exists,
        wanted: wanted?,
    })
}

impl Condition {
    pub fn holds(&self, context: &Context) -> bool {
        let found = context.get(&self.key);
        match &self.test {
            Test::Absent(flags) => {
                let is_absent = found.is_none_or(<[String]>::is_empty);
                flags.contains(&is_absent)
            }
            Test::Compare {
                operator,
                quantifier,
                if_exists,
                wanted,
            } => {
                let Some(found) = found else {
                    return match quantifier {
                        Quantifier::All => true,
                        Quantifier::Any => *if_exists,
                        Quantifier::None => *if_exists || operator.negated,
                    };
                };
                let fits = |value: &String| wanted.iter().any(|it| it.fits(value, context));
                let holds = |value: &String| fits(value) != operator.negated;
                match (quantifier, operator.negated) {
                    (Quantifier::All, _) => found.iter().all(holds),
                    (Quantifier::Any, _) => found.iter().any(holds),
                    // Of several values without a quantifier: one that fits, or none for a negated operator.
                    (Quantifier::None, false) => found.iter().any(fits),
                    (Quantifier::None, true) => !found.iter().any(fits),
                }
            }
        }
    }

    /// The keys that it looks at, in lower case.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let variables = match &self.test {
            Test::Absent(_) => Vec::new(),
            Test::Compare { wanted, .. } => wanted.iter().flat_map(Wanted::variables).collect(),
        };
        std::iter::once(self.key.as_str()).chain(variables)
    }
}
