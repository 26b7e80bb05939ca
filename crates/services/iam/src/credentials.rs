//! Temporary credentials of roles: for AssumeRole, and for services that use a role they were passed.

use std::sync::Arc;
use std::time::Duration;

use clock::UnixMillis;
use identity::{Credentials, KeyOwner};
use policy::{Context, Policies, Request, Subject, decide};
use wire::{Error, Principal, RoleSession};

use crate::Iam;
use crate::records::RoleRecord;

/// What a service got for a role.
#[derive(Debug, Clone)]
pub struct RoleCredentials {
    pub role_arn: String,
    pub credentials: Credentials,
    pub expires_at: UnixMillis,
}

/// What a session is made with besides its role.
#[derive(Debug, Default)]
pub(crate) struct SessionOptions {
    pub name: String,
    pub policies: Vec<String>,
    pub policy_arns: Vec<String>,
    pub tags: Vec<(String, String)>,
    pub source_identity: Option<String>,
}

impl Iam {
    pub(crate) fn open_session(
        &self,
        role: &RoleRecord,
        options: SessionOptions,
        expires_at: UnixMillis,
    ) -> Credentials {
        let session = RoleSession {
            role_id: role.id.clone(),
            role_name: role.name.clone(),
            role_path: role.path.clone(),
            session_name: options.name,
            policies: options.policies,
            policy_arns: options.policy_arns,
            tags: options.tags,
            source_identity: options.source_identity,
            issued_at: self.clock.now().as_seconds(),
        };
        let owner = KeyOwner::Role(Arc::new(session));
        self.seal
            .mint(owner, &role.account, expires_at, &self.clock)
    }

    /// The name of what a service holds for a purpose: always the same, and guessed by nobody.
    pub fn credentials_id(&self, source_arn: &str, purpose: &str) -> String {
        self.seal.id_of(&format!("{source_arn} {purpose}"))
    }

    /// Credentials of a role for a service (`ecs-tasks.amazonaws.com`) that acts on behalf of `source_arn`, if the role
    /// trusts it.
    ///
    /// # Errors
    /// AccessDenied, if there is no such role or it does not trust the service.
    pub fn assume_for_service(
        &self,
        account: &str,
        role_arn: &str,
        service: &str,
        session_name: &str,
        source_arn: &str,
        lifetime: Duration,
    ) -> Result<RoleCredentials, Error> {
        let role = self.role_that_trusts(account, role_arn, service, session_name, source_arn)?;
        let options = SessionOptions {
            name: session_name.to_owned(),
            ..SessionOptions::default()
        };
        let expires_at = self.clock.now() + lifetime;
        Ok(RoleCredentials {
            role_arn: role_arn.to_owned(),
            credentials: self.open_session(&role, options, expires_at),
            expires_at,
        })
    }

    /// As [`assume_for_service`](Self::assume_for_service), for a service that acts as the role inside this process and
    /// needs no credentials to show.
    ///
    /// # Errors
    /// AccessDenied, if there is no such role or it does not trust the service.
    pub fn principal_for_service(
        &self,
        account: &str,
        role_arn: &str,
        service: &str,
        session_name: &str,
        source_arn: &str,
    ) -> Result<Principal, Error> {
        let role = self.role_that_trusts(account, role_arn, service, session_name, source_arn)?;
        Ok(Principal::Role(Arc::new(RoleSession {
            role_id: role.id.clone(),
            role_name: role.name.clone(),
            role_path: role.path.clone(),
            session_name: session_name.to_owned(),
            policies: Vec::new(),
            policy_arns: Vec::new(),
            tags: Vec::new(),
            source_identity: None,
            issued_at: self.clock.now().as_seconds(),
        })))
    }

    fn role_that_trusts(
        &self,
        account: &str,
        role_arn: &str,
        service: &str,
        session_name: &str,
        source_arn: &str,
    ) -> Result<Arc<RoleRecord>, Error> {
        let refused = || {
            let message = format!(
                "{service} is not authorized to perform: sts:AssumeRole on resource: {role_arn} because no \
                 resource-based policy allows the sts:AssumeRole action"
            );
            Error::client("AccessDeniedException", message)
        };
        let role = self.role_of(account, role_arn).ok_or_else(refused)?;
        let trust = self.trust_of(account, role_arn).ok_or_else(refused)?;
        let mut context = Context::new();
        context.set("aws:SourceArn", source_arn);
        context.set("aws:SourceAccount", account);
        context.set("aws:PrincipalIsAWSService", "true");
        context.set("sts:RoleSessionName", session_name);
        let subject = Subject::Service {
            name: service.to_owned(),
        };
        let request = Request {
            subject: &subject,
            action: "sts:AssumeRole",
            resource: role_arn,
            context: &context,
        };
        let policies = Policies {
            resource: Some(&trust),
            resource_must_allow: true,
            ..Policies::default()
        };
        if !decide(&request, &policies).is_allowed() {
            return Err(refused());
        }
        Ok(role)
    }
}
