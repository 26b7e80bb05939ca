//! What an agent says about itself in the query of its websocket URLs (`<endpoint>/ws?…`).

/// The query of an ACS connection.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AcsQuery {
    pub agent_hash: String,
    pub agent_version: String,
    /// What the agent was configured with: usually a short name, in spite of the key `clusterArn`.
    pub cluster: String,
    pub container_instance_arn: String,
    pub docker_version: String,
    pub protocol_version: Option<u32>,
    /// The agent holds no task credentials and wants them all.
    pub send_credentials: bool,
    pub seq_num: Option<u64>,
}

/// The query of a TCS connection.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TcsQuery {
    pub agent_hash: String,
    pub agent_version: String,
    pub cluster: String,
    pub container_instance_arn: String,
    pub docker_version: String,
}

impl AcsQuery {
    pub fn parse(query: &str) -> Self {
        let mut parsed = Self::default();
        for (name, value) in pairs(query) {
            match name.as_str() {
                "agentHash" => parsed.agent_hash = value,
                "agentVersion" => parsed.agent_version = value,
                "clusterArn" => parsed.cluster = value,
                "containerInstanceArn" => parsed.container_instance_arn = value,
                "dockerVersion" => parsed.docker_version = value,
                "protocolVersion" => parsed.protocol_version = value.parse().ok(),
                "sendCredentials" => parsed.send_credentials = value == "true",
                "seqNum" => parsed.seq_num = value.parse().ok(),
                _ => {}
            }
        }
        parsed
    }

    pub fn encode(&self) -> String {
        encode(&[
            ("agentHash", &self.agent_hash),
            ("agentVersion", &self.agent_version),
            ("clusterArn", &self.cluster),
            ("containerInstanceArn", &self.container_instance_arn),
            ("dockerVersion", &self.docker_version),
            (
                "protocolVersion",
                &self
                    .protocol_version
                    .map(|version| version.to_string())
                    .unwrap_or_default(),
            ),
            (
                "sendCredentials",
                if self.send_credentials {
                    "true"
                } else {
                    "false"
                },
            ),
            (
                "seqNum",
                &self
                    .seq_num
                    .map(|number| number.to_string())
                    .unwrap_or_default(),
            ),
        ])
    }
}

impl TcsQuery {
    pub fn parse(query: &str) -> Self {
        let mut parsed = Self::default();
        for (name, value) in pairs(query) {
            match name.as_str() {
                "agentHash" => parsed.agent_hash = value,
                "agentVersion" => parsed.agent_version = value,
                "cluster" => parsed.cluster = value,
                "containerInstance" => parsed.container_instance_arn = value,
                "dockerVersion" => parsed.docker_version = value,
                _ => {}
            }
        }
        parsed
    }

    pub fn encode(&self) -> String {
        encode(&[
            ("agentHash", &self.agent_hash),
            ("agentVersion", &self.agent_version),
            ("cluster", &self.cluster),
            ("containerInstance", &self.container_instance_arn),
            ("dockerVersion", &self.docker_version),
        ])
    }
}

/// Alphabetical, empty values left out, everything but unreserved characters escaped: signatures depend on it.
fn encode(pairs: &[(&str, &str)]) -> String {
    let mut query = String::new();
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(name);
        query.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                query.push(byte as char);
            } else {
                query.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    query
}

fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let hex = (byte == b'%').then(|| after.get(..2)).flatten();
        let hex = hex.filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        let escaped =
            hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (escaped, byte) {
            (Some(value), _) => {
                bytes.push(value);
                rest = &after[2..];
            }
            (None, b'+') => bytes.push(b' '),
            (None, _) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amazons_agent_is_understood() {
        let query = "agentHash=a1b2&agentVersion=1.105.1&clusterArn=default&containerInstanceArn=arn%3Aaws%3Aecs%3A\
                     us-east-1%3A1%3Acontainer-instance%2Fdefault%2Fab&dockerVersion=DockerVersion%3A+20.10.24&\
                     protocolVersion=2&sendCredentials=true&seqNum=1";
        let parsed = AcsQuery::parse(query);
        assert_eq!(
            parsed.container_instance_arn,
            "arn:aws:ecs:us-east-1:1:container-instance/default/ab"
        );
        assert_eq!(parsed.docker_version, "DockerVersion: 20.10.24");
        assert!(
            parsed.send_credentials
                && parsed.protocol_version == Some(2)
                && parsed.seq_num == Some(1)
        );
    }

    #[test]
    fn only_two_hex_digits_are_an_escape() {
        assert_eq!(decode("%41%+1%4"), "A% 1%4");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_parsed(cluster in "\\PC{0,20}", arn in "\\PC{0,40}", send_credentials: bool) {
            let acs = AcsQuery {
                cluster: cluster.clone(), container_instance_arn: arn.clone(), send_credentials,
                protocol_version: Some(2), seq_num: Some(1), ..Default::default()
            };
            prop_assert_eq!(AcsQuery::parse(&acs.encode()), acs);
            let tcs = TcsQuery { cluster, container_instance_arn: arn, ..Default::default() };
            prop_assert_eq!(TcsQuery::parse(&tcs.encode()), tcs);
        }

        #[test]
        fn any_query_is_survived(query in "\\PC{0,60}") {
            AcsQuery::parse(&query);
        }
    }
}
