//! Images from files: read, pushed, and read back from the registry.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use clock::Clock;
use registry::push::{Image, ImageSettings, PushError, Source, SourceError, SourceKind, push};

use super::memory::MemoryCatalog;
use super::server::Server;

pub fn make_root(root: &Path) {
    fs::create_dir_all(root.join("bin")).expect("makes");
    fs::write(root.join("bin/hello"), b"#!/bin/true\n").expect("writes");
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(root.join("bin/hello"), executable).expect("sets");
    symlink("hello", root.join("bin/hi")).expect("links");
    fs::hard_link(root.join("bin/hello"), root.join("bin/hey")).expect("links");
    fs::create_dir(root.join("empty")).expect("makes");
    fs::write(root.join("x".repeat(180)), b"a long name").expect("writes");
}

pub fn settings() -> ImageSettings {
    ImageSettings {
        entrypoint: vec!["/bin/hello".to_owned()],
        ..ImageSettings::default()
    }
}

async fn push_to(server: &Server, image: &Image, tag: &str) -> Result<u64, PushError> {
    let client = server.client("secret");
    push(&client, &Clock::system(), "demo", Some(tag), image, &|_| {})
        .await
        .map(|pushed| pushed.sent_bytes)
}

#[tokio::test]
async fn a_directory_becomes_the_same_image_every_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let open = |name: &str| {
        let root = directory.path().join(name);
        make_root(&root);
        Source::open(&root, &settings()).expect("reads")
    };
    let (first, second) = (open("one"), open("two"));
    assert_eq!(first.kind, SourceKind::RootFileSystem);
    assert_eq!(first.images[0].root(), second.images[0].root());

    let layer = &first.images[0].blobs[1];
    let mut archive =
        tar::Archive::new(flate2::read::GzDecoder::new(layer.reader().expect("opens")));
    let names: Vec<String> = archive
        .entries()
        .expect("a tar")
        .map(|entry| {
            let entry = entry.expect("an entry");
            assert_eq!(entry.header().mtime().expect("a time"), 0);
            assert_eq!(entry.header().uid().expect("an owner"), 0);
            let kind = entry.header().entry_type();
            format!("{} {kind:?}", entry.path().expect("a path").display())
        })
        .collect();
    let long = format!("{} Regular", "x".repeat(180));
    assert_eq!(
        names,
        [
            "bin Directory",
            "bin/hello Regular",
            "bin/hey Link",
            "bin/hi Symlink",
            "empty Directory",
            &long
        ]
    );
}

#[tokio::test]
async fn an_image_is_pushed_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("root");
    make_root(&root);
    let source = Source::open(&root, &settings()).expect("reads");
    let image = &source.images[0];
    let data = directory.path().join("data");
    let server = Server::start(&data, Arc::new(MemoryCatalog::with(&["demo"]))).await;
    let sent = push_to(&server, image, "v1").await.expect("pushes");
    assert_eq!(sent, image.total_bytes());
    let again = push_to(&server, image, "v2").await.expect("pushes");
    assert_eq!(again, 0, "what the registry has is not sent again");
    let answer = server.client("secret").get("/v2/demo/manifests/v2").await;
    assert_eq!(answer.body, image.root().bytes);
}

#[tokio::test]
async fn a_push_to_a_missing_repository_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("root");
    make_root(&root);
    let source = Source::open(&root, &settings()).expect("reads");
    let data = directory.path().join("data");
    let server = Server::start(&data, Arc::new(MemoryCatalog::with(&[]))).await;
    let error = push_to(&server, &source.images[0], "v1").await;
    let Err(PushError::Refused { code, .. }) = error else {
        panic!("{error:?}");
    };
    assert_eq!(code, "NAME_UNKNOWN");
}

#[test]
fn a_root_file_system_archive_is_taken_as_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(2);
    header.set_mode(0o644);
    builder
        .append_data(&mut header, "etc/motd", &b"hi"[..])
        .expect("appends");
    let bytes = builder.into_inner().expect("a tar");
    let plain = directory.path().join("root.tar");
    fs::write(&plain, &bytes).expect("writes");
    let zipped = directory.path().join("root.tar.gz");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &bytes).expect("zips");
    fs::write(&zipped, gzip.finish().expect("zips")).expect("writes");

    let diff_id = |source: &Source| {
        let mut text = String::new();
        let mut reader = source.images[0].blobs[0].reader().expect("opens");
        std::io::Read::read_to_string(&mut reader, &mut text).expect("reads");
        let config: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        config["rootfs"]["diff_ids"][0].clone()
    };
    let from_plain = Source::open(&plain, &settings()).expect("reads");
    let from_zipped = Source::open(&zipped, &settings()).expect("reads");
    assert_eq!(diff_id(&from_plain), diff_id(&from_zipped));
    let digest = registry::Digest::of(&bytes);
    assert_eq!(diff_id(&from_plain), digest.as_str());
}

#[test]
fn what_is_no_image_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = directory.path().join("notes.txt");
    fs::write(&text, "not an archive at all, but long enough to look at").expect("writes");
    let error = Source::open(&text, &settings());
    assert!(
        matches!(error, Err(SourceError::NotAnImage { .. })),
        "{error:?}"
    );
    let error = Source::open(&directory.path().join("nowhere"), &settings());
    assert!(matches!(error, Err(SourceError::Read { .. })), "{error:?}");
    let broken = directory.path().join("broken");
    fs::create_dir(&broken).expect("makes");
    fs::write(broken.join("oci-layout"), "{}").expect("writes");
    fs::write(
        broken.join("index.json"),
        r#"{"schemaVersion":2,"manifests":[]}"#,
    )
    .expect("writes");
    let error = Source::open(&broken, &settings());
    assert!(
        matches!(error, Err(SourceError::Broken { .. })),
        "{error:?}"
    );
}
