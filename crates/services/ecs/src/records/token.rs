use clock::UnixMillis;
use serde::{Deserialize, Serialize};
use state::{Index, Record};

/// An idempotency token that was used: the same request again gets the same resources, another one a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientTokenRecord {
    /// `{account}/{region}/{operation}/{scope}`.
    pub scope: String,
    pub token: String,
    /// SHA-256 of the request without its token.
    pub fingerprint: String,
    /// Keys of what the request made.
    pub created: Vec<String>,
    pub created_at: UnixMillis,
}

impl ClientTokenRecord {
    pub fn key_of(scope: &str, token: &str) -> String {
        format!("{scope}/{token}")
    }
}

impl Record for ClientTokenRecord {
    const TABLE: &'static str = "ecs_client_tokens";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        Self::key_of(&self.scope, &self.token)
    }

    fn indexes() -> &'static [Index<Self>] {
        &[]
    }
}
