//! The filters of ListSecrets and BatchGetSecretValue.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Filter.html>

use api_secretsmanager::errors::invalid_parameter_exception;
use api_secretsmanager::types::{Filter, FilterNameStringType};
use wire::Error;

use crate::records::SecretRecord;

/// All have to pass.
pub(crate) struct Filters(Vec<(FilterNameStringType, Vec<String>)>);

impl Filters {
    pub(crate) fn read(filters: Option<Vec<Filter>>) -> Result<Self, Error> {
        let mut read = Vec::new();
        for filter in filters.unwrap_or_default() {
            let key = filter
                .key
                .ok_or_else(|| invalid_parameter_exception("Invalid filter key: null"))?;
            let values = filter.values.unwrap_or_default();
            if values.is_empty() {
                return Err(invalid_parameter_exception(format!(
                    "Invalid filter values for key: {key}"
                )));
            }
            read.push((key, values));
        }
        Ok(Self(read))
    }

    pub(crate) fn pass(&self, secret: &SecretRecord) -> bool {
        self.0.iter().all(|(key, values)| {
            // A value that begins with `!` keeps out what it matches.
            let (not, some): (Vec<_>, Vec<_>) =
                values.iter().partition(|value| value.starts_with('!'));
            let is_one = |value: &&String| matches(secret, key, value.trim_start_matches('!'));
            (some.is_empty() || some.iter().any(is_one)) && !not.iter().any(is_one)
        })
    }
}

/// Names, tags and regions by their beginning; descriptions word by word, whatever their case.
fn matches(secret: &SecretRecord, key: &FilterNameStringType, value: &str) -> bool {
    let description = || {
        let description = secret
            .description
            .as_deref()
            .unwrap_or_default()
            .to_lowercase();
        let value = value.to_lowercase();
        description.starts_with(&value)
            || description
                .split_whitespace()
                .any(|word| word.starts_with(&value))
    };
    let name = || secret.name.starts_with(value);
    let tag_key = || secret.tags.iter().any(|(key, _)| key.starts_with(value));
    let tag_value = || secret.tags.iter().any(|(_, tag)| tag.starts_with(value));
    match key.as_str() {
        "description" => description(),
        "name" => name(),
        "tag-key" => tag_key(),
        "tag-value" => tag_value(),
        "primary-region" => secret.region.starts_with(value),
        // No service of Gantry owns secrets.
        "owning-service" => false,
        _ => {
            let lower = value.to_lowercase();
            let begins = |text: &str| text.to_lowercase().starts_with(&lower);
            let parts = secret.name.split(|it: char| !it.is_alphanumeric());
            description()
                || begins(&secret.name)
                || parts.into_iter().any(begins)
                || secret
                    .tags
                    .iter()
                    .any(|(key, value)| begins(key) || begins(value))
        }
    }
}
