//! Manifests: reading, writing and deleting them.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderName, Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use limits::MANIFEST_MAX_BYTES;

use crate::answer::{ApiError, BoxError, DOCKER_CONTENT_DIGEST, empty, full, set};
use crate::catalog::{ManifestEntry, Reference};
use crate::content::NewManifest;
use crate::serve::{Answer, Call, Registry};
use crate::uploads::RequestBody;

const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

impl Registry {
    pub(crate) async fn manifest(
        &self,
        call: &Call<'_>,
        reference: &str,
        body: RequestBody,
    ) -> Answer {
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
            let path = self.inner.content.blobs.path(&entry.digest);
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
        let bytes = read_manifest(body)
            .await
            .map_err(manifest_body_error)?
            .to_bytes();
        let content_type = call.parts.headers.get(CONTENT_TYPE);
        let (digest, tag) = match reference {
            Reference::Tag(tag) => (None, Some(tag.as_str())),
            Reference::Digest(digest) => (Some(digest), None),
        };
        let new = NewManifest {
            bytes: &bytes,
            media_type: content_type.and_then(|value| value.to_str().ok()),
            digest,
            tag,
        };
        let place = (&call.scope, call.repository);
        let entry = inner.content.put_manifest(&*inner.catalog, place, new);
        let ManifestEntry {
            digest, subject, ..
        } = entry.await?;

        let mut response = empty(StatusCode::CREATED);
        let location = format!("/v2/{}/manifests/{digest}", call.repository);
        set(&mut response, LOCATION, &location);
        set(&mut response, DOCKER_CONTENT_DIGEST, digest.as_str());
        if let Some(subject) = subject {
            set(&mut response, OCI_SUBJECT, subject.as_str());
        }
        Ok(response)
    }
}

/// A function of its own: within an async function the compiler cannot tell that this future is Send.
fn read_manifest(
    body: RequestBody,
) -> impl Future<Output = Result<http_body_util::Collected<bytes::Bytes>, BoxError>> + Send {
    Limited::new(body, MANIFEST_MAX_BYTES).collect()
}

fn manifest_body_error(error: BoxError) -> ApiError {
    if error.is::<http_body_util::LengthLimitError>() {
        let message = format!("a manifest may have {MANIFEST_MAX_BYTES} bytes at most");
        return ApiError::too_large("MANIFEST_INVALID", message);
    }
    ApiError::manifest_invalid(format!("the body ended early: {error}"))
}
