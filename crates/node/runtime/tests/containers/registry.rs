//! A registry with one image in it, as small as HTTP allows, and the image: busybox and a few accounts.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

pub struct Registry {
    pub address: String,
    pub requests: Arc<Mutex<Vec<String>>>,
    /// So many answers with much in them will break off half-way.
    pub cuts: Arc<AtomicU32>,
    /// Where a client went on after one that broke off.
    pub resumed_at: Arc<Mutex<Vec<usize>>>,
    content: Arc<Mutex<HashMap<String, Vec<u8>>>>,
}

impl Registry {
    /// Serves `test/busybox:latest` until the process ends.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let registry = Self {
            address: listener.local_addr().unwrap().to_string(),
            requests: Arc::default(),
            cuts: Arc::default(),
            resumed_at: Arc::default(),
            content: Arc::default(),
        };
        let (content, requests) = (
            Arc::clone(&registry.content),
            Arc::clone(&registry.requests),
        );
        let breaks = Breaks {
            cuts: Arc::clone(&registry.cuts),
            resumed_at: Arc::clone(&registry.resumed_at),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (content, requests) = (Arc::clone(&content), Arc::clone(&requests));
                let breaks = breaks.clone();
                std::thread::spawn(move || serve(stream, &content, &requests, &breaks));
            }
        });
        registry.add_image();
        registry
    }

    pub fn image(&self) -> String {
        format!("{}/test/busybox:latest", self.address)
    }

    /// Replaces what is served, for tests of what a registry must not do.
    pub fn tamper(&self, change: impl FnOnce(&mut HashMap<String, Vec<u8>>)) {
        change(&mut self.content.lock().unwrap());
    }

    fn add_image(&self) {
        let base = layer(&[
            ("bin/busybox", std::fs::read("/bin/busybox").unwrap(), 0o755),
            (
                "etc/passwd",
                b"root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n".to_vec(),
                0o644,
            ),
            (
                "etc/group",
                b"root:x:0:\napp:x:1001:\nextra:x:44:app\n".to_vec(),
                0o644,
            ),
            ("etc/removed", b"old".to_vec(), 0o644),
            ("data/hidden", b"old".to_vec(), 0o644),
            ("not-executable", b"text".to_vec(), 0o644),
        ]);
        let top = layer(&[
            ("etc/.wh.removed", Vec::new(), 0o644),
            ("data/.wh..wh..opq", Vec::new(), 0o644),
            ("data/seen", b"new".to_vec(), 0o644),
        ]);
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Env": ["FROM_IMAGE=yes"],
                "Cmd": ["sh"],
                "WorkingDir": "/data",
                "StopSignal": "SIGINT",
                "ExposedPorts": { "80/tcp": {} },
            },
            "rootfs": { "type": "layers", "diff_ids": [digest_of(&base), digest_of(&top)] },
        });
        let descriptor = |kind: &str, digest: String, size: usize| json!({ "mediaType": kind, "digest": digest, "size": size });
        let config = serde_json::to_vec(&config).unwrap();
        let layers = [gzip(&base), zstd::encode_all(&top[..], 1).unwrap()];
        let kind = "application/vnd.oci.image.layer.v1.tar";
        let manifest = serde_json::to_vec(&json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", digest_of(&config), config.len()),
            "layers": layers.iter().map(|bytes| descriptor(kind, digest_of(bytes), bytes.len())).collect::<Vec<_>>(),
        }))
        .unwrap();
        let mut entries = Vec::new();
        for (architecture, digest) in [
            ("s390x", digest_of(b"other")),
            (go_architecture(), digest_of(&manifest)),
        ] {
            let mut entry = descriptor(
                "application/vnd.oci.image.manifest.v1+json",
                digest,
                manifest.len(),
            );
            entry["platform"] = json!({ "os": "linux", "architecture": architecture });
            entries.push(entry);
        }
        let index = serde_json::to_vec(&json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": entries,
        }))
        .unwrap();
        let mut content = self.content.lock().unwrap();
        for blob in layers.into_iter().chain([config]) {
            content.insert(format!("/v2/test/busybox/blobs/{}", digest_of(&blob)), blob);
        }
        content.insert(
            format!("/v2/test/busybox/manifests/{}", digest_of(&manifest)),
            manifest,
        );
        content.insert("/v2/test/busybox/manifests/latest".to_owned(), index);
        content.insert("/v2/".to_owned(), b"{}".to_vec());
    }
}

pub fn digest_of(bytes: &[u8]) -> String {
    let hash: String = digest(&SHA256, bytes)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hash}")
}

fn go_architecture() -> &'static str {
    if std::env::consts::ARCH == "aarch64" {
        "arm64"
    } else {
        "amd64"
    }
}

fn layer(files: &[(&str, Vec<u8>, u32)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut append =
        |path: &str, kind: tar::EntryType, content: &[u8], link: Option<&str>, mode: u32| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_uid(0);
            header.set_gid(0);
            header.set_size(content.len() as u64);
            if let Some(link) = link {
                header.set_link_name(link).unwrap();
            }
            header.set_cksum();
            builder.append_data(&mut header, path, content).unwrap();
        };
    for (path, content, mode) in files {
        append(path, tar::EntryType::Regular, content, None, *mode);
        if path.ends_with("busybox") {
            for name in [
                "sh", "sleep", "echo", "cat", "id", "env", "pwd", "dd", "ls", "kill", "hostname",
                "seq", "tail",
            ] {
                append(
                    &format!("bin/{name}"),
                    tar::EntryType::Symlink,
                    &[],
                    Some("busybox"),
                    0o777,
                );
            }
            append("tmp", tar::EntryType::Directory, &[], None, 0o1777);
        }
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[derive(Clone)]
struct Breaks {
    cuts: Arc<AtomicU32>,
    resumed_at: Arc<Mutex<Vec<usize>>>,
}

fn serve(
    mut stream: TcpStream,
    content: &Mutex<HashMap<String, Vec<u8>>>,
    requests: &Mutex<Vec<String>>,
    breaks: &Breaks,
) {
    let mut lines = BufReader::new(stream.try_clone().unwrap())
        .lines()
        .map_while(Result::ok);
    let Some(path) = lines
        .next()
        .and_then(|line| line.split(' ').nth(1).map(str::to_owned))
    else {
        return;
    };
    let start = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let line = line.to_ascii_lowercase();
            line.strip_prefix("range: bytes=")?
                .strip_suffix('-')?
                .parse::<usize>()
                .ok()
        })
        .last();
    requests.lock().unwrap().push(path.clone());
    let found = content.lock().unwrap().get(&path).cloned();
    let (status, kind, body) = match found {
        Some(body) if path.ends_with("/latest") => {
            ("200 OK", "application/vnd.oci.image.index.v1+json", body)
        }
        Some(body) if path.contains("/manifests/") => {
            ("200 OK", "application/vnd.oci.image.manifest.v1+json", body)
        }
        Some(body) => match start {
            Some(start) => {
                breaks.resumed_at.lock().unwrap().push(start);
                let rest = body[start..].to_vec();
                ("206 Partial Content", "application/octet-stream", rest)
            }
            None => ("200 OK", "application/octet-stream", body),
        },
        None if path.contains("/private/") => {
            ("401 Unauthorized", "application/json", b"{}".to_vec())
        }
        None => {
            let body = br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
            ("404 Not Found", "application/json", body.to_vec())
        }
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    const MUCH: usize = 64 * 1024;
    let one_less = |cuts: u32| cuts.checked_sub(1);
    let is_cut = length > MUCH
        && breaks
            .cuts
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
            .is_ok();
    let sent = if is_cut { length / 2 } else { length };
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(&body[..sent]));
}
