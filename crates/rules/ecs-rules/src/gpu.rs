//! GPUs: what containers ask for, and which ones a task gets
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-gpu.html>). Whole GPUs by number: a container has
//! those that it is given for itself.

use std::collections::BTreeSet;

use api_ecs::types::{ResourceRequirement, ResourceType};

use crate::Refusal;

const ALL: &str = "ALL";

/// Whether this is something else than a number of whole GPUs: AWS would take it, Gantry does not.
pub fn is_unsupported(requirement: &ResourceRequirement) -> bool {
    let value = requirement.value.as_deref().unwrap_or_default();
    match &requirement.r#type {
        Some(kind) if *kind == ResourceType::GPU => {
            requirement.sharing_strategy.is_some() || value == ALL || value.contains('.')
        }
        Some(kind) => ResourceType::VALUES.contains(&kind.as_str()),
        None => false,
    }
}

/// Checks the requirements of one container that ask for nothing unsupported.
pub fn check(requirements: &[ResourceRequirement]) -> Result<(), Refusal> {
    let mut has_gpus = false;
    for requirement in requirements {
        let kind = requirement.r#type.as_ref();
        if kind != Some(&ResourceType::GPU) {
            return Err(Refusal::client(format!(
                "Invalid resource requirement type '{}'. Valid types are: {}.",
                kind.map(ResourceType::as_str).unwrap_or_default(),
                ResourceType::VALUES.join(", ")
            )));
        }
        if number(requirement).is_none_or(|number| number == 0) {
            return Err(Refusal::client(format!(
                "Invalid GPU value '{}': it must be a number of GPUs.",
                requirement.value.as_deref().unwrap_or_default()
            )));
        }
        if has_gpus {
            return Err(Refusal::client(
                "A container can have one resource requirement of type GPU.",
            ));
        }
        has_gpus = true;
    }
    Ok(())
}

/// GPUs that a container's checked requirements ask for.
pub fn asked(requirements: &[ResourceRequirement]) -> usize {
    let gpus = requirements
        .iter()
        .filter(|requirement| requirement.r#type == Some(ResourceType::GPU));
    gpus.filter_map(number).map(usize::from).sum()
}

/// Gives each of a task's containers, in order, as many of the free GPUs as it wants; none if they do not suffice.
pub fn assign(
    wanted: &[usize],
    offered: &[String],
    held: &BTreeSet<&str>,
) -> Option<Vec<Vec<String>>> {
    let mut free = offered.iter().filter(|id| !held.contains(id.as_str()));
    wanted
        .iter()
        .map(|count| {
            let given: Vec<String> = free.by_ref().take(*count).cloned().collect();
            (given.len() == *count).then_some(given)
        })
        .collect()
}

fn number(requirement: &ResourceRequirement) -> Option<u16> {
    requirement.value.as_deref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn requirement(kind: &str, value: &str) -> ResourceRequirement {
        ResourceRequirement {
            r#type: Some(ResourceType::from(kind)),
            value: Some(value.into()),
            ..ResourceRequirement::default()
        }
    }

    #[test]
    fn a_number_of_gpus_is_taken_and_the_rest_has_a_name() {
        let two = [requirement("GPU", "2")];
        assert_eq!(check(&two), Ok(()));
        assert_eq!(asked(&two), 2);
        for value in ["", "0", "-1", "two", "70000"] {
            let refusal = check(&[requirement("GPU", value)]).unwrap_err();
            assert!(refusal.message().contains("Invalid GPU value"), "{value}");
        }
        assert!(check(&[requirement("TPU", "1")]).is_err());
        assert!(check(&[requirement("GPU", "1"), requirement("GPU", "1")]).is_err());
        for (kind, value) in [
            ("GPU", "ALL"),
            ("GPU", "0.25"),
            ("NeuronDevice", "ALL"),
            ("InferenceAccelerator", "one"),
        ] {
            assert!(is_unsupported(&requirement(kind, value)), "{kind} {value}");
        }
        assert!(!is_unsupported(&two[0]) && !is_unsupported(&requirement("TPU", "1")));
    }

    proptest! {
        /// Nobody gets what is held or what another got, and a task gets all or nothing.
        #[test]
        fn gpus_are_given_once(
            wanted in prop::collection::vec(0..4usize, 1..5), offered in 0..9usize, held in prop::collection::btree_set(0..9usize, 0..6),
        ) {
            let name = |number: &usize| format!("GPU-{number}");
            let offered: Vec<String> = (0..offered).map(|number| name(&number)).collect();
            let held: Vec<String> = held.iter().map(name).collect();
            let held: BTreeSet<&str> = held.iter().map(String::as_str).collect();
            let free = offered.iter().filter(|id| !held.contains(id.as_str())).count();
            match assign(&wanted, &offered, &held) {
                None => prop_assert!(wanted.iter().sum::<usize>() > free),
                Some(given) => {
                    let counts: Vec<usize> = given.iter().map(Vec::len).collect();
                    prop_assert_eq!(&counts, &wanted);
                    let all: BTreeSet<&String> = given.iter().flatten().collect();
                    prop_assert_eq!(all.len(), wanted.iter().sum::<usize>());
                    prop_assert!(all.iter().all(|id| offered.contains(id) && !held.contains(id.as_str())));
                }
            }
        }
    }
}
