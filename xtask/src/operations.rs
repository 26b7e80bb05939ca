//! `operations.toml`: what of each model is generated and served.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operations {
    pub services: BTreeMap<String, ServiceEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceEntry {
    pub types: Types,
    pub served: Vec<String>,
    pub validation: Option<String>,
    #[serde(default)]
    pub validation_wording: Wording,
    /// The model is ours, not botocore's.
    #[serde(default)]
    pub own: bool,
}

/// `wire::Wording`
#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub enum Wording {
    #[default]
    Counted,
    Parameter,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub enum Types {
    /// `"all"`
    Keyword(String),
    Operations(Vec<String>),
}

impl ServiceEntry {
    /// Whether the types of an operation are generated.
    pub fn is_typed(&self, operation: &str) -> bool {
        let listed = match &self.types {
            Types::Keyword(keyword) => keyword == "all",
            Types::Operations(names) => names.iter().any(|name| name == operation),
        };
        listed || self.served.iter().any(|name| name == operation)
    }
}

pub fn read(root: &Path) -> Result<Operations> {
    let path = root.join("operations.toml");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    toml::from_str(&text).with_context(|| path.display().to_string())
}
