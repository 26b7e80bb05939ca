//! Gets images: our registry first where the name leaves it open, a login where one is needed, what is on disk when a
//! registry is out of reach, and one check at a time for any number of tasks that start together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clock::{Clock, UnixMillis};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use runtime::{
    Image, PullError, PullProgress, PullProgressSink, PullRequest, RegistryAuth, Runtime,
};

use super::image_reference::{Candidate, OwnRegistry, candidates, is_pinned, repository_and_tag};
use super::registries::Source;
use crate::api::Api;
use crate::options::{ImageOptions, PullBehavior};

/// A login is renewed this long before it ends.
const LOGIN_MARGIN: Duration = Duration::from_secs(30 * 60);
/// Used when the server does not say when a login ends.
const LOGIN_LIFE_ASSUMED: Duration = Duration::from_secs(60 * 60);
/// A registry out of reach is asked once more after this.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

type Pull = Shared<BoxFuture<'static, Result<Image, String>>>;

pub struct Images {
    puller: Arc<Puller>,
    under_way: Arc<Mutex<HashMap<String, Pull>>>,
}

struct Puller {
    runtime: Arc<dyn Runtime>,
    api: Arc<Api>,
    own: OwnRegistry,
    options: ImageOptions,
    clock: Clock,
    login: tokio::sync::Mutex<Option<(RegistryAuth, UnixMillis)>>,
}

impl Images {
    pub fn new(
        runtime: Arc<dyn Runtime>,
        api: Arc<Api>,
        own: OwnRegistry,
        options: ImageOptions,
        clock: Clock,
    ) -> Self {
        let puller = Puller {
            runtime,
            api,
            own,
            options,
            clock,
            login: Default::default(),
        };
        Self {
            puller: Arc::new(puller),
            under_way: Default::default(),
        }
    }

    /// Every reference under which this image may be on the node.
    pub fn references(&self, image: &str) -> Vec<String> {
        let places = candidates(image, &self.puller.own);
        places.into_iter().map(|place| place.reference).collect()
    }

    /// The image, unpacked; or the reason that the container shows.
    pub async fn pull(&self, image: &str) -> Result<Image, String> {
        let pull = {
            let mut under_way = self
                .under_way
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let start = || {
                let (puller, image) = (Arc::clone(&self.puller), image.to_owned());
                async move { puller.pull(&image).await }.boxed().shared()
            };
            under_way
                .entry(image.to_owned())
                .or_insert_with(start)
                .clone()
        };
        let outcome = pull.clone().await;
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Someone may have begun a new one in between.
        if under_way
            .get(image)
            .is_some_and(|current| current.ptr_eq(&pull))
        {
            under_way.remove(image);
        }
        outcome
    }

    /// With the login that a task definition names for the image's registry, for this task alone. A copy that is on the
    /// node for somebody else counts only once the registry has let this login see it.
    pub async fn pull_as(&self, image: &str, login: RegistryAuth) -> Result<Image, String> {
        let puller = &self.puller;
        let place = candidates(image, &puller.own)
            .into_iter()
            .find(|place| !place.ours);
        let place = place.ok_or_else(|| {
            format!("CannotPullContainerError: {image:?} is of Gantry's registry, which takes no other login")
        })?;
        let mut sources = puller.options.registries.sources(&place.reference);
        let Some(mut source) = sources.pop() else {
            return Err(format!(
                "CannotPullContainerError: {image:?} names no image"
            ));
        };
        source.auth = Some(login);
        let pulled = puller.fetch(&place.reference, source).await;
        pulled.map_err(|error| format!("CannotPullContainerError: {error}"))
    }
}

impl Puller {
    async fn pull(&self, image: &str) -> Result<Image, String> {
        let places = candidates(image, &self.own);
        let mut missing_with_us = false;
        for (index, place) in places.iter().enumerate() {
            let error = match self.pull_from(place).await {
                Ok(image) => return Ok(image),
                Err(error) => error,
            };
            // What we do not have, or cannot ask for, may be at the next place.
            let try_next = matches!(
                error,
                PullError::NotFound { .. } | PullError::Unreachable { .. }
            );
            if index + 1 < places.len() && try_next {
                missing_with_us = matches!(error, PullError::NotFound { .. });
                continue;
            }
            let note = if missing_with_us {
                format!(" (nor is it at {})", self.own.host)
            } else {
                String::new()
            };
            return Err(format!("CannotPullContainerError: {error}{note}"));
        }
        Err(format!(
            "CannotPullContainerError: {image:?} names no image"
        ))
    }

    async fn pull_from(&self, place: &Candidate) -> Result<Image, PullError> {
        let behavior = self.options.pull_behavior;
        let local = || self.runtime.image(&place.reference);
        if (is_pinned(&place.reference) || behavior == PullBehavior::PreferCached)
            && let Some(image) = local()
        {
            return Ok(image);
        }
        let mut error = match self.attempt(place).await {
            Ok(image) => return Ok(image),
            Err(error) => error,
        };
        let there = local();
        if matches!(error, PullError::Unreachable { .. }) && there.is_none() {
            self.clock.sleep(RETRY_PAUSE).await;
            match self.attempt(place).await {
                Ok(image) => return Ok(image),
                Err(again) => error = again,
            }
        }
        match there {
            // ECS's pull behaviour `default`: a copy on the node is good enough when the registry fails.
            Some(image)
                if behavior == PullBehavior::Default
                    && !matches!(error, PullError::NotFound { .. }) =>
            {
                tracing::warn!(%error, reference = place.reference, "using the copy on this node");
                Ok(image)
            }
            _ => Err(error),
        }
    }

    async fn attempt(&self, place: &Candidate) -> Result<Image, PullError> {
        if !place.ours {
            return self.pull_from_outside(&place.reference).await;
        }
        let auth = self.login(place).await?;
        if let Some(image) = self.current_copy(place, &auth).await {
            return Ok(image);
        }
        let source = Source {
            endpoint: place.endpoint.clone(),
            auth: Some(auth),
        };
        let outcome = self.fetch(&place.reference, source).await;
        if matches!(outcome, Err(PullError::Unauthorized { .. })) {
            // The server may have new keys; the next attempt logs in again.
            *self.login.lock().await = None;
        }
        outcome
    }

    /// From the first mirror that has it, or else from where its name says.
    async fn pull_from_outside(&self, reference: &str) -> Result<Image, PullError> {
        let mut sources = self.options.registries.sources(reference).into_iter();
        let Some(mut source) = sources.next() else {
            return Err(PullError::NotFound {
                reference: reference.to_owned(),
            });
        };
        for next in sources {
            let mirror = source
                .endpoint
                .as_ref()
                .map(|endpoint| endpoint.host.clone());
            match self
                .fetch(reference, std::mem::replace(&mut source, next))
                .await
            {
                Ok(image) => return Ok(image),
                Err(error) => tracing::warn!(%error, reference, mirror, "the mirror failed"),
            }
        }
        self.fetch(reference, source).await
    }

    async fn fetch(&self, reference: &str, source: Source) -> Result<Image, PullError> {
        let request = PullRequest {
            reference: reference.to_owned(),
            auth: source.auth,
            endpoint: source.endpoint,
        };
        self.runtime.pull(request, log_progress(reference)).await
    }

    /// The copy on this node, if it is what our registry's tag means now.
    async fn current_copy(&self, place: &Candidate, auth: &RegistryAuth) -> Option<Image> {
        let image = self.runtime.image(&place.reference)?;
        let (repository, tag) = repository_and_tag(&place.reference)?;
        let digest = self
            .api
            .manifest_digest(repository, tag, auth)
            .await
            .ok()??;
        (digest == image.digest).then_some(image)
    }

    async fn login(&self, place: &Candidate) -> Result<RegistryAuth, PullError> {
        let mut login = self.login.lock().await;
        let now = self.clock.now();
        if let Some((auth, renew_at)) = &*login
            && now < *renew_at
        {
            return Ok(auth.clone());
        }
        let failed = |error: crate::AgentError| PullError::Unreachable {
            reference: place.reference.clone(),
            reason: format!("no login for our registry: {error}"),
        };
        let (auth, ends_at) = self.api.registry_login().await.map_err(failed)?;
        let renew_at = ends_at.map_or(now + LOGIN_LIFE_ASSUMED, |ends_at| ends_at - LOGIN_MARGIN);
        *login = Some((auth.clone(), renew_at));
        Ok(auth)
    }
}

fn log_progress(reference: &str) -> PullProgressSink {
    let reference = reference.to_owned();
    Arc::new(move |progress| match progress {
        PullProgress::Resolved {
            digest,
            layers,
            present,
        } if present < layers => {
            tracing::info!(reference, digest, layers, present, "pulling");
        }
        PullProgress::Unpacked { digest } => tracing::info!(reference, digest, "unpacked"),
        PullProgress::Layer {
            digest,
            received_bytes,
            total_bytes,
        } => {
            tracing::trace!(
                reference,
                digest,
                received_bytes,
                total_bytes,
                "downloading"
            );
        }
        PullProgress::Resolved { .. } => {}
    })
}
