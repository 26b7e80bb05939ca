//! ListTagsForResource.

use api_ecr::operations::ListTagsForResource;
use api_ecr::types::{ListTagsForResourceRequest, ListTagsForResourceResponse};
use kit::answer::look;
use wire::{Access, Caller, Error, Handle};

use super::find_repository;
use crate::{Ecr, tagging};

impl Handle<ListTagsForResource> for Ecr {
    fn access(&self, _: &Caller, input: &ListTagsForResourceRequest) -> Access {
        tagging::on_arn("ecr:ListTagsForResource", input.resource_arn.as_deref())
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListTagsForResourceRequest,
    ) -> Result<ListTagsForResourceResponse, Error> {
        let (scope, name) = tagging::repository_of(caller, input.resource_arn.as_deref())?;
        look(&self.store, |head| {
            let repository = find_repository(head, &scope, &name)?;
            Ok(ListTagsForResourceResponse {
                tags: Some(tagging::shown(&repository.tags)),
            })
        })
        .await
    }
}
