//! A second evaluator, as plain as can be, straight on the JSON: it shares no code with the crate.

use std::collections::BTreeMap;

use serde_json::Value;

pub type Keys = BTreeMap<String, Vec<String>>;

/// `allow`, `deny` or `neither` of a list of identity policies.
pub fn evaluate(documents: &[Value], action: &str, resource: &str, keys: &Keys) -> &'static str {
    let mut answer = "neither";
    for document in documents {
        for statement in document["Statement"].as_array().expect("a list") {
            if !applies(statement, action, resource, keys) {
                continue;
            }
            match statement["Effect"].as_str() {
                Some("Deny") => return "deny",
                _ => answer = "allow",
            }
        }
    }
    answer
}

fn applies(statement: &Value, action: &str, resource: &str, keys: &Keys) -> bool {
    let about = |name: &str, fits: &dyn Fn(&str) -> bool| {
        let any = |value: &Value| strings(value).iter().any(|it| fits(it));
        match (statement.get(name), statement.get(format!("Not{name}"))) {
            (Some(value), _) => any(value),
            (_, Some(value)) => !any(value),
            _ => unreachable!("a statement has one of them"),
        }
    };
    let lower = action.to_lowercase();
    about("Action", &|it| {
        like(&letters(&it.to_lowercase()), &letters(&lower))
    }) && about("Resource", &|it| arn_like(it, resource, keys))
        && statement.get("Condition").is_none_or(|block| {
            let operators = block.as_object().expect("an object").iter();
            operators.into_iter().all(|(operator, tests)| {
                let tests = tests.as_object().expect("an object").iter();
                tests
                    .into_iter()
                    .all(|(key, value)| holds(operator, key, &strings(value), keys))
            })
        })
}

fn holds(operator: &str, key: &str, wanted: &[String], keys: &Keys) -> bool {
    let found = keys.get(&key.to_lowercase());
    let (quantifier, operator) = operator.split_once(':').unwrap_or(("", operator));
    let (operator, if_exists) = match operator.strip_suffix("IfExists") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    if operator == "Null" {
        return wanted.contains(&found.is_none().to_string());
    }
    let Some(found) = found else {
        return match quantifier {
            "ForAllValues" => true,
            "ForAnyValue" => if_exists,
            _ => if_exists || operator.contains("Not"),
        };
    };
    let positive = operator.replace("Not", "");
    let fits = |value: &String| {
        wanted.iter().any(|wanted| match positive.as_str() {
            "StringEquals" => substitute(wanted, keys)
                .is_some_and(|it| it.iter().map(|letter| letter.0).eq(value.chars())),
            "StringLike" => {
                // Values of variables are no patterns.
                substitute(wanted, keys).is_some_and(|it| like(&it, &letters(value)))
            }
            "NumericLessThan" => value
                .parse::<i64>()
                .is_ok_and(|it| it < wanted.parse().unwrap()),
            "NumericEquals" => value
                .parse::<i64>()
                .is_ok_and(|it| it == wanted.parse::<i64>().unwrap()),
            other => panic!("{other}"),
        })
    };
    let negated = operator.contains("Not");
    match quantifier {
        "ForAllValues" => found.iter().all(|it| fits(it) != negated),
        "ForAnyValue" => found.iter().any(|it| fits(it) != negated),
        _ => found.iter().any(fits) != negated,
    }
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

/// A letter, and whether it may be a wildcard.
type Letter = (char, bool);

fn letters(text: &str) -> Vec<Letter> {
    text.chars().map(|it| (it, true)).collect()
}

/// None if a variable has no value.
fn substitute(text: &str, keys: &Keys) -> Option<Vec<Letter>> {
    let Some((before, rest)) = text.split_once("${") else {
        return Some(letters(text));
    };
    let (name, after) = rest.split_once('}').expect("closed");
    let [value] = keys.get(&name.to_lowercase())?.as_slice() else {
        return None;
    };
    let mut whole = letters(before);
    whole.extend(value.chars().map(|it| (it, false)));
    whole.extend(substitute(after, keys)?);
    Some(whole)
}

fn like(pattern: &[Letter], text: &[Letter]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some((('*', true), rest)), None) => like(rest, text),
        (Some((('*', true), rest)), Some((_, later))) => like(rest, text) || like(pattern, later),
        (Some((('?', true), rest)), Some((_, later))) => like(rest, later),
        (Some((wanted, rest)), Some((found, later))) => wanted.0 == found.0 && like(rest, later),
        (Some(_), None) => false,
    }
}

fn arn_like(pattern: &str, arn: &str, keys: &Keys) -> bool {
    if pattern == "*" {
        return true;
    }
    // The generated variables have no colons in their names besides the one of `aws:`.
    let hidden = pattern.replace("${aws:", "${aws\u{1}");
    let mut parts: Vec<String> = hidden
        .splitn(6, ':')
        .map(|it| it.replace('\u{1}', ":"))
        .collect();
    while parts.len() < 6 {
        parts.push("*".to_owned());
    }
    let found: Vec<&str> = arn.splitn(6, ':').collect();
    found.len() == 6
        && parts.iter().zip(found).all(|(part, found)| {
            substitute(part, keys).is_some_and(|part| like(&part, &letters(found)))
        })
}
