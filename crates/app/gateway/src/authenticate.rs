//! From a request to its caller.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::USER_AGENT;
use identity::{Expected, Payload, SignatureError, SignedRequest, Verifier};
use wire::{Caller, Principal};

use crate::builder::Parts;

pub(crate) enum Authentication {
    Signatures(Verifier),
    /// Every request is root's of the account.
    None {
        account: String,
    },
}

/// Signing names of services that SDKs sign for `us-east-1` whatever the region.
const GLOBAL_SERVICES: [&str; 2] = ["iam", "sts"];

/// A request in the parts that tell who sent it.
pub(crate) struct Sent<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) source_ip: IpAddr,
    pub(crate) request_id: &'a str,
}

impl Parts {
    /// `service` is the signing name that the request's signature has to be scoped to.
    pub(crate) fn authenticate(
        &self,
        sent: &Sent<'_>,
        service: &str,
    ) -> Result<Caller, SignatureError> {
        let (account, principal, access_key_id) = match &self.authentication {
            Authentication::None { account } => (account.clone(), Principal::Root, String::new()),
            Authentication::Signatures(verifier) => {
                let request = SignedRequest {
                    method: sent.method,
                    path: sent.path,
                    query: sent.query,
                    headers: sent.headers,
                    payload: Payload::Bytes(sent.body),
                };
                let expected = Expected {
                    region: &self.region,
                    service,
                    is_global: GLOBAL_SERVICES.contains(&service),
                };
                let key = verifier.verify(&request, expected, self.clock.now())?.key;
                let principal = key.owner.principal();
                (key.account.clone(), principal, key.access_key_id.clone())
            }
        };
        let user_agent = sent
            .headers
            .get(USER_AGENT)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        Ok(Caller {
            account,
            region: self.region.clone(),
            principal,
            access_key_id,
            request_id: sent.request_id.to_owned(),
            source_ip: Some(sent.source_ip),
            user_agent: user_agent.unwrap_or_default(),
        })
    }
}
