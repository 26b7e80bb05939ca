//! The registry: one request in, one answer out.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use clock::Clock;
use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LINK, LOCATION, RANGE,
};
use http::request::Parts;
use http::{HeaderName, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use limits::{MANIFEST_MAX_BYTES, REGISTRY_PAGE_ITEMS};

use crate::access::{Access, Action, Identity, authenticate};
use crate::answer::{
    ApiError, Body, BoxError, DOCKER_CONTENT_DIGEST, empty, full, json, set, stamp,
};
use crate::blobs::BlobStore;
use crate::catalog::{Catalog, CatalogError, ManifestEntry, Reference, Scope};
use crate::digest::Digest;
use crate::file_body::FileBody;
use crate::manifest::{Manifest, OCI_INDEX};
use crate::range::{self, ByteRange, Requested};
use crate::routes::{Route, query_value, route};
use crate::uploads::{RequestBody, Uploads};

const DOCKER_UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

/// A registry over a directory. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub blobs: BlobStore,
    pub uploads: Uploads,
    pub catalog: Arc<dyn Catalog>,
    pub access: Arc<dyn Access>,
    pub clock: Clock,
    /// Read while a file becomes visible and linked, written while a sweep decides about one.
    pub linking: tokio::sync::RwLock<()>,
}

#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("the registry's directory {path} cannot be used: {source}")]
    Directory { path: String, source: io::Error },
    #[error("sweeping the registry: {0}")]
    Sweep(String),
}

/// A request to a repository that has passed authentication and authorisation.
struct Call<'a> {
    scope: Scope,
    repository: &'a str,
    parts: &'a Parts,
}

type Answer = Result<Response<Body>, ApiError>;

impl Registry {
    /// `directory` is the registry's own, made if it is not there.
    pub fn open(
        directory: &Path,
        catalog: Arc<dyn Catalog>,
        access: Arc<dyn Access>,
        clock: Clock,
    ) -> Result<Self, RegistryError> {
        let blobs = BlobStore::open(directory).map_err(|source| RegistryError::Directory {
            path: directory.display().to_string(),
            source,
        })?;
        let uploads = Uploads::new(blobs.uploads_directory(), clock.clone());
        Ok(Self {
            inner: Arc::new(Inner {
                blobs,
                uploads,
                catalog,
                access,
                clock,
                linking: tokio::sync::RwLock::default(),
            }),
        })
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
        let identity = authenticate(&*self.inner.access, &parts.headers)?;
        let method = &parts.method;
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
        Ok(page.answer(names, "/v2/_catalog", |names| {
            serde_json::json!({ "repositories": names })
        }))
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
        Ok(page.answer(tags, &path, |tags| {
            serde_json::json!({ "name": call.repository, "tags": tags })
        }))
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

    async fn manifest(&self, call: &Call<'_>, reference: &str, body: RequestBody) -> Answer {
        let parsed = Reference::parse(reference);
        match call.parts.method {
            Method::PUT => {
                let parsed = parsed.ok_or_else(|| {
                    ApiError::manifest_invalid(format!(
                        "'{reference}' is neither a tag nor a digest"
                    ))
                })?;
                self.put_manifest(call, &parsed, body).await
            }
            Method::DELETE => {
                let parsed = parsed.ok_or_else(ApiError::manifest_unknown)?;
                let (scope, repository) = (&call.scope, call.repository);
                let catalog = &self.inner.catalog;
                if !catalog.delete_manifest(scope, repository, &parsed).await? {
                    return Err(ApiError::manifest_unknown());
                }
                Ok(empty(StatusCode::ACCEPTED))
            }
            _ => {
                let parsed = parsed.ok_or_else(ApiError::manifest_unknown)?;
                self.get_manifest(call, &parsed).await
            }
        }
    }

    async fn get_manifest(&self, call: &Call<'_>, reference: &Reference) -> Answer {
        let entry = self
            .inner
            .catalog
            .manifest(&call.scope, call.repository, reference)
            .await?
            .ok_or_else(ApiError::manifest_unknown)?;
        let mut response = if call.parts.method == Method::HEAD {
            empty(StatusCode::OK)
        } else {
            let path = self.inner.blobs.path(&entry.digest);
            Response::new(full(self.blocking(move || std::fs::read(path)).await?))
        };
        let digest = entry.digest.as_str();
        set(&mut response, CONTENT_TYPE, &entry.media_type);
        set(&mut response, CONTENT_LENGTH, &entry.size.to_string());
        set(&mut response, DOCKER_CONTENT_DIGEST, digest);
        set(&mut response, ETAG, &format!("\"{digest}\""));
        Ok(response)
    }

    async fn put_manifest(
        &self,
        call: &Call<'_>,
        reference: &Reference,
        body: RequestBody,
    ) -> Answer {
        let inner = &self.inner;
        inner
            .catalog
            .repository(&call.scope, call.repository)
            .await?;
        let bytes = Limited::new(body, MANIFEST_MAX_BYTES)
            .collect()
            .await
            .map_err(manifest_body_error)?
            .to_bytes();
        let digest = Digest::of(&bytes);
        if let Reference::Digest(expected) = reference
            && *expected != digest
        {
            return Err(ApiError::digest_invalid(
                "provided digest did not match uploaded content",
            ));
        }
        let content_type = call.parts.headers.get(CONTENT_TYPE);
        let (manifest, media_type) =
            Manifest::parse(&bytes, content_type.and_then(|value| value.to_str().ok()))
                .map_err(|error| ApiError::manifest_invalid(error.to_string()))?;
        let entry = manifest.entry(digest.clone(), media_type, bytes.len() as u64);
        let subject = entry.subject.clone();

        let _linking = inner.linking.read().await;
        self.check_contents(call, &entry).await?;
        let blobs = inner.blobs.clone();
        let (named, scratch) = (digest.clone(), format!("manifest-{}", inner.clock.uuid()));
        self.blocking(move || blobs.put(&named, &bytes, &scratch))
            .await?;
        let tag = match reference {
            Reference::Tag(tag) => Some(tag.as_str()),
            Reference::Digest(_) => None,
        };
        inner
            .catalog
            .put_manifest(&call.scope, call.repository, entry, tag)
            .await?;

        let mut response = empty(StatusCode::CREATED);
        let location = format!("/v2/{}/manifests/{digest}", call.repository);
        set(&mut response, LOCATION, &location);
        set(&mut response, DOCKER_CONTENT_DIGEST, digest.as_str());
        if let Some(subject) = subject {
            set(&mut response, OCI_SUBJECT, subject.as_str());
        }
        Ok(response)
    }

    /// A manifest may only name what its repository holds.
    async fn check_contents(&self, call: &Call<'_>, entry: &ManifestEntry) -> Result<(), ApiError> {
        let (scope, repository) = (&call.scope, call.repository);
        let catalog = &self.inner.catalog;
        let mut missing = Vec::new();
        for digest in &entry.blobs {
            if !catalog.has_blob(scope, repository, digest).await? {
                missing.push(digest.as_str());
            }
        }
        for digest in &entry.manifests {
            let reference = Reference::Digest(digest.clone());
            if catalog
                .manifest(scope, repository, &reference)
                .await?
                .is_none()
            {
                missing.push(digest.as_str());
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "MANIFEST_BLOB_UNKNOWN",
            format!(
                "the manifest names what the repository does not hold: {}",
                missing.join(", ")
            ),
        )
        .detail(serde_json::json!({ "digests": missing })))
    }

    async fn blob(&self, call: &Call<'_>, digest: &Digest) -> Answer {
        let (scope, repository) = (&call.scope, call.repository);
        let catalog = &self.inner.catalog;
        match call.parts.method {
            Method::GET | Method::HEAD => {
                if !catalog.has_blob(scope, repository, digest).await? {
                    return Err(ApiError::blob_unknown(digest));
                }
                self.send_blob(call, digest).await
            }
            Method::DELETE => {
                if !catalog.unlink_blob(scope, repository, digest).await? {
                    return Err(ApiError::blob_unknown(digest));
                }
                Ok(empty(StatusCode::ACCEPTED))
            }
            _ => Err(ApiError::unsupported("a blob is written by an upload")),
        }
    }

    async fn send_blob(&self, call: &Call<'_>, digest: &Digest) -> Answer {
        let (blobs, named) = (self.inner.blobs.clone(), digest.clone());
        let (file, size) = self
            .blocking(move || blobs.read(&named))
            .await?
            .ok_or_else(|| ApiError::blob_unknown(digest))?;
        let is_head = call.parts.method == Method::HEAD;
        let header = call.parts.headers.get(RANGE).filter(|_| !is_head);
        let header = header.and_then(|value| value.to_str().ok());
        let (status, part) = match range::requested(header, size) {
            Requested::Whole => (
                StatusCode::OK,
                ByteRange {
                    start: 0,
                    end: size,
                },
            ),
            Requested::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
            Requested::Unsatisfiable => {
                return Err(ApiError::new(
                    StatusCode::RANGE_NOT_SATISFIABLE,
                    "RANGE_INVALID",
                    format!("the blob has {size} bytes"),
                )
                .header(CONTENT_RANGE, &format!("bytes */{size}")));
            }
        };
        let mut response = if is_head {
            empty(status)
        } else {
            let body = FileBody::new(file, part, self.inner.clock.clone());
            let mut response = Response::new(body.boxed());
            *response.status_mut() = status;
            response
        };
        if status == StatusCode::PARTIAL_CONTENT {
            let content_range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
            set(&mut response, CONTENT_RANGE, &content_range);
        }
        let length = part.end - part.start;
        set(&mut response, CONTENT_LENGTH, &length.to_string());
        set(&mut response, CONTENT_TYPE, "application/octet-stream");
        set(&mut response, ACCEPT_RANGES, "bytes");
        set(&mut response, DOCKER_CONTENT_DIGEST, digest.as_str());
        set(&mut response, ETAG, &format!("\"{digest}\""));
        Ok(response)
    }

    async fn begin_upload(
        &self,
        identity: &Identity,
        call: &Call<'_>,
        body: RequestBody,
    ) -> Answer {
        if call.parts.method != Method::POST {
            return Err(ApiError::unsupported("an upload begins with POST"));
        }
        let inner = &self.inner;
        inner
            .catalog
            .repository(&call.scope, call.repository)
            .await?;
        let query = call.parts.uri.query();
        if let (Some(digest), Some(from)) =
            (query_value(query, "mount"), query_value(query, "from"))
            && let Some(response) = self
                .mount(identity, call, &digest_of(&digest)?, &from)
                .await?
        {
            return Ok(response);
        }
        let id = inner.uploads.begin(&owner(call)).await?;
        if query_value(query, "digest").is_none() {
            return Ok(upload_answer(StatusCode::ACCEPTED, call.repository, &id, 0));
        }
        self.finish_upload(call, &id, body).await
    }

    /// Lets this repository hold a blob of another; `None` when that is not possible and the client must upload.
    async fn mount(
        &self,
        identity: &Identity,
        call: &Call<'_>,
        digest: &Digest,
        from: &str,
    ) -> Result<Option<Response<Body>>, ApiError> {
        let inner = &self.inner;
        if inner
            .access
            .authorize(identity, Action::Pull, from)
            .is_err()
        {
            return Ok(None);
        }
        let _linking = inner.linking.read().await;
        let held = match inner.catalog.has_blob(&call.scope, from, digest).await {
            Err(CatalogError::RepositoryUnknown(_)) => false,
            other => other?,
        };
        let (blobs, named) = (inner.blobs.clone(), digest.clone());
        let size = self.blocking(move || blobs.size(&named)).await?;
        let Some(size) = size.filter(|_| held) else {
            return Ok(None);
        };
        inner
            .catalog
            .link_blob(&call.scope, call.repository, digest, size)
            .await?;
        Ok(Some(blob_created(call.repository, digest)))
    }

    async fn upload(&self, call: &Call<'_>, id: &str, body: RequestBody) -> Answer {
        let inner = &self.inner;
        match call.parts.method {
            Method::PUT => self.finish_upload(call, id, body).await,
            Method::PATCH => {
                let upload = inner.uploads.find(&owner(call), id)?;
                let mut upload = upload.lock().await;
                let offset = inner.uploads.offset(&mut upload).await?;
                check_chunk(call, id, offset)?;
                let offset = inner.uploads.receive(&mut upload, body).await?;
                Ok(upload_answer(
                    StatusCode::ACCEPTED,
                    call.repository,
                    id,
                    offset,
                ))
            }
            Method::GET | Method::HEAD => {
                let upload = inner.uploads.find(&owner(call), id)?;
                let mut upload = upload.lock().await;
                let offset = inner.uploads.offset(&mut upload).await?;
                let status = StatusCode::NO_CONTENT;
                Ok(upload_answer(status, call.repository, id, offset))
            }
            Method::DELETE => {
                let upload = inner.uploads.find(&owner(call), id)?;
                let _alone = upload.lock().await;
                inner.uploads.cancel(id).await?;
                Ok(empty(StatusCode::NO_CONTENT))
            }
            _ => Err(ApiError::unsupported("an upload knows no such method")),
        }
    }

    async fn finish_upload(&self, call: &Call<'_>, id: &str, body: RequestBody) -> Answer {
        let inner = &self.inner;
        let digest = query_value(call.parts.uri.query(), "digest")
            .ok_or_else(|| ApiError::digest_invalid("an upload ends with its digest"))?;
        let digest = digest_of(&digest)?;
        let upload = inner.uploads.find(&owner(call), id)?;
        let mut upload = upload.lock().await;
        let offset = inner.uploads.offset(&mut upload).await?;
        check_chunk(call, id, offset)?;
        inner.uploads.receive(&mut upload, body).await?;
        let (path, size) = inner.uploads.seal(&mut upload, &digest).await?;

        let _linking = inner.linking.read().await;
        let (blobs, named) = (inner.blobs.clone(), digest.clone());
        self.blocking(move || blobs.adopt(&path, &named)).await?;
        inner.uploads.forget(id);
        inner
            .catalog
            .link_blob(&call.scope, call.repository, &digest, size)
            .await?;
        Ok(blob_created(call.repository, &digest))
    }

    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, ApiError> {
        let done = self.inner.clock.spawn_blocking(work).await;
        Ok(done.map_err(io::Error::other)??)
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

fn owner(call: &Call<'_>) -> String {
    let Scope { account, region } = &call.scope;
    format!("{account}/{region}/{}", call.repository)
}

fn action_of(method: &Method) -> Result<Action, ApiError> {
    match *method {
        Method::GET | Method::HEAD => Ok(Action::Pull),
        Method::PUT | Method::POST | Method::PATCH => Ok(Action::Push),
        Method::DELETE => Ok(Action::Delete),
        _ => Err(ApiError::unsupported("the registry knows no such method")),
    }
}

fn digest_of(text: &str) -> Result<Digest, ApiError> {
    text.parse()
        .map_err(|error: crate::DigestError| ApiError::digest_invalid(error.to_string()))
}

fn artifact_type(entry: &ManifestEntry) -> Option<&str> {
    let declared = entry.artifact_type.as_deref();
    declared.or(entry.config_media_type.as_deref())
}

/// A chunk with a range must begin where the upload stands.
fn check_chunk(call: &Call<'_>, id: &str, offset: u64) -> Result<(), ApiError> {
    let Some(header) = call.parts.headers.get(CONTENT_RANGE) else {
        return Ok(());
    };
    let chunk = header.to_str().ok().and_then(range::chunk);
    if chunk.is_some_and(|chunk| chunk.start == offset) {
        return Ok(());
    }
    let location = upload_location(call.repository, id);
    Err(ApiError::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "BLOB_UPLOAD_INVALID",
        format!("the upload has {offset} bytes, the chunk must begin there"),
    )
    .header(LOCATION, &location)
    .header(RANGE, &received_range(offset)))
}

fn upload_location(repository: &str, id: &str) -> String {
    format!("/v2/{repository}/blobs/uploads/{id}")
}

/// What has arrived, the last byte included; the specification writes nothing as `0-0`.
fn received_range(offset: u64) -> String {
    format!("0-{}", offset.saturating_sub(1))
}

fn upload_answer(status: StatusCode, repository: &str, id: &str, offset: u64) -> Response<Body> {
    let mut response = empty(status);
    set(&mut response, LOCATION, &upload_location(repository, id));
    set(&mut response, RANGE, &received_range(offset));
    set(&mut response, DOCKER_UPLOAD_UUID, id);
    response
}

fn blob_created(repository: &str, digest: &Digest) -> Response<Body> {
    let mut response = empty(StatusCode::CREATED);
    set(
        &mut response,
        LOCATION,
        &format!("/v2/{repository}/blobs/{digest}"),
    );
    set(&mut response, DOCKER_CONTENT_DIGEST, digest.as_str());
    response
}

fn manifest_body_error(error: BoxError) -> ApiError {
    if error.is::<http_body_util::LengthLimitError>() {
        let message = format!("a manifest may have {MANIFEST_MAX_BYTES} bytes at most");
        return ApiError::too_large("MANIFEST_INVALID", message);
    }
    ApiError::manifest_invalid(format!("the body ended early: {error}"))
}
