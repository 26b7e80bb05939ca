//! The agent's calls of the server's APIs, signed as the node.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use api_ecr::operations::GetAuthorizationToken;
use api_ecr::types::GetAuthorizationTokenRequest;
use api_ecs::operations::{DiscoverPollEndpoint, RegisterContainerInstance, SubmitTaskStateChange};
use api_ecs::types::{
    DiscoverPollEndpointRequest, RegisterContainerInstanceRequest, SubmitTaskStateChangeRequest,
};
use api_gantry::operations::GetTaskSecrets;
use api_gantry::types::{GetTaskSecretsRequest, GetTaskSecretsResponse};
use api_logs::operations::{CreateLogGroup, CreateLogStream, PutLogEvents};
use api_logs::types::{
    CreateLogGroupRequest, CreateLogStreamRequest, InputLogEvent, PutLogEventsRequest,
};
use base64::Engine as _;
use client::{Client, Trust};
use clock::{Clock, UnixMillis};
use http::header::{ACCEPT, AUTHORIZATION, InvalidHeaderValue};
use http::{HeaderMap, HeaderValue, Method};
use identity::Credentials;
use runtime::RegistryAuth;
use tokio::sync::Semaphore;

use crate::backoff::Backoff;
use crate::error::AgentError;
use crate::node_identity::NodeIdentity;

const MANIFEST_PATIENCE: Duration = Duration::from_secs(5);
const ACCEPTED_MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json";
const SUBMIT_PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// The server, seen as this node. When the node joins again, its credentials are replaced in place.
pub struct Api {
    endpoint: String,
    pub cluster: String,
    trust: Trust,
    clock: Clock,
    current: RwLock<Current>,
    /// As many as there are kept connections: a thousand tasks that start at once open no thousand connections.
    submissions: Semaphore,
}

struct Current {
    client: Client,
    identity: NodeIdentity,
}

/// Where the agent's two websockets go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollEndpoints {
    pub acs: String,
    pub tcs: String,
}

impl Api {
    pub fn new(
        endpoint: &str,
        cluster: &str,
        identity: NodeIdentity,
        trust: Trust,
        clock: Clock,
    ) -> Result<Self, AgentError> {
        let client = client_for(endpoint, &identity, &trust, &clock)?;
        Ok(Self {
            endpoint: endpoint.to_owned(),
            cluster: cluster.to_owned(),
            trust,
            clock,
            current: RwLock::new(Current { client, identity }),
            submissions: Semaphore::new(limits::CLIENT_IDLE_CONNECTIONS),
        })
    }

    pub fn replace_identity(&self, identity: NodeIdentity) -> Result<(), AgentError> {
        let client = client_for(&self.endpoint, &identity, &self.trust, &self.clock)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) =
            Current { client, identity };
        Ok(())
    }

    /// A client of another address with the node's credentials.
    pub fn client_of(&self, endpoint: &str) -> Result<Client, client::Error> {
        Client::trusting(
            self.trust.clone(),
            endpoint,
            self.region(),
            self.credentials(),
            self.clock.clone(),
        )
    }

    pub fn credentials(&self) -> Credentials {
        self.identity().credentials()
    }

    pub fn region(&self) -> String {
        self.identity().region
    }

    fn identity(&self) -> NodeIdentity {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .identity
            .clone()
    }

    fn client(&self) -> Client {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .client
            .clone()
    }

    /// The ARN of the container instance.
    pub async fn register(
        &self,
        request: RegisterContainerInstanceRequest,
    ) -> Result<String, AgentError> {
        let answer = self
            .client()
            .call::<RegisterContainerInstance>(request)
            .await?;
        let arn = answer
            .container_instance
            .and_then(|instance| instance.container_instance_arn);
        arn.ok_or(AgentError::Incomplete {
            operation: "RegisterContainerInstance",
            member: "containerInstance.containerInstanceArn",
        })
    }

    pub async fn discover(
        &self,
        container_instance_arn: &str,
    ) -> Result<PollEndpoints, AgentError> {
        let request = DiscoverPollEndpointRequest {
            cluster: Some(self.cluster.clone()),
            container_instance: Some(container_instance_arn.to_owned()),
        };
        let answer = self.client().call::<DiscoverPollEndpoint>(request).await?;
        let missing = |member| AgentError::Incomplete {
            operation: "DiscoverPollEndpoint",
            member,
        };
        Ok(PollEndpoints {
            acs: answer.endpoint.ok_or(missing("endpoint"))?,
            tcs: answer
                .telemetry_endpoint
                .ok_or(missing("telemetryEndpoint"))?,
        })
    }

    /// Tries until the server took it or refused it for good; a day is as long as anybody waits (agent protocol §1.3).
    pub async fn submit_until_answered(&self, request: SubmitTaskStateChangeRequest) {
        if self
            .clock
            .timeout(SUBMIT_PATIENCE, self.submit(&request))
            .await
            .is_err()
        {
            tracing::error!(task = ?request.task, status = ?request.status, "a state change was given up");
        }
    }

    async fn submit(&self, request: &SubmitTaskStateChangeRequest) {
        let mut backoff = Backoff::submit();
        loop {
            let turn = self.submissions.acquire().await;
            let answer = self
                .client()
                .call::<SubmitTaskStateChange>(request.clone())
                .await;
            drop(turn);
            let error = match answer {
                Ok(_) => return,
                Err(error) => error,
            };
            // The server will never want it (agent protocol §1.3); asking again would go on for ever.
            if matches!(
                error.code(),
                Some("InvalidParameterException" | "ClientException" | "ClusterNotFoundException")
            ) {
                tracing::warn!(%error, task = ?request.task, "the server refused a state change; it is dropped");
                return;
            }
            let wait = backoff.next_wait(&self.clock);
            tracing::debug!(%error, task = ?request.task, "a state change waits {wait:?}");
            self.clock.sleep(wait).await;
        }
    }

    /// User, password and end of a registry login.
    pub async fn registry_login(&self) -> Result<(RegistryAuth, Option<UnixMillis>), AgentError> {
        let answer = self
            .client()
            .call::<GetAuthorizationToken>(GetAuthorizationTokenRequest::default())
            .await?;
        let missing = || AgentError::Incomplete {
            operation: "GetAuthorizationToken",
            member: "authorizationToken",
        };
        let data = answer
            .authorization_data
            .unwrap_or_default()
            .into_iter()
            .next()
            .ok_or_else(missing)?;
        let token = data.authorization_token.ok_or_else(missing)?;
        let decoded = base64::engine::general_purpose::STANDARD
            .decode(token)
            .map_err(|_| missing())?;
        let text = String::from_utf8(decoded).map_err(|_| missing())?;
        let (username, password) = text.split_once(':').ok_or_else(missing)?;
        let auth = RegistryAuth {
            username: username.to_owned(),
            password: password.to_owned(),
        };
        Ok((auth, data.expires_at.map(|at| UnixMillis(at.as_millis()))))
    }

    /// What a tag of our registry means now; `None`: nothing. One small request, where a pull begins with several.
    pub async fn manifest_digest(
        &self,
        repository: &str,
        tag: &str,
        auth: &RegistryAuth,
    ) -> Result<Option<String>, client::Error> {
        let basic = base64::engine::general_purpose::STANDARD
            .encode(format!("{}:{}", auth.username, auth.password));
        let mut headers = HeaderMap::new();
        let invalid = |error: InvalidHeaderValue| client::Error::Request(error.to_string());
        headers.insert(
            AUTHORIZATION,
            HeaderValue::from_str(&format!("Basic {basic}")).map_err(invalid)?,
        );
        headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED_MANIFESTS));
        let client = self.client();
        let path = format!("/v2/{repository}/manifests/{tag}");
        let asking = client.request(Method::HEAD, &path, headers, client::empty_body());
        let endpoint = self.endpoint.clone();
        let late = client::Error::Timeout {
            endpoint,
            after: MANIFEST_PATIENCE,
        };
        let answer = self
            .clock
            .timeout(MANIFEST_PATIENCE, asking)
            .await
            .map_err(|_| late)??;
        let digest = answer
            .headers()
            .get("docker-content-digest")
            .filter(|_| answer.status().is_success());
        Ok(digest
            .and_then(|digest| digest.to_str().ok())
            .map(str::to_owned))
    }

    /// What the containers of a task of this node get as secret environment.
    pub async fn task_secrets(
        &self,
        task_arn: &str,
    ) -> Result<GetTaskSecretsResponse, client::Error> {
        let request = GetTaskSecretsRequest {
            task: Some(task_arn.to_owned()),
        };
        self.client().call::<GetTaskSecrets>(request).await
    }

    pub async fn put_log_events(
        &self,
        group: &str,
        stream: &str,
        events: Vec<InputLogEvent>,
    ) -> Result<(), client::Error> {
        let request = PutLogEventsRequest {
            log_group_name: Some(group.to_owned()),
            log_stream_name: Some(stream.to_owned()),
            log_events: Some(events),
            ..Default::default()
        };
        self.client().call::<PutLogEvents>(request).await.map(drop)
    }

    /// Makes group and stream where they are missing.
    pub async fn create_log_stream(&self, group: &str, stream: &str) -> Result<(), client::Error> {
        let client = self.client();
        let group_request = CreateLogGroupRequest {
            log_group_name: Some(group.to_owned()),
            ..Default::default()
        };
        exists_already(client.call::<CreateLogGroup>(group_request).await)?;
        let stream_request = CreateLogStreamRequest {
            log_group_name: Some(group.to_owned()),
            log_stream_name: Some(stream.to_owned()),
        };
        exists_already(client.call::<CreateLogStream>(stream_request).await)
    }
}

fn exists_already<T>(result: Result<T, client::Error>) -> Result<(), client::Error> {
    match result {
        Err(error) if error.code() != Some("ResourceAlreadyExistsException") => Err(error),
        _ => Ok(()),
    }
}

fn client_for(
    endpoint: &str,
    identity: &NodeIdentity,
    trust: &Trust,
    clock: &Clock,
) -> Result<Client, AgentError> {
    Ok(Client::trusting(
        trust.clone(),
        endpoint,
        identity.region.clone(),
        identity.credentials(),
        clock.clone(),
    )?)
}
