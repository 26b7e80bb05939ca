//! Volumes of a task definition.

use api_ecs::types::{EFSVolumeConfiguration, Volume};

use crate::acs;

pub(super) fn render(volume: &Volume) -> acs::Volume {
    let mut rendered = acs::Volume {
        name: volume.name.clone(),
        ..Default::default()
    };
    if let Some(docker) = &volume.docker_volume_configuration {
        rendered.kind = Some("docker".into());
        rendered.docker_volume_configuration = Some(acs::DockerVolumeConfiguration {
            scope: docker.scope.as_ref().map(ToString::to_string),
            autoprovision: docker.autoprovision,
            driver: docker.driver.clone(),
            driver_opts: docker.driver_opts.clone().unwrap_or_default(),
            labels: docker.labels.clone().unwrap_or_default(),
        });
    } else if let Some(efs) = &volume.efs_volume_configuration {
        rendered.kind = Some("efs".into());
        rendered.efs_volume_configuration = Some(render_efs(efs));
    } else {
        // A host volume needs a `host` object even when it names no path (agent protocol §3.5).
        let source_path = volume
            .host
            .as_ref()
            .and_then(|host| host.source_path.clone());
        rendered.kind = Some("host".into());
        rendered.host = Some(acs::HostVolumeProperties { source_path });
    }
    rendered
}

fn render_efs(efs: &EFSVolumeConfiguration) -> acs::EfsVolumeConfiguration {
    acs::EfsVolumeConfiguration {
        file_system_id: efs.file_system_id.clone(),
        root_directory: efs.root_directory.clone(),
        transit_encryption: efs.transit_encryption.as_ref().map(ToString::to_string),
        transit_encryption_port: efs.transit_encryption_port,
        authorization_config: efs.authorization_config.as_ref().map(|config| {
            acs::EfsAuthorizationConfig {
                access_point_id: config.access_point_id.clone(),
                iam: config.iam.as_ref().map(ToString::to_string),
            }
        }),
    }
}
