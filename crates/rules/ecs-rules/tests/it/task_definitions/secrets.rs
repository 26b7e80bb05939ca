use api_ecs::types::{KeyValuePair, Secret};
use ecs_rules::Refusal;
use ecs_rules::task_definition::normalise;

use crate::support::{first, plain, with};

const SECRET: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf:user::";

fn secret(name: &str, value_from: &str) -> Secret {
    Secret {
        name: Some(name.into()),
        value_from: Some(value_from.into()),
    }
}

fn registered(secrets: Vec<Secret>, role: bool) -> Result<Vec<String>, String> {
    let request = first(plain(), |it| {
        it.secrets = Some(secrets);
        it.environment = Some(vec![KeyValuePair {
            name: Some("PLAIN".into()),
            value: Some("x".into()),
        }]);
    });
    let request = with(request, |it| {
        it.execution_role_arn = role.then(|| "arn:aws:iam::123456789012:role/r".into());
    });
    match normalise(request) {
        Ok(definition) => {
            let attributes = definition.requires_attributes.unwrap_or_default();
            let names = attributes.into_iter().filter_map(|it| it.name);
            Ok(names.filter(|name| name.contains("secrets")).collect())
        }
        Err(Refusal::Client(message)) => Err(message),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn nodes_must_know_where_values_come_from() {
    let both = vec![secret("A", SECRET), secret("B", "/db/port")];
    assert_eq!(
        registered(both, true).expect("taken"),
        [
            "ecs.capability.secrets.asm.environment-variables",
            "ecs.capability.secrets.ssm.environment-variables"
        ]
    );
    assert!(registered(Vec::new(), false).expect("taken").is_empty());
}

#[test]
fn names_are_not_shared_and_a_role_is_named() {
    let one = || vec![secret("A", SECRET)];
    assert!(
        registered(one(), false)
            .unwrap_err()
            .contains("'executionRoleArn'")
    );
    for (secrets, words) in [
        (vec![secret("PLAIN", SECRET)], "such as 'PLAIN'"),
        (vec![secret("A", SECRET), secret("A", "p")], "such as 'A'"),
        (vec![secret("", SECRET)], "must not be empty"),
        (vec![secret("A=B", SECRET)], "must not contain '='"),
        (vec![secret("A", "")], "valueFrom"),
    ] {
        let message = registered(secrets, true).unwrap_err();
        assert!(message.contains(words), "{message}");
    }
}
