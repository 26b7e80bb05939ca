//! What an operator says about registries: logins, mirrors, and which of them are without TLS.
//!
//! Logins are in the form of Docker's `config.json`, or in that of `ECS_ENGINE_AUTH_DATA`, which is the same without the
//! member `auths` around it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use runtime::{RegistryAuth, RegistryEndpoint};
use serde::Deserialize;

use super::image_reference::{registry_of, repository_of};

const DOCKER_HUB: &str = "docker.io";
/// Docker Hub's further names.
const DOCKER_HUB_ALIASES: [&str; 3] = [
    "index.docker.io",
    "registry-1.docker.io",
    "registry.hub.docker.com",
];
const MAX_LOGINS_BYTES: u64 = 1024 * 1024;
const MAX_MIRRORS: usize = 16;

/// Registries other than Gantry's own.
#[derive(Clone, Default)]
pub struct Registries {
    /// Read again at each pull, for whoever keeps logins fresh.
    logins_file: Option<PathBuf>,
    logins: Vec<Login>,
    mirrors: BTreeMap<String, Vec<RegistryEndpoint>>,
    plain_http: Vec<String>,
}

/// A place that has an image, with what it wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// `None`: where the image's name says.
    pub endpoint: Option<RegistryEndpoint>,
    pub auth: Option<RegistryAuth>,
}

/// Why an operator's word about registries cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistriesError {
    #[error("{path}: {reason}")]
    File { path: String, reason: String },
    #[error("registry logins: {0}")]
    Logins(String),
    #[error("a mirror is REGISTRY=URL, like docker.io=https://mirror.example.com, not {0:?}")]
    Mirror(String),
    #[error("more than {MAX_MIRRORS} mirrors of {0}")]
    TooManyMirrors(String),
}

#[derive(Clone)]
struct Login {
    /// A registry, or a part of its names: `ghcr.io/team`.
    scope: String,
    auth: RegistryAuth,
}

#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, AuthEntry>,
    #[serde(default, rename = "credsStore")]
    credentials_store: Option<String>,
    #[serde(default, rename = "credHelpers")]
    credential_helpers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct AuthEntry {
    /// `user:password` in base 64.
    #[serde(default)]
    auth: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default, rename = "identitytoken")]
    identity_token: Option<String>,
    #[serde(default, rename = "registrytoken")]
    registry_token: Option<String>,
}

impl Registries {
    /// Takes the logins of a file like Docker's `config.json`.
    pub fn with_logins_file(mut self, path: PathBuf) -> Result<Self, RegistriesError> {
        self.logins_file = Some(path);
        self.read_logins_file()?;
        Ok(self)
    }

    /// Takes the logins of `ECS_ENGINE_AUTH_DATA`.
    pub fn with_engine_auth_data(mut self, data: &str) -> Result<Self, RegistriesError> {
        let entries: BTreeMap<String, AuthEntry> = serde_json::from_str(data)
            .map_err(|error| RegistriesError::Logins(error.to_string()))?;
        self.logins.extend(logins(entries)?);
        Ok(self)
    }

    /// `docker.io=http://mirror:5000`, also with a path that goes before the images' names there.
    pub fn with_mirror(mut self, text: &str) -> Result<Self, RegistriesError> {
        let invalid = || RegistriesError::Mirror(text.to_owned());
        let (registry, url) = text.split_once('=').ok_or_else(invalid)?;
        let registry = canonical(registry);
        let plain_http = url.starts_with("http://");
        let rest = url
            .strip_prefix("http://")
            .or_else(|| url.strip_prefix("https://"))
            .ok_or_else(invalid)?
            .trim_end_matches('/');
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let is_host = |host: &str| {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".:-[]_".contains(&byte))
        };
        if !is_host(&registry) || !is_host(host) {
            return Err(invalid());
        }
        let mirrors = self.mirrors.entry(registry).or_default();
        if mirrors.len() == MAX_MIRRORS {
            return Err(RegistriesError::TooManyMirrors(text.to_owned()));
        }
        mirrors.push(RegistryEndpoint {
            host: host.to_owned(),
            path_prefix: path.to_owned(),
            plain_http,
        });
        Ok(self)
    }

    /// A registry that is asked without TLS; loopback is anyway.
    pub fn with_plain_http(mut self, registry: &str) -> Self {
        self.plain_http.push(canonical(registry));
        self
    }

    /// Where to ask for an image, in order: the mirrors, and the registry itself.
    pub fn sources(&self, reference: &str) -> Vec<Source> {
        let registry = canonical(registry_of(reference).unwrap_or(DOCKER_HUB));
        let repository = repository_of(reference);
        let current = self.read_logins_file().unwrap_or_else(|error| {
            tracing::warn!(%error, "the registry logins cannot be read");
            Vec::new()
        });
        let auth = |name: &str| login_for(name, current.iter().chain(&self.logins));
        let mirrors = self.mirrors.get(&registry).into_iter().flatten();
        let mut sources: Vec<Source> = mirrors
            .map(|mirror| Source {
                auth: auth(&mirror.host),
                endpoint: Some(mirror.clone()),
            })
            .collect();
        let plain = self.plain_http.contains(&registry);
        sources.push(Source {
            auth: auth(&format!("{registry}/{repository}")),
            endpoint: plain.then(|| RegistryEndpoint {
                host: registry,
                path_prefix: String::new(),
                plain_http: true,
            }),
        });
        sources
    }

    fn read_logins_file(&self) -> Result<Vec<Login>, RegistriesError> {
        let Some(path) = &self.logins_file else {
            return Ok(Vec::new());
        };
        let failed = |reason: String| RegistriesError::File {
            path: path.display().to_string(),
            reason,
        };
        let size = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?;
        if size.len() > MAX_LOGINS_BYTES {
            return Err(failed(format!("larger than {MAX_LOGINS_BYTES} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let config: DockerConfig =
            serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
        if config.credentials_store.is_some() || !config.credential_helpers.is_empty() {
            return Err(failed(
                "credsStore and credHelpers are not supported; `auths` is".to_owned(),
            ));
        }
        logins(config.auths).map_err(|error| failed(error.to_string()))
    }
}

fn logins(entries: BTreeMap<String, AuthEntry>) -> Result<Vec<Login>, RegistriesError> {
    let read = |(name, entry): (String, AuthEntry)| {
        let invalid = |reason: &str| RegistriesError::Logins(format!("{name}: {reason}"));
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        if given(entry.identity_token).is_some() || given(entry.registry_token).is_some() {
            return Err(invalid(
                "identitytoken and registrytoken are not supported; `auth` is",
            ));
        }
        let (username, password) = match (given(entry.auth), given(entry.username)) {
            (Some(auth), _) => {
                let bytes = base64::engine::general_purpose::STANDARD
                    .decode(auth.trim())
                    .map_err(|_| invalid("`auth` is not base 64"))?;
                let text = String::from_utf8(bytes).map_err(|_| invalid("`auth` is no text"))?;
                let (username, password) = text
                    .split_once(':')
                    .ok_or_else(|| invalid("`auth` is not user:password"))?;
                (
                    username.to_owned(),
                    password.trim_end_matches('\0').to_owned(),
                )
            }
            (None, Some(username)) => (username, entry.password.unwrap_or_default()),
            // An entry without a login, as `docker logout` leaves them.
            (None, None) => return Ok(None),
        };
        Ok(Some(Login {
            scope: canonical(&name),
            auth: RegistryAuth { username, password },
        }))
    };
    entries
        .into_iter()
        .filter_map(|entry| read(entry).transpose())
        .collect()
}

/// The login of the longest scope that `name` is in.
fn login_for<'a>(name: &str, logins: impl Iterator<Item = &'a Login>) -> Option<RegistryAuth> {
    let is_in = |scope: &str| {
        name == scope
            || name
                .strip_prefix(scope)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    let fitting = logins.filter(|login| is_in(&login.scope));
    // Of equals the first counts, which `max_by_key` would not give.
    let best = fitting.reduce(|best, login| {
        if login.scope.len() > best.scope.len() {
            login
        } else {
            best
        }
    });
    best.map(|login| login.auth.clone())
}

/// A registry's one name, whatever Docker's tools wrote: `https://index.docker.io/v1/` is `docker.io`.
fn canonical(name: &str) -> String {
    let name = name
        .trim_start_matches("https://")
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .trim_end_matches("/v1")
        .trim_end_matches("/v2");
    let (host, path) = name.split_once('/').unwrap_or((name, ""));
    let host = if DOCKER_HUB_ALIASES.contains(&host) {
        DOCKER_HUB
    } else {
        host
    };
    if path.is_empty() {
        host.to_owned()
    } else {
        format!("{host}/{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(source: &Source) -> Option<&str> {
        source.auth.as_ref().map(|auth| auth.username.as_str())
    }

    #[test]
    fn logins_are_found_by_registry_and_by_name() {
        let data = r#"{
            "https://index.docker.io/v1/": {"auth": "aHViOnNlY3JldDp4", "email": "a@b"},
            "ghcr.io": {"username": "all", "password": "p"},
            "ghcr.io/team": {"username": "team", "password": "p"},
            "quay.io": {}
        }"#;
        let registries = Registries::default().with_engine_auth_data(data).unwrap();
        let first = |reference: &str| registries.sources(reference).remove(0);
        let hub = first("nginx:1").auth.unwrap();
        assert_eq!(
            (hub.username.as_str(), hub.password.as_str()),
            ("hub", "secret:x")
        );
        assert_eq!(user(&first("docker.io/team/app")), Some("hub"));
        assert_eq!(user(&first("ghcr.io/other/app:1")), Some("all"));
        assert_eq!(user(&first("ghcr.io/team/app:1")), Some("team"));
        assert_eq!(user(&first("ghcr.io/teams/app:1")), Some("all"));
        assert_eq!(user(&first("quay.io/x/y")), None);
        assert_eq!(user(&first("localhost:5000/x")), None);
    }

    #[test]
    fn mirrors_come_first() {
        let registries = Registries::default()
            .with_mirror("docker.io=http://127.0.0.1:5555")
            .and_then(|it| it.with_mirror("docker.io=https://harbor.example.com/hub/"))
            .unwrap()
            .with_plain_http("registry.lan:5000");
        let sources = registries.sources("library/nginx:1");
        let endpoint = |host: &str, path_prefix: &str, plain_http| {
            Some(RegistryEndpoint {
                host: host.into(),
                path_prefix: path_prefix.into(),
                plain_http,
            })
        };
        let endpoints: Vec<_> = sources.into_iter().map(|source| source.endpoint).collect();
        assert_eq!(
            endpoints,
            [
                endpoint("127.0.0.1:5555", "", true),
                endpoint("harbor.example.com", "hub", false),
                None
            ]
        );
        let plain = registries.sources("registry.lan:5000/x");
        assert_eq!(plain[0].endpoint, endpoint("registry.lan:5000", "", true));
        assert_eq!(registries.sources("ghcr.io/x/y").len(), 1);
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        for text in [
            "docker.io",
            "docker.io=mirror",
            "=http://x",
            "docker.io=http://",
        ] {
            assert!(Registries::default().with_mirror(text).is_err(), "{text}");
        }
        let auth = |data: &str| {
            Registries::default()
                .with_engine_auth_data(data)
                .err()
                .map(|error| error.to_string())
        };
        assert!(auth("[]").is_some());
        let error = auth(r#"{"x.y": {"auth": "!"}}"#).unwrap();
        assert_eq!(error, "registry logins: x.y: `auth` is not base 64");
        assert!(auth(r#"{"x.y": {"identitytoken": "t"}}"#).is_some());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        let open = || Registries::default().with_logins_file(path.clone());
        assert!(open().is_err(), "there is no file");
        std::fs::write(&path, r#"{"credsStore": "pass"}"#).unwrap();
        assert!(open().err().unwrap().to_string().contains("credsStore"));
        std::fs::write(&path, r#"{"auths": {"x.y": {"username": "a"}}}"#).unwrap();
        let registries = open().unwrap();
        assert_eq!(user(&registries.sources("x.y/z")[0]), Some("a"));
        std::fs::write(&path, r#"{"auths": {"x.y": {"username": "b"}}}"#).unwrap();
        assert_eq!(
            user(&registries.sources("x.y/z")[0]),
            Some("b"),
            "read anew"
        );
    }
}
