//! Who is asking and what they may do: answered by ECR, asked by the registry.

use http::header::AUTHORIZATION;

use crate::answer::ApiError;

/// `:` in base 64.
const EMPTY_USER_AND_PASSWORD: &str = "Og==";

/// The parameter of a link to one blob ([`Presented::Download`]).
pub const DOWNLOAD_TOKEN: &str = "download";

/// Whoever holds a valid token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub account: String,
    pub region: String,
    /// Opaque to the registry: [`Access`] made it and gets it back.
    pub principal: String,
}

/// What a request wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Read blobs, manifests and tags of a repository.
    Pull,
    /// Write blobs, manifests and tags of a repository.
    Push,
    /// Delete blobs, manifests and tags of a repository.
    Delete,
    /// List the repositories.
    List,
}

/// What the client presented; nothing when it sent no `Authorization`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented<'a> {
    Nothing,
    /// The password of Basic authentication as user `AWS`, or a Bearer token: they are the same.
    Token(&'a str),
    /// What the query of a link to one blob holds.
    Download {
        token: &'a str,
        repository: &'a str,
        digest: &'a str,
    },
}

/// Why access was refused, in words for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub String);

/// Decides about every request to the registry.
pub trait Access: Send + Sync {
    /// A refusal makes the client log in (again).
    fn authenticate(&self, presented: Presented<'_>) -> Result<Identity, Refusal>;

    /// `repository` is empty for [`Action::List`]. A refusal is final.
    fn authorize(
        &self,
        identity: &Identity,
        action: Action,
        repository: &str,
    ) -> Result<(), Refusal>;
}

/// Takes the token out of the request and asks `access` about it.
pub(crate) fn authenticate(
    access: &dyn Access,
    headers: &http::HeaderMap,
) -> Result<Identity, ApiError> {
    let challenge = |message: String| ApiError::unauthorized(message, headers);
    let Some(header) = headers
        .get(AUTHORIZATION)
        .filter(|header| !is_empty(header))
    else {
        return access
            .authenticate(Presented::Nothing)
            .map_err(|refusal| challenge(refusal.0));
    };
    let token = token_of(header)
        .ok_or_else(|| challenge("the Authorization header cannot be understood".to_owned()))?;
    access
        .authenticate(Presented::Token(&token))
        .map_err(|refusal| challenge(refusal.0))
}

/// Clients that were given no login send user and password empty; that is to present nothing.
fn is_empty(header: &http::HeaderValue) -> bool {
    let text = header.to_str().unwrap_or_default().trim();
    text.is_empty()
        || text.split_once(' ').is_some_and(|(scheme, value)| {
            scheme.eq_ignore_ascii_case("basic") && value.trim() == EMPTY_USER_AND_PASSWORD
        })
}

fn token_of(header: &http::HeaderValue) -> Option<String> {
    use base64::Engine;
    let (scheme, value) = header.to_str().ok()?.split_once(' ')?;
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(value)
        .ok()?;
    let (user, password) = String::from_utf8(decoded)
        .ok()?
        .split_once(':')
        .map(|(user, password)| (user.to_owned(), password.to_owned()))?;
    (user == "AWS").then_some(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Option<String> {
        token_of(&http::HeaderValue::from_str(text).expect("a header"))
    }

    #[test]
    fn basic_as_aws_and_bearer_give_the_token() {
        assert_eq!(token("Basic QVdTOnNlY3JldDp4"), Some("secret:x".to_owned()));
        assert_eq!(token("bearer secret"), Some("secret".to_owned()));
    }

    #[test]
    fn an_empty_login_is_none() {
        let empty = |text: &str| is_empty(&http::HeaderValue::from_str(text).expect("a header"));
        assert!(empty("Basic Og==") && empty("basic  Og==") && empty(""));
        assert!(!empty("Basic QVdTOg==") && !empty("Bearer Og=="));
    }

    #[test]
    fn other_users_and_schemes_give_nothing() {
        assert_eq!(token("Basic cm9vdDpzZWNyZXQ="), None);
        assert_eq!(token("Basic !!!"), None);
        assert_eq!(token("Digest x"), None);
        assert_eq!(token("Basic"), None);
    }
}
