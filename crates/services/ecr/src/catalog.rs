//! The registry's catalogue over ECR's tables.

use registry::{Catalog, CatalogError, CatalogFuture, Digest, ManifestEntry, Reference, Scope};
use state::{Head, StateError, Tx};

use crate::Ecr;
use crate::images;
use crate::records::{
    ImageRecord, LayerRecord, RepositoryRecord, TagRecord, in_repository, repository_key,
};
use crate::refusals::{repository_unknown, tag_immutable};

/// What stops a transaction for the registry.
enum Stop {
    Catalog(CatalogError),
    State(StateError),
}

impl From<StateError> for Stop {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<CatalogError> for Stop {
    fn from(error: CatalogError) -> Self {
        Self::Catalog(error)
    }
}

fn failed(error: StateError) -> CatalogError {
    CatalogError::Internal(error.to_string())
}

impl Ecr {
    /// Looks into a repository that must exist; the answer is durable.
    async fn inside<T>(
        &self,
        scope: &Scope,
        repository: &str,
        look: impl FnOnce(&Head, &str) -> T,
    ) -> Result<T, CatalogError> {
        let key = repository_key(scope, repository);
        let looked = self.store.read(|head| {
            head.contains::<RepositoryRecord>(&key)
                .then(|| look(head, &key))
        });
        let looked = looked.durable().await.map_err(failed)?;
        looked.ok_or_else(|| repository_unknown(scope, repository))
    }

    /// Changes a repository that must exist; durable when it returns.
    async fn change<T>(
        &self,
        scope: &Scope,
        repository: &str,
        change: impl FnOnce(&mut Tx<'_>, &RepositoryRecord) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        let key = repository_key(scope, repository);
        let changed = self.store.transact(|tx| {
            let record = tx
                .get::<RepositoryRecord>(&key)
                .ok_or_else(|| repository_unknown(scope, repository))?;
            Ok::<T, Stop>(change(tx, &record)?)
        });
        match changed {
            Ok(committed) => committed.durable().await.map_err(failed),
            Err(Stop::State(error)) => Err(failed(error)),
            Err(Stop::Catalog(error)) => {
                self.store.barrier().await.map_err(failed)?;
                Err(error)
            }
        }
    }

    async fn delete_by_reference(
        &self,
        scope: &Scope,
        repository: &str,
        reference: &Reference,
    ) -> Result<bool, CatalogError> {
        let key = repository_key(scope, repository);
        match reference {
            Reference::Tag(tag) => {
                self.change(scope, repository, |tx, _| {
                    Ok(tx.delete::<TagRecord>(&in_repository(&key, tag)))
                })
                .await
            }
            Reference::Digest(digest) => {
                self.inside(scope, repository, |_, _| ()).await?;
                let deleted = images::delete(&self.store, &key, digest).await;
                deleted
                    .map(|tags| tags.is_some())
                    .map_err(|error| CatalogError::Internal(error.message))
            }
        }
    }
}

impl Catalog for Ecr {
    fn repository<'a>(&'a self, scope: &'a Scope, repository: &'a str) -> CatalogFuture<'a, ()> {
        Box::pin(self.inside(scope, repository, |_, _| ()))
    }

    fn repositories<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<&'a str>,
        limit: usize,
    ) -> CatalogFuture<'a, Vec<String>> {
        Box::pin(async move {
            let prefix = repository_key(scope, "");
            let after_key = repository_key(scope, after.unwrap_or_default());
            let names = self.store.read(|head| {
                head.scan_after::<RepositoryRecord>(&prefix, &after_key)
                    .take(limit)
                    .map(|repository| repository.name.clone())
                    .collect()
            });
            names.durable().await.map_err(failed)
        })
    }

    fn has_blob<'a>(
        &'a self,
        scope: &'a Scope,
        repository: &'a str,
        digest: &'a Digest,
    ) -> CatalogFuture<'a, bool> {
        Box::pin(self.inside(scope, repository, |head, key| {
            head.contains::<LayerRecord>(&in_repository(key, digest.as_str()))
        }))
    }

    fn link_blob<'a>(
        &'a self,
        scope: &'a Scope,
        repository: &'a str,
        digest: &'a Digest,
        size: u64,
    ) -> CatalogFuture<'a, ()> {
        Box::pin(self.change(scope, repository, move |tx, _| {
            tx.put(LayerRecord {
                repository: repository_key(scope, repository),
                digest: digest.clone(),
                bytes: size,
            });
            Ok(())
        }))
    }

    fn unlink_blob<'a>(
        &'a self,
        scope: &'a Scope,
        repository: &'a str,
        digest: &'a Digest,
    ) -> CatalogFuture<'a, bool> {
        Box::pin(self.change(scope, repository, move |tx, _| {
            let key = repository_key(scope, repository);
            let is_needed = tx
                .scan::<ImageRecord>(&in_repository(&key, ""))
                .any(|image| image.blobs.contains(digest));
            if is_needed {
                let message = format!("an image of the repository needs {digest}");
                return Err(CatalogError::InUse(message));
            }
            Ok(tx.delete::<LayerRecord>(&in_repository(&key, digest.as_str())))
        }))
    }

    fn is_used<'a>(&'a self, digest: &'a Digest) -> CatalogFuture<'a, bool> {
        Box::pin(async move {
            let name = digest.as_str();
            let used = self.store.read(|head| {
                head.index_len::<LayerRecord>(LayerRecord::BY_DIGEST, name) > 0
                    || head.index_len::<ImageRecord>(ImageRecord::BY_DIGEST, name) > 0
            });
            used.durable().await.map_err(failed)
        })
    }

    fn manifest<'a>(
        &'a self,
        scope: &'a Scope,
        repository: &'a str,
        reference: &'a Reference,
    ) -> CatalogFuture<'a, Option<ManifestEntry>> {
        Box::pin(self.inside(scope, repository, |head, key| {
            images::find(head, key, reference).map(|image| image.entry())
        }))
    }

    fn put_manifest<'a>(
        &'a self,
        scope: &'a Scope,
        repository: &'a str,
        entry: ManifestEntry,
        tag: Option<&'a str>,
    ) -> CatalogFuture<'a, ()> {
        let now = self.clock.now();
        Box::pin(self.change(scope, repository, move |tx, record| {
            let key = repository_key(scope, repository);
            if let Some(tag) = tag {
                let present = tx.get::<TagRecord>(&in_repository(&key, tag));
                let is_other = present.is_some_and(|present| present.digest != entry.digest);
                if is_other && !record.tag_mutability().may_move(tag) {
                    return Err(CatalogError::TagImmutable(tag_immutable(record, tag)));
                }
                tx.put(TagRecord {
                    repository: key.clone(),
                    tag: tag.to_owned(),
                    digest: entry.digest.clone(),
                });
            }
            if !tx.contains::<ImageRecord>(&in_repository(&key, entry.digest.as_str())) {
                tx.put(ImageRecord::new(key, entry, now));
            }
            Ok(())
        }))
    }

    fn delete_manifest<'a>(
        &'a self,
        scope: &'a Scope,
        repository: &'a str,
        reference: &'a Reference,
    ) -> CatalogFuture<'a, bool> {
        Box::pin(self.delete_by_reference(scope, repository, reference))
    }

    fn tags<'a>(
        &'a self,
        scope: &'a Scope,
        repository: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> CatalogFuture<'a, Vec<String>> {
        Box::pin(self.inside(scope, repository, move |head, key| {
            let prefix = in_repository(key, "");
            let after_key = in_repository(key, after.unwrap_or_default());
            head.scan_after::<TagRecord>(&prefix, &after_key)
                .take(limit)
                .map(|tag| tag.tag.clone())
                .collect()
        }))
    }

    fn referrers<'a>(
        &'a self,
        scope: &'a Scope,
        repository: &'a str,
        digest: &'a Digest,
    ) -> CatalogFuture<'a, Vec<ManifestEntry>> {
        Box::pin(self.inside(scope, repository, |head, key| {
            let subject = in_repository(key, digest.as_str());
            let images = head.index::<ImageRecord>(ImageRecord::BY_SUBJECT, &subject);
            images.iter().map(|image| image.entry()).collect()
        }))
    }
}
