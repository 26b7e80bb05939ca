//! Records as the API shows them.

use api_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageDetail, ImageScanningConfiguration, Repository,
};
use clock::UnixMillis;
use state::Head;
use wire::Timestamp;

use crate::records::{ImageRecord, RepositoryRecord};
use crate::{images, mutability};

pub(crate) fn repository(record: &RepositoryRecord) -> Repository {
    let scope = names::Scope::new(&record.account, &record.region);
    Repository {
        repository_arn: Some(scope.repository(&record.name)),
        registry_id: Some(record.account.clone()),
        repository_name: Some(record.name.clone()),
        repository_uri: Some(format!("{}/{}", scope.registry_host(), record.name)),
        created_at: timestamp(record.created_at),
        image_tag_mutability: Some(mutability::shown(record)),
        image_scanning_configuration: Some(ImageScanningConfiguration {
            scan_on_push: Some(false),
        }),
        encryption_configuration: Some(EncryptionConfiguration {
            encryption_type: Some(EncryptionType::AES256),
            kms_key: None,
        }),
        image_tag_mutability_exclusion_filters: mutability::shown_filters(record),
    }
}

pub(crate) fn image_detail(
    head: &Head,
    repository: &RepositoryRecord,
    image: &ImageRecord,
) -> ImageDetail {
    let tags = images::tags(head, image);
    let kind = image.artifact_type.clone();
    ImageDetail {
        registry_id: Some(repository.account.clone()),
        repository_name: Some(repository.name.clone()),
        image_digest: Some(image.digest.to_string()),
        image_tags: (!tags.is_empty()).then_some(tags),
        image_size_in_bytes: i64::try_from(image_bytes(head, image)).ok(),
        image_pushed_at: timestamp(image.pushed_at),
        image_manifest_media_type: Some(image.media_type.clone()),
        artifact_media_type: kind.or_else(|| image.config_media_type.clone()),
        subject_manifest_digest: image.subject.as_ref().map(ToString::to_string),
        ..ImageDetail::default()
    }
}

/// Of an index, what it lists.
fn image_bytes(head: &Head, image: &ImageRecord) -> u64 {
    let children = image.manifests.iter().filter_map(|digest| {
        let reference = registry::Reference::Digest(digest.clone());
        images::find(head, &image.repository, &reference)
    });
    children.fold(image.image_bytes, |sum, child| {
        sum.saturating_add(child.image_bytes)
    })
}

pub(crate) fn timestamp(time: UnixMillis) -> Option<Timestamp> {
    Timestamp::from_seconds_f64(time.as_seconds_f64())
}
