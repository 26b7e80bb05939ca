//! A catalogue in memory: the tests here are about the registry, ECR's own catalogue has its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use registry::{
    Access, Action, Catalog, CatalogError, CatalogFuture, Digest, Identity, ManifestEntry,
    Presented, Reference, Refusal, Scope,
};

#[derive(Default)]
struct Repository {
    blobs: BTreeSet<Digest>,
    manifests: BTreeMap<Digest, ManifestEntry>,
    tags: BTreeMap<String, Digest>,
}

pub struct MemoryCatalog(Mutex<BTreeMap<String, Repository>>);

impl MemoryCatalog {
    pub fn with(repositories: &[&str]) -> Self {
        let named = |name: &&str| ((*name).to_owned(), Repository::default());
        Self(Mutex::new(repositories.iter().map(named).collect()))
    }

    fn on<T: Send + 'static>(
        &self,
        repository: &str,
        work: impl FnOnce(&mut Repository) -> T,
    ) -> CatalogFuture<'static, T> {
        let mut repositories = self.0.lock().expect("no panic");
        let result = match repositories.get_mut(repository) {
            Some(repository) => Ok(work(repository)),
            None => Err(CatalogError::RepositoryUnknown(format!("no {repository}"))),
        };
        Box::pin(async move { result })
    }
}

impl Catalog for MemoryCatalog {
    fn repository<'a>(&'a self, _: &'a Scope, repository: &'a str) -> CatalogFuture<'a, ()> {
        self.on(repository, |_| ())
    }

    fn repositories<'a>(
        &'a self,
        _: &'a Scope,
        after: Option<&'a str>,
        limit: usize,
    ) -> CatalogFuture<'a, Vec<String>> {
        let names = self.0.lock().expect("no panic");
        let page: Vec<_> = names
            .keys()
            .filter(|name| after.is_none_or(|after| name.as_str() > after))
            .take(limit)
            .cloned()
            .collect();
        Box::pin(async move { Ok(page) })
    }

    fn has_blob<'a>(
        &'a self,
        _: &'a Scope,
        repository: &'a str,
        digest: &'a Digest,
    ) -> CatalogFuture<'a, bool> {
        self.on(repository, |repository| repository.blobs.contains(digest))
    }

    fn link_blob<'a>(
        &'a self,
        _: &'a Scope,
        repository: &'a str,
        digest: &'a Digest,
        _: u64,
    ) -> CatalogFuture<'a, ()> {
        self.on(repository, |repository| {
            repository.blobs.insert(digest.clone());
        })
    }

    fn unlink_blob<'a>(
        &'a self,
        _: &'a Scope,
        repository: &'a str,
        digest: &'a Digest,
    ) -> CatalogFuture<'a, bool> {
        self.on(repository, |repository| repository.blobs.remove(digest))
    }

    fn is_used<'a>(&'a self, digest: &'a Digest) -> CatalogFuture<'a, bool> {
        let used = self.0.lock().expect("no panic").values().any(|repository| {
            repository.blobs.contains(digest) || repository.manifests.contains_key(digest)
        });
        Box::pin(async move { Ok(used) })
    }

    fn manifest<'a>(
        &'a self,
        _: &'a Scope,
        repository: &'a str,
        reference: &'a Reference,
    ) -> CatalogFuture<'a, Option<ManifestEntry>> {
        self.on(repository, |repository| {
            let digest = match reference {
                Reference::Digest(digest) => Some(digest),
                Reference::Tag(tag) => repository.tags.get(tag),
            };
            digest.and_then(|digest| repository.manifests.get(digest).cloned())
        })
    }

    fn put_manifest<'a>(
        &'a self,
        _: &'a Scope,
        repository: &'a str,
        entry: ManifestEntry,
        tag: Option<&'a str>,
    ) -> CatalogFuture<'a, ()> {
        self.on(repository, |repository| {
            if let Some(tag) = tag {
                repository.tags.insert(tag.to_owned(), entry.digest.clone());
            }
            repository.manifests.insert(entry.digest.clone(), entry);
        })
    }

    fn delete_manifest<'a>(
        &'a self,
        _: &'a Scope,
        repository: &'a str,
        reference: &'a Reference,
    ) -> CatalogFuture<'a, bool> {
        self.on(repository, |repository| match reference {
            Reference::Tag(tag) => repository.tags.remove(tag).is_some(),
            Reference::Digest(digest) => {
                repository.tags.retain(|_, tagged| tagged != digest);
                repository.manifests.remove(digest).is_some()
            }
        })
    }

    fn tags<'a>(
        &'a self,
        _: &'a Scope,
        repository: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> CatalogFuture<'a, Vec<String>> {
        self.on(repository, |repository| {
            repository
                .tags
                .keys()
                .filter(|tag| after.is_none_or(|after| tag.as_str() > after))
                .take(limit)
                .cloned()
                .collect()
        })
    }

    fn referrers<'a>(
        &'a self,
        _: &'a Scope,
        repository: &'a str,
        digest: &'a Digest,
    ) -> CatalogFuture<'a, Vec<ManifestEntry>> {
        self.on(repository, |repository| {
            let manifests = repository.manifests.values();
            manifests
                .filter(|entry| entry.subject.as_ref() == Some(digest))
                .cloned()
                .collect()
        })
    }
}

/// `secret` may do everything, `reader` may only pull.
pub struct TwoTokens;

impl Access for TwoTokens {
    fn authenticate(&self, presented: Presented<'_>) -> Result<Identity, Refusal> {
        match presented {
            Presented::Token(token @ ("secret" | "reader")) => Ok(Identity {
                account: "123456789012".to_owned(),
                region: "us-east-1".to_owned(),
                principal: token.to_owned(),
            }),
            _ => Err(Refusal("log in".to_owned())),
        }
    }

    fn authorize(&self, identity: &Identity, action: Action, _: &str) -> Result<(), Refusal> {
        match (identity.principal.as_str(), action) {
            ("secret", _) | (_, Action::Pull) => Ok(()),
            _ => Err(Refusal("may only pull".to_owned())),
        }
    }
}
