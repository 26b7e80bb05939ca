//! Links to one layer: GetDownloadUrlForLayer gives them, and whoever has one needs no login for that layer.

use limits::DOWNLOAD_URL_SECONDS;
use registry::{Action, DOWNLOAD_TOKEN, Digest, Identity, Refusal, Scope};

use crate::Ecr;
use crate::token::TokenError;

/// The principal of a link: `download/REPOSITORY@DIGEST`.
const PREFIX: &str = "download/";

impl Ecr {
    pub(crate) fn download_url(&self, scope: &Scope, repository: &str, digest: &Digest) -> String {
        let identity = Identity {
            account: scope.account.clone(),
            region: scope.region.clone(),
            principal: format!("{PREFIX}{repository}@{digest}"),
        };
        let now = self.clock.now();
        let (token, _) = self
            .token_key
            .issue_for(&identity, now, DOWNLOAD_URL_SECONDS);
        let endpoint = &self.config.endpoint;
        format!("{endpoint}/v2/{repository}/blobs/{digest}?{DOWNLOAD_TOKEN}={token}")
    }

    /// Whom a link stands for, if it is a link to this blob.
    pub(crate) fn verify_download(
        &self,
        token: &str,
        repository: &str,
        digest: &str,
    ) -> Result<Identity, Refusal> {
        let identity = self
            .token_key
            .verify(token, self.clock.now())
            .map_err(|error| Refusal(error.to_string()))?;
        match identity.principal == format!("{PREFIX}{repository}@{digest}") {
            true => Ok(identity),
            false => Err(Refusal(TokenError::Invalid.to_string())),
        }
    }
}

pub(crate) fn is_link(identity: &Identity) -> bool {
    identity.principal.starts_with(PREFIX)
}

/// What a link may: pull from its repository, where [`Ecr::verify_download`] has seen to the digest. None for others.
pub(crate) fn allows(
    identity: &Identity,
    action: Action,
    repository: &str,
) -> Option<Result<(), Refusal>> {
    let (its_own, _) = identity.principal.strip_prefix(PREFIX)?.split_once('@')?;
    Some(match action == Action::Pull && its_own == repository {
        true => Ok(()),
        false => Err(Refusal(TokenError::Invalid.to_string())),
    })
}
