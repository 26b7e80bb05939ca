//! Pages of a list: `maxResults` and an opaque `nextToken` that holds the last key given.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// What the caller asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub max_results: usize,
    /// Give only what comes after this key.
    pub after: Option<String>,
}

/// The token was not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Invalid token.")]
pub struct InvalidToken;

impl Page {
    /// `max_results` outside `1..=most` falls back to `most`, as ECS does.
    pub fn new(
        max_results: Option<i32>,
        next_token: Option<&str>,
        most: usize,
    ) -> Result<Self, InvalidToken> {
        let max_results = max_results
            .and_then(|asked| usize::try_from(asked).ok())
            .filter(|asked| (1..=most).contains(asked))
            .unwrap_or(most);
        let after = next_token
            .filter(|token| !token.is_empty())
            .map(decode)
            .transpose()?;
        Ok(Self { max_results, after })
    }
}

/// Takes one page from items in key order; gives the token of the next, if there is one.
pub fn paginate<T>(
    page: &Page,
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    take(page, items, |item, after| key(item).as_str() > after, &key)
}

/// As [`paginate`], from items in the reverse order of their keys.
pub fn paginate_descending<T>(
    page: &Page,
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    take(page, items, |item, after| key(item).as_str() < after, &key)
}

fn take<T>(
    page: &Page,
    items: impl Iterator<Item = T>,
    is_behind: impl Fn(&T, &str) -> bool,
    key: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let mut rest = items.filter(|item| {
        page.after
            .as_ref()
            .is_none_or(|after| is_behind(item, after))
    });
    let taken: Vec<T> = rest.by_ref().take(page.max_results).collect();
    let more = rest.next().is_some();
    let token = taken.last().filter(|_| more).map(|last| encode(&key(last)));
    (taken, token)
}

fn encode(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

fn decode(token: &str) -> Result<String, InvalidToken> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidToken)?;
    String::from_utf8(bytes).map_err(|_| InvalidToken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pages_add_up_to_the_list(mut keys in proptest::collection::btree_set("[a-z/é]{1,8}", 0..40), size in 1..7i32) {
            let all: Vec<String> = std::mem::take(&mut keys).into_iter().collect();
            let mut token: Option<String> = None;
            let mut seen = Vec::new();
            loop {
                let page = Page::new(Some(size), token.as_deref(), 100).unwrap();
                let (items, next) = paginate(&page, all.iter().cloned(), |item| item.clone());
                prop_assert!(items.len() <= size as usize);
                seen.extend(items);
                match next {
                    Some(next) => token = Some(next),
                    None => break,
                }
            }
            prop_assert_eq!(seen, all);
        }
    }

    #[test]
    fn descending_pages_go_the_other_way() {
        let all = ["c", "b", "a"].map(String::from);
        let first = Page::new(Some(2), None, 100).unwrap();
        let (items, token) = paginate_descending(&first, all.iter().cloned(), String::clone);
        assert_eq!(items, ["c", "b"]);
        let second = Page::new(Some(2), token.as_deref(), 100).unwrap();
        let (items, token) = paginate_descending(&second, all.iter().cloned(), String::clone);
        assert_eq!((items, token), (vec!["a".to_owned()], None));
    }

    #[test]
    fn a_foreign_token_is_refused() {
        assert_eq!(Page::new(None, Some("%%%"), 10), Err(InvalidToken));
    }
}
