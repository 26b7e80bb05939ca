//! `gantry image`: images in Gantry's registry.

use std::{future::Future, pin::Pin, process::ExitCode};

use anyhow::{Context, anyhow};
use api_ecr::{
    operations::{CreateRepository, DescribeImages, DescribeRepositories, GetAuthorizationToken},
    types::{
        CreateRepositoryRequest, DescribeImagesRequest, DescribeRepositoriesRequest,
        GetAuthorizationTokenRequest, ImageDetail,
    },
};
use bytes::Bytes;
use client::Client;
use clock::Clock;
use http::{HeaderMap, HeaderValue, Method, header::AUTHORIZATION};
use http_body_util::BodyExt;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use registry::push::{self, Answer, ImageSettings, Progress, Source, Transport};
use serde_json::json;

use crate::{
    arguments::{Global, Image, ImageImport, Output},
    connect, output,
};

pub async fn run(global: &Global, image: Image) -> anyhow::Result<ExitCode> {
    match image {
        Image::Import(import) => import_image(global, import).await,
        Image::Ls => list(global).await,
    }
}

async fn import_image(global: &Global, import: ImageImport) -> anyhow::Result<ExitCode> {
    let client = connect::client(global)?;
    let (repository, tag) = split_name(&import.name)?;
    let settings = ImageSettings {
        entrypoint: import.entrypoint.clone(),
        command: import.cmd.clone(),
        environment: import.environment.clone(),
        working_directory: import.working_dir.clone(),
        user: import.user.clone(),
        ..Default::default()
    };
    let path = import.source.clone();
    let source = tokio::task::spawn_blocking(move || Source::open(&path, &settings)).await??;
    let image = source
        .images
        .first()
        .with_context(|| format!("{} holds no image", import.source.display()))?;
    create_repository(&client, repository).await?;
    let transport = Authorised::new(client).await?;
    let progress = progress_bar(image.total_bytes());
    let clock = Clock::system();
    let pushed = push::push(&transport, &clock, repository, Some(tag), image, &|step| {
        show(&progress, &step);
    })
    .await?;
    progress.finish_and_clear();
    match global.output {
        Output::Json => output::json(&json!({
            "repository": repository, "tag": tag, "digest": pushed.digest.as_str(), "sentBytes": pushed.sent_bytes,
        })),
        Output::Table => println!(
            "imported {repository}:{tag} {} ({} sent)",
            pushed.digest.as_str(),
            HumanBytes(pushed.sent_bytes)
        ),
    }
    Ok(ExitCode::SUCCESS)
}

async fn create_repository(client: &Client, repository: &str) -> anyhow::Result<()> {
    let created = client
        .call::<CreateRepository>(CreateRepositoryRequest {
            repository_name: Some(repository.to_owned()),
            ..Default::default()
        })
        .await;
    match created {
        Err(error) if error.code() == Some("RepositoryAlreadyExistsException") => Ok(()),
        other => other.map(drop).map_err(Into::into),
    }
}

async fn list(global: &Global) -> anyhow::Result<ExitCode> {
    let client = connect::client(global)?;
    let mut rows = Vec::new();
    let mut next_token = None;
    loop {
        let page = client
            .call::<DescribeRepositories>(DescribeRepositoriesRequest {
                next_token,
                ..Default::default()
            })
            .await?;
        for repository in page.repositories.unwrap_or_default() {
            let name = repository.repository_name.unwrap_or_default();
            rows.extend(images_of(&client, &name).await?);
        }
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    match global.output {
        Output::Table if rows.is_empty() => {
            output::note("the registry is empty. `gantry image import SOURCE NAME:TAG` brings an image");
        }
        Output::Table => output::table(
            &["repository", "tag", "digest", "size"],
            rows.into_iter().map(|row| row.into()).collect(),
        ),
        Output::Json => output::json(
            &rows
                .iter()
                .map(|[repository, tag, digest, size]| json!({"repository": repository, "tag": tag, "digest": digest, "size": size}))
                .collect(),
        ),
    }
    Ok(ExitCode::SUCCESS)
}

async fn images_of(client: &Client, repository: &str) -> anyhow::Result<Vec<[String; 4]>> {
    let mut rows = Vec::new();
    let mut next_token = None;
    loop {
        let page = client
            .call::<DescribeImages>(DescribeImagesRequest {
                repository_name: Some(repository.to_owned()),
                next_token,
                ..Default::default()
            })
            .await?;
        for image in page.image_details.unwrap_or_default() {
            rows.extend(rows_of(repository, &image));
        }
        next_token = page.next_token;
        if next_token.is_none() {
            return Ok(rows);
        }
    }
}

/// One row a tag; an image without tags has one row too.
fn rows_of(repository: &str, image: &ImageDetail) -> Vec<[String; 4]> {
    let digest = image.image_digest.clone().unwrap_or_default();
    let size = HumanBytes(image.image_size_in_bytes.unwrap_or_default().unsigned_abs()).to_string();
    let tags = match image.image_tags.clone() {
        Some(tags) if !tags.is_empty() => tags,
        _ => vec!["<none>".into()],
    };
    tags.into_iter()
        .map(|tag| [repository.to_owned(), tag, digest.clone(), size.clone()])
        .collect()
}

/// The registry behind the endpoint, with a token of ours.
struct Authorised {
    client: Client,
    authorization: HeaderValue,
}

impl Authorised {
    async fn new(client: Client) -> anyhow::Result<Self> {
        let answer = client
            .call::<GetAuthorizationToken>(GetAuthorizationTokenRequest::default())
            .await?;
        let token = answer
            .authorization_data
            .and_then(|data| data.into_iter().next())
            .and_then(|data| data.authorization_token)
            .ok_or_else(|| anyhow!("the server gave no registry token"))?;
        let mut authorization = HeaderValue::from_str(&format!("Basic {token}"))?;
        authorization.set_sensitive(true);
        Ok(Self {
            client,
            authorization,
        })
    }
}

impl Transport for Authorised {
    fn send<'a>(
        &'a self,
        method: Method,
        path: &'a str,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, String>> + Send + 'a>> {
        Box::pin(async move {
            headers.insert(AUTHORIZATION, self.authorization.clone());
            let response = self
                .client
                .request(method, path, headers, client::full_body(body))
                .await
                .map_err(|error| error.to_string())?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| error.to_string())?;
            Ok(Answer {
                status: parts.status,
                headers: parts.headers,
                body: body.to_bytes(),
            })
        })
    }
}

fn split_name(name: &str) -> anyhow::Result<(&str, &str)> {
    let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
    if !names::is_repository_name(repository) || !names::is_image_tag(tag) {
        return Err(anyhow!(
            "`{name}` is not a name in Gantry's registry: it is NAME[:TAG], lower case, such as team/app:1"
        ));
    }
    Ok((repository, tag))
}

fn progress_bar(total_bytes: u64) -> ProgressBar {
    if !output::is_interactive() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec}")
        .expect("the template is well formed");
    ProgressBar::new(total_bytes).with_style(style)
}

fn show(progress: &ProgressBar, step: &Progress<'_>) {
    match step {
        Progress::Exists { size, .. } => progress.inc(*size),
        Progress::Sent { .. } => {}
        Progress::Done { size, .. } => progress.inc(*size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_tag() {
        assert_eq!(split_name("team/app").unwrap(), ("team/app", "latest"));
        assert_eq!(split_name("app:v1").unwrap(), ("app", "v1"));
        assert!(split_name("UPPER:v1").is_err());
        assert!(split_name("host:5000/app").is_err());
    }
}
