//! botocore's `service-2.json`, as far as the generator reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Model {
    pub metadata: Metadata,
    pub operations: BTreeMap<String, OperationModel>,
    pub shapes: BTreeMap<String, ShapeModel>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    pub api_version: String,
    pub endpoint_prefix: String,
    #[serde(default)]
    pub json_version: String,
    pub protocol: String,
    #[serde(default)]
    pub protocols: Vec<String>,
    pub service_id: String,
    pub signing_name: Option<String>,
    #[serde(default)]
    pub target_prefix: String,
    pub xml_namespace: Option<String>,
    pub aws_query_compatible: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationModel {
    pub http: HttpModel,
    pub input: Option<MemberModel>,
    pub output: Option<MemberModel>,
    #[serde(default)]
    pub errors: Vec<MemberModel>,
    pub endpoint: Option<EndpointModel>,
    #[serde(default)]
    pub deprecated: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpModel {
    pub method: String,
    pub request_uri: String,
    pub response_code: Option<u16>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointModel {
    pub host_prefix: Option<String>,
}

/// A reference to a shape, with what is said of it at this place only.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberModel {
    pub shape: String,
    pub location: Option<String>,
    pub location_name: Option<String>,
    pub query_name: Option<String>,
    pub timestamp_format: Option<String>,
    pub result_wrapper: Option<String>,
    pub xml_namespace: Option<XmlNamespaceModel>,
    #[serde(default)]
    pub flattened: bool,
    #[serde(default)]
    pub idempotency_token: bool,
    #[serde(default)]
    pub streaming: bool,
    #[serde(default)]
    pub jsonvalue: bool,
    #[serde(default)]
    pub host_label: bool,
    #[serde(default)]
    pub xml_attribute: bool,
}

#[derive(Deserialize, Clone)]
#[serde(untagged)]
pub enum XmlNamespaceModel {
    Uri(String),
    Full { uri: String, prefix: Option<String> },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShapeModel {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub members: BTreeMap<String, MemberModel>,
    pub member: Option<MemberModel>,
    pub key: Option<MemberModel>,
    pub value: Option<MemberModel>,
    #[serde(default)]
    pub required: Vec<String>,
    #[serde(default, rename = "enum")]
    pub values: Vec<String>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub pattern: Option<String>,
    pub timestamp_format: Option<String>,
    pub location_name: Option<String>,
    pub payload: Option<String>,
    pub error: Option<ErrorModel>,
    pub xml_namespace: Option<XmlNamespaceModel>,
    #[serde(default)]
    pub exception: bool,
    #[serde(default)]
    pub fault: bool,
    #[serde(default)]
    pub sensitive: bool,
    #[serde(default)]
    pub flattened: bool,
    #[serde(default)]
    pub streaming: bool,
    #[serde(default)]
    pub eventstream: bool,
    #[serde(default)]
    pub union: bool,
    #[serde(default)]
    pub document: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorModel {
    pub code: Option<String>,
    pub http_status_code: Option<u16>,
    #[serde(default)]
    pub sender_fault: bool,
}

impl Model {
    pub fn read(folder: &Path) -> Result<Model> {
        let path = folder.join("service-2.json");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut model: Model =
            serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        model.add(&folder.join("additions.json"))?;
        Ok(model)
    }

    /// Whether a member of the shape is a stream of events.
    pub fn has_event_stream(&self, shape: &str) -> bool {
        let members = self.shapes.get(shape).map(|it| &it.members);
        let mut members = members.into_iter().flat_map(|it| it.values());
        members.any(|it| self.shapes.get(&it.shape).is_some_and(|it| it.eventstream))
    }

    /// Members that botocore's model lacks and Amazon's own programs send, if the file is there.
    fn add(&mut self, path: &Path) -> Result<()> {
        if !path.exists() {
            return Ok(());
        }
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let additions: BTreeMap<String, BTreeMap<String, MemberModel>> =
            serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        for (name, members) in additions {
            let shape = self.shapes.get_mut(&name);
            let shape = shape.with_context(|| format!("{}: no shape {name}", path.display()))?;
            for (member, model) in members {
                let known = shape.members.insert(member.clone(), model);
                anyhow::ensure!(known.is_none(), "{name} has {member} by now");
            }
        }
        Ok(())
    }

    /// The shapes that operations need, with all that these refer to.
    pub fn reachable(&self, roots: impl IntoIterator<Item = String>) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut open: Vec<String> = roots.into_iter().collect();
        while let Some(name) = open.pop() {
            if found.contains(&name) {
                continue;
            }
            let shape = &self.shapes[&name];
            open.extend(shape.references().map(|member| member.shape.clone()));
            found.insert(name);
        }
        found
    }

    /// Structures that contain themselves without a list or map in between; their members are shared pointers.
    pub fn is_directly_recursive(&self, from: &str, target: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![target.to_owned()];
        while let Some(name) = open.pop() {
            if name == from {
                return true;
            }
            let shape = &self.shapes[&name];
            if shape.kind == "structure" && !shape.document && seen.insert(name) {
                open.extend(shape.members.values().map(|member| member.shape.clone()));
            }
        }
        false
    }
}

impl OperationModel {
    pub fn shapes(&self) -> impl Iterator<Item = &MemberModel> {
        self.input
            .iter()
            .chain(self.output.iter())
            .chain(self.errors.iter())
    }
}

impl ShapeModel {
    pub fn references(&self) -> impl Iterator<Item = &MemberModel> {
        self.members
            .values()
            .chain(self.member.iter())
            .chain(self.key.iter())
            .chain(self.value.iter())
    }
}
