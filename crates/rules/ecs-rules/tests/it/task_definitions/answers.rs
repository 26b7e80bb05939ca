//! What AWS fills in.

use api_ecs::types::*;
use ecs_rules::task_definition::normalise;

use crate::support::*;

#[test]
fn defaults_that_aws_answers() {
    let definition = normalise(plain()).unwrap();
    assert_eq!(definition.network_mode, Some(NetworkMode::BRIDGE));
    assert_eq!(
        (
            definition.volumes.clone(),
            definition.placement_constraints.clone()
        ),
        (Some(vec![]), Some(vec![]))
    );
    assert_eq!(
        (
            definition.cpu.clone(),
            definition.requires_compatibilities.clone()
        ),
        (None, None)
    );
    let container = &definition.container_definitions.as_deref().unwrap()[0];
    assert_eq!((container.cpu, container.essential), (Some(0), Some(true)));
    assert_eq!(container.environment, Some(vec![]));
    assert_eq!(container.mount_points, Some(vec![]));
    assert_eq!(container.port_mappings, Some(vec![]));
    assert_eq!(container.volumes_from, Some(vec![]));
    assert_eq!(container.system_controls, Some(vec![]));
    assert_eq!(
        (container.command.clone(), container.links.clone()),
        (None, None)
    );
}

/// Requirements of definitions whose answer by the real service is known.
#[test]
fn attributes_that_aws_requires() {
    let required = |request: Request| {
        let definition = normalise(request).unwrap();
        let attributes = definition.requires_attributes.unwrap();
        attributes
            .into_iter()
            .map(|attribute| {
                let name = attribute.name.unwrap();
                let short = name
                    .strip_prefix("com.amazonaws.")
                    .unwrap_or(&name)
                    .to_owned();
                short.replace("ecs.capability.", "")
            })
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(required(plain()), "");
    assert_eq!(required(fargate()), "docker-remote-api.1.18 task-eni");
    let logging = with(
        first(fargate(), |it| {
            it.log_configuration = Some(awslogs(&LOG_OPTIONS))
        }),
        |request| {
            request.execution_role_arn =
                Some("arn:aws:iam::123456789012:role/ecsTaskExecutionRole".into());
        },
    );
    assert_eq!(
        required(logging.clone()),
        "docker-remote-api.1.18 docker-remote-api.1.19 logging-driver.awslogs execution-role-awslogs task-eni"
    );
    let whole = with(logging, |request| {
        request.task_role_arn = Some("arn:aws:iam::123456789012:role/web".into());
        let container = &mut request.container_definitions.as_mut().unwrap()[0];
        container.image = Some("123456789012.dkr.ecr.us-east-1.amazonaws.com/web:1".into());
        container.health_check = Some(HealthCheck {
            start_period: Some(120),
            ..health(&["CMD-SHELL", "kong health"])
        });
    });
    assert_eq!(
        required(whole),
        "docker-remote-api.1.17 docker-remote-api.1.18 docker-remote-api.1.19 docker-remote-api.1.29 ecr-auth \
         logging-driver.awslogs task-iam-role container-health-check execution-role-awslogs execution-role-ecr-pull task-eni"
    );
}
