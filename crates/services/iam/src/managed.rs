//! The managed policies of AWS that ECS's users attach, by the permissions that AWS documents for each
//! (<https://docs.aws.amazon.com/aws-managed-policy/latest/reference/>). ReadOnlyAccess is about the services that Gantry
//! means to serve.

use std::sync::LazyLock;

use clock::UnixMillis;
use serde::{Deserialize, Deserializer};

/// They were there before everything.
pub(crate) const CREATED_AT: UnixMillis = UnixMillis(1_424_217_600_000);

#[derive(Deserialize)]
pub(crate) struct ManagedPolicy {
    pub name: String,
    pub path: String,
    pub description: String,
    #[serde(deserialize_with = "as_text")]
    pub document: String,
}

/// JSON within JSON, as its text.
fn as_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    serde_json::Value::deserialize(deserializer).map(|document| document.to_string())
}

impl ManagedPolicy {
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::aws:policy{}{}", self.path, self.name)
    }

    /// `ANPA…`, the same on every server.
    pub fn id(&self) -> String {
        let sum = self
            .name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
                (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        format!("ANPAI{sum:016X}")
    }
}

static ALL: LazyLock<Vec<ManagedPolicy>> = LazyLock::new(|| {
    let text: &'static str = include_str!("managed_policies.json");
    serde_json::from_str(text).expect("a test reads it")
});

/// In order of their names.
pub(crate) fn all() -> &'static [ManagedPolicy] {
    &ALL
}

pub(crate) fn find(arn: &str) -> Option<&'static ManagedPolicy> {
    let rest = arn.strip_prefix("arn:aws:iam::aws:policy/")?;
    let name = rest.rsplit('/').next()?;
    let found = ALL
        .binary_search_by(|policy| policy.name.as_str().cmp(name))
        .ok()?;
    ALL.get(found).filter(|policy| policy.arn() == arn)
}

#[cfg(test)]
mod tests {
    use policy::{Policy, PolicyUse};

    use super::*;

    #[test]
    fn each_is_a_policy_and_found_by_its_arn() {
        for managed in all() {
            let parsed = Policy::parse(&managed.document, PolicyUse::Identity);
            assert!(parsed.is_ok(), "{}: {parsed:?}", managed.name);
            let found = find(&managed.arn()).expect(&managed.name);
            assert_eq!(found.name, managed.name);
            assert_eq!(managed.id().len(), 21);
        }
        assert!(find("arn:aws:iam::aws:policy/AmazonECSTaskExecutionRolePolicy").is_none());
    }
}
