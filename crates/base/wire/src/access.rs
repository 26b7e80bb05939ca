//! Who calls, and what the call wants to do to which resources.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Principal {
    Root,
    /// An agent, with the credentials that the server minted when it joined.
    Node {
        node_id: String,
    },
    /// An IAM user, by a key of its own or by temporary credentials made from one.
    User {
        /// `AIDA…`
        id: String,
        name: String,
        /// Begins and ends with `/`.
        path: String,
    },
    /// Whoever assumed a role.
    Role(Arc<RoleSession>),
}

/// A role as it was assumed. What it may do is looked up with each request: the role's policies as they are then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleSession {
    /// `AROA…`; a role that was made anew with the same name has another one.
    pub role_id: String,
    pub role_name: String,
    /// Begins and ends with `/`.
    pub role_path: String,
    pub session_name: String,
    /// Session policies: documents, and ARNs of managed policies. Empty: the session may what the role may.
    pub policies: Vec<String>,
    pub policy_arns: Vec<String>,
    pub tags: Vec<(String, String)>,
    pub source_identity: Option<String>,
    /// Seconds since 1970.
    pub issued_at: i64,
}

impl RoleSession {
    pub fn role_arn(&self, account: &str) -> String {
        let (path, name) = (&self.role_path, &self.role_name);
        format!("arn:aws:iam::{account}:role{path}{name}")
    }
}

impl Principal {
    pub fn arn(&self, account: &str) -> String {
        match self {
            Principal::Root => format!("arn:aws:iam::{account}:root"),
            Principal::Node { node_id } => {
                format!("arn:aws:iam::{account}:role/gantry/node/{node_id}")
            }
            Principal::User { name, path, .. } => {
                format!("arn:aws:iam::{account}:user{path}{name}")
            }
            Principal::Role(session) => format!(
                "arn:aws:sts::{account}:assumed-role/{}/{}",
                session.role_name, session.session_name
            ),
        }
    }

    /// AWS's `aws:userid`: what stays the same when names change.
    pub fn user_id(&self, account: &str) -> String {
        match self {
            Principal::Root => account.to_owned(),
            Principal::Node { node_id } => node_id.clone(),
            Principal::User { id, .. } => id.clone(),
            Principal::Role(session) => format!("{}:{}", session.role_id, session.session_name),
        }
    }
}

impl Caller {
    pub fn arn(&self) -> String {
        self.principal.arn(&self.account)
    }
}

/// What an operation asks to be allowed; nothing happens unless all of it is. Most ask for one action; one that also
/// writes tags asks for `ecs:TagResource` besides.
///
/// Built from the first action on: [`resource`](Self::resource) and [`condition`](Self::condition) add to the action
/// that was named last, [`also`](Self::also) names another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    asks: Vec<Ask>,
}

/// One action with what it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// `ecs:RunTask`.
    pub action: &'static str,
    /// ARNs; none means `*`.
    pub resources: Vec<String>,
    /// Condition keys with their values: `ecs:cluster`, `aws:RequestTag/team`.
    pub conditions: Vec<(Cow<'static, str>, Vec<String>)>,
}

impl Access {
    pub fn action(action: &'static str) -> Self {
        Access {
            asks: vec![Ask::of(action)],
        }
    }

    /// Asks for another action; what is added next is about that one.
    pub fn also(mut self, action: &'static str) -> Self {
        self.asks.push(Ask::of(action));
        self
    }

    pub fn resource(self, arn: impl Into<String>) -> Self {
        self.resources([arn.into()])
    }

    pub fn resources(mut self, arns: impl IntoIterator<Item = String>) -> Self {
        self.last().resources.extend(arns);
        self
    }

    /// Adds a value to a condition key.
    pub fn condition(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        let key = key.into();
        let conditions = &mut self.last().conditions;
        match conditions.iter_mut().find(|(name, _)| *name == key) {
            Some((_, values)) => values.push(value.into()),
            None => conditions.push((key, vec![value.into()])),
        }
        self
    }

    /// At least one; the operation's own action comes first.
    pub fn asks(&self) -> &[Ask] {
        &self.asks
    }

    fn last(&mut self) -> &mut Ask {
        self.asks
            .last_mut()
            .expect("made with one, and none is taken away")
    }
}

impl Ask {
    fn of(action: &'static str) -> Self {
        Ask {
            action,
            resources: Vec::new(),
            conditions: Vec::new(),
        }
    }

    /// The values of a condition key; none where it is not set.
    pub fn values(&self, key: &str) -> &[String] {
        let known = self.conditions.iter().find(|(name, _)| name == key);
        known.map_or(&[], |(_, values)| values)
    }
}

/// Decides whether a caller may do what an operation declares.
pub trait Authorizer: Send + Sync {
    /// # Errors
    /// An AccessDeniedException that names the first action refused.
    fn authorize(&self, caller: &Caller, access: &Access) -> Result<(), Error> {
        let mut asks = access.asks().iter();
        asks.try_for_each(|ask| self.allow(caller, ask))
    }

    /// Decides about one action.
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize).
    fn allow(&self, caller: &Caller, ask: &Ask) -> Result<(), Error>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_about_the_last_action() {
        let access = Access::action("ecs:RunTask")
            .resource("arn:definition")
            .condition("ecs:cluster", "arn:cluster")
            .also("ecs:TagResource")
            .resource("arn:task")
            .condition("aws:TagKeys", "team")
            .condition(format!("aws:RequestTag/{}", "team"), "blue")
            .condition("aws:TagKeys", "stage");
        let [run, tag] = access.asks() else {
            panic!("two actions: {access:?}");
        };
        assert_eq!((run.action, tag.action), ("ecs:RunTask", "ecs:TagResource"));
        assert_eq!(run.resources, ["arn:definition"]);
        assert_eq!(run.values("ecs:cluster"), ["arn:cluster"]);
        assert!(run.values("aws:TagKeys").is_empty());
        assert_eq!(tag.values("aws:TagKeys"), ["team", "stage"]);
        assert_eq!(tag.values("aws:RequestTag/team"), ["blue"]);
    }

    struct Only(&'static str);

    impl Authorizer for Only {
        fn allow(&self, _caller: &Caller, ask: &Ask) -> Result<(), Error> {
            match ask.action == self.0 {
                true => Ok(()),
                false => Err(Error::client("AccessDeniedException", ask.action)),
            }
        }
    }

    #[test]
    fn every_action_has_to_be_allowed() {
        let caller = Caller {
            account: "123456789012".into(),
            region: "us-east-1".into(),
            principal: Principal::Root,
            access_key_id: String::new(),
            request_id: String::new(),
            source_ip: None,
            user_agent: String::new(),
        };
        let both = Access::action("ecs:RunTask").also("ecs:TagResource");
        let error = Only("ecs:RunTask").authorize(&caller, &both).unwrap_err();
        assert_eq!(error.message, "ecs:TagResource");
        let error = Only("ecs:TagResource")
            .authorize(&caller, &both)
            .unwrap_err();
        assert_eq!(error.message, "ecs:RunTask");
        let one = Access::action("ecs:RunTask");
        assert_eq!(Only("ecs:RunTask").authorize(&caller, &one), Ok(()));
    }
}
