//! GetLifecyclePolicyPreview.

use api_ecr::operations::GetLifecyclePolicyPreview;
use api_ecr::types::{
    GetLifecyclePolicyPreviewRequest, GetLifecyclePolicyPreviewResponse, ImageActionType,
    LifecyclePolicyPreviewResult, LifecyclePolicyPreviewStatus, LifecyclePolicyPreviewSummary,
    LifecyclePolicyRuleAction, LifecyclePolicyStorageClass,
};
use kit::answer::look;
use kit::{Page, paginate};
use limits::LIFECYCLE_PREVIEW_PAGE_ITEMS;
use state::Head;
use wire::{Access, Caller, Error, Handle};

use super::{ImageId, find_repository, passes, registry_of, required};
use crate::access::on_repository;
use crate::lifecycle::{self, Expiring};
use crate::records::{ImageRecord, LifecyclePreviewRecord, in_repository, repository_key};
use crate::refusals::{invalid_parameter, lifecycle_preview_not_found};
use crate::{Ecr, render};

impl Handle<GetLifecyclePolicyPreview> for Ecr {
    fn access(&self, caller: &Caller, input: &GetLifecyclePolicyPreviewRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:GetLifecyclePolicyPreview", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: GetLifecyclePolicyPreviewRequest,
    ) -> Result<GetLifecyclePolicyPreviewResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let page = Page::new(
            input.max_results,
            input.next_token.as_deref(),
            LIFECYCLE_PREVIEW_PAGE_ITEMS,
        )
        .map_err(|error| invalid_parameter("nextToken", &error.to_string()))?;
        let ids = input.image_ids.unwrap_or_default();
        let ids: Result<Vec<ImageId>, _> = ids.iter().map(ImageId::of).collect();
        let ids = ids.map_err(|_| invalid_parameter("imageIds", "must be digests or tags"))?;
        let filter = input.filter.and_then(|filter| filter.tag_status);
        let key = repository_key(&scope, &name);
        look(&self.store, |head| {
            find_repository(head, &scope, &name)?;
            let preview = head.get::<LifecyclePreviewRecord>(&key);
            let preview = preview.ok_or_else(|| lifecycle_preview_not_found(&scope, &name))?;
            let policy = lifecycle::parse(&preview.text)?;
            let mut expiring =
                lifecycle::expiring(head, &key, &policy, preview.started_at.as_millis());
            let total = i32::try_from(expiring.len()).unwrap_or(i32::MAX);
            expiring.sort_by(|one, other| one.digest.cmp(&other.digest));
            let wanted = expiring.into_iter().filter(|it| {
                passes(filter.as_ref(), !it.tags.is_empty())
                    && (ids.is_empty() || ids.iter().any(|id| names_it(id, it)))
            });
            let (wanted, next_token) = paginate(&page, wanted, |it| it.digest.to_string());
            let results = wanted.iter().map(|it| result(head, &key, it));
            Ok(GetLifecyclePolicyPreviewResponse {
                registry_id: Some(scope.account.clone()),
                repository_name: Some(name.clone()),
                lifecycle_policy_text: Some(preview.text.clone()),
                status: Some(LifecyclePolicyPreviewStatus::COMPLETE),
                preview_results: Some(results.collect()),
                next_token,
                summary: Some(LifecyclePolicyPreviewSummary {
                    expiring_image_total_count: Some(total),
                    transitioning_image_total_counts: None,
                }),
            })
        })
        .await
    }
}

fn names_it(id: &ImageId, image: &Expiring) -> bool {
    id.digest
        .as_ref()
        .is_none_or(|digest| *digest == image.digest)
        && id.tag.as_ref().is_none_or(|tag| image.tags.contains(tag))
}

fn result(head: &Head, repository_key: &str, image: &Expiring) -> LifecyclePolicyPreviewResult {
    let key = in_repository(repository_key, image.digest.as_str());
    let pushed_at = head.get::<ImageRecord>(&key).map(|image| image.pushed_at);
    LifecyclePolicyPreviewResult {
        image_digest: Some(image.digest.to_string()),
        image_tags: (!image.tags.is_empty()).then(|| image.tags.clone()),
        image_pushed_at: pushed_at.and_then(render::timestamp),
        action: Some(LifecyclePolicyRuleAction {
            r#type: Some(ImageActionType::EXPIRE),
            target_storage_class: None,
        }),
        applied_rule_priority: i32::try_from(image.rule_priority).ok(),
        storage_class: Some(LifecyclePolicyStorageClass::STANDARD),
    }
}
