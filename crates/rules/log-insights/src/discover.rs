//! Fields that are found in messages of JSON.

use serde_json::Value as Json;

/// AWS finds this many in an event.
const MAX_FIELDS: usize = 200;

/// Names and values of the leaves of a JSON message, `a.b.0.c`; none of any other message.
pub fn discover(message: &str) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let is_like = message.trim_start().starts_with('{');
    if let Some(Json::Object(members)) = is_like
        .then(|| serde_json::from_str(message).ok())
        .flatten()
    {
        for (name, value) in &members {
            walk(name, value, &mut fields);
        }
    }
    fields
}

fn walk(name: &str, value: &Json, fields: &mut Vec<(String, String)>) {
    if fields.len() >= MAX_FIELDS {
        return;
    }
    match value {
        Json::Object(members) => {
            for (member, value) in members {
                walk(&format!("{name}.{member}"), value, fields);
            }
        }
        Json::Array(elements) => {
            for (index, value) in elements.iter().enumerate() {
                walk(&format!("{name}.{index}"), value, fields);
            }
        }
        Json::String(text) => fields.push((name.to_owned(), text.clone())),
        other => fields.push((name.to_owned(), other.to_string())),
    }
}
