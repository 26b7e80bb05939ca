//! From a path to what it names. Repository names hold slashes, so paths are read from their end.

use names::is_repository_name;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    Ping,
    Catalog,
    Tags {
        repository: &'a str,
    },
    Manifest {
        repository: &'a str,
        reference: &'a str,
    },
    Blob {
        repository: &'a str,
        digest: &'a str,
    },
    UploadsRoot {
        repository: &'a str,
    },
    Upload {
        repository: &'a str,
        id: &'a str,
    },
    Referrers {
        repository: &'a str,
        digest: &'a str,
    },
    /// A repository's route whose repository name is none.
    BadName {
        repository: &'a str,
    },
    Unknown,
}

pub(crate) fn route(path: &str) -> Route<'_> {
    let Some(path) = path.strip_prefix("/v2") else {
        return Route::Unknown;
    };
    match path {
        "" | "/" => return Route::Ping,
        "/_catalog" => return Route::Catalog,
        _ => {}
    }
    let Some(path) = path.strip_prefix('/') else {
        return Route::Unknown;
    };
    let found = repository_route(path);
    match found {
        Route::Tags { repository }
        | Route::Manifest { repository, .. }
        | Route::Blob { repository, .. }
        | Route::UploadsRoot { repository }
        | Route::Upload { repository, .. }
        | Route::Referrers { repository, .. }
            if !is_repository_name(repository) =>
        {
            Route::BadName { repository }
        }
        other => other,
    }
}

fn repository_route(path: &str) -> Route<'_> {
    if let Some(repository) = path.strip_suffix("/tags/list") {
        return Route::Tags { repository };
    }
    if let Some(repository) = path
        .strip_suffix("/blobs/uploads/")
        .or_else(|| path.strip_suffix("/blobs/uploads"))
    {
        return Route::UploadsRoot { repository };
    }
    let Some((rest, last)) = path.rsplit_once('/') else {
        return Route::Unknown;
    };
    if let Some(repository) = rest.strip_suffix("/blobs/uploads") {
        return Route::Upload {
            repository,
            id: last,
        };
    }
    match rest.rsplit_once('/') {
        Some((repository, "manifests")) => Route::Manifest {
            repository,
            reference: last,
        },
        Some((repository, "blobs")) => Route::Blob {
            repository,
            digest: last,
        },
        Some((repository, "referrers")) => Route::Referrers {
            repository,
            digest: last,
        },
        _ => Route::Unknown,
    }
}

/// The value of a query parameter, percent-decoded.
pub(crate) fn query_value(query: Option<&str>, name: &str) -> Option<String> {
    query?
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| percent_decode(value))
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let escaped = (bytes[index] == b'%')
            .then(|| text.get(index + 1..index + 3))
            .flatten()
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) => {
                decoded.push(byte);
                index += 3;
            }
            None => {
                decoded.push(if bytes[index] == b'+' {
                    b' '
                } else {
                    bytes[index]
                });
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_what_they_should() {
        assert_eq!(route("/v2/"), Route::Ping);
        assert_eq!(route("/v2"), Route::Ping);
        assert_eq!(route("/v2/_catalog"), Route::Catalog);
        assert_eq!(
            route("/v2/a/b/tags/list"),
            Route::Tags { repository: "a/b" }
        );
        assert_eq!(
            route("/v2/a/b/manifests/latest"),
            Route::Manifest {
                repository: "a/b",
                reference: "latest"
            }
        );
        assert_eq!(
            route("/v2/demo/blobs/sha256:x"),
            Route::Blob {
                repository: "demo",
                digest: "sha256:x"
            }
        );
        assert_eq!(
            route("/v2/demo/blobs/uploads/"),
            Route::UploadsRoot { repository: "demo" }
        );
        assert_eq!(
            route("/v2/demo/blobs/uploads/1-2"),
            Route::Upload {
                repository: "demo",
                id: "1-2"
            }
        );
        assert_eq!(
            route("/v2/blobs/uploads/manifests/v1"),
            Route::Manifest {
                repository: "blobs/uploads",
                reference: "v1"
            }
        );
        assert_eq!(
            route("/v2/De/tags/list"),
            Route::BadName { repository: "De" }
        );
        for unknown in ["/v1/", "/v2x", "/v2/demo", "/v2/a/b/c"] {
            assert_eq!(route(unknown), Route::Unknown, "{unknown}");
        }
    }

    #[test]
    fn query_values_are_decoded() {
        let query = Some("digest=sha256%3Aab&n=5&last=a%2Fb&odd=%zz");
        assert_eq!(query_value(query, "digest").as_deref(), Some("sha256:ab"));
        assert_eq!(query_value(query, "last").as_deref(), Some("a/b"));
        assert_eq!(query_value(query, "odd").as_deref(), Some("%zz"));
        assert_eq!(query_value(Some("a=%+1"), "a").as_deref(), Some("% 1"));
        assert_eq!(query_value(query, "none"), None);
        assert_eq!(query_value(None, "n"), None);
    }
}
