//! GetSessionToken, GetCallerIdentity, GetAccessKeyInfo.

use std::time::Duration;

use api_sts::operations::{GetAccessKeyInfo, GetCallerIdentity, GetSessionToken};
use api_sts::types::{
    Credentials, GetAccessKeyInfoResponse, GetCallerIdentityResponse, GetSessionTokenResponse,
};
use clock::UnixMillis;
use identity::{AccessKeyRecord, KeyOwner};
use wire::{Access, Error, Principal, Timestamp};

use crate::answer::operation;

/// What the prefix of a temporary key's id is.
const TEMPORARY: &str = "ASIA";

pub(super) fn render(credentials: identity::Credentials, expires_at: UnixMillis) -> Credentials {
    Credentials {
        access_key_id: Some(credentials.access_key_id),
        expiration: Some(Timestamp::from_millis(expires_at.as_seconds() * 1000)),
        secret_access_key: Some(credentials.secret_access_key),
        session_token: credentials.session_token,
    }
}

operation!(GetCallerIdentity, |iam, caller, input| {
    Access::action("sts:GetCallerIdentity")
} {
    Ok(GetCallerIdentityResponse {
        account: Some(caller.account.clone()),
        arn: Some(caller.arn()),
        user_id: Some(caller.principal.user_id(&caller.account)),
    })
});

// coverage: GetSessionToken refuses SerialNumber: there are no MFA devices
// coverage: GetSessionToken refuses TokenCode: there are no MFA devices
// coverage: GetSessionToken ignores MinimumSessionTokenSize: tokens are as long as they are
operation!(GetSessionToken, |iam, caller, input| {
    Access::action("sts:GetSessionToken")
} {
    if input.serial_number.is_some() || input.token_code.is_some() {
        return Err(Error::client(
            "UnsupportedFeatureException",
            "Gantry does not support MFA devices (SerialNumber, TokenCode) yet.",
        ));
    }
    let owner = match &caller.principal {
        _ if caller.access_key_id.starts_with(TEMPORARY) => None,
        Principal::Root => Some((KeyOwner::Root, limits::STS_SESSION_SECONDS)),
        Principal::User { id, name, path } => {
            let owner = KeyOwner::User { id: id.clone(), name: name.clone(), path: path.clone() };
            Some((owner, limits::STS_USER_SESSION_SECONDS_MAX))
        }
        Principal::Role(_) | Principal::Node { .. } => None,
    };
    let Some((owner, longest)) = owner else {
        return Err(Error::client(
            "AccessDeniedException",
            "Cannot call GetSessionToken with session credentials",
        ));
    };
    let seconds = input.duration_seconds.unwrap_or(limits::STS_USER_SESSION_SECONDS).min(longest);
    let expires_at = iam.clock.now() + Duration::from_secs(seconds.unsigned_abs().into());
    let credentials = iam.seal.mint(owner, &caller.account, expires_at, &iam.clock);
    Ok(GetSessionTokenResponse {
        credentials: Some(render(credentials, expires_at)),
        ..GetSessionTokenResponse::default()
    })
});

operation!(GetAccessKeyInfo, |iam, caller, input| {
    Access::action("sts:GetAccessKeyInfo")
} {
    let id = input.access_key_id.unwrap_or_default();
    let known = iam.store.read(|head| head.get::<AccessKeyRecord>(&id)).head();
    // A temporary key is in no table; it and the root's are of the one account.
    let is_plausible = id.starts_with(TEMPORARY) || id == caller.access_key_id;
    let account = match known {
        Some(key) => Some(key.account.clone()),
        None if is_plausible => Some(caller.account.clone()),
        None => None,
    };
    match account {
        Some(account) => Ok(GetAccessKeyInfoResponse { account: Some(account) }),
        None => Err(Error::client(
            "ValidationError",
            format!("Invalid AccessKeyId: {id}"),
        )),
    }
});
