//! Blobs: sending them, and the uploads that bring them.

use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LOCATION, RANGE,
};
use http::{HeaderName, Method, Response, StatusCode};
use http_body_util::BodyExt;

use crate::access::{Action, Identity};
use crate::answer::{ApiError, Body, DOCKER_CONTENT_DIGEST, empty, set};
use crate::catalog::CatalogError;
use crate::content;
use crate::digest::Digest;
use crate::file_body::FileBody;
use crate::range::{self, ByteRange, Requested};
use crate::routes::query_value;
use crate::serve::{Answer, Call, Registry, digest_of};
use crate::uploads::RequestBody;

const DOCKER_UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");

impl Registry {
    pub(crate) async fn blob(&self, call: &Call<'_>, digest: &Digest) -> Answer {
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
        let (blobs, named) = (self.inner.content.blobs.clone(), digest.clone());
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

    pub(crate) async fn begin_upload(
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
        let id = inner.content.uploads.begin(&owner(call)).await?;
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
        let _linking = inner.content.linking.read().await;
        let held = match inner.catalog.has_blob(&call.scope, from, digest).await {
            Err(CatalogError::RepositoryUnknown(_)) => false,
            other => other?,
        };
        let (blobs, named) = (inner.content.blobs.clone(), digest.clone());
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

    pub(crate) async fn upload(&self, call: &Call<'_>, id: &str, body: RequestBody) -> Answer {
        let inner = &self.inner;
        match call.parts.method {
            Method::PUT => self.finish_upload(call, id, body).await,
            Method::PATCH => {
                let upload = inner.content.uploads.find(&owner(call), id)?;
                let mut upload = upload.lock().await;
                let offset = inner.content.uploads.offset(&mut upload).await?;
                check_chunk(call, id, offset)?;
                let offset = inner.content.uploads.receive(&mut upload, body).await?;
                Ok(upload_answer(
                    StatusCode::ACCEPTED,
                    call.repository,
                    id,
                    offset,
                ))
            }
            Method::GET | Method::HEAD => {
                let upload = inner.content.uploads.find(&owner(call), id)?;
                let mut upload = upload.lock().await;
                let offset = inner.content.uploads.offset(&mut upload).await?;
                let status = StatusCode::NO_CONTENT;
                Ok(upload_answer(status, call.repository, id, offset))
            }
            Method::DELETE => {
                let upload = inner.content.uploads.find(&owner(call), id)?;
                let _alone = upload.lock().await;
                inner.content.uploads.cancel(id).await?;
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
        let upload = inner.content.uploads.find(&owner(call), id)?;
        let mut upload = upload.lock().await;
        let offset = inner.content.uploads.offset(&mut upload).await?;
        check_chunk(call, id, offset)?;
        inner.content.uploads.receive(&mut upload, body).await?;
        let place = (&call.scope, call.repository);
        let adopted = inner
            .content
            .adopt_upload(&*inner.catalog, place, id, &mut upload, &digest);
        adopted.await?;
        Ok(blob_created(call.repository, &digest))
    }
}

fn owner(call: &Call<'_>) -> String {
    content::owner(&call.scope, call.repository)
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
