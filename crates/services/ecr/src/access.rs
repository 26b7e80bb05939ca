//! Who may use the registry: holders of a token, within what the authorizer allows them of ECR's actions.

use registry::{Access as RegistryAccess, Action, Identity, Presented, Refusal, Scope};
use wire::{Access, Caller, Principal};

use crate::token::TokenError;
use crate::{Ecr, download};

const ROOT: &str = "root";
const NODE_PREFIX: &str = "node/";
/// A user or the session of a role, as JSON.
const PRINCIPAL_PREFIX: &str = "principal/";

impl RegistryAccess for Ecr {
    fn authenticate(&self, presented: Presented<'_>) -> Result<Identity, Refusal> {
        match presented {
            Presented::Token(token) => match self.token_key.verify(token, self.clock.now()) {
                Ok(identity) if download::is_link(&identity) => {
                    Err(Refusal(TokenError::Invalid.to_string()))
                }
                other => other.map_err(|error| Refusal(error.to_string())),
            },
            Presented::Download {
                token,
                repository,
                digest,
            } => self.verify_download(token, repository, digest),
            Presented::Nothing if self.config.anonymous_is_root => Ok(Identity {
                account: self.config.account.clone(),
                region: self.config.region.clone(),
                principal: ROOT.to_owned(),
            }),
            Presented::Nothing => Err(Refusal("no basic auth credentials".to_owned())),
        }
    }

    fn authorize(
        &self,
        identity: &Identity,
        action: Action,
        repository: &str,
    ) -> Result<(), Refusal> {
        if let Some(allowed) = download::allows(identity, action, repository) {
            return allowed;
        }
        let caller = caller_of(identity).ok_or_else(|| Refusal("unknown principal".to_owned()))?;
        let action = match action {
            Action::Pull => "ecr:BatchGetImage",
            Action::Push => "ecr:PutImage",
            Action::Delete => "ecr:BatchDeleteImage",
            Action::List => "ecr:DescribeRepositories",
        };
        let access = match repository {
            "" => Access::action(action),
            name => on_repository(action, &caller, Some(name)),
        };
        self.authorizer
            .authorize(&caller, &access)
            .map_err(|error| Refusal(error.message))
    }
}

/// An action on one repository.
pub(crate) fn on_repository(action: &'static str, caller: &Caller, name: Option<&str>) -> Access {
    let scope = names::Scope::new(&caller.account, &caller.region);
    Access::action(action).resource(scope.repository(name.unwrap_or("*")))
}

pub(crate) fn scope_of(caller: &Caller) -> Scope {
    Scope {
        account: caller.account.clone(),
        region: caller.region.clone(),
    }
}

pub(crate) fn identity_of(caller: &Caller) -> Identity {
    Identity {
        account: caller.account.clone(),
        region: caller.region.clone(),
        principal: match &caller.principal {
            Principal::Root => ROOT.to_owned(),
            Principal::Node { node_id } => format!("{NODE_PREFIX}{node_id}"),
            other => {
                let whole = serde_json::to_string(other).expect("strings and numbers are JSON");
                format!("{PRINCIPAL_PREFIX}{whole}")
            }
        },
    }
}

fn caller_of(identity: &Identity) -> Option<Caller> {
    let text = identity.principal.as_str();
    let principal = match (
        text.strip_prefix(NODE_PREFIX),
        text.strip_prefix(PRINCIPAL_PREFIX),
    ) {
        (Some(node_id), _) => Principal::Node {
            node_id: node_id.to_owned(),
        },
        // The token that it comes from is signed.
        (None, Some(whole)) => serde_json::from_str(whole).ok()?,
        (None, None) if text == ROOT => Principal::Root,
        (None, None) => return None,
    };
    Some(Caller {
        account: identity.account.clone(),
        region: identity.region.clone(),
        principal,
        access_key_id: String::new(),
        request_id: String::new(),
        source_ip: None,
        user_agent: String::new(),
    })
}
