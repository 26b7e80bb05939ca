//! The filters of DescribeParameters and GetParametersByPath.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html>

use api_ssm::errors::{invalid_filter_key, invalid_filter_option, invalid_filter_value};
use api_ssm::types::{ParameterStringFilter, ParametersFilter};
use wire::Error;

use crate::name::check_path;
use crate::records::ParameterRecord;

const TAG: &str = "tag:";

/// All have to pass.
#[derive(Debug, Default)]
pub(crate) struct Filters(Vec<Filter>);

#[derive(Debug)]
struct Filter {
    key: String,
    option: Relation,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equals,
    BeginsWith,
    Contains,
    OneLevel,
    Recursive,
}

impl Filters {
    /// Of DescribeParameters.
    pub(crate) fn describing(filters: &[ParameterStringFilter]) -> Result<Self, Error> {
        Self::read(
            filters,
            |key| {
                let known = ["Path", "Name", "Type", "KeyId", "Tier", "DataType"];
                known.contains(&key) || key.starts_with(TAG)
            },
            "[Path, Name, Type, KeyId, Tier]",
        )
    }

    /// Of GetParametersByPath.
    pub(crate) fn by_path(filters: &[ParameterStringFilter]) -> Result<Self, Error> {
        Self::read(
            filters,
            |key| ["Type", "KeyId", "Label"].contains(&key),
            "[Type, KeyId]",
        )
    }

    /// DescribeParameters' older way: names by their beginning.
    pub(crate) fn old(filters: &[ParametersFilter]) -> Self {
        let read = filters.iter().map(|filter| {
            let key = filter
                .key
                .as_ref()
                .map_or("", |key| key.as_str())
                .to_owned();
            Filter {
                option: if key == "Name" {
                    Relation::BeginsWith
                } else {
                    Relation::Equals
                },
                key,
                values: filter.values.clone().unwrap_or_default(),
            }
        });
        Self(read.collect())
    }

    pub(crate) fn pass(&self, record: &ParameterRecord) -> bool {
        self.0.iter().all(|filter| filter.passes(record))
    }

    /// The labels asked for, of which a version must have one.
    pub(crate) fn label(&self) -> Option<&[String]> {
        let filter = self.0.iter().find(|filter| filter.key == "Label");
        filter.map(|filter| filter.values.as_slice())
    }

    fn read(
        filters: &[ParameterStringFilter],
        is_known: impl Fn(&str) -> bool,
        known: &str,
    ) -> Result<Self, Error> {
        let mut read: Vec<Filter> = Vec::with_capacity(filters.len());
        for filter in filters {
            let key = filter.key.clone().unwrap_or_default();
            if !is_known(&key) {
                return Err(invalid_filter_key(format!(
                    "The following filter key is not valid: {key}. Valid filter keys include: {known}."
                )));
            }
            if read.iter().any(|other| other.key == key) {
                return Err(invalid_filter_key(format!(
                    "The following filter is duplicated in the request: {key}. A request can contain only one \
                     occurrence of a specific filter."
                )));
            }
            read.push(Filter::read(key, filter)?);
        }
        Ok(Self(read))
    }
}

impl Filter {
    fn read(key: String, filter: &ParameterStringFilter) -> Result<Self, Error> {
        let values = filter.values.clone().unwrap_or_default();
        if values.is_empty() && !key.starts_with(TAG) {
            return Err(invalid_filter_value(format!(
                "The following filter values are missing : null for filter key {key}."
            )));
        }
        let option = relation(&key, filter.option.as_deref())?;
        match key.as_str() {
            "Path" => {
                for value in &values {
                    check_path(value)?;
                }
            }
            "Type" => one_of(&values, &["String", "StringList", "SecureString"])?,
            "Tier" => one_of(&values, &["Standard", "Advanced", "Intelligent-Tiering"])?,
            _ => {}
        }
        Ok(Self {
            key,
            option,
            values,
        })
    }

    fn passes(&self, record: &ParameterRecord) -> bool {
        let version = &record.latest;
        if let Some(tag) = self.key.strip_prefix(TAG) {
            let value = record.tags.iter().find(|(key, _)| key == tag);
            return value.is_some_and(|(_, value)| self.values.is_empty() || self.matches(value));
        }
        match self.key.as_str() {
            "Name" => {
                self.matches(&record.name) || self.matches(record.name.trim_start_matches('/'))
            }
            "Type" => self.matches(&version.kind),
            "Tier" => self.matches(&version.tier),
            "DataType" => self.matches(&version.data_type),
            "KeyId" => version
                .key_id
                .as_deref()
                .is_some_and(|key| self.matches(key)),
            "Path" => self.values.iter().any(|path| {
                let path = path.strip_suffix('/').unwrap_or(path);
                is_under(&record.name, path, self.option == Relation::Recursive)
            }),
            // By version: the caller looks.
            _ => true,
        }
    }

    fn matches(&self, text: &str) -> bool {
        self.values.iter().any(|value| match self.option {
            Relation::BeginsWith => text.starts_with(value.as_str()),
            Relation::Contains => text.contains(value.as_str()),
            _ => text == value,
        })
    }
}

/// Whether a parameter is below a path (without its last slash; the empty one is the root).
pub(crate) fn is_under(name: &str, path: &str, recursive: bool) -> bool {
    let below = name
        .strip_prefix(path)
        .and_then(|rest| rest.strip_prefix('/'));
    match below {
        Some(rest) => recursive || !rest.contains('/'),
        // A plain name is on the root's own level.
        None => path.is_empty(),
    }
}

fn relation(key: &str, option: Option<&str>) -> Result<Relation, Error> {
    let (allowed, named): (&[Relation], _) = match key {
        "Path" => (
            &[Relation::OneLevel, Relation::Recursive],
            "[Recursive, OneLevel]",
        ),
        "Name" => (
            &[Relation::Equals, Relation::BeginsWith, Relation::Contains],
            "[BeginsWith, Equals]",
        ),
        _ => (
            &[Relation::Equals, Relation::BeginsWith],
            "[BeginsWith, Equals]",
        ),
    };
    let asked = match option {
        None => Some(allowed[0]),
        Some("Equals") => Some(Relation::Equals),
        Some("BeginsWith") => Some(Relation::BeginsWith),
        Some("Contains") => Some(Relation::Contains),
        Some("OneLevel") => Some(Relation::OneLevel),
        Some("Recursive") => Some(Relation::Recursive),
        Some(_) => None,
    };
    asked
        .filter(|asked| allowed.contains(asked))
        .ok_or_else(|| {
            invalid_filter_option(format!(
                "The following filter option is not valid: {}. Valid options include: {named}.",
                option.unwrap_or_default()
            ))
        })
}

fn one_of(values: &[String], known: &[&str]) -> Result<(), Error> {
    match values.iter().find(|value| !known.contains(&value.as_str())) {
        None => Ok(()),
        Some(value) => Err(invalid_filter_option(format!(
            "The following filter value is not valid: {value}. Valid values include: [{}].",
            known.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn levels() {
        assert!(is_under("/a/b", "/a", false));
        assert!(!is_under("/a/b/c", "/a", false));
        assert!(is_under("/a/b/c", "/a", true));
        assert!(!is_under("/ab/c", "/a", true));
        assert!(!is_under("/a", "/a", true));
        assert!(is_under("/a", "", false) && is_under("plain", "", false));
        assert!(!is_under("/a/b", "", false) && is_under("/a/b", "", true));
    }

    proptest! {
        #[test]
        fn one_level_is_part_of_all_levels(name in "(/[ab]{1,2}){1,4}", path in "(/[ab]{1,2}){0,3}") {
            if is_under(&name, &path, false) {
                prop_assert!(is_under(&name, &path, true));
            }
            prop_assert_eq!(is_under(&name, &path, true), name.starts_with(&format!("{path}/")));
        }
    }
}
