//! The registry: one request in, one answer out.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use clock::Clock;
use http::header::{CONTENT_TYPE, LINK};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use limits::REGISTRY_PAGE_ITEMS;

use crate::access::{Access, Action, DOWNLOAD_TOKEN, Identity, Presented, authenticate};
use crate::answer::{ApiError, Body, BoxError, json, set, stamp};
use crate::catalog::{Catalog, ManifestEntry, Scope};
use crate::content::Content;
use crate::digest::Digest;
use crate::manifest::OCI_INDEX;
use crate::routes::{Route, query_value, route};
use crate::uploads::RequestBody;

/// A registry over a directory. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub content: Arc<Content>,
    pub catalog: Arc<dyn Catalog>,
    pub access: Arc<dyn Access>,
    pub clock: Clock,
}

#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("the registry's directory {path} cannot be used: {source}")]
    Directory { path: String, source: io::Error },
    #[error("sweeping the registry: {0}")]
    Sweep(String),
}

/// A request to a repository that has passed authentication and authorisation.
pub(crate) struct Call<'a> {
    pub scope: Scope,
    pub repository: &'a str,
    pub parts: &'a Parts,
}

pub(crate) type Answer = Result<Response<Body>, ApiError>;

impl Registry {
    /// A registry over a directory of its own, made if it is not there.
    pub fn open(
        directory: &Path,
        catalog: Arc<dyn Catalog>,
        access: Arc<dyn Access>,
        clock: Clock,
    ) -> Result<Self, RegistryError> {
        let content = Content::open(directory, clock.clone())?;
        Ok(Self::new(content, catalog, access, clock))
    }

    /// A registry over bytes that others write besides.
    pub fn new(
        content: Arc<Content>,
        catalog: Arc<dyn Catalog>,
        access: Arc<dyn Access>,
        clock: Clock,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                content,
                catalog,
                access,
                clock,
            }),
        }
    }

    /// Answers any request whose path begins with `/v2`.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = request.into_parts();
        let body = body.map_err(Into::into).boxed_unsync();
        let answer = self.answer(&parts, body).await;
        let response = answer.unwrap_or_else(|error| {
            tracing::debug!(method = %parts.method, path = parts.uri.path(), status = %error.status,
                code = error.code, message = error.message, "registry");
            error.into_response()
        });
        stamp(response)
    }

    async fn answer(&self, parts: &Parts, body: RequestBody) -> Answer {
        let access = &*self.inner.access;
        let method = &parts.method;
        let identity = match download_of(parts) {
            Some(link) => link.authenticate(access, &parts.headers)?,
            None => authenticate(access, &parts.headers)?,
        };
        match route(parts.uri.path()) {
            Route::Ping => Ok(json(StatusCode::OK, &serde_json::json!({}))),
            Route::Catalog => self.catalog(&identity, parts).await,
            Route::Unknown => Err(ApiError::new(
                StatusCode::NOT_FOUND,
                "UNSUPPORTED",
                "there is nothing at this path",
            )),
            Route::BadName { repository } => Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "NAME_INVALID",
                format!("'{repository}' is not a valid repository name"),
            )),
            Route::Tags { repository } => {
                let call = self.call(&identity, Action::Pull, repository, parts)?;
                self.tags(&call).await
            }
            Route::Referrers { repository, digest } => {
                let call = self.call(&identity, Action::Pull, repository, parts)?;
                self.referrers(&call, &digest_of(digest)?).await
            }
            Route::Manifest {
                repository,
                reference,
            } => {
                let call = self.call(&identity, action_of(method)?, repository, parts)?;
                self.manifest(&call, reference, body).await
            }
            Route::Blob { repository, digest } => {
                let call = self.call(&identity, action_of(method)?, repository, parts)?;
                self.blob(&call, &digest_of(digest)?).await
            }
            Route::UploadsRoot { repository } => {
                let call = self.call(&identity, Action::Push, repository, parts)?;
                self.begin_upload(&identity, &call, body).await
            }
            Route::Upload { repository, id } => {
                let call = self.call(&identity, Action::Push, repository, parts)?;
                self.upload(&call, id, body).await
            }
        }
    }

    fn call<'a>(
        &self,
        identity: &Identity,
        action: Action,
        repository: &'a str,
        parts: &'a Parts,
    ) -> Result<Call<'a>, ApiError> {
        self.inner
            .access
            .authorize(identity, action, repository)
            .map_err(|refusal| ApiError::denied(refusal.0))?;
        Ok(Call {
            scope: scope_of(identity),
            repository,
            parts,
        })
    }

    async fn catalog(&self, identity: &Identity, parts: &Parts) -> Answer {
        self.inner
            .access
            .authorize(identity, Action::List, "")
            .map_err(|refusal| ApiError::denied(refusal.0))?;
        let page = Page::of(parts)?;
        let names = self
            .inner
            .catalog
            .repositories(&scope_of(identity), page.last.as_deref(), page.size + 1)
            .await?;
        Ok(page.answer(
            names,
            "/v2/_catalog",
            |names| serde_json::json!({ "repositories": names }),
        ))
    }

    async fn tags(&self, call: &Call<'_>) -> Answer {
        let page = Page::of(call.parts)?;
        let tags = self
            .inner
            .catalog
            .tags(
                &call.scope,
                call.repository,
                page.last.as_deref(),
                page.size + 1,
            )
            .await?;
        let path = format!("/v2/{}/tags/list", call.repository);
        Ok(page.answer(
            tags,
            &path,
            |tags| serde_json::json!({ "name": call.repository, "tags": tags }),
        ))
    }

    async fn referrers(&self, call: &Call<'_>, digest: &Digest) -> Answer {
        let entries = self
            .inner
            .catalog
            .referrers(&call.scope, call.repository, digest)
            .await?;
        let wanted = query_value(call.parts.uri.query(), "artifactType");
        let manifests: Vec<_> = entries
            .iter()
            .map(|entry| (entry, artifact_type(entry)))
            .filter(|(_, kind)| wanted.is_none() || *kind == wanted.as_deref())
            .map(|(entry, kind)| {
                serde_json::json!({
                    "mediaType": entry.media_type,
                    "digest": entry.digest,
                    "size": entry.size,
                    "artifactType": kind,
                    "annotations": entry.annotations,
                })
            })
            .collect();
        let index = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": manifests,
        });
        let mut response = json(StatusCode::OK, &index);
        set(&mut response, CONTENT_TYPE, OCI_INDEX);
        if wanted.is_some() {
            let name = HeaderName::from_static("oci-filters-applied");
            set(&mut response, name, "artifactType");
        }
        Ok(response)
    }

    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, ApiError> {
        Ok(self.inner.content.blocking(work).await?)
    }
}

/// A page of a list of names: `n` and `last` of the query.
struct Page {
    size: usize,
    last: Option<String>,
}

impl Page {
    fn of(parts: &Parts) -> Result<Self, ApiError> {
        let query = parts.uri.query();
        let size = match query_value(query, "n") {
            None => REGISTRY_PAGE_ITEMS,
            Some(text) => text.parse::<usize>().map_err(|_| {
                ApiError::new(
                    StatusCode::BAD_REQUEST,
                    "PAGINATION_NUMBER_INVALID",
                    format!("n is '{text}', not a number"),
                )
            })?,
        };
        Ok(Self {
            size: size.min(REGISTRY_PAGE_ITEMS),
            last: query_value(query, "last"),
        })
    }

    /// `names` holds one more than the page if there is a next one.
    fn answer(
        &self,
        mut names: Vec<String>,
        path: &str,
        body: impl Fn(&[String]) -> serde_json::Value,
    ) -> Response<Body> {
        let more = names.len() > self.size;
        names.truncate(self.size);
        let mut response = json(StatusCode::OK, &body(&names));
        if let Some(last) = names.last().filter(|_| more) {
            let link = format!("<{path}?n={}&last={last}>; rel=\"next\"", self.size);
            set(&mut response, LINK, &link);
        }
        response
    }
}

fn scope_of(identity: &Identity) -> Scope {
    Scope {
        account: identity.account.clone(),
        region: identity.region.clone(),
    }
}

fn action_of(method: &Method) -> Result<Action, ApiError> {
    match *method {
        Method::GET | Method::HEAD => Ok(Action::Pull),
        Method::PUT | Method::POST | Method::PATCH => Ok(Action::Push),
        Method::DELETE => Ok(Action::Delete),
        _ => Err(ApiError::unsupported("the registry knows no such method")),
    }
}

/// A link to one blob, which needs no other login.
struct Download<'a> {
    token: String,
    repository: &'a str,
    digest: &'a str,
}

fn download_of(parts: &Parts) -> Option<Download<'_>> {
    let Route::Blob { repository, digest } = route(parts.uri.path()) else {
        return None;
    };
    let token = query_value(parts.uri.query(), DOWNLOAD_TOKEN)?;
    matches!(parts.method, Method::GET | Method::HEAD).then_some(Download {
        token,
        repository,
        digest,
    })
}

impl Download<'_> {
    fn authenticate(&self, access: &dyn Access, headers: &HeaderMap) -> Result<Identity, ApiError> {
        let presented = Presented::Download {
            token: &self.token,
            repository: self.repository,
            digest: self.digest,
        };
        access
            .authenticate(presented)
            .map_err(|refusal| ApiError::unauthorized(refusal.0, headers))
    }
}

pub(crate) fn digest_of(text: &str) -> Result<Digest, ApiError> {
    text.parse()
        .map_err(|error: crate::DigestError| ApiError::digest_invalid(error.to_string()))
}

fn artifact_type(entry: &ManifestEntry) -> Option<&str> {
    let declared = entry.artifact_type.as_deref();
    declared.or(entry.config_media_type.as_deref())
}
