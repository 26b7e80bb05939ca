//! On whose capacity tasks run: launch types, capacity provider strategies, and what goes with them. Shared by RunTask
//! and the services.

use api_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, CapacityProviderStrategyItem, Compatibility, LaunchType,
    NetworkConfiguration, NetworkMode, PlacementConstraint, PlacementConstraintType,
    PlacementStrategy, PlacementStrategyType, TaskDefinition,
};
use ecs_rules::{
    Refusal,
    capacity_strategy::{self, Item},
};
use limits::{SECURITY_GROUPS_PER_TASK, SUBNETS_PER_TASK};
use placement::{MOST_STRATEGIES, MemberOf, Resource, SpreadOver, Strategy};
use state::Head;

use crate::{
    records::{CapacityProviderRecord, ClusterRecord, PlacingRecord, StrategyItem, SubnetRecord},
    tasks::Launch,
};

/// The platform that LATEST means.
pub(crate) const LATEST_PLATFORM_VERSION: &str = "1.4.0";
const PLATFORM_VERSIONS: [&str; 2] = ["1.4.0", "1.3.0"];

/// What a request chose: one of the two, never both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    LaunchType(String),
    Strategy(Vec<StrategyItem>),
}

/// The placement of a request, as the rules take it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Placing {
    /// No two tasks of the group on one node.
    pub distinct_instance: bool,
    /// Of the request and of the definition; all must hold.
    pub member_of: Vec<MemberOf>,
    /// Empty: AWS's default.
    pub strategies: Vec<Strategy>,
}

impl Placing {
    /// As a task keeps it; none when it asks for nothing.
    pub fn record(&self) -> Option<Box<PlacingRecord>> {
        (*self != Self::default()).then(|| {
            Box::new(PlacingRecord {
                distinct_instance: self.distinct_instance,
                member_of: self
                    .member_of
                    .iter()
                    .map(|constraint| constraint.text().to_owned())
                    .collect(),
                strategies: self.strategies.clone(),
            })
        })
    }

    /// None when an expression is none any more.
    pub fn of_record(record: Option<&PlacingRecord>) -> Option<Self> {
        let Some(record) = record else {
            return Some(Self::default());
        };
        let expressions = record.member_of.iter();
        Some(Self {
            distinct_instance: record.distinct_instance,
            member_of: expressions
                .map(|text| MemberOf::parse(text).ok())
                .collect::<Option<_>>()?,
            strategies: record.strategies.clone(),
        })
    }
}

impl Plan {
    /// The request's choice, else the cluster's default strategy, else EC2.
    pub fn of_request(
        head: &Head,
        cluster: &ClusterRecord,
        launch_type: Option<&LaunchType>,
        strategy: Option<&[CapacityProviderStrategyItem]>,
    ) -> Result<Self, Refusal> {
        let strategy = strategy.unwrap_or_default();
        if let Some(launch_type) = launch_type {
            if !strategy.is_empty() {
                return Err(Refusal::invalid_parameter(
                    "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
                ));
            }
            return of_launch_type(launch_type);
        }
        if !strategy.is_empty() {
            let items: Vec<StrategyItem> = strategy.iter().map(item_of_request).collect();
            check_strategy(head, cluster, &items)?;
            return Ok(Self::Strategy(items));
        }
        if cluster.default_capacity_provider_strategy.is_empty() {
            return Ok(Self::LaunchType("EC2".into()));
        }
        Ok(Self::Strategy(
            cluster.default_capacity_provider_strategy.clone(),
        ))
    }

    /// Whether its tasks run on Gantry's own capacity.
    pub fn is_serverless(&self) -> bool {
        match self {
            Self::LaunchType(launch_type) => launch_type == "FARGATE",
            Self::Strategy(items) => items
                .iter()
                .any(|item| capacity_strategy::is_fargate(&item.capacity_provider)),
        }
    }

    /// Whether a node that says to be of this provider, or of none, is one for its tasks.
    pub fn takes_instance_of(&self, provider: Option<&str>) -> bool {
        match self {
            Self::Strategy(items) if !self.is_serverless() => items
                .iter()
                .any(|item| Some(item.capacity_provider.as_str()) == provider),
            _ => true,
        }
    }

    /// The launch of the next task, when `tasks_of(provider)` tasks run on each provider already.
    pub fn next(&self, platform_version: Option<&str>, tasks_of: impl Fn(&str) -> u64) -> Launch {
        match self {
            Self::LaunchType(launch_type) => Launch {
                launch_type: launch_type.clone(),
                capacity_provider: None,
                platform_version: platform_version.map(str::to_owned),
            },
            Self::Strategy(items) => {
                let rule_items = rule_items(items);
                let provider = |position: usize| rule_items[position].provider;
                let chosen =
                    capacity_strategy::choose(&rule_items, |position| tasks_of(provider(position)));
                Launch {
                    launch_type: if self.is_serverless() {
                        "FARGATE"
                    } else {
                        "EC2"
                    }
                    .into(),
                    capacity_provider: chosen.map(|position| provider(position).to_owned()),
                    platform_version: platform_version.map(str::to_owned),
                }
            }
        }
    }

    /// The definition must have been found fit for the capacity when it was registered.
    pub fn check_definition(&self, definition: &TaskDefinition) -> Result<(), Refusal> {
        let wanted = if self.is_serverless() {
            Compatibility::FARGATE
        } else {
            match self {
                Self::LaunchType(launch_type) => Compatibility::from(launch_type.as_str()),
                Self::Strategy(_) => Compatibility::EC2,
            }
        };
        let mut compatibilities = definition.compatibilities.iter().flatten();
        if compatibilities.any(|known| *known == wanted) {
            return Ok(());
        }
        Err(Refusal::invalid_parameter(format!(
            "Task definition does not support launch_type {wanted}."
        )))
    }

    /// Fargate's platform: LATEST and nothing at all mean the newest. On container instances there is none.
    pub fn platform_version(&self, asked: Option<&str>) -> Result<Option<String>, wire::Error> {
        let asked = asked.filter(|text| !text.is_empty());
        if !self.is_serverless() {
            return match asked {
                None => Ok(None),
                Some(_) => Err(api_ecs::errors::invalid_parameter_exception(
                    "The platform version must be null when specifying an EC2 launch type.",
                )),
            };
        }
        match asked {
            None | Some("LATEST") => Ok(Some(LATEST_PLATFORM_VERSION.into())),
            Some(version) if PLATFORM_VERSIONS.contains(&version) => Ok(Some(version.into())),
            Some(version) => Err(api_ecs::errors::platform_unknown_exception(format!(
                "The specified platform version {version} does not exist."
            ))),
        }
    }
}

/// The strategy's items as records keep them.
pub(crate) fn item_of_request(item: &CapacityProviderStrategyItem) -> StrategyItem {
    StrategyItem {
        capacity_provider: item.capacity_provider.clone().unwrap_or_default(),
        weight: item.weight.unwrap_or_default(),
        base: item.base.unwrap_or_default(),
    }
}

/// Checks a strategy against the providers of its cluster.
pub(crate) fn check_strategy(
    head: &Head,
    cluster: &ClusterRecord,
    items: &[StrategyItem],
) -> Result<(), Refusal> {
    let is_associated =
        |provider: &str| cluster.capacity_providers.iter().any(|own| own == provider);
    capacity_strategy::validate(
        &rule_items(items),
        |provider| {
            let key = CapacityProviderRecord::key_of(&cluster.account, &cluster.region, provider);
            capacity_strategy::is_fargate(provider) || head.contains::<CapacityProviderRecord>(&key)
        },
        is_associated,
    )
    .map_err(|error| Refusal::invalid_parameter(error.to_string()))
}

/// Checks a network configuration against the definition's network mode, and its names against the subnets.
pub(crate) fn check_network(
    head: &Head,
    account: &str,
    region: &str,
    plan: &Plan,
    definition: &TaskDefinition,
    configuration: Option<&NetworkConfiguration>,
) -> Result<(), Refusal> {
    let is_awsvpc = definition.network_mode == Some(NetworkMode::AWSVPC);
    let awsvpc =
        configuration.and_then(|configuration| configuration.awsvpc_configuration.as_ref());
    let Some(awsvpc) = awsvpc else {
        if is_awsvpc {
            return Err(Refusal::invalid_parameter(
                "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
            ));
        }
        return Ok(());
    };
    if !is_awsvpc {
        return Err(Refusal::invalid_parameter(
            "Network Configuration is not valid for the given networkMode of this task definition.",
        ));
    }
    if awsvpc.assign_public_ip == Some(AssignPublicIp::ENABLED) && !plan.is_serverless() {
        return Err(Refusal::invalid_parameter(
            "Assign public IP is not supported for this launch type.",
        ));
    }
    check_awsvpc(head, account, region, awsvpc)
}

/// What a request and its definition say of placement; Fargate takes none of it.
pub(crate) fn placing(
    plan: &Plan,
    definition: &TaskDefinition,
    constraints: &[PlacementConstraint],
    strategies: &[PlacementStrategy],
) -> Result<Placing, Refusal> {
    const MOST_CONSTRAINTS: usize = 10;
    if plan.is_serverless() && !constraints.is_empty() {
        return Err(Refusal::invalid_parameter(
            "Placement constraints are not supported with FARGATE launch type.",
        ));
    }
    if plan.is_serverless() && !strategies.is_empty() {
        return Err(Refusal::invalid_parameter(
            "Placement strategies are not supported with FARGATE launch type.",
        ));
    }
    if constraints.len() > MOST_CONSTRAINTS {
        return Err(Refusal::invalid_parameter(format!(
            "placementConstraints can have at most {MOST_CONSTRAINTS} items."
        )));
    }
    if strategies.len() > MOST_STRATEGIES {
        return Err(Refusal::invalid_parameter(format!(
            "placementStrategy can have at most {MOST_STRATEGIES} items."
        )));
    }
    let mut placing = Placing::default();
    for constraint in constraints {
        match parse_constraint(constraint)? {
            Constraint::DistinctInstance => placing.distinct_instance = true,
            Constraint::MemberOf(expression) => placing.member_of.push(expression),
        }
    }
    if !plan.is_serverless() {
        let own = definition.placement_constraints.iter().flatten();
        for constraint in own {
            placing
                .member_of
                .push(member_of(constraint.expression.as_deref())?);
        }
    }
    for strategy in strategies {
        placing.strategies.push(parse_strategy(strategy)?);
    }
    Ok(placing)
}

fn of_launch_type(launch_type: &LaunchType) -> Result<Plan, Refusal> {
    match launch_type.as_str() {
        "FARGATE" | "EC2" => Ok(Plan::LaunchType(launch_type.as_str().into())),
        "EXTERNAL" | "MANAGED_INSTANCES" => Err(Refusal::unsupported_field(
            "launchType",
            &format!("no node offers {launch_type} capacity"),
        )),
        _ => Err(Refusal::invalid_parameter(
            "Invalid launch type. Valid launch types are EC2, FARGATE, EXTERNAL and MANAGED_INSTANCES.",
        )),
    }
}

fn rule_items(items: &[StrategyItem]) -> Vec<Item<'_>> {
    items
        .iter()
        .map(|item| Item {
            provider: &item.capacity_provider,
            weight: item.weight,
            base: item.base,
        })
        .collect()
}

fn check_awsvpc(
    head: &Head,
    account: &str,
    region: &str,
    awsvpc: &AwsVpcConfiguration,
) -> Result<(), Refusal> {
    let subnets = awsvpc.subnets.as_deref().unwrap_or_default();
    let groups = awsvpc.security_groups.as_deref().unwrap_or_default();
    if subnets.is_empty() {
        return Err(Refusal::invalid_parameter("subnets can not be empty."));
    }
    if subnets.len() > SUBNETS_PER_TASK {
        return Err(Refusal::invalid_parameter(format!(
            "subnets can have at most {SUBNETS_PER_TASK} items."
        )));
    }
    if groups.len() > SECURITY_GROUPS_PER_TASK {
        return Err(Refusal::invalid_parameter(format!(
            "securityGroups can have at most {SECURITY_GROUPS_PER_TASK} items."
        )));
    }
    let mut known_groups = vec![];
    for id in subnets {
        let key = SubnetRecord::key_of(account, region, id);
        let Some(subnet) = head.get::<SubnetRecord>(&key) else {
            return Err(Refusal::invalid_parameter(format!(
                "Error retrieving subnet information for [{id}]: The subnet ID '{id}' does not exist (ErrorCode: InvalidSubnetID.NotFound)"
            )));
        };
        known_groups.push(subnet.default_security_group.clone());
    }
    match groups.iter().find(|id| !known_groups.contains(id)) {
        None => Ok(()),
        Some(id) => Err(Refusal::invalid_parameter(format!(
            "Error retrieving security group information for [{id}]: The security group '{id}' does not exist (ErrorCode: InvalidGroup.NotFound)"
        ))),
    }
}

enum Constraint {
    DistinctInstance,
    MemberOf(MemberOf),
}

/// Reads the expression of a `memberOf` constraint.
pub(crate) fn member_of(expression: Option<&str>) -> Result<MemberOf, Refusal> {
    let expression = expression.unwrap_or_default();
    if expression.is_empty() {
        return Err(Refusal::invalid_parameter(
            "The memberOf placement constraint needs an expression.",
        ));
    }
    MemberOf::parse(expression).map_err(|error| {
        Refusal::invalid_parameter(format!(
            "Invalid placement constraint expression '{expression}': {error}."
        ))
    })
}

fn parse_constraint(constraint: &PlacementConstraint) -> Result<Constraint, Refusal> {
    let expression = constraint.expression.as_deref();
    let has_expression = expression.is_some_and(|expression| !expression.is_empty());
    match constraint
        .r#type
        .as_ref()
        .map(PlacementConstraintType::as_str)
    {
        Some("distinctInstance") if has_expression => Err(Refusal::invalid_parameter(
            "The distinctInstance placement constraint does not take an expression.",
        )),
        Some("distinctInstance") => Ok(Constraint::DistinctInstance),
        Some("memberOf") => Ok(Constraint::MemberOf(member_of(expression)?)),
        _ => Err(Refusal::invalid_parameter(
            "Invalid placement constraint type. Valid types are distinctInstance and memberOf.",
        )),
    }
}

fn parse_strategy(strategy: &PlacementStrategy) -> Result<Strategy, Refusal> {
    let field = strategy.field.as_deref().unwrap_or_default();
    match strategy.r#type.as_ref().map(PlacementStrategyType::as_str) {
        Some("random") if field.is_empty() => Ok(Strategy::Random),
        Some("random") => Err(Refusal::invalid_parameter(
            "The random placement strategy does not take a field.",
        )),
        Some("binpack") => match field.to_ascii_lowercase().as_str() {
            "cpu" => Ok(Strategy::Binpack(Resource::Cpu)),
            "memory" => Ok(Strategy::Binpack(Resource::Memory)),
            _ => Err(Refusal::invalid_parameter(
                "The binpack placement strategy takes the field cpu or memory.",
            )),
        },
        Some("spread") => match field {
            "instanceId" | "host" => Ok(Strategy::Spread(SpreadOver::Instance)),
            _ => match field.strip_prefix("attribute:") {
                Some(name) if !name.is_empty() => {
                    Ok(Strategy::Spread(SpreadOver::Attribute(name.into())))
                }
                _ => Err(Refusal::invalid_parameter(
                    "The spread placement strategy takes the field instanceId, host or attribute:NAME.",
                )),
            },
        },
        _ => Err(Refusal::invalid_parameter(
            "Invalid placement strategy type. Valid types are random, spread and binpack.",
        )),
    }
}
