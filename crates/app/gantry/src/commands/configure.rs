//! `gantry configure`: the AWS profile `gantry`, so that the AWS CLI and every SDK find this endpoint.

use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, anyhow};

use crate::{
    arguments::{Configure, Global},
    connect,
    paths::DataDirectory,
};

pub fn run(global: &Global, configure: &Configure) -> anyhow::Result<ExitCode> {
    let data = DataDirectory::new(global.data_dir.clone());
    let facts = data.facts().ok_or_else(|| {
        anyhow!(
            "no Gantry was started in {}. `gantry up --detach` starts one; --data-dir names another place",
            data.path().display()
        )
    })?;
    let credentials = connect::read_credentials(&data.root_credentials())?;
    let endpoint = global.endpoint.clone().unwrap_or(facts.endpoint);
    let directory =
        PathBuf::from(std::env::var_os("HOME").ok_or_else(|| anyhow!("HOME is not set"))?)
            .join(".aws");
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let profile = &configure.profile;
    let bundle = match connect::authorities(global, &data)? {
        Some(pem) if endpoint.starts_with("https:") => {
            let path = directory.join(format!("{profile}-ca.pem"));
            fs::write(&path, pem).with_context(|| format!("cannot write {}", path.display()))?;
            Some(path.display().to_string())
        }
        _ => None,
    };
    let mut settings = vec![("region", &facts.region), ("endpoint_url", &endpoint)];
    settings.extend(bundle.as_ref().map(|path| ("ca_bundle", path)));
    write_section(
        &directory.join("credentials"),
        &format!("[{profile}]"),
        &[
            ("aws_access_key_id", &credentials.access_key_id),
            ("aws_secret_access_key", &credentials.secret_access_key),
        ],
    )?;
    write_section(
        &directory.join("config"),
        &format!("[profile {profile}]"),
        &settings,
    )?;
    println!("Profile `{profile}` written. Try: aws --profile {profile} ecs list-clusters");
    Ok(ExitCode::SUCCESS)
}

/// Replaces one section of an INI file and leaves the others as they are.
fn write_section(path: &Path, header: &str, pairs: &[(&str, &String)]) -> anyhow::Result<()> {
    let old = fs::read_to_string(path).unwrap_or_default();
    let new = replace_section(&old, header, pairs);
    let scratch = path.with_extension("gantry-new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&scratch)
        .with_context(|| format!("cannot write {}", scratch.display()))?;
    file.write_all(new.as_bytes())?;
    fs::rename(&scratch, path).with_context(|| format!("cannot write {}", path.display()))
}

fn replace_section(old: &str, header: &str, pairs: &[(&str, &String)]) -> String {
    let mut kept = Vec::new();
    let mut inside = false;
    for line in old.lines() {
        if line.trim_start().starts_with('[') {
            inside = line.trim() == header;
        }
        if !inside {
            kept.push(line);
        }
    }
    while kept.last().is_some_and(|line| line.trim().is_empty()) {
        kept.pop();
    }
    let mut new = kept.join("\n");
    if !new.is_empty() {
        new.push_str("\n\n");
    }
    new.push_str(header);
    for (key, value) in pairs {
        new.push_str(&format!("\n{key} = {value}"));
    }
    new.push('\n');
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_profiles_stay() {
        let old = "[default]\nregion = eu-west-1\n\n[profile gantry]\nregion = x\nold = 1\n\n[profile work]\nregion = y\n";
        let new = replace_section(old, "[profile gantry]", &[("region", &"us-east-1".into())]);
        assert_eq!(
            new,
            "[default]\nregion = eu-west-1\n\n[profile work]\nregion = y\n\n[profile gantry]\nregion = us-east-1\n"
        );
        assert_eq!(
            replace_section(&new, "[profile gantry]", &[("region", &"us-east-1".into())]),
            new
        );
        assert_eq!(
            replace_section("", "[a]", &[("b", &"c".into())]),
            "[a]\nb = c\n"
        );
    }
}
