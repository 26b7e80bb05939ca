//! Throttling as ECS does it: token buckets by account and class of operations.
//!
//! Classes and AWS's figures: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html>.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use limits::{THROTTLE_BURST, THROTTLE_RATE};
use wire::Error;

/// How often the operations of one class may be called by one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Throttle {
    /// Far beyond what one server's users do; it stops a client that has gone wild.
    #[default]
    Generous,
    /// ECS operations as on AWS, the others generously: to see how a client bears it.
    Aws,
    /// Every class alike.
    Uniform {
        burst: u32,
        per_second: u32,
    },
    Off,
}

#[derive(Debug, Clone, Copy)]
struct Rate {
    burst: f64,
    per_second: f64,
}

/// A set of operations that share a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Class {
    service: &'static str,
    name: &'static str,
}

struct AwsClass {
    name: &'static str,
    burst: u32,
    per_second: u32,
    operations: &'static [&'static str],
}

struct Bucket {
    tokens: f64,
    filled_at: Duration,
}

/// The buckets of all accounts.
pub(crate) struct Throttler {
    throttle: Throttle,
    buckets: Mutex<HashMap<String, HashMap<Class, Bucket>>>,
}

impl FromStr for Throttle {
    type Err = String;

    /// `generous`, `aws`, `off`, or BURST:PER_SECOND.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "generous" => return Ok(Self::Generous),
            "aws" => return Ok(Self::Aws),
            "off" => return Ok(Self::Off),
            _ => {}
        }
        let read = || {
            let (burst, per_second) = text.split_once(':')?;
            let burst = burst.parse().ok().filter(|burst| *burst > 0)?;
            Some(Self::Uniform {
                burst,
                per_second: per_second.parse().ok()?,
            })
        };
        read().ok_or_else(|| {
            format!("`{text}` is none of generous, aws, off, or BURST:PER_SECOND such as 100:40")
        })
    }
}

impl Throttler {
    pub(crate) fn new(throttle: Throttle) -> Self {
        Self {
            throttle,
            buckets: Mutex::default(),
        }
    }

    /// Takes a token of the account's bucket; an error when there is none.
    pub(crate) fn admit(
        &self,
        account: &str,
        service: &'static str,
        operation: &str,
        now: Duration,
    ) -> Result<(), Error> {
        let (class, rate) = class_of(service, operation, self.throttle);
        let Some(rate) = rate else {
            return Ok(());
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if !buckets.contains_key(account) {
            buckets.insert(account.to_owned(), HashMap::new());
        }
        let of_account = buckets.get_mut(account).expect("it was just made");
        let bucket = of_account.entry(class).or_insert(Bucket {
            tokens: rate.burst,
            filled_at: now,
        });
        let passed = now.saturating_sub(bucket.filled_at).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * rate.per_second).min(rate.burst);
        bucket.filled_at = now;
        if bucket.tokens < 1.0 {
            return Err(refusal(service));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }
}

/// EC2 has words of its own.
fn refusal(service: &str) -> Error {
    if service == "ec2" {
        Error::client("RequestLimitExceeded", "Request limit exceeded.").with_status(503)
    } else {
        Error::client("ThrottlingException", "Rate exceeded")
    }
}

fn class_of(service: &'static str, operation: &str, throttle: Throttle) -> (Class, Option<Rate>) {
    let aws = (service == "ecs")
        .then(|| {
            ECS.iter()
                .find(|class| class.operations.contains(&operation))
        })
        .flatten();
    let reads = ["Describe", "List", "Get", "Filter", "Batch"];
    let name = match aws {
        Some(class) => class.name,
        None if reads.iter().any(|prefix| operation.starts_with(prefix)) => "read actions",
        None => "modify actions",
    };
    let rate = |burst: u32, per_second: u32| Rate {
        burst: f64::from(burst),
        per_second: f64::from(per_second),
    };
    let rate = match (throttle, aws) {
        (Throttle::Off, _) => None,
        (Throttle::Uniform { burst, per_second }, _) => Some(rate(burst, per_second)),
        (Throttle::Aws, Some(class)) => Some(rate(class.burst, class.per_second)),
        _ => Some(rate(THROTTLE_BURST, THROTTLE_RATE)),
    };
    (Class { service, name }, rate)
}

const fn class(
    name: &'static str,
    burst: u32,
    per_second: u32,
    operations: &'static [&'static str],
) -> AwsClass {
    AwsClass {
        name,
        burst,
        per_second,
        operations,
    }
}

const ECS: [AwsClass; 20] = [
    class(
        "cluster modify actions",
        20,
        1,
        &[
            "CreateCluster",
            "DeleteCluster",
            "PutClusterCapacityProviders",
            "UpdateCluster",
            "UpdateClusterSettings",
        ],
    ),
    class(
        "cluster read actions",
        50,
        20,
        &["DescribeClusters", "ListClusters"],
    ),
    class(
        "task definition modify actions",
        20,
        1,
        &["DeregisterTaskDefinition", "RegisterTaskDefinition"],
    ),
    class(
        "task definition read actions",
        50,
        20,
        &[
            "DescribeTaskDefinition",
            "ListTaskDefinitions",
            "ListTaskDefinitionFamilies",
        ],
    ),
    class(
        "task definition deletion actions",
        5,
        1,
        &["DeleteTaskDefinitions"],
    ),
    class(
        "capacity provider modify actions",
        10,
        1,
        &[
            "CreateCapacityProvider",
            "DeleteCapacityProvider",
            "UpdateCapacityProvider",
        ],
    ),
    class(
        "capacity provider read actions",
        50,
        20,
        &["DescribeCapacityProviders"],
    ),
    class(
        "tag modify actions",
        20,
        10,
        &["TagResource", "UntagResource"],
    ),
    class("tag read actions", 50, 20, &["ListTagsForResource"]),
    class(
        "setting modify actions",
        10,
        1,
        &[
            "DeleteAccountSetting",
            "PutAccountSetting",
            "PutAccountSettingDefault",
        ],
    ),
    class("setting read actions", 50, 20, &["ListAccountSettings"]),
    class(
        "cluster resource modify actions",
        100,
        40,
        &[
            "DeleteAttributes",
            "DeregisterContainerInstance",
            "ExecuteCommand",
            "PutAttributes",
            "RunTask",
            "StartTask",
            "StopTask",
            "UpdateContainerAgent",
            "UpdateContainerInstancesState",
        ],
    ),
    class(
        "cluster resource read actions",
        100,
        20,
        &[
            "DescribeContainerInstances",
            "DescribeTasks",
            "ListAttributes",
            "ListContainerInstances",
            "ListTasks",
        ],
    ),
    class(
        "agent modify actions",
        200,
        120,
        &[
            "RegisterContainerInstance",
            "SubmitAttachmentStateChanges",
            "SubmitContainerStateChange",
            "SubmitTaskStateChange",
        ],
    ),
    class(
        "service modify actions",
        50,
        5,
        &["CreateService", "DeleteService", "UpdateService"],
    ),
    class(
        "service read actions",
        100,
        20,
        &["DescribeServices", "ListServices"],
    ),
    class(
        "service deployment actions",
        50,
        20,
        &["DescribeServiceDeployments", "ListServiceDeployments"],
    ),
    class(
        "service revision actions",
        50,
        20,
        &["DescribeServiceRevisions"],
    ),
    class(
        "task protection actions",
        200,
        80,
        &["UpdateTaskProtection", "GetTaskProtection"],
    ),
    class(
        "cluster service resource read actions",
        10,
        1,
        &["ListServicesByNamespace"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn run(throttler: &Throttler, account: &str, operation: &str, at: f64) -> bool {
        let now = Duration::from_secs_f64(at);
        throttler.admit(account, "ecs", operation, now).is_ok()
    }

    #[test]
    fn as_on_aws_a_class_has_a_burst_and_a_rate() {
        let throttler = Throttler::new(Throttle::Aws);
        let passed = (0..80).filter(|_| run(&throttler, "1", "DescribeClusters", 0.0));
        assert_eq!(passed.count(), 50);
        // The same bucket for the class, others for another class and another account.
        assert!(!run(&throttler, "1", "ListClusters", 0.0));
        assert!(run(&throttler, "1", "CreateCluster", 0.0));
        assert!(run(&throttler, "2", "ListClusters", 0.0));
        // Twenty a second come back, up to the burst.
        let passed = (0..80).filter(|_| run(&throttler, "1", "ListClusters", 0.5));
        assert_eq!(passed.count(), 10);
        let passed = (0..80).filter(|_| run(&throttler, "1", "ListClusters", 60.0));
        assert_eq!(passed.count(), 50);
    }

    #[test]
    fn refusals_in_the_words_of_the_service() {
        let throttler = Throttler::new("1:0".parse().expect("a rate"));
        let admit = |service| throttler.admit("1", service, "DescribeX", Duration::ZERO);
        assert!(admit("ecs").is_ok() && admit("ec2").is_ok());
        let error = admit("ecs").expect_err("throttled");
        assert_eq!(
            (&*error.code, &*error.message),
            ("ThrottlingException", "Rate exceeded")
        );
        assert_eq!(error.status, 400);
        let error = admit("ec2").expect_err("throttled");
        assert_eq!((&*error.code, error.status), ("RequestLimitExceeded", 503));
    }

    #[test]
    fn settings_are_read() {
        assert_eq!("off".parse(), Ok(Throttle::Off));
        assert_eq!("aws".parse(), Ok(Throttle::Aws));
        let uniform = Throttle::Uniform {
            burst: 100,
            per_second: 40,
        };
        assert_eq!("100:40".parse(), Ok(uniform));
        for wrong in ["", "x", "0:1", "1", "1:x", "-1:5"] {
            assert!(wrong.parse::<Throttle>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_operation_is_in_two_classes() {
        let mut all: Vec<&str> = ECS
            .iter()
            .flat_map(|class| class.operations)
            .copied()
            .collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
