//! Where an image named in a task definition may come from: our own registry, or the one that its name says.

use runtime::RegistryEndpoint;

/// Our registry, as this node reaches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRegistry {
    /// `host:port` of the endpoint.
    pub host: String,
    pub plain_http: bool,
}

/// One place to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What the runtime pulls and remembers the image under.
    pub reference: String,
    /// Ours: a token of our registry is needed.
    pub ours: bool,
    /// Where the registry really is, when its name does not say.
    pub endpoint: Option<RegistryEndpoint>,
}

/// The places to try, in order.
///
/// `ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME` means our registry. A name without a registry is looked up with us first
/// and with Docker Hub then. Everything else is pulled from where it says.
pub fn candidates(image: &str, own: &OwnRegistry) -> Vec<Candidate> {
    let endpoint = || {
        Some(RegistryEndpoint {
            host: own.host.clone(),
            path_prefix: String::new(),
            plain_http: own.plain_http,
        })
    };
    let elsewhere = Candidate {
        reference: image.to_owned(),
        ours: false,
        endpoint: None,
    };
    match registry_of(image) {
        Some(registry) if is_ecr_host(registry) || is_same_host(registry, &own.host) => {
            vec![Candidate {
                ours: true,
                endpoint: endpoint(),
                ..elsewhere
            }]
        }
        Some(_) => vec![elsewhere],
        None => {
            let reference = format!("{}/{image}", own.host);
            vec![
                Candidate {
                    reference,
                    ours: true,
                    endpoint: endpoint(),
                },
                elsewhere,
            ]
        }
    }
}

/// Repository and tag (or digest) of a reference that names a registry.
pub fn repository_and_tag(reference: &str) -> Option<(&str, &str)> {
    let (_, rest) = reference.split_once('/')?;
    if let Some((name, digest)) = rest.split_once('@') {
        return Some((name.split(':').next().unwrap_or(name), digest));
    }
    Some(rest.split_once(':').unwrap_or((rest, "latest")))
}

/// The name inside its registry, without tag and digest; Docker Hub's own images are in `library`.
pub fn repository_of(image: &str) -> String {
    let registry = registry_of(image);
    let name = registry.map_or(image, |registry| &image[registry.len() + 1..]);
    let name = name.split('@').next().unwrap_or(name);
    let name = name.split(':').next().unwrap_or(name);
    let is_hub = registry.is_none_or(|registry| registry.ends_with("docker.io"));
    if is_hub && !name.contains('/') {
        format!("library/{name}")
    } else {
        name.to_owned()
    }
}

/// Pinned by digest: what is unpacked under this reference can never change.
pub fn is_pinned(image: &str) -> bool {
    image.contains("@sha256:")
}

/// The first part names a registry when it looks like a host: a dot, a port, or `localhost` (as Docker reads it).
pub fn registry_of(image: &str) -> Option<&str> {
    let (first, _) = image.split_once('/')?;
    (first.contains('.') || first.contains(':') || first == "localhost").then_some(first)
}

fn is_ecr_host(registry: &str) -> bool {
    let mut parts = registry.split('.');
    let account = parts.next().unwrap_or_default();
    account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && parts.next() == Some("dkr")
        && parts.next() == Some("ecr")
        && (registry.ends_with(".amazonaws.com") || registry.ends_with(".amazonaws.com.cn"))
}

/// All names of the loopback are one host.
fn is_same_host(one: &str, other: &str) -> bool {
    fn split(host: &str) -> (&str, &str) {
        let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
        let loopback =
            matches!(name, "localhost" | "127.0.0.1" | "[::1]") || name.ends_with(".localhost");
        (if loopback { "localhost" } else { name }, port)
    }
    split(one) == split(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> OwnRegistry {
        OwnRegistry {
            host: "127.0.0.1:4580".into(),
            plain_http: true,
        }
    }

    fn places(image: &str) -> Vec<(String, bool, bool)> {
        candidates(image, &own())
            .into_iter()
            .map(|candidate| {
                (
                    candidate.reference,
                    candidate.ours,
                    candidate.endpoint.is_some(),
                )
            })
            .collect()
    }

    #[test]
    fn a_bare_name_is_ours_first_and_docker_hubs_then() {
        for image in ["demo", "demo:1", "team/demo:1"] {
            let ours = (format!("127.0.0.1:4580/{image}"), true, true);
            assert_eq!(places(image), [ours, (image.to_owned(), false, false)]);
        }
    }

    #[test]
    fn names_of_ecr_and_of_our_endpoint_are_ours() {
        for image in [
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/demo:1",
            "127.0.0.1:4580/demo",
            "localhost:4580/demo",
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a/b",
        ] {
            assert_eq!(places(image), [(image.to_owned(), true, true)]);
        }
    }

    #[test]
    fn other_registries_stay_what_they_are() {
        for image in [
            "ghcr.io/x/y:1",
            "localhost:5000/x",
            "public.ecr.aws/docker/library/nginx",
            "docker.io/nginx",
        ] {
            assert_eq!(places(image), [(image.to_owned(), false, false)]);
        }
    }

    #[test]
    fn references_come_apart() {
        let cases = [
            ("127.0.0.1:4580/demo", ("demo", "latest")),
            ("127.0.0.1:4580/team/demo:1", ("team/demo", "1")),
            ("h/demo:1@sha256:00", ("demo", "sha256:00")),
        ];
        for (reference, parts) in cases {
            assert_eq!(repository_and_tag(reference), Some(parts));
        }
        assert_eq!(repository_and_tag("demo"), None);
    }

    #[test]
    fn repositories_are_names_inside_registries() {
        for (image, repository) in [
            ("nginx", "library/nginx"),
            ("docker.io/nginx:1", "library/nginx"),
            ("team/app:1@sha256:00", "team/app"),
            ("localhost:5000/x:1", "x"),
            ("ghcr.io/a/b", "a/b"),
        ] {
            assert_eq!(repository_of(image), repository, "{image}");
        }
    }

    #[test]
    fn digests_pin() {
        assert!(is_pinned("demo@sha256:00"));
        assert!(!is_pinned("demo:latest"));
    }
}
