//! `valueFrom` of a container's secrets: which parameter or which part of which secret is meant.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html>

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretReference {
    /// A parameter, by name or ARN, with its version or label behind it.
    Parameter(String),
    /// A secret of Secrets Manager.
    Secret {
        /// Its ARN, with or without the six random characters.
        id: String,
        /// A member of the JSON object that the secret's value is; none: the whole value.
        json_key: Option<String>,
        version_stage: Option<String>,
        version_id: Option<String>,
    },
}

/// Why the value of a secret has no such member, in the words of Amazon's agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonKeyError {
    #[error("retrieved secret from Secrets Manager is no JSON object")]
    NotJson,
    #[error("retrieved secret from Secrets Manager did not contain json key {0}")]
    Missing(String),
}

impl SecretReference {
    /// `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX:JSON-KEY:STAGE:VERSION-ID`, where what is behind the name
    /// may be empty or missing; anything else names a parameter.
    pub fn parse(value_from: &str) -> Self {
        const ARN_PARTS: usize = 7;
        let parts: Vec<&str> = value_from.split(':').collect();
        if parts.len() < ARN_PARTS || parts[0] != "arn" || parts[2] != "secretsmanager" {
            return Self::Parameter(value_from.to_owned());
        }
        let given = |at: usize| {
            let part = parts.get(ARN_PARTS + at).filter(|part| !part.is_empty());
            part.map(|part| (*part).to_owned())
        };
        Self::Secret {
            id: parts[..ARN_PARTS].join(":"),
            json_key: given(0),
            version_stage: given(1),
            version_id: given(2),
        }
    }
}

/// The member of a JSON object as the text that a program sees: strings as they are, everything else as JSON.
///
/// # Errors
/// The text is no object, or has no such member.
pub fn json_member(text: &str, key: &str) -> Result<String, JsonKeyError> {
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|_| JsonKeyError::NotJson)?;
    match object.get(key) {
        Some(serde_json::Value::String(text)) => Ok(text.clone()),
        Some(other) => Ok(other.to_string()),
        None => Err(JsonKeyError::Missing(key.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf";

    fn secret(json_key: &str, stage: &str, version_id: &str) -> SecretReference {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        SecretReference::Secret {
            id: ARN.to_owned(),
            json_key: given(json_key),
            version_stage: given(stage),
            version_id: given(version_id),
        }
    }

    #[test]
    fn what_is_behind_the_name_may_be_left_away() {
        for (behind, expected) in [
            ("", secret("", "", "")),
            (":user", secret("user", "", "")),
            (":user::", secret("user", "", "")),
            ("::AWSPREVIOUS:", secret("", "AWSPREVIOUS", "")),
            (":user::1234", secret("user", "", "1234")),
        ] {
            assert_eq!(SecretReference::parse(&format!("{ARN}{behind}")), expected);
        }
        for parameter in [
            "db",
            "/prod/db:3",
            "arn:aws:ssm:us-east-1:123456789012:parameter/prod/db:live",
        ] {
            assert_eq!(
                SecretReference::parse(parameter),
                SecretReference::Parameter(parameter.to_owned())
            );
        }
    }

    #[test]
    fn members_are_texts() {
        let text = r#"{"user":"me","port":5432,"tls":true}"#;
        assert_eq!(json_member(text, "user").as_deref(), Ok("me"));
        assert_eq!(json_member(text, "port").as_deref(), Ok("5432"));
        assert_eq!(json_member(text, "tls").as_deref(), Ok("true"));
        let missing = json_member(text, "password").expect_err("missing");
        assert_eq!(
            missing.to_string(),
            "retrieved secret from Secrets Manager did not contain json key password"
        );
        assert_eq!(json_member("plain", "user"), Err(JsonKeyError::NotJson));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(key in "[a-z]{0,3}", stage in "[A-Z]{0,3}", version in "[0-9]{0,3}") {
            let text = format!("{ARN}:{key}:{stage}:{version}");
            prop_assert_eq!(SecretReference::parse(&text), secret(&key, &stage, &version));
        }

        #[test]
        fn no_text_panics(text in "(arn:aws:secretsmanager)?[:a-z/]{0,12}") {
            let _ = SecretReference::parse(&text);
        }
    }
}
