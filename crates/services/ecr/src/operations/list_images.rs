//! ListImages.

use api_ecr::operations::ListImages;
use api_ecr::types::{ImageIdentifier, ListImagesRequest, ListImagesResponse};
use kit::answer::look;
use kit::paginate;
use wire::{Access, Caller, Error, Handle};

use super::{check_image_status, find_repository, page_of, passes, registry_of, required};
use crate::access::on_repository;
use crate::records::{ImageRecord, in_repository, repository_key};
use crate::{Ecr, images};

impl Handle<ListImages> for Ecr {
    fn access(&self, caller: &Caller, input: &ListImagesRequest) -> Access {
        on_repository("ecr:ListImages", caller, input.repository_name.as_deref())
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListImagesRequest,
    ) -> Result<ListImagesResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let page = page_of(input.max_results, input.next_token.as_deref())?;
        let filter = input.filter.unwrap_or_default();
        check_image_status(filter.image_status.as_ref())?;
        let tag_status = filter.tag_status.as_ref();
        look(&self.store, |head| {
            find_repository(head, &scope, &name)?;
            let prefix = in_repository(&repository_key(&scope, &name), "");
            // One entry for each tag, or one for an image without.
            let entries = head.scan::<ImageRecord>(&prefix).flat_map(|image| {
                let digest = image.digest.to_string();
                let tags = images::tags(head, image);
                match tags.is_empty() {
                    true => vec![(digest, None)],
                    false => tags
                        .into_iter()
                        .map(|tag| (digest.clone(), Some(tag)))
                        .collect(),
                }
            });
            let entries = entries.filter(|(_, tag)| passes(tag_status, tag.is_some()));
            let (entries, next_token) = paginate(&page, entries, |(digest, tag)| {
                format!("{digest}:{}", tag.as_deref().unwrap_or_default())
            });
            let ids = entries.into_iter().map(|(digest, tag)| ImageIdentifier {
                image_digest: Some(digest),
                image_tag: tag,
            });
            Ok(ListImagesResponse {
                image_ids: Some(ids.collect()),
                next_token,
            })
        })
        .await
    }
}
