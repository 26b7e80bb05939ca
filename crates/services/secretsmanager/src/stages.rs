//! Staging labels: which version each is on. A label is on one version at most.

use std::collections::BTreeMap;

use api_secretsmanager::errors::invalid_parameter_exception;
use wire::Error;

pub(crate) const CURRENT: &str = "AWSCURRENT";
pub(crate) const PREVIOUS: &str = "AWSPREVIOUS";

pub(crate) type Stages = BTreeMap<String, String>;

/// A new version takes these labels; whoever loses AWSCURRENT becomes AWSPREVIOUS.
pub(crate) fn attach(stages: &mut Stages, labels: &[String], version_id: &str) {
    for label in labels {
        let before = stages.insert(label.clone(), version_id.to_owned());
        if let Some(before) = before.filter(|before| label == CURRENT && before != version_id) {
            // A version that takes both labels at once keeps both.
            if !labels.iter().any(|label| label == PREVIOUS) {
                stages.insert(PREVIOUS.to_owned(), before);
            }
        }
    }
}

/// UpdateSecretVersionStage: the label goes from one version to another, or away.
///
/// # Errors
/// `from` must be where the label is; AWSCURRENT can only move.
pub(crate) fn update(
    stages: &mut Stages,
    label: &str,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<(), Error> {
    let on = stages.get(label).cloned();
    match (from, to) {
        (None, None) => {
            return Err(invalid_parameter_exception(
                "You must specify at least one of RemoveFromVersionId and MoveToVersionId.",
            ));
        }
        (Some(from), _) if on.as_deref() != Some(from) => {
            return Err(invalid_parameter_exception(format!(
                "The staging label {label} isn't attached to version {from}."
            )));
        }
        (Some(_), None) if label == CURRENT => {
            return Err(invalid_parameter_exception(format!(
                "You can only move staging label {CURRENT} to a different secret version. It can't be completely removed."
            )));
        }
        (None, Some(to)) if on.as_deref().is_some_and(|on| on != to) => {
            let on = on.unwrap_or_default();
            return Err(invalid_parameter_exception(format!(
                "The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to \
                 version {on}, so you must explicitly reference that version in RemoveFromVersionId."
            )));
        }
        (_, Some(to)) => attach(stages, &[label.to_owned()], to),
        (Some(_), None) => {
            stages.remove(label);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_one_before_is_previous() {
        let mut stages = Stages::new();
        attach(&mut stages, &labels(&[CURRENT]), "1");
        assert_eq!(stages.get(PREVIOUS), None);
        attach(&mut stages, &labels(&[CURRENT]), "2");
        attach(&mut stages, &labels(&["AWSPENDING"]), "3");
        assert_eq!(
            (
                &*stages[CURRENT],
                &*stages[PREVIOUS],
                &*stages["AWSPENDING"]
            ),
            ("2", "1", "3")
        );
        update(&mut stages, CURRENT, Some("2"), Some("3")).expect("moves");
        assert_eq!((&*stages[CURRENT], &*stages[PREVIOUS]), ("3", "2"));
        assert!(update(&mut stages, CURRENT, Some("3"), None).is_err());
        assert!(update(&mut stages, CURRENT, None, Some("1")).is_err());
        assert!(update(&mut stages, CURRENT, Some("1"), Some("2")).is_err());
        update(&mut stages, "AWSPENDING", Some("3"), None).expect("goes");
        assert_eq!(stages.get("AWSPENDING"), None);
    }

    proptest! {
        /// Once there is a current version there always is one, and it is not the previous one too.
        #[test]
        fn current_never_goes_away(steps in proptest::collection::vec((0..4_u8, "[abc]", "[abc]"), 0..30)) {
            let mut stages = Stages::new();
            attach(&mut stages, &labels(&[CURRENT]), "a");
            for (step, one, other) in steps {
                match step {
                    0 => attach(&mut stages, &labels(&[CURRENT]), &one),
                    1 => attach(&mut stages, &labels(&["AWSPENDING", "mine"]), &one),
                    2 => drop(update(&mut stages, CURRENT, Some(&one), Some(&other))),
                    _ => drop(update(&mut stages, "mine", Some(&one), None)),
                }
                prop_assert!(stages.contains_key(CURRENT));
                prop_assert_ne!(stages.get(CURRENT), stages.get(PREVIOUS));
            }
        }
    }
}
