//! Finds the endpoint and the credentials for a user's command.

use std::{env, path::Path};

use anyhow::{Context, anyhow};
use client::{Client, Trust};
use clock::Clock;
use identity::Credentials;
use serde::Deserialize;

use crate::{arguments::Global, paths::DataDirectory};

const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:4580";
const DEFAULT_REGION: &str = "us-east-1";

/// A client for the commands of a user. The endpoint: `--endpoint`, `AWS_ENDPOINT_URL`, the Gantry of the data
/// directory, the default. The credentials: the environment, the data directory's root credentials, the
/// profile `gantry`.
pub fn client(global: &Global) -> anyhow::Result<Client> {
    let data = DataDirectory::new(global.data_dir.clone());
    let facts = data.facts();
    let endpoint = global
        .endpoint
        .clone()
        .or_else(|| variable("AWS_ENDPOINT_URL"))
        .or_else(|| facts.as_ref().map(|facts| facts.endpoint.clone()))
        .unwrap_or_else(|| DEFAULT_ENDPOINT.into());
    let region = variable("AWS_REGION")
        .or_else(|| variable("AWS_DEFAULT_REGION"))
        .or_else(|| facts.map(|facts| facts.region))
        .unwrap_or_else(|| DEFAULT_REGION.into());
    let credentials = credentials(&data)?;
    Ok(Client::trusting(
        trust(global, &data)?,
        &endpoint,
        region,
        credentials,
        Clock::system(),
    )?)
}

/// Whose certificates to believe: those of `--ca-certificate` and of Gantry's authority in the data directory; this
/// machine's where there is neither.
pub fn trust(global: &Global, data: &DataDirectory) -> anyhow::Result<Trust> {
    match authorities(global, data)? {
        Some(pem) => Ok(Trust::only(&pem)?),
        None => Ok(Trust::default()),
    }
}

/// The file behind [`trust`], in PEM.
pub fn authorities(global: &Global, data: &DataDirectory) -> anyhow::Result<Option<Vec<u8>>> {
    let own = Some(data.authority()).filter(|path| path.exists());
    let mut pem = Vec::new();
    for path in global.ca_certificate.iter().chain(&own) {
        let content =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        pem.extend(content);
        pem.push(b'\n');
    }
    Ok(Some(pem).filter(|pem| !pem.is_empty()))
}

/// Reads a file with credentials as Gantry writes them.
pub fn read_credentials(path: &Path) -> anyhow::Result<Credentials> {
    #[derive(Deserialize)]
    struct File {
        access_key_id: String,
        secret_access_key: String,
    }
    let content = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file: File = serde_json::from_slice(&content)
        .with_context(|| format!("{} holds no credentials", path.display()))?;
    Ok(Credentials::new(file.access_key_id, file.secret_access_key))
}

fn credentials(data: &DataDirectory) -> anyhow::Result<Credentials> {
    if let (Some(id), Some(secret)) = (
        variable("AWS_ACCESS_KEY_ID"),
        variable("AWS_SECRET_ACCESS_KEY"),
    ) {
        let mut credentials = Credentials::new(id, secret);
        credentials.session_token = variable("AWS_SESSION_TOKEN");
        return Ok(credentials);
    }
    let path = data.root_credentials();
    if path.exists() {
        return read_credentials(&path);
    }
    profile("gantry").ok_or_else(|| {
        anyhow!(
            "no credentials: {} does not exist, AWS_ACCESS_KEY_ID is not set, and ~/.aws/credentials has no profile `gantry`.\n\
             Start Gantry on this machine with `gantry up --detach`, or set --data-dir to where it runs.",
            path.display()
        )
    })
}

/// A profile of the shared credentials file: two keys under a bracketed name.
fn profile(name: &str) -> Option<Credentials> {
    let path = Path::new(&env::var_os("HOME")?).join(".aws/credentials");
    let content = std::fs::read_to_string(path).ok()?;
    let header = format!("[{name}]");
    let mut lines = content.lines().skip_while(|line| line.trim() != header);
    lines.next()?;
    let (mut id, mut secret) = (None, None);
    for line in lines.take_while(|line| !line.trim_start().starts_with('[')) {
        match line
            .split_once('=')
            .map(|(key, value)| (key.trim(), value.trim()))
        {
            Some(("aws_access_key_id", value)) => id = Some(value.to_owned()),
            Some(("aws_secret_access_key", value)) => secret = Some(value.to_owned()),
            _ => {}
        }
    }
    Some(Credentials::new(id?, secret?))
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
