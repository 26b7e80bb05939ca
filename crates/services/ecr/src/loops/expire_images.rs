//! Applies lifecycle policies: a while after one was written, and every hour.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use clock::UnixMillis;
use kit::{Loop, LoopError, Next};
use limits::{LIFECYCLE_EVERY_SECONDS, LIFECYCLE_SETTLE_SECONDS};
use registry_rules::lifecycle::Policy;
use state::{Change, Head, StateError};

use crate::Ecr;
use crate::records::LifecyclePolicyRecord;

/// Keyed by repository.
pub(super) struct ExpireImages(pub Arc<Ecr>);

impl Loop for ExpireImages {
    const NAME: &'static str = "expire-images";

    fn dirty(&self, change: &Change, keys: &mut BTreeSet<String>) {
        let Some((before, Some(after))) = change.of::<LifecyclePolicyRecord>() else {
            return;
        };
        if before.is_none_or(|before| before.updated_at != after.updated_at) {
            keys.insert(after.repository.clone());
        }
    }

    fn sweep(&self, head: &Head) -> Vec<String> {
        let now = self.0.clock.now();
        head.scan::<LifecyclePolicyRecord>("")
            .filter(|policy| due(policy) <= now)
            .map(|policy| policy.repository.clone())
            .collect()
    }

    async fn reconcile(&self, key: &str) -> Result<Next, LoopError> {
        let ecr = &self.0;
        let found = ecr
            .store
            .read(|head| head.get::<LifecyclePolicyRecord>(key));
        let Some(record) = found.durable().await? else {
            return Ok(Next::OnChange);
        };
        if due(&record) > ecr.clock.now() {
            return Ok(Next::At(due(&record)));
        }
        let failed = |text: String| LoopError::Other(text);
        let policy = Policy::parse(&record.text).map_err(|error| failed(error.to_string()))?;
        let gone = ecr.expire(key, &policy).await;
        gone.map_err(|error| failed(error.to_string()))?;
        let evaluated_at = ecr.clock.now();
        let next = ecr.store.transact(|tx| {
            tx.update::<LifecyclePolicyRecord>(key, |it| it.evaluated_at = Some(evaluated_at));
            let next = tx.get::<LifecyclePolicyRecord>(key).map(|it| due(&it));
            Ok::<_, StateError>(next.map_or(Next::OnChange, Next::At))
        })?;
        Ok(next.head())
    }
}

fn due(policy: &LifecyclePolicyRecord) -> UnixMillis {
    let settled = policy.updated_at + Duration::from_secs(LIFECYCLE_SETTLE_SECONDS);
    match policy.evaluated_at.filter(|at| *at >= settled) {
        Some(at) => at + Duration::from_secs(LIFECYCLE_EVERY_SECONDS),
        None => settled,
    }
}
