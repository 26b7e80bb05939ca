//! ListImageReferrers: what is about an image.

use api_ecr::operations::ListImageReferrers;
use api_ecr::types::{
    ArtifactStatus, ArtifactStatusFilter, ImageReferrer, ListImageReferrersRequest,
    ListImageReferrersResponse,
};
use kit::answer::look;
use kit::{Page, paginate};
use limits::IMAGE_REFERRERS_PAGE_ITEMS;
use registry::Digest;
use wire::{Access, Caller, Error, Handle};

use super::{find_repository, registry_of, required};
use crate::Ecr;
use crate::access::on_repository;
use crate::records::{ImageRecord, in_repository, repository_key};
use crate::refusals::{invalid_parameter, unsupported};

impl Handle<ListImageReferrers> for Ecr {
    fn access(&self, caller: &Caller, input: &ListImageReferrersRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:ListImageReferrers", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListImageReferrersRequest,
    ) -> Result<ListImageReferrersResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let subject = input.subject_id.and_then(|subject| subject.image_digest);
        let subject = subject.unwrap_or_default().parse::<Digest>();
        let subject =
            subject.map_err(|error| invalid_parameter("subjectId", &error.to_string()))?;
        let page = Page::new(
            input.max_results,
            input.next_token.as_deref(),
            IMAGE_REFERRERS_PAGE_ITEMS,
        )
        .map_err(|error| invalid_parameter("nextToken", &error.to_string()))?;
        let filter = input.filter.unwrap_or_default();
        let status = filter.artifact_status.as_ref();
        if status.is_some_and(|it| {
            ![ArtifactStatusFilter::ACTIVE, ArtifactStatusFilter::ANY].contains(it)
        }) {
            return Err(unsupported("archived images (filter.artifactStatus)"));
        }
        let kinds = filter.artifact_types.unwrap_or_default();
        look(&self.store, |head| {
            find_repository(head, &scope, &name)?;
            let key = in_repository(&repository_key(&scope, &name), subject.as_str());
            let mut found = head.index::<ImageRecord>(ImageRecord::BY_SUBJECT, &key);
            found.sort_by(|one, other| one.digest.cmp(&other.digest));
            let found = found.iter().filter(|image| {
                kinds.is_empty() || kind(image).is_some_and(|kind| kinds.contains(kind))
            });
            let (found, next_token) = paginate(&page, found, |image| image.digest.to_string());
            Ok(ListImageReferrersResponse {
                referrers: Some(found.into_iter().map(|image| referrer(image)).collect()),
                next_token,
            })
        })
        .await
    }
}

fn kind(image: &ImageRecord) -> Option<&String> {
    image
        .artifact_type
        .as_ref()
        .or(image.config_media_type.as_ref())
}

fn referrer(image: &ImageRecord) -> ImageReferrer {
    ImageReferrer {
        digest: Some(image.digest.to_string()),
        media_type: Some(image.media_type.clone()),
        artifact_type: kind(image).cloned(),
        size: i64::try_from(image.manifest_bytes).ok(),
        annotations: Some(image.annotations.clone()),
        artifact_status: Some(ArtifactStatus::ACTIVE),
    }
}
