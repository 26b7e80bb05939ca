//! Deletes secrets whose recovery window is over.

use std::collections::BTreeSet;

use clock::Clock;
use kit::{Loop, LoopError, Next};
use state::{Change, Head, Record, StateError, Store};

use crate::records::SecretRecord;
use crate::values;

pub(crate) struct PurgeDeleted {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
}

impl Loop for PurgeDeleted {
    const NAME: &'static str = "purge-deleted-secrets";

    fn dirty(&self, change: &Change, keys: &mut BTreeSet<String>) {
        let after = change.of::<SecretRecord>().and_then(|(_, after)| after);
        if after.is_some_and(|secret| secret.deletion.is_some()) {
            keys.insert(change.key.to_string());
        }
    }

    fn sweep(&self, head: &Head) -> Vec<String> {
        let secrets = head.scan::<SecretRecord>("");
        let deleted = secrets.filter(|secret| secret.deletion.is_some());
        deleted.map(|secret| secret.key()).collect()
    }

    async fn reconcile(&self, key: &str) -> Result<Next, LoopError> {
        let now = self.clock.now();
        let next = self.store.transact(|tx| {
            let secret = tx.get::<SecretRecord>(key);
            let deletion = secret.as_ref().and_then(|secret| secret.deletion);
            Ok::<_, StateError>(match (secret, deletion) {
                (Some(_), Some(deletion)) if deletion.at > now => Next::At(deletion.at),
                (Some(secret), Some(_)) => {
                    values::remove(tx, &secret);
                    Next::OnChange
                }
                _ => Next::OnChange,
            })
        })?;
        Ok(next.head())
    }
}
