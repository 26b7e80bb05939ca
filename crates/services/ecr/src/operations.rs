//! The operations, one file each, and what several of them check.

mod batch_check_layer_availability;
mod batch_delete_image;
mod batch_get_image;
mod batch_get_repository_scanning_configuration;
mod complete_layer_upload;
mod create_repository;
mod delete_lifecycle_policy;
mod delete_registry_policy;
mod delete_repository;
mod delete_repository_policy;
mod describe_image_scan_findings;
mod describe_images;
mod describe_registry;
mod describe_repositories;
mod get_account_setting;
mod get_authorization_token;
mod get_download_url_for_layer;
mod get_lifecycle_policy;
mod get_lifecycle_policy_preview;
mod get_registry_policy;
mod get_registry_scanning_configuration;
mod get_repository_policy;
mod image_failures;
mod initiate_layer_upload;
mod list_image_referrers;
mod list_images;
mod list_tags_for_resource;
mod put_account_setting;
mod put_image;
mod put_image_scanning_configuration;
mod put_image_tag_mutability;
mod put_lifecycle_policy;
mod put_registry_policy;
mod put_registry_scanning_configuration;
mod put_replication_configuration;
mod set_repository_policy;
mod start_lifecycle_policy_preview;
mod tag_resource;
mod untag_resource;
mod upload_layer_part;

use std::sync::Arc;

use api_ecr::errors::invalid_parameter_exception;
use api_ecr::types::{ImageIdentifier, ImageScanningConfiguration, ImageStatusFilter, TagStatus};
use kit::Page;
use kit::answer::{Refusal, transact};
use limits::{ECR_PAGE_ITEMS, ECR_PAGE_ITEMS_MAX};
use registry::{Digest, Reference, Scope};
use state::{Head, Tx};
use wire::{Caller, Error};

use crate::Ecr;
use crate::access::scope_of;
use crate::records::{RepositoryRecord, repository_key};
use crate::refusals::{invalid_parameter, repository_not_found, unsupported};

/// The registry that a request means: the caller's, unless it names another account's, which holds nothing.
fn registry_of(caller: &Caller, registry_id: Option<&str>) -> Scope {
    let mut scope = scope_of(caller);
    if let Some(account) = registry_id {
        scope.account = account.to_owned();
    }
    scope
}

fn required(name: Option<String>) -> Result<String, Error> {
    name.filter(|name| !name.is_empty())
        .ok_or_else(|| invalid_parameter("repositoryName", "must not be null"))
}

fn find_repository(head: &Head, scope: &Scope, name: &str) -> Result<Arc<RepositoryRecord>, Error> {
    head.get::<RepositoryRecord>(&repository_key(scope, name))
        .ok_or_else(|| repository_not_found(scope, name))
}

impl Ecr {
    /// Changes a repository that must exist.
    async fn change_repository<T>(
        &self,
        scope: &Scope,
        name: &str,
        change: impl FnOnce(&mut Tx<'_>, &mut RepositoryRecord) -> Result<T, Refusal>,
    ) -> Result<T, Error> {
        transact(&self.store, |tx| {
            let known = find_repository(tx, scope, name)?;
            let mut record = RepositoryRecord::clone(&known);
            let value = change(tx, &mut record)?;
            if record != *known {
                tx.put(record);
            }
            Ok(value)
        })
        .await
    }
}

fn page_of(max_results: Option<i32>, next_token: Option<&str>) -> Result<Page, Error> {
    let mut page = Page::new(max_results, next_token, ECR_PAGE_ITEMS_MAX)
        .map_err(|error| invalid_parameter_exception(error.to_string()))?;
    if max_results.is_none() {
        page.max_results = ECR_PAGE_ITEMS;
    }
    Ok(page)
}

/// What an image id says, checked: a digest, a tag, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ImageId {
    digest: Option<Digest>,
    tag: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BadImageId {
    Digest,
    Tag,
    Nothing,
}

impl ImageId {
    fn of(id: &ImageIdentifier) -> Result<Self, BadImageId> {
        let digest = id.image_digest.as_deref().map(str::parse).transpose();
        let digest = digest.map_err(|_| BadImageId::Digest)?;
        let tag = id.image_tag.clone();
        if tag.as_deref().is_some_and(|tag| !names::is_image_tag(tag)) {
            return Err(BadImageId::Tag);
        }
        if digest.is_none() && tag.is_none() {
            return Err(BadImageId::Nothing);
        }
        Ok(Self { digest, tag })
    }

    /// The tag if there is one: with a digest it must lead to the same image.
    fn reference(&self) -> Reference {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => Reference::Tag(tag.clone()),
            (None, Some(digest)) => Reference::Digest(digest.clone()),
            (None, None) => unreachable!("an image id names something"),
        }
    }
}

/// Nothing scans images.
fn refuse_scanning(asked: Option<&ImageScanningConfiguration>) -> Result<(), Error> {
    match asked.and_then(|asked| asked.scan_on_push) {
        Some(true) => Err(unsupported(
            "scanning of images (imageScanningConfiguration.scanOnPush)",
        )),
        _ => Ok(()),
    }
}

/// Images are active here always; asking for any others is asking for what is not built.
fn check_image_status(status: Option<&ImageStatusFilter>) -> Result<(), Error> {
    match status {
        None => Ok(()),
        Some(status)
            if *status == ImageStatusFilter::ACTIVE || *status == ImageStatusFilter::ANY =>
        {
            Ok(())
        }
        Some(_) => Err(unsupported("archived images (filter.imageStatus)")),
    }
}

/// Whether an image with or without tags passes the filter.
fn passes(filter: Option<&TagStatus>, is_tagged: bool) -> bool {
    match filter {
        Some(status) if *status == TagStatus::TAGGED => is_tagged,
        Some(status) if *status == TagStatus::UNTAGGED => !is_tagged,
        _ => true,
    }
}
