//! Who calls, and what the call wants to do to which resources.

use std::net::IpAddr;

use crate::Error;

/// The authenticated sender of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub account: String,
    pub region: String,
    pub principal: Principal,
    pub access_key_id: String,
    pub request_id: String,
    pub source_ip: Option<IpAddr>,
    pub user_agent: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    Root,
    /// An agent, with the credentials that the server minted when it joined.
    Node {
        node_id: String,
    },
}

impl Principal {
    pub fn arn(&self, account: &str) -> String {
        match self {
            Principal::Root => format!("arn:aws:iam::{account}:root"),
            Principal::Node { node_id } => {
                format!("arn:aws:iam::{account}:role/gantry/node/{node_id}")
            }
        }
    }
}

impl Caller {
    pub fn arn(&self) -> String {
        self.principal.arn(&self.account)
    }
}

/// What an operation asks to be allowed: its IAM action, the resources, and the values of its condition keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// `ecs:RunTask`.
    pub action: &'static str,
    /// ARNs; none means `*`.
    pub resources: Vec<String>,
    pub conditions: Vec<(&'static str, Vec<String>)>,
}

impl Access {
    pub fn action(action: &'static str) -> Self {
        Access {
            action,
            resources: Vec::new(),
            conditions: Vec::new(),
        }
    }

    pub fn resource(mut self, arn: impl Into<String>) -> Self {
        self.resources.push(arn.into());
        self
    }

    pub fn resources(mut self, arns: impl IntoIterator<Item = String>) -> Self {
        self.resources.extend(arns);
        self
    }

    /// Adds a value to a condition key.
    pub fn condition(mut self, key: &'static str, value: impl Into<String>) -> Self {
        match self.conditions.iter_mut().find(|(name, _)| *name == key) {
            Some((_, values)) => values.push(value.into()),
            None => self.conditions.push((key, vec![value.into()])),
        }
        self
    }
}

/// Decides whether a caller may do what an operation declares.
pub trait Authorizer: Send + Sync {
    fn authorize(&self, caller: &Caller, access: &Access) -> Result<(), Error>;
}
