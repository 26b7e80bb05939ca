//! What a task is on the ACS wire: the shapes that travel inside messages.
//!
//! Every member is optional on the wire; the receiver checks what it needs and names what is missing.

use std::collections::BTreeMap;

use crate::shape::shape;

shape! {
    AsmAuthData {
        credentials_parameter: Option<String>,
        region: Option<String>,
    }

    /// `type` is one of `elastic-inference`, `gpu`.
    Association {
        name: Option<String>,
            #[serde(rename = "type")]
        kind: Option<String>,
        content: Option<EncodedString>,
        containers: Vec<String>,
    }

    Attachment {
        attachment_arn: Option<String>,
        attachment_type: Option<String>,
        attachment_properties: Vec<AttachmentProperty>,
    }

    AttachmentProperty {
        name: Option<String>,
        value: Option<String>,
    }

    /// `healthCheckType` is one of `docker`.
    /// `logsAuthStrategy` is one of `ExecutionRole`.
    Container {
        command: Vec<String>,
        cpu: Option<i32>,
        credential_specs: Vec<String>,
        entry_point: Vec<String>,
        environment: BTreeMap<String, String>,
        environment_files: Vec<EnvironmentFile>,
        essential: Option<bool>,
        restart_policy: Option<RestartPolicy>,
        image: Option<String>,
        links: Vec<String>,
        memory: Option<i32>,
        name: Option<String>,
        overrides: Option<String>,
        port_mappings: Vec<PortMapping>,
        managed_agents: Vec<ManagedAgent>,
        mount_points: Vec<MountPoint>,
        linux_parameters: Option<LinuxParameters>,
        privileged: Option<bool>,
        network_interface_names: Vec<String>,
        volumes_from: Vec<VolumeFrom>,
        docker_config: Option<DockerConfig>,
        health_check_type: Option<String>,
        registry_authentication: Option<RegistryAuthenticationData>,
        logs_auth_strategy: Option<String>,
        secrets: Vec<Secret>,
        depends_on: Vec<ContainerDependency>,
        start_timeout: Option<i32>,
        stop_timeout: Option<i32>,
        firelens_configuration: Option<FirelensConfiguration>,
        container_arn: Option<String>,
    }

    RestartPolicy {
        enabled: Option<bool>,
        ignored_exit_codes: Vec<i32>,
        restart_attempt_period: Option<i32>,
    }

    /// `condition` is one of `START`, `COMPLETE`, `SUCCESS`, `HEALTHY`.
    ContainerDependency {
        container_name: Option<String>,
        condition: Option<String>,
    }

    DockerConfig {
        version: Option<String>,
        config: Option<String>,
        host_config: Option<String>,
    }

    /// `scope` is one of `task`, `shared`.
    DockerVolumeConfiguration {
        scope: Option<String>,
        autoprovision: Option<bool>,
        driver: Option<String>,
        driver_opts: BTreeMap<String, String>,
        labels: BTreeMap<String, String>,
    }

    EbsVolumeConfiguration {
        volume_id: Option<String>,
        delete_on_termination: Option<bool>,
        device_name: Option<String>,
        filesystem_type: Option<String>,
    }

    EcrAuthData {
        registry_id: Option<String>,
        region: Option<String>,
        endpoint_override: Option<String>,
        use_execution_role: Option<bool>,
    }

    /// `iam` is one of `ENABLED`, `DISABLED`.
    EfsAuthorizationConfig {
        access_point_id: Option<String>,
        iam: Option<String>,
    }

    /// `transitEncryption` is one of `ENABLED`, `DISABLED`.
    EfsVolumeConfiguration {
        file_system_id: Option<String>,
        root_directory: Option<String>,
        transit_encryption: Option<String>,
        transit_encryption_port: Option<i32>,
        authorization_config: Option<EfsAuthorizationConfig>,
    }

    /// `interfaceAssociationProtocol` is one of `default`, `tunnel`, `veth`, `vlan`.
    ElasticNetworkInterface {
        name: Option<String>,
        mac_address: Option<String>,
        attachment_arn: Option<String>,
        ec2_id: Option<String>,
        index: Option<i32>,
        interface_association_protocol: Option<String>,
        interface_tunnel_properties: Option<NetworkInterfaceTunnelProperties>,
        interface_veth_properties: Option<NetworkInterfaceVethProperties>,
        interface_vlan_properties: Option<NetworkInterfaceVlanProperties>,
        ipv4_addresses: Vec<Ipv4AddressAssignment>,
        ipv6_addresses: Vec<Ipv6AddressAssignment>,
        domain_name: Vec<String>,
        domain_name_servers: Vec<String>,
        private_dns_name: Option<String>,
        subnet_gateway_ipv4_address: Option<String>,
        subnet_gateway_ipv6_address: Option<String>,
    }

    /// `encoding` is one of `identity`, `base64`.
    EncodedString {
        value: Option<String>,
        encoding: Option<String>,
    }

    /// `type` is one of `s3`.
    EnvironmentFile {
        value: Option<String>,
            #[serde(rename = "type")]
        kind: Option<String>,
    }

    FsxWindowsFileServerAuthorizationConfig {
        credentials_parameter: Option<String>,
        domain: Option<String>,
    }

    FsxWindowsFileServerVolumeConfiguration {
        file_system_id: Option<String>,
        root_directory: Option<String>,
        authorization_config: Option<FsxWindowsFileServerAuthorizationConfig>,
    }

    /// `type` is one of `fluentd`, `fluentbit`.
    FirelensConfiguration {
            #[serde(rename = "type")]
        kind: Option<String>,
        options: BTreeMap<String, String>,
    }

    HostVolumeProperties {
        source_path: Option<String>,
    }

    IamRoleCredentials {
        credentials_id: Option<String>,
        role_arn: Option<String>,
        access_key_id: Option<String>,
        secret_access_key: Option<String>,
        session_token: Option<String>,
        expiration: Option<String>,
        credential_scope: Option<String>,
    }

    Ipv4AddressAssignment {
        private_address: Option<String>,
        primary: Option<bool>,
    }

    Ipv6AddressAssignment {
        address: Option<String>,
        primary: Option<bool>,
    }

    LogDriverVolumeConfiguration {
        driver: Option<String>,
    }

    /// `name` is one of `ExecuteCommandAgent`.
    ManagedAgent {
        name: Option<String>,
        properties: BTreeMap<String, String>,
    }

    MountPoint {
        source_volume: Option<String>,
        container_path: Option<String>,
        read_only: Option<bool>,
    }

    KernelCapabilities {
        add: Vec<String>,
        drop: Vec<String>,
    }

    /// `permissions` is one of `read`, `write`, `mknod`.
    Device {
        host_path: Option<String>,
        container_path: Option<String>,
        permissions: Vec<String>,
    }

    LinuxParameters {
        capabilities: Option<KernelCapabilities>,
        devices: Vec<Device>,
        init_process_enabled: Option<bool>,
        shared_memory_size: Option<i32>,
    }

    NetworkInterfaceTunnelProperties {
        tunnel_id: Option<String>,
        interface_ip_address: Option<String>,
    }

    NetworkInterfaceVethProperties {
        peer_interface: Option<String>,
    }

    NetworkInterfaceVlanProperties {
        vlan_id: Option<String>,
        trunk_interface_mac_address: Option<String>,
    }

    /// `protocol` is one of `tcp`, `udp`.
    PortMapping {
        container_port: Option<i32>,
        host_port: Option<i32>,
        container_port_range: Option<String>,
        protocol: Option<String>,
    }

    /// `type` is one of `APPMESH`.
    ProxyConfiguration {
            #[serde(rename = "type")]
        kind: Option<String>,
        container_name: Option<String>,
        properties: BTreeMap<String, String>,
    }

    /// `type` is one of `ecr`, `asm`.
    RegistryAuthenticationData {
            #[serde(rename = "type")]
        kind: Option<String>,
        ecr_auth_data: Option<EcrAuthData>,
        asm_auth_data: Option<AsmAuthData>,
    }

    /// `type` is one of `ENVIRONMENT_VARIABLE`, `MOUNT_POINT`, `BOOTSTRAP`.
    /// `provider` is one of `ssm`, `asm`.
    /// `target` is one of `CONTAINER`, `LOG_DRIVER`.
    Secret {
        name: Option<String>,
        value_from: Option<String>,
        container_path: Option<String>,
            #[serde(rename = "type")]
        kind: Option<String>,
        region: Option<String>,
        provider: Option<String>,
        target: Option<String>,
    }

    Task {
        arn: Option<String>,
        task_cluster_arn: Option<String>,
        containers: Vec<Container>,
        desired_status: Option<String>,
        family: Option<String>,
        overrides: Option<String>,
        version: Option<String>,
        zone: Option<String>,
        task_definition_account_id: Option<String>,
        volumes: Vec<Volume>,
        role_credentials: Option<IamRoleCredentials>,
        execution_role_credentials: Option<IamRoleCredentials>,
        elastic_network_interfaces: Vec<ElasticNetworkInterface>,
        cpu: Option<f64>,
        memory: Option<i32>,
        associations: Vec<Association>,
        pid_mode: Option<String>,
        ipc_mode: Option<String>,
        proxy_configuration: Option<ProxyConfiguration>,
        agent_configuration: Option<String>,
        launch_type: Option<String>,
        attachments: Vec<Attachment>,
        network_mode: Option<String>,
        service_name: Option<String>,
        group: Option<String>,
        enable_fault_injection: Option<bool>,
        /// Gantry's own: in GiB, of tasks on serverless nodes, which are never Amazon's agent.
        ephemeral_storage_size: Option<i32>,
        trusted_execution_configuration: Option<TrustedExecutionConfiguration>,
    }

    /// `isolationMode` is one of `SHARED`, `EXCLUSIVE`, `ISOLATED_PARTITION`.
    TrustedExecutionConfiguration {
        isolation_mode: Option<String>,
    }

    /// `type` is one of `host`, `docker`, `efs`, `fsxWindowsFileServer`, `ebs`, `logDriverOutput`.
    Volume {
        name: Option<String>,
            #[serde(rename = "type")]
        kind: Option<String>,
        host: Option<HostVolumeProperties>,
        docker_volume_configuration: Option<DockerVolumeConfiguration>,
        efs_volume_configuration: Option<EfsVolumeConfiguration>,
        fsx_windows_file_server_volume_configuration: Option<FsxWindowsFileServerVolumeConfiguration>,
        ebs_volume_configuration: Option<EbsVolumeConfiguration>,
        log_driver_volume_configuration: Option<LogDriverVolumeConfiguration>,
    }

    VolumeFrom {
        source_container: Option<String>,
        read_only: Option<bool>,
    }
}
