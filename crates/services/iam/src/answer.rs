//! What operations share: how one is written, pages, times, documents.

use api_iam::errors;
use api_iam::types::Tag;
use kit::tags::{TagError, Tags};
use kit::{Page, paginate};
use policy::{Policy, PolicyUse};
use wire::{Access, Caller, Error, Timestamp};

use crate::Iam;

/// One operation: what it asks to be allowed, and what it does.
macro_rules! operation {
    ($operation:path, |$iam:ident, $caller:ident, $input:ident| $access:block $body:block) => {
        impl wire::Handle<$operation> for crate::Iam {
            #[allow(unused_variables, reason = "not every operation asks about all three")]
            fn access(
                &self,
                $caller: &wire::Caller,
                $input: &<$operation as wire::Operation>::Input,
            ) -> wire::Access {
                let $iam = self;
                $access
            }

            #[allow(unused_variables, reason = "not every operation needs all three")]
            async fn handle(
                &self,
                $caller: &wire::Caller,
                $input: <$operation as wire::Operation>::Input,
            ) -> Result<<$operation as wire::Operation>::Output, wire::Error> {
                let $iam = self;
                $body
            }
        }
    };
}
pub(crate) use operation;

pub(crate) fn timestamp(time: clock::UnixMillis) -> Option<Timestamp> {
    // IAM's times are whole seconds.
    Some(Timestamp::from_millis(time.as_seconds() * 1000))
}

/// Items in order of their names; the marker is that of the last one given.
pub(crate) struct Listed<T> {
    pub items: Option<Vec<T>>,
    pub is_truncated: Option<bool>,
    pub marker: Option<String>,
}

pub(crate) fn list<R, T>(
    max_items: Option<i32>,
    marker: &Option<String>,
    rows: impl Iterator<Item = R>,
    name: impl Fn(&R) -> String,
    render: impl Fn(R) -> T,
) -> Result<Listed<T>, Error> {
    let size = max_items.unwrap_or(limits::IAM_PAGE_ITEMS);
    let page = Page::new(Some(size), marker.as_deref(), limits::IAM_PAGE_ITEMS_MAX)
        .map_err(|_| Error::client("ValidationError", "Invalid Marker."))?;
    let (rows, marker) = paginate(&page, rows, name);
    Ok(Listed {
        items: Some(rows.into_iter().map(render).collect()),
        is_truncated: Some(marker.is_some()),
        marker,
    })
}

/// Checks a document and gives it as it is to be kept.
pub(crate) fn document(
    text: &Option<String>,
    purpose: PolicyUse,
    characters: usize,
    quota: &str,
) -> Result<String, Error> {
    let text = text.as_deref().unwrap_or_default();
    Policy::parse(text, purpose)
        .map_err(|error| errors::malformed_policy_document_exception(error.to_string()))?;
    if without_space(text) > characters {
        let message = format!("Cannot exceed quota for {quota}: {characters}");
        return Err(errors::limit_exceeded_exception(message));
    }
    Ok(text.to_owned())
}

/// White space does not count against the sizes of policies.
pub(crate) fn without_space(text: &str) -> usize {
    text.chars().filter(|it| !it.is_whitespace()).count()
}

pub(crate) fn path(path: &Option<String>) -> Result<String, Error> {
    let path = path.as_deref().unwrap_or("/");
    let is_path = path.starts_with('/') && path.ends_with('/');
    let is_plain = path.chars().all(|it| ('!'..='\u{7e}').contains(&it));
    match is_path && is_plain && path.len() <= limits::IAM_PATH_CHARACTERS {
        true => Ok(path.to_owned()),
        false => Err(Error::client(
            "ValidationError",
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric \
             characters and/or / characters.",
        )),
    }
}

pub(crate) fn tags(tags: Option<Vec<Tag>>) -> Result<Tags, Error> {
    let tags = pairs(tags);
    kit::tags::validate(&tags).map_err(tag_error)?;
    Ok(tags)
}

pub(crate) fn pairs(tags: Option<Vec<Tag>>) -> Tags {
    let tags = tags.into_iter().flatten();
    tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()))
        .collect()
}

pub(crate) fn tag_error(error: TagError) -> Error {
    match error {
        TagError::TooMany => errors::limit_exceeded_exception(error.to_string()),
        _ => errors::invalid_input_exception(error.to_string()),
    }
}

pub(crate) fn with_request_tags(access: Access, tags: &Option<Vec<Tag>>) -> Access {
    pairs(tags.clone())
        .into_iter()
        .fold(access, |access, (key, value)| {
            access
                .condition(format!("aws:RequestTag/{key}"), value)
                .condition("aws:TagKeys", key)
        })
}

/// The user that a request means: the caller, if it names none.
pub(crate) fn user_name(caller: &Caller, named: &Option<String>) -> Result<Option<String>, Error> {
    match (named, &caller.principal) {
        (Some(name), _) => Ok(Some(name.clone())),
        (None, wire::Principal::User { name, .. }) => Ok(Some(name.clone())),
        (None, _) => Err(Error::client(
            "ValidationError",
            "Must specify userName when calling with non-User credentials",
        )),
    }
}

impl Iam {
    /// An id as IAM makes them: a prefix that tells the kind, and 17 characters.
    pub(crate) fn new_id(&self, prefix: &str) -> String {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let mut bytes = [0u8; 17];
        self.clock.fill_random(&mut bytes);
        let characters = bytes
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
        prefix.chars().chain(characters).collect()
    }
}
