//! A busybox image of one layer, in the made-up server's registry.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::json;

use crate::fake_server::FakeServer;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

pub fn publish(server: &FakeServer, busybox: &Path) {
    let layer = layer(busybox);
    let config = json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": [name(&layer)]},
    })
    .to_string()
    .into_bytes();
    let part = |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": name(bytes), "size": bytes.len()});
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": part(CONFIG, &config),
        "layers": [part(LAYER, &layer)],
    })
    .to_string()
    .into_bytes();
    let mut files = server.files.lock().unwrap();
    files.push((
        "/v2/".to_owned(),
        "application/json".to_owned(),
        b"{}".to_vec(),
    ));
    for reference in ["latest".to_owned(), name(&manifest)] {
        files.push((
            format!("/v2/busybox/manifests/{reference}"),
            MANIFEST.to_owned(),
            manifest.clone(),
        ));
    }
    for blob in [config, layer] {
        files.push((
            format!("/v2/busybox/blobs/{}", name(&blob)),
            "application/octet-stream".to_owned(),
            blob,
        ));
    }
}

fn layer(busybox: &Path) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    archive
        .append_path_with_name(busybox, "bin/busybox")
        .unwrap();
    for command in ["sh", "sleep"] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o777);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        archive
            .append_link(&mut header, format!("bin/{command}"), "busybox")
            .unwrap();
    }
    archive.into_inner().unwrap()
}

fn name(bytes: &[u8]) -> String {
    let hex: String = digest(&SHA256, bytes)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}
