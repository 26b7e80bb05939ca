//! What roles, users, groups and instance profiles have in common.

use std::sync::Arc;

use api_iam::errors;
use state::{Head, Record};
use wire::{Access, Caller, Error};

use crate::Iam;
use crate::records::{
    Grants, GroupRecord, InstanceProfileRecord, RoleRecord, Tags, UserRecord, key_of,
};

/// A record with a name and an ARN.
pub(crate) trait Named: Record {
    /// In ARNs: `role`.
    const KIND: &'static str;
    fn account(&self) -> &str;
    fn name(&self) -> &str;
    fn path(&self) -> &str;
    fn tags(&self) -> &Tags;
    fn not_found(name: &str) -> Error {
        errors::no_such_entity_exception(format!(
            "The {} with name {name} cannot be found.",
            Self::KIND
        ))
    }

    fn arn(&self) -> String {
        arn_of(self.account(), Self::KIND, self.path(), self.name())
    }
}

pub(crate) fn arn_of(account: &str, kind: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:{kind}{path}{name}")
}

/// Who can be given policies.
pub(crate) trait Entity: Named {
    /// In the names of quotas: `Role`.
    const WORD: &'static str;
    /// Characters of all inline policies together, without white space.
    const INLINE_CHARACTERS: usize;
    fn grants(&self) -> &Grants;
    fn grants_mut(&mut self) -> &mut Grants;

    /// AWS keeps service-linked roles to itself.
    fn check_modifiable(&self) -> Result<(), Error> {
        Ok(())
    }
}

pub(crate) trait Tagged: Named {
    fn tags_mut(&mut self) -> &mut Tags;
}

macro_rules! named {
    ($record:ty, $kind:literal, |$this:ident| $tags:expr) => {
        impl Named for $record {
            const KIND: &'static str = $kind;

            fn account(&self) -> &str {
                &self.account
            }

            fn name(&self) -> &str {
                &self.name
            }

            fn path(&self) -> &str {
                &self.path
            }

            fn tags(&self) -> &Tags {
                let $this = self;
                $tags
            }
        }
    };
}

static NO_TAGS: Tags = Vec::new();

named!(RoleRecord, "role", |role| &role.tags);
named!(UserRecord, "user", |user| &user.tags);
named!(GroupRecord, "group", |_group| &NO_TAGS);
named!(InstanceProfileRecord, "instance-profile", |profile| {
    &profile.tags
});

macro_rules! entity {
    ($record:ty, $word:literal, $characters:expr $(, $check:item)?) => {
        impl Entity for $record {
            const WORD: &'static str = $word;
            const INLINE_CHARACTERS: usize = $characters;

            fn grants(&self) -> &Grants {
                &self.grants
            }

            fn grants_mut(&mut self) -> &mut Grants {
                &mut self.grants
            }

            $($check)?
        }
    };
}

entity!(
    RoleRecord,
    "Role",
    limits::IAM_ROLE_INLINE_CHARACTERS,
    fn check_modifiable(&self) -> Result<(), Error> {
        crate::service_linked::check_modifiable(self)
    }
);
entity!(UserRecord, "User", limits::IAM_USER_INLINE_CHARACTERS);
entity!(GroupRecord, "Group", limits::IAM_GROUP_INLINE_CHARACTERS);

macro_rules! tagged {
    ($($record:ty),*) => {
        $(impl Tagged for $record {
            fn tags_mut(&mut self) -> &mut Tags {
                &mut self.tags
            }
        })*
    };
}

tagged!(RoleRecord, UserRecord, InstanceProfileRecord);

/// The record of this name, whatever its case.
pub(crate) fn find<R: Named>(head: &Head, account: &str, name: &str) -> Option<Arc<R>> {
    head.get::<R>(&key_of(account, name))
}

pub(crate) fn require<R: Named>(
    head: &Head,
    caller: &Caller,
    name: &Option<String>,
) -> Result<Arc<R>, Error> {
    let name = name.as_deref().unwrap_or_default();
    match R::KIND {
        // Its words are others.
        "instance-profile" => find::<R>(head, &caller.account, name).ok_or_else(|| {
            errors::no_such_entity_exception(format!("Instance Profile {name} cannot be found."))
        }),
        _ => find::<R>(head, &caller.account, name).ok_or_else(|| R::not_found(name)),
    }
}

impl Iam {
    /// An action on something that may be there: its ARN has a path that the request does not say.
    pub(crate) fn on<R: Named>(
        &self,
        action: &'static str,
        caller: &Caller,
        name: &Option<String>,
    ) -> Access {
        let name = name.as_deref().unwrap_or_default();
        let found = self
            .store
            .read(|head| find::<R>(head, &caller.account, name))
            .head();
        let access = Access::action(action);
        match found {
            Some(record) => {
                let tags = record.tags().iter();
                tags.fold(access.resource(record.arn()), |access, (key, value)| {
                    access.condition(format!("iam:ResourceTag/{key}"), value)
                })
            }
            None => access.resource(arn_of(&caller.account, R::KIND, "/", name)),
        }
    }

    /// An action on something that is to be made.
    pub(crate) fn on_new(
        action: &'static str,
        caller: &Caller,
        kind: &str,
        path: &Option<String>,
        name: &Option<String>,
    ) -> Access {
        let path = path.as_deref().unwrap_or("/");
        let name = name.as_deref().unwrap_or_default();
        Access::action(action).resource(arn_of(&caller.account, kind, path, name))
    }
}
