//! The document, checked.

use serde_json::{Map, Value};

use crate::glob;

/// Wildcards in one pattern.
const WILDCARDS: usize = 4;

/// A policy whose rules are in the order of their priorities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The lowest number goes first.
    pub priority: u32,
    pub tags: Tags,
    pub count: Count,
}

/// Which images a rule looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tags {
    Any,
    Untagged,
    /// Each of them begins a tag of the image.
    Prefixes(Vec<String>),
    /// Each of them matches a tag of the image.
    Patterns(Vec<String>),
}

/// How many of them it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// The youngest so many.
    MoreThan(u32),
    /// Those pushed in the last so many days.
    DaysSincePushed(u32),
}

/// Why a text is no policy that can be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// In the words of ECR's validation.
    #[error("Lifecycle policy validation failure: {0}")]
    Malformed(String),
    /// ECR has it, we do not; says what.
    #[error("{0}")]
    Unsupported(String),
}

impl Tags {
    pub fn match_any_of(&self, tags: &[String]) -> bool {
        match self {
            Self::Any => true,
            Self::Untagged => tags.is_empty(),
            Self::Prefixes(prefixes) => prefixes
                .iter()
                .all(|prefix| tags.iter().any(|tag| tag.starts_with(prefix.as_str()))),
            Self::Patterns(patterns) => patterns
                .iter()
                .all(|pattern| tags.iter().any(|tag| glob::matches(pattern, tag))),
        }
    }
}

impl Policy {
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// # Errors
    /// What is wrong with the document, the first thing found.
    pub fn parse(text: &str) -> Result<Self, InvalidPolicy> {
        let unreadable = || malformed("Could not map policyString into LifecyclePolicy.");
        let Ok(Value::Object(members)) = serde_json::from_str::<Value>(text) else {
            return Err(unreadable());
        };
        check_members(&members, &["rules"], &[])?;
        let Some(Value::Array(rules)) = members.get("rules") else {
            return Err(wrong_type("array"));
        };
        if rules.is_empty() {
            return Err(malformed(
                "array is too short: must have at least 1 elements but instance has 0 elements",
            ));
        }
        let rules: Result<Vec<Rule>, _> = rules.iter().map(rule).collect();
        let mut rules = rules?;
        rules.sort_by_key(|rule| rule.priority);
        check_together(&rules)?;
        Ok(Self { rules })
    }
}

/// What holds among the rules.
fn check_together(rules: &[Rule]) -> Result<(), InvalidPolicy> {
    if rules
        .windows(2)
        .any(|pair| pair[0].priority == pair[1].priority)
    {
        return Err(malformed("Rule priorities must be unique."));
    }
    let is_any = |rule: &&Rule| rule.tags == Tags::Any;
    let before_last = &rules[..rules.len().saturating_sub(1)];
    if before_last.iter().any(|rule| is_any(&rule)) {
        return Err(malformed(
            "There can be only one rule with tagStatus 'any', and it must have the lowest priority (the highest rulePriority).",
        ));
    }
    if rules
        .iter()
        .filter(|rule| rule.tags == Tags::Untagged)
        .count()
        > 1
    {
        return Err(malformed("Only one rule can select untagged images."));
    }
    for (position, rule) in rules.iter().enumerate() {
        let is_tagged = matches!(rule.tags, Tags::Prefixes(_) | Tags::Patterns(_));
        if is_tagged
            && rules[..position]
                .iter()
                .any(|before| before.tags == rule.tags)
        {
            return Err(malformed(
                "Each rule must have a unique set of tag prefixes or patterns.",
            ));
        }
    }
    Ok(())
}

fn rule(value: &Value) -> Result<Rule, InvalidPolicy> {
    let members = object(value)?;
    check_members(
        members,
        &["action", "rulePriority", "selection"],
        &["description"],
    )?;
    if members.get("description").is_some_and(|it| !it.is_string()) {
        return Err(wrong_type("string"));
    }
    check_action(object(&members["action"])?)?;
    let (tags, count) = selection(object(&members["selection"])?)?;
    Ok(Rule {
        priority: positive(&members["rulePriority"])?,
        tags,
        count,
    })
}

fn check_action(action: &Map<String, Value>) -> Result<(), InvalidPolicy> {
    check_members(action, &["type"], &["targetStorageClass"])?;
    match one_of(&action["type"], &["expire", "transition"])? {
        "transition" => Err(unsupported(
            "transition of images to another storage class (action.type)",
        )),
        _ if action.contains_key("targetStorageClass") => Err(exactly_one_schema()),
        _ => Ok(()),
    }
}

fn selection(selection: &Map<String, Value>) -> Result<(Tags, Count), InvalidPolicy> {
    check_members(
        selection,
        &["countNumber", "countType", "tagStatus"],
        &[
            "countUnit",
            "storageClass",
            "tagPatternList",
            "tagPrefixList",
        ],
    )?;
    if let Some(class) = selection.get("storageClass")
        && one_of(class, &["archive", "standard"])? == "archive"
    {
        return Err(unsupported("archived images (selection.storageClass)"));
    }
    let number = positive(&selection["countNumber"])?;
    let unit = selection.get("countUnit");
    let kinds = [
        "imageCountMoreThan",
        "sinceImagePulled",
        "sinceImagePushed",
        "sinceImageTransitioned",
    ];
    let count = match (one_of(&selection["countType"], &kinds)?, unit) {
        ("imageCountMoreThan", None) => Count::MoreThan(number),
        ("sinceImagePushed", Some(unit)) => {
            one_of(unit, &["days"])?;
            Count::DaysSincePushed(number)
        }
        ("imageCountMoreThan", Some(_)) | ("sinceImagePushed", None) => {
            return Err(exactly_one_schema());
        }
        (other, _) => {
            return Err(unsupported(&format!(
                "countType {other} (selection.countType)"
            )));
        }
    };
    Ok((tags(selection)?, count))
}

fn tags(selection: &Map<String, Value>) -> Result<Tags, InvalidPolicy> {
    let prefixes = selection.get("tagPrefixList").map(texts).transpose()?;
    let patterns = selection.get("tagPatternList").map(texts).transpose()?;
    let status = one_of(&selection["tagStatus"], &["any", "tagged", "untagged"])?;
    match (status, prefixes, patterns) {
        ("any", None, None) => Ok(Tags::Any),
        ("untagged", None, None) => Ok(Tags::Untagged),
        ("tagged", Some(prefixes), None) => Ok(Tags::Prefixes(prefixes)),
        ("tagged", None, Some(patterns)) => {
            match patterns.iter().find(|it| glob::wildcards(it) > WILDCARDS) {
                Some(pattern) => Err(malformed(&format!(
                    "A tag pattern may have at most {WILDCARDS} wildcards: {pattern}"
                ))),
                None => Ok(Tags::Patterns(patterns)),
            }
        }
        _ => Err(exactly_one_schema()),
    }
}

/// A list of at least one text, in order and each once: two lists that say the same are the same.
fn texts(value: &Value) -> Result<Vec<String>, InvalidPolicy> {
    let Value::Array(items) = value else {
        return Err(wrong_type("array"));
    };
    let texts = items.iter().map(|item| match item {
        Value::String(text) if !text.is_empty() => Ok(text.clone()),
        _ => Err(wrong_type("string")),
    });
    let mut texts = texts.collect::<Result<Vec<_>, _>>()?;
    texts.sort();
    texts.dedup();
    if texts.is_empty() {
        return Err(exactly_one_schema());
    }
    Ok(texts)
}

fn check_members(
    members: &Map<String, Value>,
    required: &[&str],
    optional: &[&str],
) -> Result<(), InvalidPolicy> {
    let list = |names: Vec<&str>| {
        let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        format!("([{}])", quoted.join(","))
    };
    let missing: Vec<&str> = required
        .iter()
        .copied()
        .filter(|name| !members.contains_key(*name))
        .collect();
    if !missing.is_empty() {
        return Err(malformed(&format!(
            "object has missing required properties {}",
            list(missing)
        )));
    }
    let is_known = |name: &str| required.contains(&name) || optional.contains(&name);
    let unknown: Vec<&str> = members
        .keys()
        .map(String::as_str)
        .filter(|name| !is_known(name))
        .collect();
    if !unknown.is_empty() {
        return Err(malformed(&format!(
            "object instance has properties which are not allowed by the schema: {}",
            list(unknown)
        )));
    }
    Ok(())
}

fn object(value: &Value) -> Result<&Map<String, Value>, InvalidPolicy> {
    value.as_object().ok_or_else(|| wrong_type("object"))
}

fn one_of<'a>(value: &Value, known: &[&'a str]) -> Result<&'a str, InvalidPolicy> {
    let text = value.as_str().ok_or_else(|| wrong_type("string"))?;
    known.iter().copied().find(|it| *it == text).ok_or_else(|| {
        let quoted: Vec<String> = known.iter().map(|it| format!("\"{it}\"")).collect();
        malformed(&format!(
            "instance value (\"{text}\") not found in enum (possible values: [{}])",
            quoted.join(",")
        ))
    })
}

fn positive(value: &Value) -> Result<u32, InvalidPolicy> {
    let number = value.as_i64().ok_or_else(|| wrong_type("integer"))?;
    if number < 1 {
        return Err(malformed(&format!(
            "numeric instance is lower than the required minimum (minimum: 1, found: {number})"
        )));
    }
    u32::try_from(number)
        .map_err(|_| malformed(&format!("numeric instance is too large (found: {number})")))
}

fn wrong_type(allowed: &str) -> InvalidPolicy {
    malformed(&format!(
        "instance type does not match any allowed primitive type (allowed: [\"{allowed}\"])"
    ))
}

fn exactly_one_schema() -> InvalidPolicy {
    malformed("instance failed to match exactly one schema (matched 0 out of 2)")
}

fn malformed(what: &str) -> InvalidPolicy {
    InvalidPolicy::Malformed(what.to_owned())
}

fn unsupported(what: &str) -> InvalidPolicy {
    InvalidPolicy::Unsupported(what.to_owned())
}
