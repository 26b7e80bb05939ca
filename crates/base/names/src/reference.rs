//! What clients write where an API takes "the short name or full Amazon Resource Name".

use crate::{
    Arn, NameError, is_cluster_name, is_container_instance_id, is_family, is_service_name,
    is_task_id,
};

/// The cluster's name, from its name or ARN. An ARN of another account or region is for the caller to refuse; see
/// [`Arn::parse`].
pub fn cluster_name(text: &str) -> Result<String, NameError> {
    let name = if Arn::is_arn(text) {
        resource(text, "cluster")?
    } else {
        text.to_owned()
    };
    valid(is_cluster_name(&name), name, "cluster name")
}

/// A service by name, or by ARN in the long or the old format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceReference {
    /// Known from an ARN in the long format only.
    pub cluster: Option<String>,
    pub name: String,
}

/// A task by id, or by ARN in the long or the old format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskReference {
    /// Known from an ARN in the long format only.
    pub cluster: Option<String>,
    pub id: String,
}

/// A task set by id (`ecs-svc/…`) or ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSetReference {
    /// Cluster and service, known from an ARN only.
    pub service: Option<(String, String)>,
    pub id: String,
}

/// A container instance by id, or by ARN in the long or the old format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerInstanceReference {
    /// Known from an ARN in the long format only.
    pub cluster: Option<String>,
    pub id: String,
}

/// A task definition by family (its latest ACTIVE revision is meant), `family:revision`, or ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskDefinitionReference {
    pub family: String,
    pub revision: Option<i32>,
}

impl ServiceReference {
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (cluster, name) = in_cluster(text, "service")?;
        Ok(Self {
            cluster,
            name: valid(is_service_name(&name), name, "service name")?,
        })
    }
}

impl TaskReference {
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (cluster, id) = in_cluster(text, "task")?;
        Ok(Self {
            cluster,
            id: valid(is_task_id(&id), id, "task id")?,
        })
    }
}

impl TaskSetReference {
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (service, id) = if Arn::is_arn(text) {
            let rest = resource(text, "task-set")?;
            let invalid = || NameError::Invalid {
                name: text.to_owned(),
                kind: "task set",
            };
            let (cluster, rest) = rest.split_once('/').ok_or_else(invalid)?;
            let (service, id) = rest.split_once('/').ok_or_else(invalid)?;
            let cluster = valid(is_cluster_name(cluster), cluster.to_owned(), "cluster name")?;
            let service = valid(is_service_name(service), service.to_owned(), "service name")?;
            (Some((cluster, service)), id.to_owned())
        } else {
            (None, text.to_owned())
        };
        let digits = id.strip_prefix("ecs-svc/").unwrap_or_default();
        let is_id = !digits.is_empty()
            && digits.len() <= 20
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        Ok(Self {
            service,
            id: valid(is_id, id, "task set")?,
        })
    }
}

impl ContainerInstanceReference {
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (cluster, id) = in_cluster(text, "container-instance")?;
        Ok(Self {
            cluster,
            id: valid(is_container_instance_id(&id), id, "container instance id")?,
        })
    }
}

impl TaskDefinitionReference {
    pub fn parse(text: &str) -> Result<Self, NameError> {
        Self::of_kind(text, "task-definition")
    }

    /// Of a daemon task definition: families of their own.
    pub fn of_daemon(text: &str) -> Result<Self, NameError> {
        Self::of_kind(text, "daemon-task-definition")
    }

    fn of_kind(text: &str, kind: &'static str) -> Result<Self, NameError> {
        let short = if Arn::is_arn(text) {
            resource(text, kind)?
        } else {
            text.to_owned()
        };
        let invalid = || NameError::Invalid {
            name: text.to_owned(),
            kind: "task definition",
        };
        let (family, revision) = match short.split_once(':') {
            None => (short.as_str(), None),
            Some((family, revision)) => (family, Some(positive(revision).ok_or_else(invalid)?)),
        };
        // An ARN always names one revision.
        if !is_family(family) || Arn::is_arn(text) && revision.is_none() {
            return Err(invalid());
        }
        Ok(Self {
            family: family.to_owned(),
            revision,
        })
    }
}

fn positive(digits: &str) -> Option<i32> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| is_plain && *number > 0)
}

fn resource(text: &str, kind: &'static str) -> Result<String, NameError> {
    let arn = Arn::parse(text)?;
    let wrong = || NameError::WrongResource {
        arn: text.to_owned(),
        expected: kind,
    };
    arn.resource_of("ecs", kind)
        .map(str::to_owned)
        .ok_or_else(wrong)
}

/// The cluster, if the text tells it, and the last part.
fn in_cluster(text: &str, kind: &'static str) -> Result<(Option<String>, String), NameError> {
    if !Arn::is_arn(text) {
        return Ok((None, text.to_owned()));
    }
    let rest = resource(text, kind)?;
    match rest.split_once('/') {
        None => Ok((None, rest)),
        Some((cluster, name)) => {
            let cluster = valid(is_cluster_name(cluster), cluster.to_owned(), "cluster name")?;
            Ok((Some(cluster), name.to_owned()))
        }
    }
}

fn valid(is_valid: bool, name: String, kind: &'static str) -> Result<String, NameError> {
    if is_valid {
        Ok(name)
    } else {
        Err(NameError::Invalid { name, kind })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Scope;

    #[test]
    fn task_sets_by_id_and_arn() {
        let id = "ecs-svc/1234567890123456789";
        let arn = Scope::new("123456789012", "us-east-1").task_set("shop", "web", id);
        assert_eq!(
            arn,
            "arn:aws:ecs:us-east-1:123456789012:task-set/shop/web/ecs-svc/1234567890123456789"
        );
        let by_arn = TaskSetReference::parse(&arn).unwrap();
        assert_eq!(by_arn.service, Some(("shop".into(), "web".into())));
        assert_eq!(by_arn.id, id);
        assert_eq!(TaskSetReference::parse(id).unwrap().service, None);
        for bad in [
            "",
            "ecs-svc/",
            "ecs-svc/x",
            "web",
            "arn:aws:ecs:us-east-1:123456789012:task-set/shop/ecs-svc/1",
        ] {
            assert!(TaskSetReference::parse(bad).is_err(), "{bad}");
        }
    }

    fn scope() -> Scope {
        Scope::new("123456789012", "us-east-1")
    }

    proptest! {
        #[test]
        fn built_arns_parse_back(cluster in "[A-Za-z0-9_-]{1,20}", name in "[A-Za-z0-9_-]{1,20}",
                                 id in "[0-9a-f]{32}", revision in 1..i32::MAX) {
            let scope = scope();
            prop_assert_eq!(cluster_name(&scope.cluster(&cluster)), Ok(cluster.clone()));
            let expected = ServiceReference { cluster: Some(cluster.clone()), name: name.clone() };
            prop_assert_eq!(ServiceReference::parse(&scope.service(&cluster, &name)), Ok(expected));
            let expected = TaskReference { cluster: Some(cluster.clone()), id: id.clone() };
            prop_assert_eq!(TaskReference::parse(&scope.task(&cluster, &id)), Ok(expected));
            let expected = ContainerInstanceReference { cluster: Some(cluster.clone()), id: id.clone() };
            prop_assert_eq!(ContainerInstanceReference::parse(&scope.container_instance(&cluster, &id)), Ok(expected));
            let expected = TaskDefinitionReference { family: name.clone(), revision: Some(revision) };
            prop_assert_eq!(TaskDefinitionReference::parse(&scope.task_definition(&name, revision)), Ok(expected.clone()));
            prop_assert_eq!(TaskDefinitionReference::parse(&format!("{name}:{revision}")), Ok(expected));
        }

        #[test]
        fn no_text_panics(text in "(arn:aws:ecs:us-east-1:1:)?[a-z:/-]{0,20}") {
            let _ = (cluster_name(&text), ServiceReference::parse(&text), TaskReference::parse(&text));
            let _ = (ContainerInstanceReference::parse(&text), TaskDefinitionReference::parse(&text));
        }
    }

    #[test]
    fn short_names_and_old_arns() {
        assert_eq!(cluster_name("default").as_deref(), Ok("default"));
        let web = ServiceReference {
            cluster: None,
            name: "web".to_owned(),
        };
        assert_eq!(ServiceReference::parse("web"), Ok(web.clone()));
        assert_eq!(
            ServiceReference::parse("arn:aws:ecs:us-east-1:123456789012:service/web"),
            Ok(web)
        );
        let family = TaskDefinitionReference {
            family: "web".to_owned(),
            revision: None,
        };
        assert_eq!(TaskDefinitionReference::parse("web"), Ok(family));
    }

    #[test]
    fn wrong_ones_are_refused() {
        let scope = scope();
        assert!(cluster_name(&scope.task("a", "b")).is_err());
        assert!(cluster_name("no spaces").is_err());
        assert!(cluster_name("").is_err());
        for wrong in [
            "web:", "web:0", "web:-1", "web:+1", "web:x", "web:1:2", ":1", "",
        ] {
            assert!(TaskDefinitionReference::parse(wrong).is_err(), "{wrong}");
        }
        let without_revision = "arn:aws:ecs:us-east-1:123456789012:task-definition/web";
        assert!(TaskDefinitionReference::parse(without_revision).is_err());
        assert!(TaskReference::parse("not-a-task-id!").is_err());
        assert!(ServiceReference::parse("arn:aws:ecs:us-east-1:1:service/a/b/c").is_err());
    }
}
