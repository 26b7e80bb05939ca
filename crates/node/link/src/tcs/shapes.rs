//! The bodies of TCS messages. Times are numbers: seconds since the epoch, with milliseconds.

use crate::shape::shape;

shape! {
    PublishMetricsRequest {
        metadata: Option<MetricsMetadata>,
        instance_metrics: Option<InstanceMetrics>,
        task_metrics: Vec<TaskMetric>,
        timestamp: Option<f64>,
    }

    PublishHealthRequest {
        metadata: Option<HealthMetadata>,
        tasks: Vec<TaskHealth>,
        timestamp: Option<f64>,
    }

    PublishInstanceStatusRequest {
        metadata: Option<InstanceStatusMetadata>,
        statuses: Vec<InstanceStatus>,
        timestamp: Option<f64>,
    }

    AckPublishHealth {
        message: Option<String>,
    }

    AckPublishInstanceStatus {
        message: Option<String>,
    }

    AckPublishMetric {
        message: Option<String>,
    }

    BadRequestException {
        message: Option<String>,
    }

    CwStatsSet {
        min: Option<f64>,
        max: Option<f64>,
        sample_count: Option<i32>,
        sum: Option<f64>,
    }

    /// `healthStatus` is one of `HEALTHY`, `UNHEALTHY`, `UNKNOWN`.
    ContainerHealth {
        container_name: Option<String>,
        health_status: Option<String>,
        status_since: Option<f64>,
        status_message: Option<String>,
    }

    ContainerMetric {
        container_arn: Option<String>,
        container_name: Option<String>,
        cpu_stats_set: Option<CwStatsSet>,
        memory_stats_set: Option<CwStatsSet>,
        network_stats_set: Option<NetworkStatsSet>,
        storage_stats_set: Option<StorageStatsSet>,
        restart_stats_set: Option<RestartStatsSet>,
        general_metrics_payload: Vec<GeneralMetricsWrapper>,
    }

    Dimension {
        key: Option<String>,
        value: Option<String>,
    }

    EphemeralStorageMetrics {
        bytes_utilized: Option<ULongStatsSet>,
    }

    GeneralMetric {
        metric_name: Option<String>,
        metric_values: Vec<f64>,
        metric_counts: Vec<i64>,
        metric_value_double: Option<f64>,
        metric_value_long: Option<i64>,
        metric_value_stats_set: Option<CwStatsSet>,
        unit: Option<String>,
    }

    /// `metricType` is one of `1`, `2`.
    GeneralMetricsWrapper {
        dimensions: Vec<Dimension>,
        metric_type: Option<String>,
        general_metrics: Vec<GeneralMetric>,
    }

    HealthMetadata {
        cluster: Option<String>,
        container_instance: Option<String>,
        message_id: Option<String>,
        fin: Option<bool>,
    }

    HeartbeatMessage {
        healthy: Option<bool>,
    }

    InstanceMetrics {
        storage: Option<InstanceStorageMetrics>,
        general_metrics_payload: Vec<GeneralMetricsWrapper>,
    }

    /// `status` is one of `OK`, `IMPAIRED`, `INSUFFICIENT_DATA`, `INITIALIZING`.
    InstanceStatus {
            #[serde(rename = "type")]
        kind: Option<String>,
        status: Option<String>,
        status_reason: Option<String>,
        last_updated: Option<f64>,
        last_status_change: Option<f64>,
    }

    InstanceStatusMetadata {
        cluster: Option<String>,
        container_instance: Option<String>,
        request_id: Option<String>,
    }

    InstanceStorageMetrics {
        root_filesystem: Option<f64>,
        data_filesystem: Option<f64>,
    }

    InvalidParameterException {
        message: Option<String>,
    }

    MetricsMetadata {
        cluster: Option<String>,
        container_instance: Option<String>,
        message_id: Option<String>,
        idle: Option<bool>,
        fin: Option<bool>,
    }

    NetworkStatsSet {
        rx_bytes_per_second: Option<UDoubleCwStatsSet>,
        rx_bytes: Option<ULongStatsSet>,
        rx_dropped: Option<ULongStatsSet>,
        rx_errors: Option<ULongStatsSet>,
        rx_packets: Option<ULongStatsSet>,
        tx_bytes_per_second: Option<UDoubleCwStatsSet>,
        tx_bytes: Option<ULongStatsSet>,
        tx_dropped: Option<ULongStatsSet>,
        tx_errors: Option<ULongStatsSet>,
        tx_packets: Option<ULongStatsSet>,
    }

    ResourceValidationException {
        message: Option<String>,
    }

    RestartStatsSet {
        restart_count: Option<i32>,
    }

    ServerException {
        message: Option<String>,
    }

    StartTelemetrySessionRequest {
        cluster: Option<String>,
        container_instance: Option<String>,
    }

    StopTelemetrySessionMessage {
        message: Option<String>,
    }

    StorageStatsSet {
        read_size_bytes: Option<ULongStatsSet>,
        write_size_bytes: Option<ULongStatsSet>,
    }

    TaskHealth {
        task_arn: Option<String>,
        cluster_arn: Option<String>,
        task_definition_family: Option<String>,
        task_definition_version: Option<String>,
        containers: Vec<ContainerHealth>,
    }

    TaskMetric {
        task_arn: Option<String>,
        cluster_arn: Option<String>,
        task_definition_family: Option<String>,
        task_definition_version: Option<String>,
        container_metrics: Vec<ContainerMetric>,
        ephemeral_storage_metrics: Option<EphemeralStorageMetrics>,
        volume_metrics: Vec<VolumeMetric>,
        service_connect_metrics_wrapper: Vec<GeneralMetricsWrapper>,
    }

    UDoubleCwStatsSet {
        min: Option<f64>,
        max: Option<f64>,
        sample_count: Option<i32>,
        sum: Option<f64>,
    }

    ULongStatsSet {
        min: Option<i64>,
        max: Option<i64>,
        sample_count: Option<i64>,
        sum: Option<i64>,
        overflow_min: Option<i64>,
        overflow_max: Option<i64>,
        overflow_sum: Option<i64>,
    }

    VolumeMetric {
        volume_id: Option<String>,
        volume_name: Option<String>,
        utilized: Option<UDoubleCwStatsSet>,
        size: Option<UDoubleCwStatsSet>,
    }
}
