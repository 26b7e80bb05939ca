//! Images in transactions: finding them, and taking them away in batches that stay within a transaction's limits.

use std::collections::BTreeSet;
use std::sync::Arc;

use kit::answer::{Refusal, transact};
use registry::{Digest, Reference};
use state::{Head, Store, Tx};
use wire::Error;

use crate::records::{
    ImageRecord, LayerRecord, LifecyclePolicyRecord, LifecyclePreviewRecord,
    RepositoryPolicyRecord, RepositoryRecord, TagRecord, in_repository,
};

/// Rows deleted in one transaction.
const BATCH_ROWS: usize = 90;

pub(crate) fn find(
    head: &Head,
    repository_key: &str,
    reference: &Reference,
) -> Option<Arc<ImageRecord>> {
    match reference {
        Reference::Digest(digest) => head.get(&in_repository(repository_key, digest.as_str())),
        Reference::Tag(tag) => {
            let tag = head.get::<TagRecord>(&in_repository(repository_key, tag))?;
            head.get(&in_repository(repository_key, tag.digest.as_str()))
        }
    }
}

/// The tags of an image, in order.
pub(crate) fn tags(head: &Head, image: &ImageRecord) -> Vec<String> {
    let key = in_repository(&image.repository, image.digest.as_str());
    let tags = head.index::<TagRecord>(TagRecord::BY_IMAGE, &key);
    tags.iter().map(|tag| tag.tag.clone()).collect()
}

/// Takes an image, its tags and the layers that no other image of the repository needs. Returns the tags; `None`
/// when there is no such image.
pub(crate) async fn delete(
    store: &Store,
    repository_key: &str,
    digest: &Digest,
) -> Result<Option<Vec<String>>, Error> {
    delete_if(store, repository_key, digest, |_, _| true).await
}

/// As [`delete`], if the image still is what it was when that was decided. It is asked once, in the first transaction.
pub(crate) async fn delete_if(
    store: &Store,
    repository_key: &str,
    digest: &Digest,
    may: impl Fn(&Head, &ImageRecord) -> bool,
) -> Result<Option<Vec<String>>, Error> {
    let key = in_repository(repository_key, digest.as_str());
    let mut deleted_tags = Vec::new();
    let mut is_decided = false;
    let image = loop {
        let batch = transact(store, |tx| {
            let image = tx.get::<ImageRecord>(&key);
            if !is_decided && !image.is_some_and(|image| may(tx, &image)) {
                return Ok(None);
            }
            delete_some(tx, &key).map(Some)
        });
        let Some((tags, image)) = batch.await? else {
            return Ok(None);
        };
        is_decided = true;
        let is_done = tags.len() < BATCH_ROWS;
        deleted_tags.extend(tags);
        if is_done {
            break image;
        }
    };
    let Some(image) = image else {
        return Ok(None);
    };
    release_layers(store, repository_key, &image.blobs).await?;
    Ok(Some(deleted_tags))
}

/// Takes everything out of a repository, then the repository itself.
pub(crate) async fn delete_repository(store: &Store, repository_key: &str) -> Result<(), Error> {
    let prefix = in_repository(repository_key, "");
    loop {
        let is_done = transact(store, |tx| {
            let mut room = BATCH_ROWS;
            take_rows::<TagRecord>(tx, &prefix, &mut room);
            take_rows::<ImageRecord>(tx, &prefix, &mut room);
            take_rows::<LayerRecord>(tx, &prefix, &mut room);
            let is_done = room > 0;
            if is_done {
                tx.delete::<RepositoryRecord>(repository_key);
                tx.delete::<RepositoryPolicyRecord>(repository_key);
                tx.delete::<LifecyclePolicyRecord>(repository_key);
                tx.delete::<LifecyclePreviewRecord>(repository_key);
            }
            Ok(is_done)
        })
        .await?;
        if is_done {
            return Ok(());
        }
    }
}

type Deleted = (Vec<String>, Option<Arc<ImageRecord>>);

fn delete_some(tx: &mut Tx<'_>, key: &str) -> Result<Deleted, Refusal> {
    let tags: Vec<_> = tx.index::<TagRecord>(TagRecord::BY_IMAGE, key);
    let some: Vec<_> = tags.into_iter().take(BATCH_ROWS).collect();
    for tag in &some {
        let tag_key = in_repository(&tag.repository, &tag.tag);
        tx.delete::<TagRecord>(&tag_key);
    }
    let mut image = None;
    if some.len() < BATCH_ROWS {
        image = tx.get::<ImageRecord>(key);
        tx.delete::<ImageRecord>(key);
    }
    let names = some.iter().map(|tag| tag.tag.clone()).collect();
    Ok((names, image))
}

/// Lets go of those of `blobs` that no image of the repository needs any more.
async fn release_layers(
    store: &Store,
    repository_key: &str,
    blobs: &[Digest],
) -> Result<(), Error> {
    let prefix = in_repository(repository_key, "");
    for batch in blobs.chunks(BATCH_ROWS) {
        transact(store, |tx| {
            let images = tx.scan::<ImageRecord>(&prefix);
            let needed: BTreeSet<Digest> = images
                .flat_map(|image| image.blobs.iter().cloned())
                .collect();
            for digest in batch.iter().filter(|digest| !needed.contains(digest)) {
                tx.delete::<LayerRecord>(&in_repository(repository_key, digest.as_str()));
            }
            Ok(())
        })
        .await?;
    }
    Ok(())
}

fn take_rows<R: state::Record>(tx: &mut Tx<'_>, prefix: &str, room: &mut usize) {
    let keys: Vec<String> = tx
        .scan::<R>(prefix)
        .take(*room)
        .map(|row| row.key())
        .collect();
    for key in &keys {
        tx.delete::<R>(key);
    }
    *room -= keys.len();
}
