//! What exists from the first start on: the default cluster, so that `aws ecs run-task --task-definition X` works, and
//! one subnet for its tasks.

use state::StateError;

use crate::{
    Ecs, lookup,
    records::{ClusterRecord, ClusterStatus, StrategyItem, SubnetRecord},
};

/// What the operator is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    pub subnet_id: String,
    pub security_group_id: String,
    pub vpc_id: String,
}

impl Ecs {
    /// Makes what is missing; says what there is. A default cluster that the user deleted stays deleted.
    pub async fn bootstrap(&self) -> Result<Defaults, StateError> {
        let made = self.store.transact(|tx| {
            let (account, region) = (&self.config.account, &self.config.region);
            let key = ClusterRecord::key_of(account, region, lookup::DEFAULT_CLUSTER);
            if !tx.contains::<ClusterRecord>(&key) {
                tx.insert(self.default_cluster())?;
            }
            let prefix = SubnetRecord::key_of(account, region, "");
            let known = tx
                .scan::<SubnetRecord>(&prefix)
                .find(|subnet| subnet.default_for_zone)
                .cloned();
            let subnet = match known {
                Some(subnet) => subnet,
                None => {
                    let subnet = self.default_subnet();
                    tx.insert(subnet.clone())?;
                    subnet.into()
                }
            };
            Ok::<_, StateError>(Defaults {
                subnet_id: subnet.id.clone(),
                security_group_id: subnet.default_security_group.clone(),
                vpc_id: subnet.vpc_id.clone(),
            })
        })?;
        made.durable().await
    }

    fn default_cluster(&self) -> ClusterRecord {
        ClusterRecord {
            account: self.config.account.clone(),
            region: self.config.region.clone(),
            name: lookup::DEFAULT_CLUSTER.into(),
            status: ClusterStatus::Active,
            settings: vec![],
            configuration: None,
            service_connect_defaults: None,
            capacity_providers: vec!["FARGATE".into(), "FARGATE_SPOT".into()],
            default_capacity_provider_strategy: vec![StrategyItem {
                capacity_provider: "FARGATE".into(),
                weight: 1,
                base: 0,
            }],
            tags: vec![],
            created_at: self.clock.now(),
        }
    }

    fn default_subnet(&self) -> SubnetRecord {
        // EC2's ids: 17 hexadecimal digits.
        let id = |kind: &str| format!("{kind}-{}", &self.clock.random_hex(9)[..17]);
        SubnetRecord {
            account: self.config.account.clone(),
            region: self.config.region.clone(),
            id: id("subnet"),
            vpc_id: id("vpc"),
            availability_zone: self.config.availability_zone.clone(),
            cidr: self.config.default_subnet_cidr.clone(),
            default_for_zone: true,
            default_security_group: id("sg"),
        }
    }
}
