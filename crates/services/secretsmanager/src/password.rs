//! GetRandomPassword's characters.

use api_secretsmanager::errors::invalid_parameter_exception;
use api_secretsmanager::types::GetRandomPasswordRequest;
use clock::Clock;
use wire::Error;

const LOWERCASE: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPERCASE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const NUMBERS: &str = "0123456789";
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
const LENGTH: i64 = 32;

pub(crate) fn generate(request: &GetRandomPasswordRequest, clock: &Clock) -> Result<String, Error> {
    let length = usize::try_from(request.password_length.unwrap_or(LENGTH)).unwrap_or_default();
    let kinds = kinds(request);
    if kinds.is_empty() {
        return Err(invalid_parameter_exception(
            "The password can't be generated: every character is excluded.",
        ));
    }
    let all: Vec<char> = kinds.iter().flatten().copied().collect();
    let mut password: Vec<char> = Vec::with_capacity(length);
    if request.require_each_included_type.unwrap_or(true) {
        if length < kinds.len() {
            return Err(invalid_parameter_exception(
                "Password length is too short based on the required types.",
            ));
        }
        password.extend(kinds.iter().map(|kind| kind[below(clock, kind.len())]));
    }
    while password.len() < length {
        password.push(all[below(clock, all.len())]);
    }
    // Those that had to be there came first.
    for last in (1..password.len()).rev() {
        password.swap(last, below(clock, last + 1));
    }
    Ok(password.into_iter().collect())
}

/// The kinds of characters that are not excluded, without characters that are.
fn kinds(request: &GetRandomPasswordRequest) -> Vec<Vec<char>> {
    let is_excluded = |flag: Option<bool>| flag.unwrap_or(false);
    let excluded = request.exclude_characters.as_deref().unwrap_or_default();
    let kinds = [
        (LOWERCASE, is_excluded(request.exclude_lowercase)),
        (UPPERCASE, is_excluded(request.exclude_uppercase)),
        (NUMBERS, is_excluded(request.exclude_numbers)),
        (PUNCTUATION, is_excluded(request.exclude_punctuation)),
        (" ", !is_excluded(request.include_space)),
    ];
    let kept = kinds.into_iter().filter(|(_, is_excluded)| !is_excluded);
    let characters = kept.map(|(kind, _)| {
        kind.chars()
            .filter(|it| !excluded.contains(*it))
            .collect::<Vec<_>>()
    });
    characters.filter(|kind| !kind.is_empty()).collect()
}

/// Every number below `limit` is as likely as any other.
fn below(clock: &Clock, limit: usize) -> usize {
    let limit = limit as u64;
    let most = u64::MAX - u64::MAX % limit;
    loop {
        let drawn = clock.random_u64();
        if drawn < most {
            return (drawn % limit) as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use clock::UnixMillis;
    use proptest::prelude::*;

    use super::*;

    #[tokio::test]
    async fn the_default_has_each_kind() {
        let clock = Clock::simulated(UnixMillis::EPOCH, 1);
        let password = generate(&GetRandomPasswordRequest::default(), &clock).expect("made");
        assert_eq!(password.len(), 32);
        for kind in [LOWERCASE, UPPERCASE, NUMBERS, PUNCTUATION] {
            assert!(password.contains(|character| kind.contains(character)));
        }
        assert!(!password.contains(' '));
    }

    proptest! {
        #[test]
        fn what_is_excluded_is_not_there(length in 1..200_i64, seed in any::<u64>(), flags in any::<[bool; 6]>(), excluded in "[a-f!0-5]{0,8}") {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let _entered = runtime.enter();
            let clock = Clock::simulated(UnixMillis::EPOCH, seed);
            let request = GetRandomPasswordRequest {
                password_length: Some(length),
                exclude_characters: Some(excluded.clone()),
                exclude_lowercase: Some(flags[0]),
                exclude_uppercase: Some(flags[1]),
                exclude_numbers: Some(flags[2]),
                exclude_punctuation: Some(flags[3]),
                include_space: Some(flags[4]),
                require_each_included_type: Some(flags[5]),
            };
            let Ok(password) = generate(&request, &clock) else { return Ok(()) };
            prop_assert_eq!(password.chars().count() as i64, length);
            for (kind, is_out) in [(LOWERCASE, flags[0]), (UPPERCASE, flags[1]), (NUMBERS, flags[2]), (PUNCTUATION, flags[3]), (" ", !flags[4])] {
                let has = password.contains(|character| kind.contains(character));
                prop_assert!(!(is_out && has));
                let possible = !is_out && kind.chars().any(|it| !excluded.contains(it));
                prop_assert!(!(flags[5] && possible && !has));
            }
            prop_assert!(!password.contains(|character| excluded.contains(character)));
        }
    }
}
