//! Which policies apply to a principal, looked up anew for each request.

use std::sync::Arc;

use policy::{NamedPolicy, Policies};
use state::Head;
use wire::RoleSession;

use crate::Iam;
use crate::entities::{Entity, Named, find};
use crate::managed;
use crate::records::{Grants, GroupRecord, PolicyRecord, RoleRecord, Tags, UserRecord, key_of};

/// The policies of a principal, compiled.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub identity: Vec<NamedPolicy>,
    pub boundary: Option<NamedPolicy>,
    pub session: Option<Vec<NamedPolicy>>,
    /// For `aws:PrincipalTag`.
    pub tags: Tags,
}

impl Held {
    pub fn policies(&self) -> Policies<'_> {
        Policies {
            identity: &self.identity,
            boundary: self.boundary.as_ref(),
            session: self.session.as_deref(),
            ..Policies::default()
        }
    }
}

/// A document and what it is called.
pub(crate) struct Document {
    name: String,
    text: Text,
}

enum Text {
    Own(String),
    /// Of a managed policy: its version that counts.
    Managed(Arc<PolicyRecord>),
    Static(&'static str),
    /// Named but nowhere: refused when compiled, so it denies.
    Missing,
}

impl Document {
    fn text(&self) -> &str {
        match &self.text {
            Text::Own(text) => text,
            Text::Managed(record) => record.document(),
            Text::Static(text) => text,
            Text::Missing => "",
        }
    }
}

/// The documents of one principal, as they are in the tables.
#[derive(Default)]
pub(crate) struct Documents {
    identity: Vec<Document>,
    boundary: Option<Document>,
    session: Vec<Document>,
    tags: Tags,
}

/// A managed policy of the account or of AWS.
pub(crate) fn managed_document(head: &Head, account: &str, arn: &str) -> Document {
    let own = || {
        let name = arn.rsplit('/').next()?;
        let record = head.get::<PolicyRecord>(&key_of(account, name))?;
        (record.arn() == arn).then_some(record)
    };
    let text = match managed::find(arn) {
        Some(managed) => Text::Static(&managed.document),
        None => own().map_or(Text::Missing, Text::Managed),
    };
    Document {
        name: arn.to_owned(),
        text,
    }
}

impl Documents {
    pub fn of_user(head: &Head, user: &UserRecord) -> Self {
        let mut documents = Self::default();
        documents.add(head, user);
        for name in &user.groups {
            if let Some(group) = find::<GroupRecord>(head, &user.account, name) {
                documents.add(head, &*group);
            }
        }
        documents.tags.clone_from(&user.tags);
        documents
    }

    pub fn of_group(head: &Head, group: &GroupRecord) -> Self {
        let mut documents = Self::default();
        documents.add(head, group);
        documents
    }

    pub fn of_role(head: &Head, role: &RoleRecord) -> Self {
        let mut documents = Self::default();
        documents.add(head, role);
        documents.tags.clone_from(&role.tags);
        documents
    }

    /// A role as a session has it: less, if it was assumed with policies.
    pub fn of_session(head: &Head, role: &RoleRecord, session: &RoleSession) -> Self {
        let mut documents = Self::of_role(head, role);
        let inline = session.policies.iter().enumerate();
        documents
            .session
            .extend(inline.map(|(index, text)| Document {
                name: format!("session policy {}", index + 1),
                text: Text::Own(text.clone()),
            }));
        let managed = session.policy_arns.iter();
        documents
            .session
            .extend(managed.map(|arn| managed_document(head, &role.account, arn)));
        // What the session says of itself goes before the role's own.
        for (key, value) in &session.tags {
            documents
                .tags
                .retain(|(known, _)| !known.eq_ignore_ascii_case(key));
            documents.tags.push((key.clone(), value.clone()));
        }
        documents
    }

    fn add<E: Entity>(&mut self, head: &Head, entity: &E) {
        let Grants {
            inline,
            attached,
            boundary,
        } = entity.grants();
        let owner = format!("{}/{}", <E as Named>::KIND, entity.name());
        self.identity
            .extend(inline.iter().map(|(name, text)| Document {
                name: format!("{owner}: inline policy {name}"),
                text: Text::Own(text.clone()),
            }));
        let account = entity.account();
        let attached = attached.iter();
        self.identity
            .extend(attached.map(|arn| managed_document(head, account, arn)));
        if let Some(arn) = boundary {
            self.boundary = Some(managed_document(head, account, arn));
        }
    }
}

impl Iam {
    pub(crate) fn compile(&self, documents: Documents) -> Held {
        let named = |document: Document| NamedPolicy {
            policy: self.compiled.identity(document.text()),
            name: document.name,
        };
        let session = documents.session;
        Held {
            identity: documents.identity.into_iter().map(named).collect(),
            boundary: documents.boundary.map(named),
            session: (!session.is_empty()).then(|| session.into_iter().map(named).collect()),
            tags: documents.tags,
        }
    }

    /// None: the user or the role is gone, or another one has its name now.
    pub(crate) fn held_by(&self, account: &str, principal: &wire::Principal) -> Option<Held> {
        let read = self.store.read(|head| match principal {
            wire::Principal::User { id, name, .. } => {
                let user = find::<UserRecord>(head, account, name)?;
                (user.id == *id).then(|| Documents::of_user(head, &user))
            }
            wire::Principal::Role(session) => {
                let role = find::<RoleRecord>(head, account, &session.role_name)?;
                (role.id == session.role_id).then(|| Documents::of_session(head, &role, session))
            }
            wire::Principal::Root | wire::Principal::Node { .. } => None,
        });
        Some(self.compile(read.head()?))
    }
}

/// A managed policy that is to be attached has to be there.
pub(crate) fn check_managed(head: &Head, account: &str, arn: &str) -> Result<(), wire::Error> {
    if !arn.starts_with("arn:") {
        let message = format!("ARN {arn} is not valid.");
        return Err(api_iam::errors::invalid_input_exception(message));
    }
    match managed_document(head, account, arn).text {
        Text::Missing => Err(api_iam::errors::no_such_entity_exception(format!(
            "Policy {arn} does not exist or is not attachable."
        ))),
        _ => Ok(()),
    }
}
