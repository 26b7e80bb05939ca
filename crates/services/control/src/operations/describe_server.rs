//! DescribeServer: how the server itself is.

use api_gantry::operations::DescribeServer;
use api_gantry::types::{DescribeServerRequest, DescribeServerResponse};
use nix::{sys::statvfs::statvfs, unistd};
use wire::{Access, Caller, Error, Handle};

use super::timestamp;
use crate::Control;

impl Handle<DescribeServer> for Control {
    fn access(&self, caller: &Caller, _input: &DescribeServerRequest) -> Access {
        super::access("gantry:DescribeServer", caller, "server")
    }

    async fn handle(
        &self,
        caller: &Caller,
        _input: DescribeServerRequest,
    ) -> Result<DescribeServerResponse, Error> {
        let revision = self.store.read(|head| head.revision()).head();
        Ok(DescribeServerResponse {
            version: Some(self.settings.version.to_owned()),
            started_at: timestamp(self.started_at),
            account: Some(caller.account.clone()),
            region: Some(caller.region.clone()),
            endpoint: Some(self.settings.endpoint.clone()),
            state_revision: i64::try_from(revision).ok(),
            durable_revision: i64::try_from(self.store.durable_revision()).ok(),
            resident_memory_bytes: resident_bytes(),
            disk_bytes_available: self.disk_bytes_available(),
            history_days: i32::try_from(self.settings.history_days).ok(),
        })
    }
}

impl Control {
    fn disk_bytes_available(&self) -> Option<i64> {
        let disk = statvfs(&self.settings.data_directory).ok()?;
        i64::try_from(disk.blocks_available() * disk.fragment_size()).ok()
    }
}

fn resident_bytes() -> Option<i64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: i64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    let page_bytes = unistd::sysconf(unistd::SysconfVar::PAGE_SIZE).ok()??;
    Some(pages * page_bytes)
}
