//! ECR's API and the registry over the same tables, on a store on disk.

mod images;
mod lifecycle;
mod repository_settings;

use std::path::Path;
use std::sync::Arc;

use api_ecr::operations as op;
use api_ecr::types::*;
use base64::Engine;
use bytes::Bytes;
use clock::Clock;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use registry::push::{Answer, ImageSettings, Pushed, Source, Transport, push};
use registry::{Content, Registry};
use service_ecr::{Config, Ecr};
use state::{Schema, Store};
use wire::{Ask, Authorizer, Caller, Error, Handle, Principal};

const ACCOUNT: &str = "123456789012";

/// Root may do all, nodes may pull.
struct Policy;

impl Authorizer for Policy {
    fn allow(&self, caller: &Caller, ask: &Ask) -> Result<(), Error> {
        match (&caller.principal, ask.action) {
            (Principal::Root, _) | (_, "ecr:BatchGetImage") => Ok(()),
            _ => Err(Error::client("AccessDeniedException", "not allowed")),
        }
    }
}

struct World {
    ecr: Arc<Ecr>,
    registry: Registry,
    store: Store,
    clock: Clock,
}

impl World {
    async fn open(directory: &Path) -> Self {
        let clock = Clock::system();
        let engine = engine_log::LogEngine::open(directory.join("state")).expect("opens");
        let schema = Ecr::schema(Schema::new());
        let store = Store::open(Arc::new(engine), schema, clock.clone())
            .await
            .expect("opens");
        let config = Config {
            account: ACCOUNT.to_owned(),
            region: "us-east-1".to_owned(),
            endpoint: "http://127.0.0.1:4580".to_owned(),
            anonymous_is_root: false,
        };
        let content = Content::open(&directory.join("registry"), clock.clone()).expect("opens");
        let policy = Arc::new(Policy);
        let ecr = Ecr::open(
            store.clone(),
            clock.clone(),
            config,
            policy,
            content.clone(),
        )
        .await
        .expect("opens");
        let registry = Registry::new(content, ecr.clone(), ecr.clone(), clock.clone());
        Self {
            ecr,
            registry,
            store,
            clock,
        }
    }

    async fn call<O: wire::Operation>(&self, input: O::Input) -> Result<O::Output, Error>
    where
        Ecr: Handle<O>,
    {
        Handle::<O>::handle(&*self.ecr, &caller(Principal::Root), input).await
    }

    async fn create(&self, name: &str) -> Result<Repository, Error> {
        let input = CreateRepositoryRequest {
            repository_name: Some(name.to_owned()),
            ..Default::default()
        };
        let created = self.call::<op::CreateRepository>(input).await?;
        Ok(created.repository.expect("a repository"))
    }

    async fn token(&self, principal: Principal) -> String {
        let request = GetAuthorizationTokenRequest::default();
        let caller = caller(principal);
        let answer = Handle::<op::GetAuthorizationToken>::handle(&*self.ecr, &caller, request);
        let data = answer.await.expect("a token").authorization_data;
        let data = data.expect("data").remove(0);
        assert_eq!(
            data.proxy_endpoint.as_deref(),
            Some("http://127.0.0.1:4580")
        );
        let decoded = base64::engine::general_purpose::STANDARD
            .decode(data.authorization_token.expect("a token"))
            .expect("base64");
        let text = String::from_utf8(decoded).expect("text");
        text.strip_prefix("AWS:").expect("user AWS").to_owned()
    }

    async fn push(&self, content: &str, reference: &str) -> Result<Pushed, String> {
        let scratch = tempfile::tempdir().expect("a directory");
        std::fs::write(scratch.path().join("file"), content).expect("writes");
        let source = Source::open(scratch.path(), &ImageSettings::default()).expect("reads");
        let (repository, tag) = reference.split_once(':').expect("name:tag");
        let client = self.client(Principal::Root).await;
        let image = &source.images[0];
        push(&client, &self.clock, repository, Some(tag), image, &|_| {})
            .await
            .map_err(|error| error.to_string())
    }

    async fn client(&self, principal: Principal) -> Client {
        Client {
            registry: self.registry.clone(),
            token: self.token(principal).await,
        }
    }

    async fn details(&self, repository: &str) -> Vec<ImageDetail> {
        let input = DescribeImagesRequest {
            repository_name: Some(repository.to_owned()),
            ..Default::default()
        };
        let described = self.call::<op::DescribeImages>(input).await;
        described.expect("described").image_details.expect("a list")
    }
}

struct Client {
    registry: Registry,
    token: String,
}

impl Transport for Client {
    fn send<'a>(
        &'a self,
        method: Method,
        path: &'a str,
        headers: HeaderMap,
        body: Bytes,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Answer, String>> + Send + 'a>> {
        Box::pin(async move {
            let mut request = Request::new(Full::new(body));
            *request.method_mut() = method;
            *request.uri_mut() = path.parse().expect("a path");
            *request.headers_mut() = headers;
            let bearer = format!("Bearer {}", self.token);
            let bearer = bearer.parse().expect("a header");
            request.headers_mut().insert("authorization", bearer);
            let (parts, body) = self.registry.handle(request).await.into_parts();
            let body = body.collect().await.expect("a body").to_bytes();
            Ok(Answer {
                status: parts.status,
                headers: parts.headers,
                body,
            })
        })
    }
}

impl Client {
    async fn request(&self, method: Method, path: &str) -> Answer {
        let sent = self.send(method, path, HeaderMap::new(), Bytes::new());
        sent.await.expect("an answer")
    }
}

fn caller(principal: Principal) -> Caller {
    Caller {
        account: ACCOUNT.to_owned(),
        region: "us-east-1".to_owned(),
        principal,
        access_key_id: "AKIA".to_owned(),
        request_id: "id".to_owned(),
        source_ip: None,
        user_agent: String::new(),
    }
}

fn id(tag: Option<&str>, digest: Option<&str>) -> ImageIdentifier {
    ImageIdentifier {
        image_tag: tag.map(str::to_owned),
        image_digest: digest.map(str::to_owned),
    }
}

#[tokio::test]
async fn repositories_have_ecrs_words() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::open(directory.path()).await;
    let made = world.create("team/demo").await.expect("created");
    assert_eq!(
        made.repository_arn.as_deref(),
        Some("arn:aws:ecr:us-east-1:123456789012:repository/team/demo")
    );
    assert_eq!(
        made.repository_uri.as_deref(),
        Some("123456789012.dkr.ecr.us-east-1.amazonaws.com/team/demo")
    );
    let again = world.create("team/demo").await.expect_err("refused");
    assert_eq!(again.code, "RepositoryAlreadyExistsException");
    assert_eq!(
        again.message,
        "The repository with name 'team/demo' already exists in the registry with id '123456789012'"
    );
    let bad = world.create("Team").await.expect_err("refused");
    assert_eq!(bad.code, "InvalidParameterException");
    let scanning = CreateRepositoryRequest {
        repository_name: Some("scanned".to_owned()),
        image_scanning_configuration: Some(ImageScanningConfiguration {
            scan_on_push: Some(true),
        }),
        ..Default::default()
    };
    let refused = world.call::<op::CreateRepository>(scanning).await;
    let refused = refused.expect_err("refused");
    assert_eq!(refused.code, "UnsupportedFeatureException");
    assert!(refused.message.contains("scanOnPush"));

    let nowhere = DescribeRepositoriesRequest {
        repository_names: Some(vec!["nowhere".to_owned()]),
        ..Default::default()
    };
    let missing = world.call::<op::DescribeRepositories>(nowhere).await;
    let missing = missing.expect_err("refused");
    assert_eq!(
        missing.to_string(),
        "RepositoryNotFoundException: The repository with name 'nowhere' does not exist in the registry with id \
         '123456789012'"
    );
    world.create("alpha").await.expect("created");
    let mut names = Vec::new();
    let mut next_token = None;
    loop {
        let page = DescribeRepositoriesRequest {
            max_results: Some(1),
            next_token,
            ..Default::default()
        };
        let page = world.call::<op::DescribeRepositories>(page).await;
        let page = page.expect("a page");
        let found = page.repositories.expect("a list").into_iter();
        names.extend(found.map(|repository| repository.repository_name.expect("a name")));
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    assert_eq!(names, ["alpha", "team/demo"]);
}

#[tokio::test]
async fn what_is_pushed_is_listed_described_and_deleted() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::open(directory.path()).await;
    let missing = world.push("a", "demo:v1").await.expect_err("refused");
    assert!(
        missing.contains(
            "The repository with name 'demo' does not exist in the registry with id '123456789012'"
        ),
        "{missing}"
    );
    world.create("demo").await.expect("created");
    let first = world.push("a", "demo:v1").await.expect("pushed");
    world.push("a", "demo:latest").await.expect("pushed");
    let second = world.push("b", "demo:v2").await.expect("pushed");
    let details = world.details("demo").await;
    assert_eq!(details.len(), 2);
    let digest = first.digest.to_string();
    let detail = details
        .iter()
        .find(|detail| detail.image_digest.as_ref() == Some(&digest))
        .expect("described");
    let tags = ["latest".to_owned(), "v1".to_owned()];
    assert_eq!(detail.image_tags.as_deref(), Some(&tags[..]));
    assert_eq!(detail.image_size_in_bytes, Some(first.sent_bytes as i64));

    let list = ListImagesRequest {
        repository_name: Some("demo".to_owned()),
        ..Default::default()
    };
    let listed = world.call::<op::ListImages>(list).await.expect("listed");
    assert_eq!(listed.image_ids.expect("a list").len(), 3);

    let mismatched = id(Some("v1"), Some(second.digest.as_str()));
    let delete = |ids: Vec<ImageIdentifier>| BatchDeleteImageRequest {
        repository_name: Some("demo".to_owned()),
        image_ids: Some(ids),
        ..Default::default()
    };
    let ids = vec![id(Some("latest"), None), id(Some("nope"), None), mismatched];
    let answer = world.call::<op::BatchDeleteImage>(delete(ids)).await;
    let answer = answer.expect("answered");
    let gone = id(Some("latest"), Some(first.digest.as_str()));
    assert_eq!(answer.image_ids, Some(vec![gone]));
    let codes: Vec<_> = answer
        .failures
        .expect("a list")
        .into_iter()
        .map(|failure| failure.failure_code.expect("a code"))
        .collect();
    assert_eq!(
        codes,
        [
            ImageFailureCode::IMAGE_NOT_FOUND,
            ImageFailureCode::IMAGE_TAG_DOES_NOT_MATCH_DIGEST
        ]
    );
    assert_eq!(world.details("demo").await.len(), 2, "the tag only");

    let answer = world.call::<op::BatchDeleteImage>(delete(vec![id(Some("v1"), None)]));
    answer.await.expect("answered");
    let left = world.details("demo").await;
    assert_eq!(left.len(), 1, "the last tag takes the image");
    let swept = world.registry.sweep().await.expect("sweeps");
    assert_eq!(swept.blobs, 3, "manifest, configuration and layer");
    let client = world.client(Principal::Root).await;
    let answer = client.request(Method::GET, "/v2/demo/manifests/v2").await;
    assert_eq!(answer.status, StatusCode::OK, "the other image is whole");
}

#[tokio::test]
async fn a_repository_goes_with_its_images_only_by_force() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::open(directory.path()).await;
    world.create("demo").await.expect("created");
    world.create("demo2").await.expect("created");
    for number in 0..60 {
        let reference = format!("demo:v{number}");
        world
            .push(&number.to_string(), &reference)
            .await
            .expect("pushed");
    }
    world.push("other", "demo2:v1").await.expect("pushed");
    let delete = |force| DeleteRepositoryRequest {
        repository_name: Some("demo".to_owned()),
        force,
        ..Default::default()
    };
    let refused = world.call::<op::DeleteRepository>(delete(None)).await;
    let refused = refused.expect_err("refused");
    assert_eq!(refused.code, "RepositoryNotEmptyException");
    let deleted = world.call::<op::DeleteRepository>(delete(Some(true))).await;
    deleted.expect("deleted");
    let again = world.call::<op::DeleteRepository>(delete(Some(true))).await;
    assert_eq!(
        again.expect_err("refused").code,
        "RepositoryNotFoundException"
    );
    world.registry.sweep().await.expect("sweeps");
    assert_eq!(world.details("demo2").await.len(), 1);
    world.create("demo").await.expect("created");
    assert_eq!(world.details("demo").await, []);
}

#[tokio::test]
async fn immutable_tags_stay() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::open(directory.path()).await;
    let input = CreateRepositoryRequest {
        repository_name: Some("demo".to_owned()),
        image_tag_mutability: Some(ImageTagMutability::IMMUTABLE),
        ..Default::default()
    };
    world
        .call::<op::CreateRepository>(input)
        .await
        .expect("created");
    world.push("a", "demo:v1").await.expect("pushed");
    world.push("a", "demo:v1").await.expect("the same again");
    let refused = world.push("b", "demo:v1").await.expect_err("refused");
    let words = "The image tag 'v1' already exists in the 'demo' repository and cannot be overwritten because the \
                 repository is immutable.";
    assert!(refused.contains(words), "{refused}");
}

#[tokio::test]
async fn nodes_pull_and_do_not_push() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::open(directory.path()).await;
    world.create("demo").await.expect("created");
    world.push("a", "demo:v1").await.expect("pushed");
    let node = Principal::Node {
        node_id: "n1".to_owned(),
    };
    let client = world.client(node).await;
    let answer = client.request(Method::GET, "/v2/demo/manifests/v1").await;
    assert_eq!(answer.status, StatusCode::OK);
    let answer = client
        .request(Method::POST, "/v2/demo/blobs/uploads/")
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn images_and_tokens_survive_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::open(directory.path()).await;
    world.create("demo").await.expect("created");
    let pushed = world.push("a", "demo:v1").await.expect("pushed");
    let token = world.token(Principal::Root).await;
    world.store.close().await.expect("closes");
    drop(world);

    let world = World::open(directory.path()).await;
    let client = Client {
        registry: world.registry.clone(),
        token,
    };
    let answer = client.request(Method::HEAD, "/v2/demo/manifests/v1").await;
    assert_eq!(answer.status, StatusCode::OK);
    let digest = answer.headers.get("docker-content-digest");
    let digest = digest.and_then(|digest| digest.to_str().ok());
    assert_eq!(digest, Some(pushed.digest.as_str()));
}
