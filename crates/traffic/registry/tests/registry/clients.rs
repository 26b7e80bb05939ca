//! `skopeo` against the registry: push, pull, and every archive it writes read by us. Skipped where it is missing.

use std::path::Path;
use std::sync::Arc;

use clock::Clock;
use registry::push::{ImageSettings, Source, SourceKind, push};
use tokio::process::Command;

use super::memory::MemoryCatalog;
use super::server::Server;
use super::sources::{make_root, settings};

async fn is_installed() -> bool {
    let version = Command::new("skopeo").arg("--version").output().await;
    version.is_ok_and(|output| output.status.success())
}

async fn skopeo(arguments: &[&str]) -> String {
    let mut command = Command::new("skopeo");
    command.arg("--insecure-policy").args(arguments);
    let output = command.output().await.expect("skopeo runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "skopeo {arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// One image of ours in the registry as `demo:v1`; returns its digest.
async fn pushed(directory: &Path, server: &Server) -> String {
    let root = directory.join("root");
    make_root(&root);
    let source = Source::open(&root, &settings()).expect("reads");
    let client = server.client("secret");
    let image = &source.images[0];
    let pushed = push(
        &client,
        &Clock::system(),
        "demo",
        Some("v1"),
        image,
        &|_| {},
    )
    .await;
    pushed.expect("pushes").digest.to_string()
}

#[tokio::test]
async fn skopeo_pulls_and_pushes_what_we_made() {
    if !is_installed().await {
        eprintln!("skopeo is not installed: skipped");
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let catalog = Arc::new(MemoryCatalog::with(&["demo", "team/app"]));
    let server = Server::start(&directory.path().join("data"), catalog).await;
    let digest = pushed(directory.path(), &server).await;

    let ours = format!("docker://{}/demo:v1", server.address);
    let layout = format!("oci:{}:v1", directory.path().join("layout").display());
    let source = ["--src-tls-verify=false", "--src-creds=AWS:secret"];
    let target = ["--dest-tls-verify=false", "--dest-creds=AWS:secret"];
    skopeo(&[&["copy"], &source[..], &[&ours, &layout]].concat()).await;

    let theirs = format!("docker://{}/team/app:v2", server.address);
    skopeo(&[&["copy"], &target[..], &[&layout, &theirs]].concat()).await;
    let inspected = skopeo(&[
        "inspect",
        "--tls-verify=false",
        "--creds=AWS:secret",
        "--format={{.Digest}}",
        &theirs,
    ])
    .await;
    assert_eq!(inspected.trim(), digest, "the same image comes back");

    let docker = format!("docker://{}/team/app:docker", server.address);
    let schema_2 = ["copy", "--format=v2s2"];
    skopeo(&[&schema_2[..], &target[..], &[&layout, &docker]].concat()).await;
    let answer = server
        .client("secret")
        .get("/v2/team/app/manifests/docker")
        .await;
    assert_eq!(
        super::server::header(&answer, "content-type"),
        "application/vnd.docker.distribution.manifest.v2+json"
    );
}

#[tokio::test]
async fn archives_that_skopeo_writes_are_read() {
    if !is_installed().await {
        eprintln!("skopeo is not installed: skipped");
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let catalog = Arc::new(MemoryCatalog::with(&["demo"]));
    let server = Server::start(&directory.path().join("data"), catalog).await;
    let digest = pushed(directory.path(), &server).await;
    let ours = format!("docker://{}/demo:v1", server.address);
    let source = ["--src-tls-verify=false", "--src-creds=AWS:secret"];
    let none = ImageSettings::default();
    let client = server.client("secret");
    for (format, kind) in [
        ("oci", SourceKind::OciLayout),
        ("oci-archive", SourceKind::OciLayout),
        ("docker-archive", SourceKind::DockerArchive),
    ] {
        let path = directory.path().join(format);
        let written = format!("{format}:{}:demo:v1", path.display());
        skopeo(&[&["copy"], &source[..], &[&ours, &written]].concat()).await;
        let read = Source::open(&path, &none).unwrap_or_else(|error| panic!("{format}: {error}"));
        assert_eq!(read.kind, kind);
        let image = &read.images[0];
        if kind == SourceKind::OciLayout {
            assert_eq!(image.root().digest.as_str(), digest, "{format}");
        }
        assert!(image.names[0].ends_with("demo:v1"), "{:?}", image.names);
        push(
            &client,
            &Clock::system(),
            "demo",
            Some(format),
            image,
            &|_| {},
        )
        .await
        .unwrap_or_else(|error| panic!("{format}: {error}"));
        let back = format!("docker://{}/demo:{format}", server.address);
        let target = format!("dir:{}", directory.path().join("back").display());
        skopeo(&[&["copy"], &source[..], &[&back, &target]].concat()).await;
    }
}
