//! Who this node is to the server: credentials that JoinNode minted, kept in a file only the owner can read.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use api_gantry::operations::JoinNode;
use api_gantry::types::{JoinNodeRequest, NodeCapacity};
use client::Client;
use identity::Credentials;
use serde::{Deserialize, Serialize};

use crate::backoff::Backoff;
use crate::error::AgentError;
use crate::options::{Capacity, Options};

const FILE: &str = "node.json";
const NAME_RANDOM_BYTES: usize = 4;

/// What the server minted for this node.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeIdentity {
    pub node_name: String,
    pub node_id: String,
    pub access_key_id: String,
    pub secret_access_key: String,
    pub region: String,
    pub account: String,
}

impl NodeIdentity {
    pub fn credentials(&self) -> Credentials {
        Credentials::new(self.access_key_id.clone(), self.secret_access_key.clone())
    }

    pub fn load(data_dir: &Path) -> Result<Option<Self>, AgentError> {
        let path = data_dir.join(FILE);
        match fs::read(&path) {
            Ok(bytes) => {
                let parsed = serde_json::from_slice(&bytes);
                parsed
                    .map(Some)
                    .map_err(|error| AgentError::file(&path, error.into()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(AgentError::file(&path, error)),
        }
    }

    fn store(&self, data_dir: &Path) -> Result<(), AgentError> {
        let path = data_dir.join(FILE);
        let write = || -> std::io::Result<()> {
            let temporary = data_dir.join(format!("{FILE}.new"));
            let mut options = fs::OpenOptions::new();
            let mut file = options
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&temporary)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            fs::File::open(data_dir)?.sync_all()
        };
        write().map_err(|error| AgentError::file(&path, error))
    }

    /// Asks the server to mint credentials. Waits for a server that is not there yet.
    pub async fn join(options: &Options, known_name: Option<String>) -> Result<Self, AgentError> {
        let credentials = options
            .join_credentials
            .clone()
            .ok_or(AgentError::NoCredentials)?;
        let client = Client::trusting(
            options.trust.clone(),
            &options.endpoint,
            options.region.clone(),
            credentials,
            options.clock.clone(),
        )?;
        let node_name = options
            .node_name
            .clone()
            .or(known_name)
            .unwrap_or_else(|| made_up_name(options));
        let mut backoff = Backoff::acs();
        loop {
            let request = JoinNodeRequest {
                node_name: Some(node_name.clone()),
                cluster: Some(options.cluster.clone()),
                capacity: Some(match options.capacity {
                    Capacity::Serverless => NodeCapacity::SERVERLESS,
                    Capacity::ContainerInstance => NodeCapacity::CONTAINER_INSTANCE,
                }),
            };
            match client.call::<JoinNode>(request).await {
                Ok(answer) => {
                    let missing = |member| AgentError::Incomplete {
                        operation: "JoinNode",
                        member,
                    };
                    let identity = Self {
                        node_name,
                        node_id: answer.node_id.ok_or(missing("nodeId"))?,
                        access_key_id: answer.access_key_id.ok_or(missing("accessKeyId"))?,
                        secret_access_key: answer
                            .secret_access_key
                            .ok_or(missing("secretAccessKey"))?,
                        region: answer.region.ok_or(missing("region"))?,
                        account: answer.account.ok_or(missing("account"))?,
                    };
                    identity.store(&options.data_dir)?;
                    tracing::info!(node = %identity.node_id, "joined {}", options.endpoint);
                    return Ok(identity);
                }
                Err(error) if error.is_transient() => {
                    let wait = backoff.next_wait(&options.clock);
                    tracing::info!(%error, "cannot join yet, trying again in {wait:?}");
                    options.clock.sleep(wait).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn made_up_name(options: &Options) -> String {
    let host = nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok());
    let host = host
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "node".to_owned());
    format!("{host}-{}", options.clock.random_hex(NAME_RANDOM_BYTES))
}
