//! Forgets idempotency tokens after their time.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use kit::{Loop, LoopError, Next};
use state::{Change, Head, Record, StateError};

use crate::{Ecs, client_token, loops::ROWS_AT_ONCE, records::ClientTokenRecord};

const EXPIRED: &str = "expired";

/// Only the sweep finds work: a token does not change when it grows old.
pub(super) struct ExpireTokens(pub Arc<Ecs>);

impl Loop for ExpireTokens {
    const NAME: &'static str = "expire-tokens";
    const SWEEP_EVERY: Duration = Duration::from_secs(600);

    fn dirty(&self, _change: &Change, _keys: &mut BTreeSet<String>) {}

    fn sweep(&self, _head: &Head) -> Vec<String> {
        vec![EXPIRED.into()]
    }

    async fn reconcile(&self, _key: &str) -> Result<Next, LoopError> {
        let now = self.0.clock.now();
        let looked = self.0.store.read(|head| {
            let tokens = head.scan::<ClientTokenRecord>("");
            let expired = tokens.filter(|token| client_token::is_expired(token, now));
            expired.map(|token| token.key()).collect::<Vec<_>>()
        });
        for keys in looked.head().chunks(ROWS_AT_ONCE) {
            let done = self.0.store.transact(|tx| {
                for key in keys {
                    tx.delete::<ClientTokenRecord>(key);
                }
                Ok::<_, StateError>(())
            })?;
            done.head();
        }
        Ok(Next::OnChange)
    }
}
