//! The distribution specification, endpoint by endpoint.

use std::sync::Arc;

use http::{Method, StatusCode};
use registry::Digest;

use super::memory::MemoryCatalog;
use super::server::{Client, Server, code, header};

struct Fixture {
    server: Server,
    catalog: Arc<MemoryCatalog>,
    directory: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let catalog = Arc::new(MemoryCatalog::with(&["demo", "team/app"]));
        let server = Server::start(directory.path(), catalog.clone()).await;
        Self {
            server,
            catalog,
            directory,
        }
    }

    fn client(&self) -> Client {
        self.server.client("secret")
    }

    async fn restart(&mut self) {
        self.server = Server::start(self.directory.path(), self.catalog.clone()).await;
    }
}

async fn upload(client: &Client, repository: &str, bytes: &'static [u8]) -> Digest {
    let digest = Digest::of(bytes);
    let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
    let answer = client.send(Method::POST, &path, &[], bytes).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(header(&answer, "docker-content-digest"), digest.as_str());
    digest
}

fn image(config: &Digest, layer: &Digest, extra: &str) -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",{extra}
        "config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":2}},
        "layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{layer}","size":5}}]}}"#
    )
}

#[tokio::test]
async fn without_a_token_the_client_is_told_to_log_in() {
    let fixture = Fixture::new().await;
    for token in ["", "wrong"] {
        let answer = fixture.server.client(token).get("/v2/").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(code(&answer), "UNAUTHORIZED");
        let challenge = format!(
            "Basic realm=\"http://{}/\",service=\"ecr.amazonaws.com\"",
            fixture.server.address
        );
        assert_eq!(header(&answer, "www-authenticate"), challenge);
    }
    let answer = fixture.client().get("/v2/").await;
    assert_eq!(answer.status, StatusCode::OK);
    let version = header(&answer, "docker-distribution-api-version");
    assert_eq!(version, "registry/2.0");
}

#[tokio::test]
async fn who_may_only_pull_cannot_push() {
    let fixture = Fixture::new().await;
    let digest = upload(&fixture.client(), "demo", b"hello").await;
    let reader = fixture.server.client("reader");
    let path = format!("/v2/demo/blobs/{digest}");
    assert_eq!(reader.get(&path).await.status, StatusCode::OK);
    let answer = reader
        .send(Method::POST, "/v2/demo/blobs/uploads/", &[], "")
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(code(&answer), "DENIED");
}

#[tokio::test]
async fn blobs_are_read_whole_and_in_parts() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let digest = upload(&client, "demo", b"0123456789").await;
    let path = format!("/v2/demo/blobs/{digest}");

    let answer = client.get(&path).await;
    assert_eq!(answer.body, "0123456789");
    let answer = client.send(Method::HEAD, &path, &[], "").await;
    assert_eq!(header(&answer, "content-length"), "10");
    assert!(answer.body.is_empty());

    let answer = client
        .send(Method::GET, &path, &[("range", "bytes=2-4")], "")
        .await;
    assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(answer.body, "234");
    assert_eq!(header(&answer, "content-range"), "bytes 2-4/10");
    let answer = client
        .send(Method::GET, &path, &[("range", "bytes=10-")], "")
        .await;
    assert_eq!(answer.status, StatusCode::RANGE_NOT_SATISFIABLE);

    let other = format!("/v2/team/app/blobs/{digest}");
    let answer = client.get(&other).await;
    assert_eq!(
        (answer.status, code(&answer).as_str()),
        (StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
        "a blob of another repository is not there"
    );
}

#[tokio::test]
async fn chunked_uploads_go_on_after_a_restart() {
    let mut fixture = Fixture::new().await;
    let client = fixture.client();
    let answer = client
        .send(Method::POST, "/v2/demo/blobs/uploads/", &[], "")
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let location = header(&answer, "location");
    let answer = client
        .send(
            Method::PATCH,
            &location,
            &[("content-range", "0-3")],
            "0123",
        )
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(header(&answer, "range"), "0-3");

    fixture.restart().await;
    let client = fixture.client();
    let answer = client.get(&location).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(header(&answer, "range"), "0-3");
    let answer = client
        .send(Method::PATCH, &location, &[("content-range", "0-1")], "xx")
        .await;
    assert_eq!(answer.status, StatusCode::RANGE_NOT_SATISFIABLE);
    let stolen = location.replace("/demo/", "/team/app/");
    let answer = client.get(&stolen).await;
    assert_eq!(
        code_or_status(&answer),
        StatusCode::NOT_FOUND,
        "an upload belongs to its repository"
    );

    let wrong = format!("{location}?digest={}", Digest::of(b"something else"));
    let answer = client.send(Method::PUT, &wrong, &[], "").await;
    assert_eq!(
        (answer.status, code(&answer).as_str()),
        (StatusCode::BAD_REQUEST, "DIGEST_INVALID")
    );
    let digest = Digest::of(b"0123456789");
    let right = format!("{location}?digest={digest}");
    let answer = client
        .send(Method::PUT, &right, &[("content-range", "4-9")], "456789")
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let blob = format!("/v2/demo/blobs/{digest}");
    assert_eq!(client.get(&blob).await.body, "0123456789");
    let answer = client.get(&location).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "the upload is over");
}

fn code_or_status(answer: &registry::push::Answer) -> StatusCode {
    assert_eq!(code(answer), "BLOB_UPLOAD_UNKNOWN");
    answer.status
}

#[tokio::test]
async fn a_cancelled_upload_is_gone() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let answer = client
        .send(Method::POST, "/v2/demo/blobs/uploads/", &[], "")
        .await;
    let location = header(&answer, "location");
    let answer = client.send(Method::DELETE, &location, &[], "").await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(client.get(&location).await.status, StatusCode::NOT_FOUND);
    let left = std::fs::read_dir(fixture.directory.path().join("uploads")).expect("lists");
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn a_large_blob_streams_both_ways() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let bytes: Vec<u8> = (0..3_000_001_u32).map(|n| (n % 251) as u8).collect();
    let digest = Digest::of(&bytes);
    let path = format!("/v2/demo/blobs/uploads/?digest={digest}");
    let answer = client.send(Method::POST, &path, &[], bytes.clone()).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let answer = client.get(&format!("/v2/demo/blobs/{digest}")).await;
    assert_eq!(answer.body, bytes);
}

#[tokio::test]
async fn blobs_are_mounted_from_another_repository() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let digest = upload(&client, "demo", b"shared").await;
    let path = format!("/v2/team/app/blobs/uploads/?mount={digest}&from=demo");
    let answer = client.send(Method::POST, &path, &[], "").await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let answer = client.get(&format!("/v2/team/app/blobs/{digest}")).await;
    assert_eq!(answer.body, "shared");

    let unknown = Digest::of(b"unknown");
    for from in ["demo", "nowhere"] {
        let path = format!("/v2/team/app/blobs/uploads/?mount={unknown}&from={from}");
        let answer = client.send(Method::POST, &path, &[], "").await;
        assert_eq!(
            answer.status,
            StatusCode::ACCEPTED,
            "what cannot be mounted is uploaded"
        );
    }
}

#[tokio::test]
async fn manifests_are_written_read_and_deleted() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let config = upload(&client, "demo", b"{}").await;
    let layer = upload(&client, "demo", b"layer").await;
    let text = image(&config, &layer, "");
    let digest = Digest::of(text.as_bytes());
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let answer = client
        .send(
            Method::PUT,
            "/v2/demo/manifests/v1",
            &[("content-type", media_type)],
            text.clone(),
        )
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(header(&answer, "docker-content-digest"), digest.as_str());

    for reference in ["v1", digest.as_str()] {
        let path = format!("/v2/demo/manifests/{reference}");
        let answer = client.get(&path).await;
        assert_eq!(answer.body, text);
        assert_eq!(header(&answer, "content-type"), media_type);
        let answer = client.send(Method::HEAD, &path, &[], "").await;
        assert_eq!(header(&answer, "content-length"), text.len().to_string());
        assert_eq!(header(&answer, "docker-content-digest"), digest.as_str());
    }

    let path = "/v2/demo/manifests/v1";
    let answer = client.send(Method::DELETE, path, &[], "").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(code(&client.get(path).await), "MANIFEST_UNKNOWN");
    let path = format!("/v2/demo/manifests/{digest}");
    assert_eq!(client.get(&path).await.status, StatusCode::OK);
    let answer = client.send(Method::DELETE, &path, &[], "").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(client.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn bad_manifests_are_refused_by_name() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let put = |path: &'static str, body: String| {
        let client = fixture.client();
        async move {
            let answer = client.send(Method::PUT, path, &[], body).await;
            (answer.status.as_u16(), code(&answer))
        }
    };
    let expect = |status: u16, code: &str| (status, code.to_owned());
    let config = upload(&client, "demo", b"{}").await;
    let missing = image(&config, &Digest::of(b"missing"), "");
    let path = "/v2/demo/manifests/v1";
    assert_eq!(
        put(path, missing.clone()).await,
        expect(404, "MANIFEST_BLOB_UNKNOWN")
    );
    assert_eq!(
        put(path, "{".to_owned()).await,
        expect(400, "MANIFEST_INVALID")
    );
    let large = " ".repeat(limits::MANIFEST_MAX_BYTES + 1);
    assert_eq!(put(path, large).await, expect(413, "MANIFEST_INVALID"));
    let path = "/v2/demo/manifests/.bad";
    assert_eq!(
        put(path, missing.clone()).await,
        expect(400, "MANIFEST_INVALID")
    );
    let path = "/v2/nowhere/manifests/v1";
    assert_eq!(
        put(path, missing.clone()).await,
        expect(404, "NAME_UNKNOWN")
    );
    let path = "/v2/Demo/manifests/v1";
    assert_eq!(
        put(path, missing.clone()).await,
        expect(400, "NAME_INVALID")
    );
    let path = "/v2/demo/manifests/sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(put(path, missing).await, expect(400, "DIGEST_INVALID"));
}

#[tokio::test]
async fn lists_come_in_pages() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let config = upload(&client, "demo", b"{}").await;
    let layer = upload(&client, "demo", b"layer").await;
    let text = image(&config, &layer, "");
    for tag in ["a", "b", "c"] {
        let path = format!("/v2/demo/manifests/{tag}");
        let answer = client.send(Method::PUT, &path, &[], text.clone()).await;
        assert_eq!(answer.status, StatusCode::CREATED);
    }
    let json = |answer: &registry::push::Answer| -> serde_json::Value {
        serde_json::from_slice(&answer.body).expect("JSON")
    };
    let answer = client.get("/v2/demo/tags/list?n=2").await;
    assert_eq!(
        json(&answer),
        serde_json::json!({"name": "demo", "tags": ["a", "b"]})
    );
    let link = header(&answer, "link");
    assert_eq!(link, "</v2/demo/tags/list?n=2&last=b>; rel=\"next\"");
    let answer = client.get("/v2/demo/tags/list?n=2&last=b").await;
    assert_eq!(json(&answer)["tags"], serde_json::json!(["c"]));
    assert!(answer.headers.get("link").is_none());
    let answer = client.get("/v2/_catalog?n=1").await;
    assert_eq!(json(&answer), serde_json::json!({"repositories": ["demo"]}));
    let answer = client.get("/v2/demo/tags/list?n=x").await;
    assert_eq!(code(&answer), "PAGINATION_NUMBER_INVALID");
}

#[tokio::test]
async fn referrers_are_listed_by_kind() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let config = upload(&client, "demo", b"{}").await;
    let layer = upload(&client, "demo", b"layer").await;
    let subject = Digest::of(b"the subject need not exist");
    let extra = format!(
        r#""artifactType":"application/x-sig","subject":{{"mediaType":"x","digest":"{subject}","size":1}},"#
    );
    let text = image(&config, &layer, &extra);
    let path = format!("/v2/demo/manifests/{}", Digest::of(text.as_bytes()));
    let answer = client.send(Method::PUT, &path, &[], text).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(header(&answer, "oci-subject"), subject.as_str());
    let count = |answer: registry::push::Answer| {
        let index: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        index["manifests"].as_array().expect("a list").len()
    };
    let path = format!("/v2/demo/referrers/{subject}");
    assert_eq!(count(client.get(&path).await), 1);
    let filtered = format!("{path}?artifactType=application/x-other");
    assert_eq!(count(client.get(&filtered).await), 0);
}

#[tokio::test]
async fn a_sweep_takes_only_what_nobody_holds() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let kept = upload(&client, "demo", b"kept").await;
    let dropped = upload(&client, "demo", b"dropped").await;
    let path = format!("/v2/demo/blobs/{dropped}");
    let answer = client.send(Method::DELETE, &path, &[], "").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    client
        .send(Method::POST, "/v2/demo/blobs/uploads/", &[], "")
        .await;
    let swept = fixture.server.registry.sweep().await.expect("sweeps");
    assert_eq!((swept.blobs, swept.uploads), (1, 0), "a fresh upload stays");
    let path = format!("/v2/demo/blobs/{kept}");
    assert_eq!(client.get(&path).await.status, StatusCode::OK);
}
