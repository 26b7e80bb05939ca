//! `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.

use std::fmt;
use std::str::FromStr;

use crate::NameError;

/// A taken-apart ARN. The resource keeps its inner `/` and `:`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arn {
    pub partition: String,
    pub service: String,
    pub region: String,
    pub account: String,
    pub resource: String,
}

impl Arn {
    /// Takes an ARN apart. Region and account may be empty (IAM, S3), the rest may not.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let not_an_arn = || NameError::NotAnArn(text.to_owned());
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().map(str::to_owned).ok_or_else(not_an_arn);
        if next()? != "arn" {
            return Err(not_an_arn());
        }
        let arn = Self {
            partition: next()?,
            service: next()?,
            region: next()?,
            account: next()?,
            resource: next()?,
        };
        if arn.partition.is_empty() || arn.service.is_empty() || arn.resource.is_empty() {
            return Err(not_an_arn());
        }
        Ok(arn)
    }

    /// Does the text claim to be an ARN (rather than a short name)?
    pub fn is_arn(text: &str) -> bool {
        text.starts_with("arn:")
    }

    /// The resource's type and what follows: `task/default/0af…` is (`task`, `default/0af…`).
    pub fn resource_parts(&self) -> (&str, &str) {
        self.resource
            .split_once(['/', ':'])
            .unwrap_or((&self.resource, ""))
    }

    /// What follows the type, if the service and the type are these.
    pub fn resource_of(&self, service: &str, kind: &str) -> Option<&str> {
        let (found, rest) = self.resource_parts();
        (self.service == service && found == kind && !rest.is_empty()).then_some(rest)
    }
}

impl FromStr for Arn {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            partition,
            service,
            region,
            account,
            resource,
        } = self;
        write!(
            formatter,
            "arn:{partition}:{service}:{region}:{account}:{resource}"
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_parses_prints_the_same(text in "arn:[a-z-]{0,3}:[a-z]{0,3}:[a-z0-9-]{0,4}:[0-9]{0,3}:[a-z:/]{0,6}") {
            if let Ok(arn) = Arn::parse(&text) {
                prop_assert_eq!(arn.to_string(), text);
            }
        }

        #[test]
        fn no_text_panics(text in "(arn)?[:a-z/]{0,12}") {
            let _ = Arn::parse(&text);
        }
    }

    #[test]
    fn parts() {
        let arn = Arn::parse("arn:aws:ecs:us-east-1:123456789012:task/default/0af").expect("valid");
        assert_eq!(arn.resource_parts(), ("task", "default/0af"));
        assert_eq!(arn.resource_of("ecs", "task"), Some("default/0af"));
        assert_eq!(arn.resource_of("ecs", "cluster"), None);
        let logs =
            Arn::parse("arn:aws:logs:us-east-1:123456789012:log-group:/ecs/web:*").expect("valid");
        assert_eq!(logs.resource_parts(), ("log-group", "/ecs/web:*"));
        assert!(Arn::parse("arn:aws:iam::123456789012:role/x").is_ok());
        for wrong in [
            "",
            "arn",
            "arn:aws:ecs:us-east-1:123456789012",
            "arn:aws:ecs:r:a:",
            "x:aws:ecs:r:a:b",
        ] {
            assert!(Arn::parse(wrong).is_err(), "{wrong}");
        }
    }
}
