//! What `gantry status` looks at.

use api_ecs::{
    operations::{DescribeClusters, DescribeServices, ListClusters, ListServices},
    types::{
        Cluster, DescribeClustersRequest, DescribeServicesRequest, ListClustersRequest,
        ListServicesRequest, Service,
    },
};
use api_gantry::{
    operations::{DescribeServer, ListNodes},
    types::{DescribeServerRequest, DescribeServerResponse, ListNodesRequest, Node},
};
use client::Client;

/// Longer lists are not shown whole.
const MOST_NODES: usize = 10_000;
const MOST_SERVICES: usize = 1_000;
const CLUSTERS_AT_ONCE: usize = 100;
const SERVICES_AT_ONCE: usize = 10;

#[derive(Default)]
pub struct Snapshot {
    pub server: DescribeServerResponse,
    pub nodes: Vec<Node>,
    pub clusters: Vec<Cluster>,
    pub services: Vec<Service>,
}

impl Snapshot {
    pub async fn take(client: &Client) -> anyhow::Result<Self> {
        let server = client.call::<DescribeServer>(DescribeServerRequest {});
        Ok(Self {
            server: server.await?,
            nodes: nodes(client).await?,
            clusters: clusters(client).await?,
            services: services(client).await?,
        })
    }
}

pub async fn nodes(client: &Client) -> anyhow::Result<Vec<Node>> {
    let mut nodes = Vec::new();
    let mut request = ListNodesRequest::default();
    loop {
        let answer = client.call::<ListNodes>(request.clone()).await?;
        nodes.extend(answer.nodes.unwrap_or_default());
        request.next_token = answer.next_token;
        if request.next_token.is_none() || nodes.len() >= MOST_NODES {
            return Ok(nodes);
        }
    }
}

async fn cluster_arns(client: &Client) -> anyhow::Result<Vec<String>> {
    let mut arns = Vec::new();
    let mut request = ListClustersRequest::default();
    loop {
        let answer = client.call::<ListClusters>(request.clone()).await?;
        arns.extend(answer.cluster_arns.unwrap_or_default());
        request.next_token = answer.next_token;
        if request.next_token.is_none() {
            return Ok(arns);
        }
    }
}

async fn clusters(client: &Client) -> anyhow::Result<Vec<Cluster>> {
    let mut clusters = Vec::new();
    for some in cluster_arns(client).await?.chunks(CLUSTERS_AT_ONCE) {
        let request = DescribeClustersRequest {
            clusters: Some(some.to_vec()),
            ..DescribeClustersRequest::default()
        };
        let answer = client.call::<DescribeClusters>(request).await?;
        clusters.extend(answer.clusters.unwrap_or_default());
    }
    Ok(clusters)
}

async fn services(client: &Client) -> anyhow::Result<Vec<Service>> {
    let mut services = Vec::new();
    for cluster in cluster_arns(client).await? {
        let mut request = ListServicesRequest {
            cluster: Some(cluster.clone()),
            max_results: Some(100),
            ..ListServicesRequest::default()
        };
        loop {
            let answer = client.call::<ListServices>(request.clone()).await?;
            for some in answer
                .service_arns
                .unwrap_or_default()
                .chunks(SERVICES_AT_ONCE)
            {
                let described = DescribeServicesRequest {
                    cluster: Some(cluster.clone()),
                    services: Some(some.to_vec()),
                    ..DescribeServicesRequest::default()
                };
                let described = client.call::<DescribeServices>(described).await?;
                services.extend(described.services.unwrap_or_default());
            }
            request.next_token = answer.next_token;
            if request.next_token.is_none() || services.len() >= MOST_SERVICES {
                break;
            }
        }
    }
    Ok(services)
}
