//! Images and layers through ECR's own API, without the registry's protocol.

use super::*;

const CONFIG: &[u8] = br#"{"architecture":"amd64","os":"linux"}"#;
const MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

fn manifest(layer: &[u8]) -> String {
    let descriptor = |content: &[u8], kind: &str| {
        let digest = registry::Digest::of(content);
        format!(
            r#"{{"mediaType":"{kind}","digest":"{digest}","size":{}}}"#,
            content.len()
        )
    };
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{MEDIA_TYPE}","config":{},"layers":[{}]}}"#,
        descriptor(CONFIG, "application/vnd.oci.image.config.v1+json"),
        descriptor(layer, "application/vnd.oci.image.layer.v1.tar"),
    )
}

impl World {
    /// In parts of four bytes.
    async fn upload(&self, content: &[u8]) -> Result<(), Error> {
        let begin = InitiateLayerUploadRequest {
            repository_name: Some("demo".to_owned()),
            ..Default::default()
        };
        let begun = self.call::<op::InitiateLayerUpload>(begin).await?;
        let mut first = 0;
        for part in content.chunks(4) {
            let last = first + part.len() as i64 - 1;
            let sent = self
                .part(begun.upload_id.clone(), part, first, last)
                .await?;
            assert_eq!(sent.last_byte_received, Some(last));
            first = last + 1;
        }
        self.complete(begun.upload_id, content).await
    }

    async fn part(
        &self,
        upload_id: Option<String>,
        part: &[u8],
        first: i64,
        last: i64,
    ) -> Result<UploadLayerPartResponse, Error> {
        let input = UploadLayerPartRequest {
            repository_name: Some("demo".to_owned()),
            upload_id,
            layer_part_blob: Some(part.to_vec().into()),
            part_first_byte: Some(first),
            part_last_byte: Some(last),
            ..Default::default()
        };
        self.call::<op::UploadLayerPart>(input).await
    }

    async fn complete(&self, upload_id: Option<String>, content: &[u8]) -> Result<(), Error> {
        let input = CompleteLayerUploadRequest {
            repository_name: Some("demo".to_owned()),
            upload_id,
            layer_digests: Some(vec![registry::Digest::of(content).to_string()]),
            ..Default::default()
        };
        self.call::<op::CompleteLayerUpload>(input)
            .await
            .map(|_| ())
    }

    async fn put(&self, text: &str, tag: Option<&str>) -> Result<String, Error> {
        let input = PutImageRequest {
            repository_name: Some("demo".to_owned()),
            image_manifest: Some(text.to_owned()),
            image_tag: tag.map(str::to_owned),
            ..Default::default()
        };
        let put = self.call::<op::PutImage>(input).await?;
        let id = put.image.and_then(|image| image.image_id).expect("an id");
        Ok(id.image_digest.expect("a digest"))
    }
}

#[tokio::test]
async fn an_image_goes_in_and_comes_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::open(directory.path()).await;
    world.create("demo").await.expect("created");
    let layer = b"a layer of some bytes";
    let text = manifest(layer);
    let early = world.put(&text, Some("v1")).await.expect_err("refused");
    assert_eq!(early.code, "LayersNotFoundException");
    world.upload(CONFIG).await.expect("uploaded");
    world.upload(layer).await.expect("uploaded");
    let again = world.upload(layer).await.expect_err("refused");
    assert_eq!(again.code, "LayerAlreadyExistsException");
    let digest = world.put(&text, Some("v1")).await.expect("put");
    let again = world.put(&text, Some("v1")).await.expect_err("refused");
    assert_eq!(again.code, "ImageAlreadyExistsException");
    assert_eq!(world.put(&text, Some("v2")).await, Ok(digest.clone()));
    let broken = world.put("{", None).await.expect_err("refused");
    assert_eq!(broken.code, "InvalidParameterException");

    let get = BatchGetImageRequest {
        repository_name: Some("demo".to_owned()),
        image_ids: Some(vec![
            id(Some("v2"), None),
            id(Some("none"), None),
            id(None, Some(&digest)),
        ]),
        ..Default::default()
    };
    let got = world
        .call::<op::BatchGetImage>(get)
        .await
        .expect("answered");
    let images = got.images.expect("a list");
    assert_eq!(images.len(), 2);
    assert_eq!(images[0].image_manifest.as_deref(), Some(text.as_str()));
    assert_eq!(
        images[0].image_manifest_media_type.as_deref(),
        Some(MEDIA_TYPE)
    );
    let failures = got.failures.expect("a list");
    assert_eq!(
        failures[0].failure_code,
        Some(ImageFailureCode::IMAGE_NOT_FOUND)
    );

    let there = registry::Digest::of(layer).to_string();
    let gone = registry::Digest::of(b"gone").to_string();
    let check = BatchCheckLayerAvailabilityRequest {
        repository_name: Some("demo".to_owned()),
        layer_digests: Some(vec![there.clone(), gone.clone(), "md5:1".to_owned()]),
        ..Default::default()
    };
    let checked = world
        .call::<op::BatchCheckLayerAvailability>(check)
        .await
        .expect("answered");
    let layers = checked.layers.expect("a list");
    assert_eq!(
        layers[0].layer_availability,
        Some(LayerAvailability::AVAILABLE)
    );
    assert_eq!(layers[0].layer_size, Some(layer.len() as i64));
    assert_eq!(
        layers[1].layer_availability,
        Some(LayerAvailability::UNAVAILABLE)
    );
    assert_eq!(checked.failures.map(|it| it.len()), Some(1));

    let findings = DescribeImageScanFindingsRequest {
        repository_name: Some("demo".to_owned()),
        image_id: Some(id(Some("v1"), None)),
        ..Default::default()
    };
    let none = world.call::<op::DescribeImageScanFindings>(findings).await;
    assert_eq!(none.expect_err("none").code, "ScanNotFoundException");
}

#[tokio::test]
async fn a_link_gives_its_layer_and_nothing_else() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::open(directory.path()).await;
    world.create("demo").await.expect("created");
    world.upload(b"first").await.expect("uploaded");
    world.upload(b"second").await.expect("uploaded");
    let link = |content: &[u8]| GetDownloadUrlForLayerRequest {
        repository_name: Some("demo".to_owned()),
        layer_digest: Some(registry::Digest::of(content).to_string()),
        ..Default::default()
    };
    let none = world
        .call::<op::GetDownloadUrlForLayer>(link(b"none"))
        .await;
    assert_eq!(none.expect_err("refused").code, "LayersNotFoundException");
    let answer = world
        .call::<op::GetDownloadUrlForLayer>(link(b"first"))
        .await
        .expect("a link");
    let url = answer.download_url.expect("a link");
    let path = url
        .strip_prefix("http://127.0.0.1:4580")
        .expect("the endpoint");
    let get = async |path: &str, bearer: Option<&str>| {
        let mut request = Request::get(path);
        if let Some(token) = bearer {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Full::new(Bytes::new())).expect("a request");
        let answer = world.registry.handle(request).await;
        let status = answer.status();
        (
            status,
            answer
                .into_body()
                .collect()
                .await
                .expect("a body")
                .to_bytes(),
        )
    };
    assert_eq!(
        get(path, None).await,
        (StatusCode::OK, Bytes::from_static(b"first"))
    );
    let other = path.replace(
        registry::Digest::of(b"first").as_str(),
        registry::Digest::of(b"second").as_str(),
    );
    assert_eq!(get(&other, None).await.0, StatusCode::UNAUTHORIZED);
    let (_, token) = path.split_once("download=").expect("a token");
    assert_eq!(
        get("/v2/demo/tags/list", Some(token)).await.0,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        get(&format!("/v2/demo/tags/list?download={token}"), None)
            .await
            .0,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn parts_come_in_order_and_are_what_they_say() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::open(directory.path()).await;
    world.create("demo").await.expect("created");
    let begin = || InitiateLayerUploadRequest {
        repository_name: Some("demo".to_owned()),
        ..Default::default()
    };
    let begun = world
        .call::<op::InitiateLayerUpload>(begin())
        .await
        .expect("begun");
    let upload = begun.upload_id;
    let empty = world
        .complete(upload.clone(), b"")
        .await
        .expect_err("refused");
    assert_eq!(empty.code, "EmptyUploadException");
    let wrong = world
        .part(upload.clone(), b"abcd", 0, 9)
        .await
        .expect_err("refused");
    assert_eq!(wrong.code, "InvalidParameterException");
    world
        .part(upload.clone(), b"abcd", 0, 3)
        .await
        .expect("sent");
    let gap = world
        .part(upload.clone(), b"abcd", 8, 11)
        .await
        .expect_err("refused");
    assert_eq!(gap.code, "InvalidLayerPartException");
    let digest = world
        .complete(upload.clone(), b"other")
        .await
        .expect_err("refused");
    assert_eq!(digest.code, "InvalidLayerException");
    world
        .complete(upload.clone(), b"abcd")
        .await
        .expect("completed");
    let gone = world.complete(upload, b"abcd").await.expect_err("refused");
    assert_eq!(gone.code, "UploadNotFoundException");
    let nonsense = world
        .part(Some("../../x".to_owned()), b"a", 0, 0)
        .await
        .expect_err("refused");
    assert_eq!(nonsense.code, "UploadNotFoundException");
}

#[tokio::test]
async fn the_registry_says_what_is_built() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::open(directory.path()).await;
    let none = world
        .call::<op::GetRegistryPolicy>(Default::default())
        .await
        .expect_err("none");
    assert_eq!(
        none.to_string(),
        "RegistryPolicyNotFoundException: Registry policy does not exist in the registry with id '123456789012'"
    );
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"ecr:ReplicateImage","Resource":"*"}]}"#;
    let put = PutRegistryPolicyRequest {
        policy_text: Some(text.to_owned()),
    };
    world.call::<op::PutRegistryPolicy>(put).await.expect("put");
    let got = world
        .call::<op::GetRegistryPolicy>(Default::default())
        .await
        .expect("kept");
    assert_eq!(got.policy_text.as_deref(), Some(text));
    world
        .call::<op::DeleteRegistryPolicy>(Default::default())
        .await
        .expect("deleted");

    let described = world
        .call::<op::DescribeRegistry>(Default::default())
        .await
        .expect("described");
    let rules = described.replication_configuration.and_then(|it| it.rules);
    assert_eq!(rules.map(|it| it.len()), Some(0));
    let rule = ReplicationRule {
        destinations: Some(vec![]),
        ..Default::default()
    };
    let replicate = |rules| PutReplicationConfigurationRequest {
        replication_configuration: Some(ReplicationConfiguration { rules: Some(rules) }),
    };
    let refused = world
        .call::<op::PutReplicationConfiguration>(replicate(vec![rule]))
        .await;
    assert_eq!(
        refused.expect_err("refused").code,
        "UnsupportedFeatureException"
    );
    world
        .call::<op::PutReplicationConfiguration>(replicate(vec![]))
        .await
        .expect("none is so");
    let enhanced = PutRegistryScanningConfigurationRequest {
        scan_type: Some(ScanType::ENHANCED),
        rules: None,
    };
    let refused = world
        .call::<op::PutRegistryScanningConfiguration>(enhanced)
        .await;
    assert_eq!(
        refused.expect_err("refused").code,
        "UnsupportedFeatureException"
    );
    let setting = |name: &str| GetAccountSettingRequest {
        name: Some(name.to_owned()),
    };
    let mounting = world
        .call::<op::GetAccountSetting>(setting("BLOB_MOUNTING"))
        .await;
    assert_eq!(mounting.expect("known").value.as_deref(), Some("ENABLED"));
    let unknown = world.call::<op::GetAccountSetting>(setting("COLOUR")).await;
    assert_eq!(
        unknown.expect_err("refused").code,
        "InvalidParameterException"
    );
}
