//! Pulling: manifest, configuration, and the layers that are not here yet, several at once.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use clock::Clock;
use futures_util::{StreamExt, TryStreamExt, stream};
use nix::sys::statvfs::statvfs;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::download::Download;
use super::registry::{Descriptor, Manifest, Repository};
use super::store::{ImageStore, MAX_LAYERS, StoredImage, digest_of};
use super::unpack;
use crate::error::{PullError, with_causes};
use crate::image::{Image, ImageConfig, PullProgress, PullProgressSink, PullRequest};

/// As Docker's `max-concurrent-downloads`, and one more.
const PARALLEL_LAYERS: usize = 4;
/// Chunks between the network and the disk; about 16 KiB each.
const CHUNKS_IN_FLIGHT: usize = 64;
/// Decompressed, a quarter of a MiB each.
const BLOCKS_IN_FLIGHT: usize = 8;

/// Pulls images into a store.
#[derive(Clone)]
pub(crate) struct Puller {
    store: ImageStore,
    authorities: Arc<[Vec<u8>]>,
    clock: Clock,
    /// Two images that are pulled at once may share a layer, which is fetched once.
    layers_in_work: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>,
}

/// The part of an image's configuration that matters here.
#[derive(Deserialize)]
struct ConfigFile {
    #[serde(default)]
    config: Option<RunConfig>,
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RunConfig {
    env: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    user: Option<String>,
    working_dir: Option<String>,
    stop_signal: Option<String>,
    exposed_ports: Option<HashMap<String, serde::de::IgnoredAny>>,
    volumes: Option<HashMap<String, serde::de::IgnoredAny>>,
}

impl Puller {
    pub(crate) fn new(store: ImageStore, authorities: Vec<Vec<u8>>, clock: Clock) -> Self {
        Self {
            store,
            authorities: authorities.into(),
            clock,
            layers_in_work: Arc::default(),
        }
    }

    pub(crate) async fn pull(
        &self,
        request: PullRequest,
        progress: PullProgressSink,
    ) -> Result<Image, PullError> {
        let _kept = self.store.keep().await;
        let repository = Arc::new(Repository::new(&request, &self.authorities)?);
        let resolved = repository.resolve().await?;
        let known = self
            .store
            .find(&request.reference)
            .filter(|stored| stored.image.digest == resolved.digest);
        if let Some(stored) = known {
            self.store.touch(&request.reference, self.clock.now());
            let layers = stored.layers.len();
            progress(PullProgress::Resolved {
                digest: resolved.digest,
                layers,
                present: layers,
            });
            return Ok(stored.image);
        }
        let manifest = repository.manifest_for_this_platform(&resolved).await?;
        let config = read_config(&repository, &manifest).await?;
        let layers = pair_layers(&request.reference, manifest, &config)?;
        let mut present = 0;
        for (_, diff_id) in &layers {
            present += usize::from(
                self.store
                    .layer(diff_id)
                    .map_err(|error| disk(&error))?
                    .is_some(),
            );
        }
        progress(PullProgress::Resolved {
            digest: resolved.digest.clone(),
            layers: layers.len(),
            present,
        });
        let work = layers.into_iter().map(|(descriptor, diff_id)| {
            self.ensure_layer(
                Arc::clone(&repository),
                descriptor,
                diff_id,
                Arc::clone(&progress),
            )
        });
        let names: Vec<String> = stream::iter(work)
            .buffered(PARALLEL_LAYERS)
            .try_collect()
            .await?;
        let image = Image {
            reference: request.reference,
            digest: resolved.digest,
            config: config.into(),
        };
        let stored = StoredImage {
            image: image.clone(),
            layers: names,
        };
        self.blocking(move |store| store.save(&stored))
            .await?
            .map_err(|error| disk(&error))?;
        self.sync_behind();
        Ok(image)
    }

    /// Nobody waits for it: until it is done the layers hold for this boot.
    pub(crate) fn sync_behind(&self) {
        let store = self.store.clone();
        drop(self.clock.spawn_blocking(move || {
            if let Err(error) = store.sync() {
                tracing::warn!(%error, "images cannot be synced; after a loss of power they are fetched again");
            }
        }));
    }

    async fn ensure_layer(
        &self,
        repository: Arc<Repository>,
        descriptor: Descriptor,
        diff_id: String,
        progress: PullProgressSink,
    ) -> Result<String, PullError> {
        let lock = {
            let mut layers = self
                .layers_in_work
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            Arc::clone(layers.entry(diff_id.clone()).or_default())
        };
        let guard = lock.lock().await;
        let ensured = match self.store.layer(&diff_id).map_err(|error| disk(&error))? {
            Some(name) => Ok(name),
            None => {
                self.fetch_layer(&repository, &descriptor, diff_id.clone(), &progress)
                    .await
            }
        };
        drop(guard);
        let mut layers = self
            .layers_in_work
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Ours and the map's: nobody waits for it any more.
        if Arc::strong_count(&lock) <= 2 {
            layers.remove(&diff_id);
        }
        ensured
    }

    async fn fetch_layer(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        diff_id: String,
        progress: &PullProgressSink,
    ) -> Result<String, PullError> {
        let (chunks, received) = mpsc::channel(CHUNKS_IN_FLIGHT);
        let random = self.clock.random_hex(16);
        let expected = descriptor.digest.clone();
        let (blocks, decompressed) = mpsc::channel(BLOCKS_IN_FLIGHT);
        let decompressing = self.blocking(move |_| decompress(received, &blocks));
        let unpacking = self.blocking(move |store| {
            let layer = UnpackedLayer::new(store, &random, expected)?;
            layer.fill(decompressed, &diff_id)?;
            Ok::<_, PullError>((layer, diff_id))
        });
        let download = Download {
            repository,
            descriptor,
            clock: &self.clock,
            chunks,
            progress,
        };
        let (unpacked, compressed, received) =
            futures_util::future::join3(unpacking, decompressing, download.run()).await;
        received?;
        let (layer, diff_id) = unpacked??;
        let compressed = compressed?.map_err(|error| layer.failed(&error))?;
        compare("layer", &descriptor.digest, &compressed)?;
        let name = self
            .blocking(move |store| store.adopt_layer(&diff_id, layer.directory()))
            .await?
            .map_err(|error| disk(&error))?;
        progress(PullProgress::Unpacked {
            digest: descriptor.digest.clone(),
        });
        Ok(name)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ImageStore) -> T + Send + 'static,
    ) -> Result<T, PullError> {
        let store = self.store.clone();
        let done = self.clock.spawn_blocking(move || work(&store)).await;
        done.map_err(|error| disk(&io::Error::other(error)))
    }
}

async fn read_config(
    repository: &Repository,
    manifest: &Manifest,
) -> Result<ConfigFile, PullError> {
    let bytes = repository.config(&manifest.config).await?;
    compare("config", &manifest.config.digest, &digest_of(&bytes))?;
    repository.parse(&bytes)
}

fn pair_layers(
    reference: &str,
    manifest: Manifest,
    config: &ConfigFile,
) -> Result<Vec<(Descriptor, String)>, PullError> {
    let diff_ids = &config.rootfs.diff_ids;
    if manifest.layers.len() != diff_ids.len() {
        let reason = format!(
            "{} layers, but {} diff_ids",
            manifest.layers.len(),
            diff_ids.len()
        );
        return Err(PullError::Registry {
            reference: reference.to_owned(),
            reason,
        });
    }
    if diff_ids.len() > MAX_LAYERS {
        return Err(PullError::TooManyLayers {
            layers: diff_ids.len(),
            limit: MAX_LAYERS,
        });
    }
    Ok(manifest
        .layers
        .into_iter()
        .zip(diff_ids.iter().cloned())
        .collect())
}

/// Between the network and the thread that unpacks: gunzip takes as long as writing files.
fn decompress(
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    blocks: &mpsc::Sender<io::Result<Bytes>>,
) -> io::Result<String> {
    let nobody = || io::Error::from(io::ErrorKind::BrokenPipe);
    let pass_on = |block| blocks.blocking_send(Ok(block)).map_err(|_| nobody());
    unpack::decompress(ChunkReader::new(chunks), pass_on).inspect_err(|error| {
        let told = io::Error::new(error.kind(), with_causes(error));
        // Who unpacks may have ended, and says why.
        let _ = blocks.blocking_send(Err(told));
    })
}

/// A directory that becomes a layer, or goes.
struct UnpackedLayer {
    directory: PathBuf,
    /// The layer's name in messages.
    digest: String,
}

impl UnpackedLayer {
    fn new(store: &ImageStore, random: &str, digest: String) -> Result<Self, PullError> {
        let directory = store.new_directory(random).map_err(|error| {
            no_space(&error, &digest, &store.layers_directory()).unwrap_or_else(|| disk(&error))
        })?;
        Ok(Self { directory, digest })
    }

    fn directory(&self) -> &Path {
        &self.directory
    }

    fn fill(
        &self,
        blocks: mpsc::Receiver<io::Result<Bytes>>,
        diff_id: &str,
    ) -> Result<(), PullError> {
        let unpacked = unpack::unpack(ChunkReader::new(blocks), &self.directory);
        let digest = unpacked.map_err(|error| self.failed(&error))?;
        compare("layer's diff_id", diff_id, &digest)
    }

    fn failed(&self, error: &io::Error) -> PullError {
        no_space(error, &self.digest, &self.directory).unwrap_or_else(|| PullError::Unpack {
            layer: self.digest.clone(),
            reason: with_causes(error),
        })
    }
}

impl Drop for UnpackedLayer {
    /// Taken into the store it is not here any more. What cannot be deleted now is deleted at the next start.
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A full disk is an operator's everyday; it is said in so many words, blocks and inodes apart.
fn no_space(error: &io::Error, layer: &str, directory: &Path) -> Option<PullError> {
    let is_full = matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    );
    let what = match statvfs(directory) {
        Ok(file_system) if file_system.files() > 0 && file_system.files_available() == 0 => {
            "inodes"
        }
        _ => "space",
    };
    is_full.then(|| PullError::NoSpace {
        layer: layer.to_owned(),
        path: directory.display().to_string(),
        what,
    })
}

fn compare(what: &str, expected: &str, actual: &str) -> Result<(), PullError> {
    if expected == actual {
        return Ok(());
    }
    let (expected, actual) = (expected.to_owned(), actual.to_owned());
    Err(PullError::DigestMismatch {
        what: what.to_owned(),
        expected,
        actual,
    })
}

fn disk(error: &io::Error) -> PullError {
    PullError::Disk {
        path: "image store".to_owned(),
        reason: error.to_string(),
    }
}

impl From<ConfigFile> for ImageConfig {
    fn from(file: ConfigFile) -> Self {
        let config = file.config.unwrap_or_default();
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let sorted = |set: Option<HashMap<String, serde::de::IgnoredAny>>| {
            let mut names: Vec<String> = set.unwrap_or_default().into_keys().collect();
            names.sort();
            names
        };
        Self {
            environment: config.env.unwrap_or_default(),
            command: config.cmd.unwrap_or_default(),
            entrypoint: config.entrypoint.unwrap_or_default(),
            user: given(config.user),
            working_directory: given(config.working_dir),
            stop_signal: given(config.stop_signal),
            exposed_ports: sorted(config.exposed_ports),
            volumes: sorted(config.volumes),
        }
    }
}

/// The blocking end of a download.
struct ChunkReader {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl ChunkReader {
    fn new(chunks: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        Self {
            chunks,
            current: Bytes::new(),
        }
    }
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.current = chunk?,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.current.len());
        buffer[..length].copy_from_slice(&self.current.split_to(length));
        Ok(length)
    }
}
