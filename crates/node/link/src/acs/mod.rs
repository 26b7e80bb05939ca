//! ACS: the control plane tells a node what to run, and the node answers.

mod bodies;
mod shapes;

pub use bodies::*;
pub use shapes::*;

use crate::messages::messages;

/// Desired statuses of a task in a payload.
pub const DESIRED_RUNNING: &str = "RUNNING";
pub const DESIRED_STOPPED: &str = "STOPPED";
/// `type` of an association whose name is the id of a GPU.
pub const GPU_ASSOCIATION: &str = "gpu";

messages! {
    Ack(AckRequest) = "AckRequest",
    AttachInstanceNetworkInterfaces(AttachInstanceNetworkInterfacesMessage) = "AttachInstanceNetworkInterfacesMessage",
    AttachTaskNetworkInterfaces(AttachTaskNetworkInterfacesMessage) = "AttachTaskNetworkInterfacesMessage",
    Close(CloseMessage) = "CloseMessage",
    ConfirmAttachment(ConfirmAttachmentMessage) = "ConfirmAttachmentMessage",
    Error(ErrorMessage) = "ErrorMessage",
    Heartbeat(HeartbeatMessage) = "HeartbeatMessage",
    HeartbeatAck(HeartbeatAckRequest) = "HeartbeatAckRequest",
    IamRoleCredentials(IamRoleCredentialsMessage) = "IAMRoleCredentialsMessage",
    IamRoleCredentialsAck(IamRoleCredentialsAckRequest) = "IAMRoleCredentialsAckRequest",
    Nack(NackRequest) = "NackRequest",
    Payload(PayloadMessage) = "PayloadMessage",
    PerformUpdate(PerformUpdateMessage) = "PerformUpdateMessage",
    StageUpdate(StageUpdateMessage) = "StageUpdateMessage",
    TaskManifest(TaskManifestMessage) = "TaskManifestMessage",
    TaskStopVerification(TaskStopVerificationMessage) = "TaskStopVerificationMessage",
    TaskStopVerificationAck(TaskStopVerificationAck) = "TaskStopVerificationAck",
    AccessDenied(AccessDeniedException) = "AccessDeniedException",
    BadRequest(BadRequestException) = "BadRequestException",
    InactiveInstance(InactiveInstanceException) = "InactiveInstanceException",
    InvalidCluster(InvalidClusterException) = "InvalidClusterException",
    InvalidInstance(InvalidInstanceException) = "InvalidInstanceException",
    Server(ServerException) = "ServerException",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_goes_there_and_back() {
        let message = Message::Payload(PayloadMessage {
            message_id: Some("m1".into()),
            seq_num: Some(7),
            tasks: vec![Task {
                arn: Some("arn:aws:ecs:us-east-1:123456789012:task/default/0123".into()),
                cpu: Some(0.25),
                desired_status: Some(DESIRED_RUNNING.into()),
                elastic_network_interfaces: vec![ElasticNetworkInterface {
                    ec2_id: Some("eni-1".into()),
                    ipv4_addresses: vec![Ipv4AddressAssignment {
                        private_address: Some("172.31.0.5".into()),
                        primary: Some(true),
                    }],
                    ..Default::default()
                }],
                containers: vec![Container {
                    name: Some("web".into()),
                    essential: Some(false),
                    port_mappings: vec![PortMapping {
                        container_port: Some(80),
                        ..Default::default()
                    }],
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        });
        let text = message.encode();
        for expected in [
            r#""type":"PayloadMessage""#,
            r#""messageId":"m1""#,
            r#""ec2Id":"eni-1""#,
            r#""ipv4Addresses":[{"privateAddress":"172.31.0.5","primary":true}]"#,
            r#""essential":false"#,
            r#""portMappings":[{"containerPort":80}]"#,
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        assert_eq!(Message::parse(&text).unwrap(), message);
    }

    #[test]
    fn unknown_members_and_nulls_are_ignored_and_wrong_types_are_not() {
        let text =
            r#"{"type":"AckRequest","message":{"messageId":"m","cluster":null,"later":[1]}}"#;
        let expected = AckRequest {
            message_id: Some("m".into()),
            ..Default::default()
        };
        assert_eq!(Message::parse(text).unwrap(), Message::Ack(expected));
        assert!(Message::parse(r#"{"type":"AckRequest","message":{"messageId":5}}"#).is_err());
    }

    #[test]
    fn an_unknown_type_is_a_value() {
        let text = r#"{"type":"GantryLater","message":{"a":1}}"#;
        let message = Message::parse(text).unwrap();
        assert_eq!(message.kind(), "GantryLater");
        assert_eq!(message.encode(), text);
    }

    #[test]
    fn credentials_keep_amazons_spelling() {
        let message = Message::parse(
            r#"{"type":"IAMRoleCredentialsMessage","message":{"roleType":"TaskExecution"}}"#,
        );
        assert!(matches!(message.unwrap(), Message::IamRoleCredentials(_)));
    }
}
