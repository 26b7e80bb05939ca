//! The bodies of ACS messages, in both directions, and of the exceptions that a refused handshake carries.

use super::{Attachment, ElasticNetworkInterface, IamRoleCredentials, Task};
use crate::shape::shape;

shape! {
    AccessDeniedException {
        message: Option<String>,
    }

    AckRequest {
        cluster: Option<String>,
        container_instance: Option<String>,
        message_id: Option<String>,
    }

    AttachInstanceNetworkInterfacesMessage {
        container_instance_arn: Option<String>,
        cluster_arn: Option<String>,
        generated_at: Option<i64>,
        message_id: Option<String>,
        wait_timeout_ms: Option<i64>,
        elastic_network_interfaces: Vec<ElasticNetworkInterface>,
    }

    AttachTaskNetworkInterfacesMessage {
        container_instance_arn: Option<String>,
        cluster_arn: Option<String>,
        task_arn: Option<String>,
        task_cluster_arn: Option<String>,
        generated_at: Option<i64>,
        message_id: Option<String>,
        wait_timeout_ms: Option<i64>,
        elastic_network_interfaces: Vec<ElasticNetworkInterface>,
    }

    BadRequestException {
        message: Option<String>,
    }

    CloseMessage {
        message: Option<String>,
    }

    ConfirmAttachmentMessage {
        container_instance_arn: Option<String>,
        cluster_arn: Option<String>,
        task_arn: Option<String>,
        task_cluster_arn: Option<String>,
        generated_at: Option<i64>,
        message_id: Option<String>,
        wait_timeout_ms: Option<i64>,
        attachment: Option<Attachment>,
    }

    ErrorMessage {
        message: Option<String>,
    }

    HeartbeatAckRequest {
        message_id: Option<String>,
    }

    HeartbeatMessage {
        healthy: Option<bool>,
        message_id: Option<String>,
    }

    IamRoleCredentialsAckRequest {
        message_id: Option<String>,
        expiration: Option<String>,
        credentials_id: Option<String>,
    }

    /// `roleType` is one of `TaskApplication`, `TaskExecution`.
    IamRoleCredentialsMessage {
        task_arn: Option<String>,
        task_cluster_arn: Option<String>,
        role_credentials: Option<IamRoleCredentials>,
        role_type: Option<String>,
        message_id: Option<String>,
    }

    InactiveInstanceException {
        message: Option<String>,
    }

    InvalidClusterException {
        message: Option<String>,
    }

    InvalidInstanceException {
        message: Option<String>,
    }

    NackRequest {
        cluster: Option<String>,
        container_instance: Option<String>,
        message_id: Option<String>,
        reason: Option<String>,
    }

    PayloadMessage {
        container_instance_arn: Option<String>,
        cluster_arn: Option<String>,
        tasks: Vec<Task>,
        generated_at: Option<i64>,
        message_id: Option<String>,
        seq_num: Option<i32>,
        timeline: Option<i64>,
    }

    PerformUpdateMessage {
        container_instance_arn: Option<String>,
        cluster_arn: Option<String>,
        update_info: Option<UpdateInfo>,
        message_id: Option<String>,
    }

    PollRequest {
        cluster: Option<String>,
        container_instance: Option<String>,
        seq_num: Option<i32>,
        timeline: Option<i64>,
        version_info: Option<VersionInfo>,
        send_credentials: Option<bool>,
        protocol_version: Option<i32>,
    }

    ServerException {
        message: Option<String>,
    }

    StageUpdateMessage {
        container_instance_arn: Option<String>,
        cluster_arn: Option<String>,
        update_info: Option<UpdateInfo>,
        message_id: Option<String>,
    }

    TaskIdentifier {
        task_arn: Option<String>,
        task_cluster_arn: Option<String>,
        desired_status: Option<String>,
    }

    TaskManifestMessage {
        container_instance_arn: Option<String>,
        cluster_arn: Option<String>,
        tasks: Vec<TaskIdentifier>,
        generated_at: Option<i64>,
        message_id: Option<String>,
        timeline: Option<i64>,
    }

    TaskStopVerificationAck {
        generated_at: Option<i64>,
        message_id: Option<String>,
        stop_tasks: Vec<TaskIdentifier>,
    }

    TaskStopVerificationMessage {
        message_id: Option<String>,
        stop_candidates: Vec<TaskIdentifier>,
    }

    UpdateInfo {
        location: Option<String>,
        signature: Option<String>,
    }

    VersionInfo {
        agent_version: Option<String>,
        agent_hash: Option<String>,
        docker_version: Option<String>,
    }
}
