//! Builds ARNs for one account and region.

use crate::Arn;

/// The account and region that a request is about; both are part of every key.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Scope {
    pub account: String,
    pub region: String,
}

impl Scope {
    pub fn new(account: impl Into<String>, region: impl Into<String>) -> Self {
        Self {
            account: account.into(),
            region: region.into(),
        }
    }

    /// The scope of an ARN.
    pub fn of(arn: &Arn) -> Self {
        Self::new(&arn.account, &arn.region)
    }

    /// `arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE`
    pub fn arn(&self, service: &str, resource: &str) -> String {
        // Answers are full of them: `format!` takes several times as long.
        let (region, account) = (self.region.as_str(), self.account.as_str());
        [
            "arn:aws:", service, ":", region, ":", account, ":", resource,
        ]
        .concat()
    }

    /// The start of every key of this scope: `ACCOUNT/REGION/`.
    pub fn key_prefix(&self) -> String {
        format!("{}/{}/", self.account, self.region)
    }

    pub fn cluster(&self, name: &str) -> String {
        self.ecs(&["cluster", name])
    }

    pub fn service(&self, cluster: &str, name: &str) -> String {
        self.ecs(&["service", cluster, name])
    }

    pub fn service_deployment(&self, cluster: &str, service: &str, id: &str) -> String {
        self.ecs(&["service-deployment", cluster, service, id])
    }

    pub fn service_revision(&self, cluster: &str, service: &str, id: &str) -> String {
        self.ecs(&["service-revision", cluster, service, id])
    }

    /// `id` begins with `ecs-svc/`.
    pub fn task_set(&self, cluster: &str, service: &str, id: &str) -> String {
        self.ecs(&["task-set", cluster, service, id])
    }

    pub fn daemon(&self, cluster: &str, name: &str) -> String {
        self.ecs(&["daemon", cluster, name])
    }

    pub fn daemon_deployment(&self, cluster: &str, daemon: &str, id: &str) -> String {
        self.ecs(&["daemon-deployment", cluster, daemon, id])
    }

    pub fn daemon_revision(&self, cluster: &str, daemon: &str, id: &str) -> String {
        self.ecs(&["daemon-revision", cluster, daemon, id])
    }

    pub fn task(&self, cluster: &str, id: &str) -> String {
        self.ecs(&["task", cluster, id])
    }

    pub fn container(&self, cluster: &str, task_id: &str, id: &str) -> String {
        self.ecs(&["container", cluster, task_id, id])
    }

    pub fn container_instance(&self, cluster: &str, id: &str) -> String {
        self.ecs(&["container-instance", cluster, id])
    }

    pub fn attachment(&self, id: &str) -> String {
        self.ecs(&["attachment", id])
    }

    pub fn capacity_provider(&self, name: &str) -> String {
        self.ecs(&["capacity-provider", name])
    }

    pub fn task_definition(&self, family: &str, revision: i32) -> String {
        self.arn("ecs", &format!("task-definition/{family}:{revision}"))
    }

    pub fn daemon_task_definition(&self, family: &str, revision: i32) -> String {
        self.arn(
            "ecs",
            &format!("daemon-task-definition/{family}:{revision}"),
        )
    }

    pub fn repository(&self, name: &str) -> String {
        self.arn("ecr", &format!("repository/{name}"))
    }

    /// `ACCOUNT.dkr.ecr.REGION.amazonaws.com`
    pub fn registry_host(&self) -> String {
        format!("{}.dkr.ecr.{}.amazonaws.com", self.account, self.region)
    }

    /// With `:*`, as `DescribeLogGroups` answers `arn`; `logGroupArn` is without.
    pub fn log_group(&self, name: &str) -> String {
        self.arn("logs", &format!("log-group:{name}:*"))
    }

    pub fn log_stream(&self, group: &str, stream: &str) -> String {
        self.arn("logs", &format!("log-group:{group}:log-stream:{stream}"))
    }

    fn ecs(&self, parts: &[&str]) -> String {
        self.arn("ecs", &parts.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_in_the_long_format() {
        let scope = Scope::new("123456789012", "us-east-1");
        assert_eq!(
            scope.task("default", "0af"),
            "arn:aws:ecs:us-east-1:123456789012:task/default/0af"
        );
        assert_eq!(
            scope.task_definition("web", 3),
            "arn:aws:ecs:us-east-1:123456789012:task-definition/web:3"
        );
        assert_eq!(
            scope.log_group("/ecs/web"),
            "arn:aws:logs:us-east-1:123456789012:log-group:/ecs/web:*"
        );
        assert_eq!(
            Scope::of(&Arn::parse(&scope.cluster("default")).expect("valid")),
            scope
        );
    }
}
