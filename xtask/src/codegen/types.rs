//! `types.rs` and `enums.rs`: what the handlers and clients write and read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Result, bail};

use super::model::{Model, ShapeModel};
use super::names::{constant, identifier, type_name};
use super::schemas::Schemas;

fn is_member(model: &Model, reachable: &BTreeSet<String>, wanted: &str) -> bool {
    let mut references = reachable
        .iter()
        .flat_map(|name| model.shapes[name].references());
    references.any(|member| member.shape == wanted)
}

/// Whether an error carries more than its message.
pub fn has_details(shape: &ShapeModel) -> bool {
    shape
        .members
        .keys()
        .any(|name| !name.eq_ignore_ascii_case("message"))
}

pub fn structures(
    model: &Model,
    reachable: &BTreeSet<String>,
    schemas: &Schemas<'_>,
) -> Result<String> {
    let mut body = String::new();
    let mut taken = BTreeMap::new();
    for (name, shape) in reachable.iter().map(|name| (name, &model.shapes[name])) {
        // An error that says no more than its message is a constructor only, unless a stream carries it.
        let hidden = shape.exception && !has_details(shape) && !is_member(model, reachable, name);
        if shape.kind != "structure" || shape.document || hidden {
            continue;
        }
        let rust_name = type_name(name);
        if let Some(other) = taken.insert(rust_name.clone(), name) {
            bail!("{name} and {other} want the type name {rust_name}");
        }
        let mut fields = String::new();
        let mut slots = Vec::new();
        for (index, (member_name, member)) in shape.members.iter().enumerate() {
            let field = identifier(member_name);
            let rust_type = if model.is_directly_recursive(name, &member.shape) {
                format!("std::sync::Arc<{}>", rust_type(model, &member.shape)?)
            } else {
                rust_type(model, &member.shape)?
            };
            let _ = writeln!(fields, "    pub {field}: Option<{rust_type}>,");
            slots.push(format!("{index} => {field}"));
        }
        let schema = schemas.reference(name, None).replacen('&', "", 1);
        let _ = write!(
            body,
            "\n#[derive(Clone, Default, PartialEq)]\npub struct {rust_name} {{\n{fields}}}\n\n\
             wire::shape!({rust_name}, {schema}, {{ {} }});\n",
            slots.join(", ")
        );
    }
    let enums = if body.contains("enum") || has_enums(model, reachable) {
        "pub use crate::enums::*;\n"
    } else {
        ""
    };
    let map = if body.contains("BTreeMap<") {
        "use std::collections::BTreeMap;\n\n"
    } else {
        ""
    };
    let schemas_import = if body.contains("schemas::") {
        "use crate::schemas;\n"
    } else {
        ""
    };
    Ok(format!(
        "//! The structures of the API; every member is optional, as on the wire.\n\n{map}{enums}{schemas_import}{body}"
    ))
}

pub fn enums(model: &Model, reachable: &BTreeSet<String>) -> Result<String> {
    let mut out =
        String::from("//! The enums of the API, open for values that are newer than the model.\n");
    for (name, shape) in reachable
        .iter()
        .map(|name| (name, &model.shapes[name]))
        .filter(|(_, it)| is_enum(it))
    {
        let mut taken = BTreeSet::new();
        let mut variants = Vec::new();
        for value in &shape.values {
            let mut constant_name = constant(value);
            if constant_name == "VALUES" {
                constant_name.push('_');
            }
            while !taken.insert(constant_name.clone()) {
                constant_name.push('_');
            }
            variants.push(format!("{constant_name} = {value:?}"));
        }
        let _ = write!(
            out,
            "\nwire::string_enum!({} {{ {} }});\n",
            type_name(name),
            variants.join(", ")
        );
    }
    Ok(out)
}

fn has_enums(model: &Model, reachable: &BTreeSet<String>) -> bool {
    reachable.iter().any(|name| is_enum(&model.shapes[name]))
}

fn is_enum(shape: &ShapeModel) -> bool {
    shape.kind == "string" && !shape.values.is_empty()
}

fn rust_type(model: &Model, name: &str) -> Result<String> {
    let shape = &model.shapes[name];
    let inner = |member: &Option<super::model::MemberModel>| match member {
        Some(member) => rust_type(model, &member.shape),
        None => bail!("{name} has no element"),
    };
    Ok(match shape.kind.as_str() {
        "structure" if shape.document => "wire::Document".to_owned(),
        "structure" => type_name(name),
        "list" => format!("Vec<{}>", inner(&shape.member)?),
        "map" => format!("BTreeMap<String, {}>", inner(&shape.value)?),
        "string" | "character" if is_enum(shape) => type_name(name),
        "string" | "character" => "String".to_owned(),
        "integer" => "i32".to_owned(),
        "long" => "i64".to_owned(),
        "float" | "double" => "f64".to_owned(),
        "boolean" => "bool".to_owned(),
        "timestamp" => "wire::Timestamp".to_owned(),
        "blob" => "wire::Blob".to_owned(),
        other => bail!("{name} has the unknown type {other}"),
    })
}
