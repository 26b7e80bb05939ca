//! Where Gantry keeps what.

use std::{
    env,
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

pub const ROOT_CREDENTIALS: &str = "root-credentials.json";

/// The data directory. Server and node share one when `up` started them.
#[derive(Debug, Clone)]
pub struct DataDirectory(PathBuf);

/// What the server tells the commands on its machine (`gantry.json`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    pub endpoint: String,
    pub account: String,
    pub region: String,
    pub default_subnet_id: String,
    pub default_security_group_id: String,
    pub pid: u32,
    /// There is capacity to run tasks on.
    #[serde(default)]
    pub ready: bool,
}

impl DataDirectory {
    /// `/var/lib/gantry` for root, else a directory of the user's.
    pub fn new(chosen: Option<PathBuf>) -> Self {
        Self(chosen.unwrap_or_else(default_directory))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    pub fn history(&self) -> PathBuf {
        self.0.join("history")
    }

    pub fn registry(&self) -> PathBuf {
        self.0.join("registry")
    }

    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    pub fn node(&self) -> PathBuf {
        self.0.join("node")
    }

    /// Keys and certificates of the server.
    pub fn tls(&self) -> PathBuf {
        self.0.join("tls")
    }

    /// The certificate of the server's own authority.
    pub fn authority(&self) -> PathBuf {
        self.tls().join("ca.pem")
    }

    /// Backups on their way to a client.
    pub fn backups(&self) -> PathBuf {
        self.0.join("backups")
    }

    pub fn root_credentials(&self) -> PathBuf {
        self.0.join(ROOT_CREDENTIALS)
    }

    /// What wraps the keys of secrets; in no backup.
    pub fn root_key(&self) -> PathBuf {
        self.0.join(vault::ROOT_KEY_FILE)
    }

    pub fn log_file(&self) -> PathBuf {
        self.0.join("gantry.log")
    }

    /// Written by the process that runs here, taken away when it ends.
    pub fn pid_file(&self) -> PathBuf {
        self.0.join("gantry.pid")
    }

    /// Makes the directory and writes down who works in it; refuses when somebody else does.
    pub fn claim(&self) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.0)
            .with_context(|| format!("cannot make {}", self.0.display()))?;
        std::fs::set_permissions(&self.0, Permissions::from_mode(0o700))?;
        if let Some(pid) = crate::server::running_pid(self)
            && pid != std::process::id()
        {
            bail!(
                "process {pid} works in {} already: `gantry down` stops it, --data-dir names another place",
                self.0.display()
            );
        }
        std::fs::write(self.pid_file(), std::process::id().to_string())?;
        Ok(())
    }

    pub fn remove_pid_file(&self) {
        if let Err(error) = std::fs::remove_file(self.pid_file()) {
            tracing::debug!(%error, "the pid file was gone already");
        }
    }

    pub fn write_facts(&self, facts: &Facts) -> anyhow::Result<()> {
        let scratch = self.0.join("gantry.json.new");
        std::fs::write(&scratch, serde_json::to_vec_pretty(facts)?)?;
        std::fs::rename(scratch, self.0.join("gantry.json"))?;
        Ok(())
    }

    pub fn facts(&self) -> Option<Facts> {
        let content = std::fs::read(self.0.join("gantry.json")).ok()?;
        serde_json::from_slice(&content).ok()
    }
}

fn default_directory() -> PathBuf {
    if nix::unistd::Uid::effective().is_root() {
        return PathBuf::from("/var/lib/gantry");
    }
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(home)
        .unwrap_or_else(|| PathBuf::from("."))
        .join("gantry")
}
