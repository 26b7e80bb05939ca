//! Lifecycle policies over the tables: what a policy would expire, and expiring it.

use kit::answer::look;
use registry::Digest;
use registry_rules::lifecycle::{self, InvalidPolicy, Policy};
use state::Head;
use wire::Error;

use crate::records::{ImageRecord, in_repository};
use crate::refusals::{invalid_parameter, unsupported};
use crate::{Ecr, images};

/// How deep what is freed by what went (an index frees its images) is followed at once.
const ROUNDS: usize = 8;

/// An image that a rule takes, as it was when that was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expiring {
    pub digest: Digest,
    pub tags: Vec<String>,
    pub rule_priority: u32,
}

pub(crate) fn parse(text: &str) -> Result<Policy, Error> {
    Policy::parse(text).map_err(|error| match error {
        InvalidPolicy::Malformed(_) => invalid_parameter("LifecyclePolicyText", &error.to_string()),
        InvalidPolicy::Unsupported(what) => unsupported(&what),
    })
}

/// What the policy expires at a time, by rule and the oldest first.
pub(crate) fn expiring(
    head: &Head,
    repository_key: &str,
    policy: &Policy,
    now_millis: i64,
) -> Vec<Expiring> {
    let (mut digests, mut views) = (Vec::new(), Vec::new());
    for image in head.scan::<ImageRecord>(&in_repository(repository_key, "")) {
        digests.push(&image.digest);
        views.push(lifecycle::Image {
            tags: images::tags(head, image),
            pushed_at_millis: image.pushed_at.as_millis(),
            is_held: is_held(head, image),
        });
    }
    let expiries = lifecycle::plan(policy, &views, now_millis);
    let expiring = expiries.into_iter().map(|expiry| Expiring {
        digest: digests[expiry.image].clone(),
        tags: views[expiry.image].tags.clone(),
        rule_priority: expiry.rule_priority,
    });
    expiring.collect()
}

/// An index lists it, or it is about an image that is there: it goes with that one.
fn is_held(head: &Head, image: &ImageRecord) -> bool {
    let key = in_repository(&image.repository, image.digest.as_str());
    let has_subject = || {
        image.subject.as_ref().is_some_and(|subject| {
            head.contains::<ImageRecord>(&in_repository(&image.repository, subject.as_str()))
        })
    };
    head.index_len::<ImageRecord>(ImageRecord::BY_CHILD, &key) > 0 || has_subject()
}

impl Ecr {
    /// Expires what the policy takes now, and what is about it. Returns how many images went.
    pub(crate) async fn expire(
        &self,
        repository_key: &str,
        policy: &Policy,
    ) -> Result<usize, Error> {
        let mut gone = 0;
        for _ in 0..ROUNDS {
            let now_millis = self.clock.now().as_millis();
            let expiring = look(&self.store, |head| {
                Ok(expiring(head, repository_key, policy, now_millis))
            })
            .await?;
            let before = gone;
            for image in expiring {
                let still = |head: &Head, found: &ImageRecord| {
                    images::tags(head, found) == image.tags && !is_held(head, found)
                };
                let deleted = images::delete_if(&self.store, repository_key, &image.digest, still);
                if deleted.await?.is_some() {
                    tracing::info!(repository = repository_key, digest = %image.digest, tags = ?image.tags,
                        rule_priority = image.rule_priority, "expired by the lifecycle policy");
                    gone += 1 + self.delete_referrers(repository_key, image.digest).await?;
                }
            }
            if gone == before {
                break;
            }
        }
        Ok(gone)
    }

    /// Signatures and the like go with the image that they are about.
    async fn delete_referrers(
        &self,
        repository_key: &str,
        subject: Digest,
    ) -> Result<usize, Error> {
        let mut gone = 0;
        let mut subjects = vec![subject];
        while let Some(subject) = subjects.pop() {
            let key = in_repository(repository_key, subject.as_str());
            let referrers = look(&self.store, |head| {
                let found = head.index::<ImageRecord>(ImageRecord::BY_SUBJECT, &key);
                Ok(found.iter().map(|it| it.digest.clone()).collect::<Vec<_>>())
            });
            for digest in referrers.await? {
                if images::delete(&self.store, repository_key, &digest)
                    .await?
                    .is_some()
                {
                    gone += 1;
                    subjects.push(digest);
                }
            }
        }
        Ok(gone)
    }
}
