//! Rust's names for the models' names.

const KEYWORDS: [&str; 22] = [
    "as", "async", "await", "box", "break", "const", "continue", "dyn", "enum", "fn", "for", "if",
    "in", "impl", "loop", "match", "mod", "move", "override", "ref", "type", "use",
];
const MORE_KEYWORDS: [&str; 14] = [
    "abstract", "do", "else", "extern", "final", "let", "mut", "pub", "return", "static", "struct",
    "trait", "where", "while",
];
/// Names of Rust's prelude that generated code uses unqualified.
const TAKEN_TYPES: [&str; 7] = [
    "Option", "Vec", "String", "Box", "Result", "Self", "Default",
];

/// `awsvpcConfiguration` → `awsvpc_configuration`, `privateIPv4Address` → `private_ipv4_address`.
pub fn snake(name: &str) -> String {
    let name = name
        .replace("IPv4", "Ipv4")
        .replace("IPv6", "Ipv6")
        .replace("IDs", "Ids")
        .replace("ARNs", "Arns")
        .replace("MiB", "Mib")
        .replace("GiB", "Gib");
    let characters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (index, character) in characters.iter().enumerate() {
        if !character.is_ascii_alphanumeric() {
            out.push('_');
            continue;
        }
        let previous = index.checked_sub(1).map(|index| characters[index]);
        let next = characters.get(index + 1);
        let starts_word = previous.is_some_and(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
            || (previous.is_some_and(|it| it.is_ascii_uppercase())
                && next.is_some_and(char::is_ascii_lowercase));
        if character.is_ascii_uppercase() && starts_word && !out.ends_with('_') {
            out.push('_');
        }
        out.push(character.to_ascii_lowercase());
    }
    out.trim_matches('_').to_owned()
}

/// A field or function name.
pub fn identifier(name: &str) -> String {
    let name = snake(name);
    if KEYWORDS.contains(&name.as_str()) || MORE_KEYWORDS.contains(&name.as_str()) {
        return format!("r#{name}");
    }
    if name == "self" || name == "super" || name == "crate" {
        return format!("{name}_");
    }
    name
}

/// A static or constant: `RUN_TASK_REQUEST`.
pub fn constant(name: &str) -> String {
    let name = snake(name).to_uppercase();
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        return format!("VALUE_{name}");
    }
    name
}

/// A type: the model's name, which AWS writes in camel case, with a capital.
pub fn type_name(name: &str) -> String {
    let mut characters = name
        .chars()
        .filter(|character| character.is_ascii_alphanumeric());
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    let name: String = first.into_iter().chain(characters).collect();
    if TAKEN_TYPES.contains(&name.as_str()) {
        format!("{name}Shape")
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_a_person_would_write_them() {
        assert_eq!(snake("awsvpcConfiguration"), "awsvpc_configuration");
        assert_eq!(snake("privateIPv4Address"), "private_ipv4_address");
        assert_eq!(snake("ENIAttachment"), "eni_attachment");
        assert_eq!(snake("taskDefinitionArn"), "task_definition_arn");
        assert_eq!(constant("EC2_REQUEST"), "EC2_REQUEST");
        assert_eq!(constant("10x"), "VALUE_10X");
        assert_eq!(identifier("type"), "r#type");
        assert_eq!(type_name("option"), "OptionShape");
    }
}
