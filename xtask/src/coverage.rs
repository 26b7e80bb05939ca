//! `cargo xtask coverage`: docs/coverage.md, from the models, operations.toml and what the code says it refuses.
//!
//! The code says it where it checks it. Above a table of refused fields stands `// coverage: OPERATION, …`; up to
//! the closing `];` each entry is `path: "…"` with `why: …`, or a pair `("…", …)`; a reason may be a `const` of the
//! same file. Where there is no table, a comment `// coverage: OPERATION refuses PATH: WHY` says it alone; and
//! `// coverage: OPERATION ignores PATH: WHY` is for the few that clients always send and that mean nothing here.
//! A field of a served operation, at any depth, that is neither refused nor named anywhere in the code is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::codegen::model::{Model, OperationModel};
use crate::codegen::names::snake;
use crate::operations::{self, ServiceEntry};
use crate::source::{self, SourceFile};

/// Operation → (path in its input, why).
type Refusals = BTreeMap<String, Vec<(String, String)>>;

/// Before the reason of what is taken but not used.
const IGNORED: &str = "ignored: ";

pub fn run(root: &Path, check: bool) -> Result<()> {
    let mut text = String::from(
        "# Coverage\n\nMade by `cargo xtask coverage` from the models and the code; not to be edited.\n\n\
         *Served* operations take every field of their input, but for those listed as refused: a value that asks for\n\
         something is then answered by an error that names the field. Every other operation of the API answers\n\
         `UnsupportedFeatureException` by name.\n",
    );
    let mut unread = Vec::new();
    for (name, entry) in operations::read(root)?.services {
        let model = Model::read(&root.join("models").join(&name))?;
        let files = service_files(root, &name)?;
        let refusals = refusals(&files, &model)?;
        unread.extend(unread_fields(&name, &model, &entry, &files, &refusals));
        section(&mut text, &name, &model, &entry, &refusals);
    }
    if !unread.is_empty() {
        bail!("neither read nor refused:\n{}", unread.join("\n"));
    }
    let path = root.join("docs/coverage.md");
    let is_current = std::fs::read_to_string(&path).is_ok_and(|current| current == text);
    match (is_current, check) {
        (true, _) => Ok(()),
        (false, true) => bail!("`cargo xtask coverage` would change docs/coverage.md"),
        (false, false) => std::fs::write(&path, text).with_context(|| path.display().to_string()),
    }
}

/// The service's own crate, the rules it decides by, and how nodes are told.
fn service_files(root: &Path, name: &str) -> Result<Vec<SourceFile>> {
    let service = match name {
        "gantry" => "crates/services/control/src".to_owned(),
        // One crate serves two models, each from a room of its own.
        "iam" => "crates/services/iam/src/operations".to_owned(),
        "sts" => "crates/services/iam/src/sts_operations".to_owned(),
        _ => format!("crates/services/{name}/src"),
    };
    let rules = format!("crates/rules/{name}-rules/src");
    source::read(root, &[&service, &rules, "crates/node/link/src"])
}

fn section(out: &mut String, name: &str, model: &Model, entry: &ServiceEntry, refusals: &Refusals) {
    let mut served: Vec<&String> = entry.served.iter().collect();
    served.sort();
    let _ = write!(
        out,
        "\n## {} (`{name}`)\n\n{} of {} operations are served.\n",
        model.metadata.service_id,
        served.len(),
        model.operations.len()
    );
    if !served.is_empty() {
        out.push_str("\n| operation | fields taken | fields refused or ignored |\n|---|---|---|\n");
    }
    for operation in &served {
        let refused = refusals
            .get(*operation)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let taken: Vec<String> = input_fields(model, &model.operations[*operation])
            .filter(|field| !refused.iter().any(|(path, _)| path == field))
            .map(|field| format!("`{field}`"))
            .collect();
        let refused: Vec<String> = refused
            .iter()
            .map(|(path, why)| format!("`{path}` ({why})"))
            .collect();
        let _ = writeln!(
            out,
            "| {operation} | {} | {} |",
            taken.join(" "),
            refused.join("<br>")
        );
    }
    let missing: Vec<&str> = model
        .operations
        .keys()
        .filter(|name| !entry.served.contains(name))
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        let _ = write!(out, "\nNot served: {}.\n", missing.join(", "));
    }
}

fn input_fields<'a>(model: &'a Model, operation: &OperationModel) -> impl Iterator<Item = &'a str> {
    let shape = operation
        .input
        .as_ref()
        .map(|input| &model.shapes[&input.shape]);
    shape
        .into_iter()
        .flat_map(|shape| shape.members.keys().map(String::as_str))
}

fn unread_fields(
    name: &str,
    model: &Model,
    entry: &ServiceEntry,
    files: &[SourceFile],
    refusals: &Refusals,
) -> Vec<String> {
    let words: BTreeSet<&str> = files
        .iter()
        .filter(|file| !file.is_test())
        .flat_map(|file| file.code_lines())
        .flat_map(|(_, line)| line.split(|it: char| !it.is_alphanumeric() && it != '_'))
        .collect();
    let mut unread = Vec::new();
    for operation in &entry.served {
        let refused = refusals
            .get(operation)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let mut walk = Walk {
            model,
            words: &words,
            refused,
            open: Vec::new(),
            unread: Vec::new(),
        };
        if let Some(input) = &model.operations[operation].input {
            walk.shape(&input.shape, "");
        }
        unread.extend(
            walk.unread
                .iter()
                .map(|path| format!("{name} {operation}: {path}")),
        );
    }
    unread
}

/// Through all fields of an input.
struct Walk<'a> {
    model: &'a Model,
    words: &'a BTreeSet<&'a str>,
    refused: &'a [(String, String)],
    /// The shapes we are inside of: some contain themselves.
    open: Vec<String>,
    unread: Vec<String>,
}

impl Walk<'_> {
    fn shape(&mut self, name: &str, path: &str) {
        if self.open.iter().any(|open| open == name) {
            return;
        }
        self.open.push(name.to_owned());
        let model = self.model;
        let shape = &model.shapes[name];
        for (field, member) in &shape.members {
            let field_path = if path.is_empty() {
                field.clone()
            } else {
                format!("{path}.{field}")
            };
            if self
                .refused
                .iter()
                .any(|(refused, _)| *refused == field_path)
            {
                continue;
            }
            if self.words.contains(snake(field).as_str()) {
                self.shape(&member.shape, &field_path);
            } else {
                self.unread.push(field_path);
            }
        }
        for element in shape.member.iter().chain(&shape.value) {
            self.shape(&element.shape, &format!("{path}[]"));
        }
        self.open.pop();
    }
}

fn refusals(files: &[SourceFile], model: &Model) -> Result<Refusals> {
    let mut found = Refusals::new();
    for file in files {
        let lines: Vec<&str> = file.text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let Some(said) = line.trim().strip_prefix("// coverage: ") else {
                continue;
            };
            let place = format!("{}:{}", file.path.display(), index + 1);
            let alone = said.split_once(" refuses ").map(|parts| (parts, ""));
            let alone =
                alone.or_else(|| said.split_once(" ignores ").map(|parts| (parts, IGNORED)));
            let (operations, entries) = match alone {
                Some(((operations, rest), prefix)) => {
                    let (path, why) = rest
                        .split_once(": ")
                        .with_context(|| format!("{place}: PATH: WHY"))?;
                    (
                        operations,
                        vec![(path.to_owned(), format!("{prefix}{why}"))],
                    )
                }
                None => (
                    said,
                    table(&lines[index + 1..], &file.text).with_context(|| place.clone())?,
                ),
            };
            for operation in operations.split(", ") {
                if !model.operations.contains_key(operation) {
                    bail!("{place}: the model has no operation {operation}");
                }
                found
                    .entry(operation.to_owned())
                    .or_default()
                    .extend(entries.clone());
            }
        }
    }
    found.values_mut().for_each(|paths| paths.sort());
    Ok(found)
}

/// The entries of the table that begins after the marker.
fn table(lines: &[&str], file: &str) -> Result<Vec<(String, String)>> {
    let end = lines
        .iter()
        .position(|line| line.trim() == "];")
        .context("no `];` ends the table")?;
    // Past the declaration, whose type may have parentheses.
    let text = lines[..end].join("\n");
    let (_, text) = text.split_once("= &[").context("the table is no `= &[`")?;
    let mut entries = Vec::new();
    let mut rest = text;
    loop {
        let named = rest.find("path: \"").map(|at| at + "path: ".len());
        let pair = pair(rest);
        let Some(start) = named
            .into_iter()
            .chain(pair.filter(|_| named.is_none()))
            .min()
        else {
            break;
        };
        let (path, after) = literal(&rest[start..]).context("a path is a string")?;
        let why = match after.find("why: ") {
            Some(at) if named.is_some() => &after[at + "why: ".len()..],
            _ => after
                .trim_start()
                .strip_prefix(',')
                .context("a reason follows the path")?,
        };
        entries.push((path.to_owned(), reason(why.trim_start(), file)?));
        rest = after;
    }
    Ok(entries)
}

/// Where the next pair's string begins; rustfmt breaks a long pair after its parenthesis.
fn pair(text: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = text[from..].find('(').map(|at| at + from) {
        let after = &text[at + 1..];
        let trimmed = after.trim_start();
        if trimmed.starts_with('"') {
            return Some(at + 1 + after.len() - trimmed.len());
        }
        from = at + 1;
    }
    None
}

/// The content of a string literal without escapes, and what follows it.
fn literal(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('"')?.split_once('"')
}

/// A literal, or a constant of the file.
fn reason(text: &str, file: &str) -> Result<String> {
    if let Some((literal, _)) = literal(text) {
        return Ok(literal.to_owned());
    }
    let name: String = text
        .chars()
        .take_while(|it| it.is_ascii_alphanumeric() || *it == '_')
        .collect();
    let declaration = format!("const {name}: &str =");
    let (_, after) = file
        .split_once(&declaration)
        .with_context(|| format!("no `{declaration}` in the file"))?;
    let (literal, _) =
        literal(after.trim_start()).with_context(|| format!("{name} is no string"))?;
    Ok(literal.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table_of(text: &str) -> Vec<(String, String)> {
        table(&text.lines().collect::<Vec<_>>(), text).unwrap()
    }

    #[test]
    fn tables_of_checks_are_read() {
        let text = "const WHY: &str = \"none\";\nconst T: &[F<(A)>] = &[\n F { path: \"a\", why: WHY, asks: |it| f(\"x\") },\n \
                    F { path: \"b[].c\", why: \"no b\", asks: g },\n];";
        let expected =
            [("a", "none"), ("b[].c", "no b")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(table_of(text), expected);
    }

    #[test]
    fn tables_of_pairs_are_read() {
        let text = "const T: &[(&str, &str)] = &[\n (\n \"a\",\n \"x\",\n ),\n (\"b\", \"y\"),\n];";
        let expected = [("a", "x"), ("b", "y")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(table_of(text), expected);
    }
}
