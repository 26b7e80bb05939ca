//! Uploads under way: a file that grows, and the digest of what is in it so far.
//!
//! The file is the truth: its length is the offset, so an upload survives a restart of the server (the digest is
//! then computed again) and a broken connection keeps what had arrived.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use clock::Clock;
use http_body_util::BodyExt;
use limits::{BLOB_CHUNK_BYTES, LAYER_MAX_BYTES, UPLOADS_OPEN_MAX};

use crate::answer::BoxError;
use crate::content::ContentError;
use crate::digest::{Digest, Hasher};

/// The body of a request, whatever the server's own type is.
pub(crate) type RequestBody = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;

pub(crate) struct Uploads {
    directory: PathBuf,
    clock: Clock,
    open: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Upload>>>>,
}

/// One upload; `live` is absent until the file has been read, and while a write is under way.
pub(crate) struct Upload {
    path: PathBuf,
    live: Option<Live>,
}

struct Live {
    file: Arc<File>,
    hasher: Hasher,
    offset: u64,
}

impl Uploads {
    pub fn new(directory: PathBuf, clock: Clock) -> Self {
        Self {
            directory,
            clock,
            open: Mutex::default(),
        }
    }

    /// Starts one; `owner` (the repository) is part of the id, so that no other repository can go on with it.
    pub async fn begin(&self, owner: &str) -> Result<String, ContentError> {
        let id = Self::id_of(owner, &self.clock.uuid());
        let path = self.directory.join(&id);
        {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if open.len() >= UPLOADS_OPEN_MAX {
                return Err(ContentError::TooManyUploads);
            }
            let upload = Upload {
                path: path.clone(),
                live: None,
            };
            open.insert(id.clone(), Arc::new(tokio::sync::Mutex::new(upload)));
        }
        self.blocking(move || File::create_new(path)).await?;
        Ok(id)
    }

    /// The id of an upload whose first part is known.
    pub fn id_of(owner: &str, uuid: &str) -> String {
        format!("{uuid}.{}", owner_mark(owner))
    }

    /// The upload of this id that `owner` began, perhaps before a restart.
    pub fn find(
        &self,
        owner: &str,
        id: &str,
    ) -> Result<Arc<tokio::sync::Mutex<Upload>>, ContentError> {
        let known_characters =
            |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        let path = self.directory.join(id);
        if !id.bytes().all(known_characters)
            || id.rsplit_once('.').map(|(_, mark)| mark) != Some(&owner_mark(owner))
            || !path.exists()
        {
            return Err(ContentError::UploadUnknown);
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let upload = open
            .entry(id.to_owned())
            .or_insert_with(|| Arc::new(tokio::sync::Mutex::new(Upload { path, live: None })));
        Ok(Arc::clone(upload))
    }

    /// How many bytes have arrived.
    pub async fn offset(&self, upload: &mut Upload) -> Result<u64, ContentError> {
        let live = self.live(upload).await?;
        let offset = live.offset;
        upload.live = Some(live);
        Ok(offset)
    }

    /// Adds a body to the upload; returns how many bytes have arrived in all.
    pub async fn receive(
        &self,
        upload: &mut Upload,
        mut body: RequestBody,
    ) -> Result<u64, ContentError> {
        let mut waiting = Vec::new();
        let mut waiting_bytes = 0;
        while let Some(frame) = body.frame().await {
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => {
                    // What had arrived stays: the client asks for the offset and goes on from there.
                    self.write(upload, waiting).await?;
                    return Err(ContentError::BodyEnded(error.to_string()));
                }
            };
            let Ok(data) = frame.into_data() else {
                continue;
            };
            waiting_bytes += data.len();
            waiting.push(data);
            if waiting_bytes >= BLOB_CHUNK_BYTES {
                waiting_bytes = 0;
                self.write(upload, std::mem::take(&mut waiting)).await?;
            }
        }
        self.write(upload, waiting).await
    }

    /// Checks the digest and syncs the file; the caller then moves `path` away and calls [`Uploads::forget`].
    pub async fn seal(
        &self,
        upload: &mut Upload,
        expected: &Digest,
    ) -> Result<(PathBuf, u64), ContentError> {
        let live = self.live(upload).await?;
        let actual = live.hasher.clone().finish();
        let (file, size) = (Arc::clone(&live.file), live.offset);
        upload.live = Some(live);
        if actual != *expected {
            return Err(ContentError::Digest {
                expected: expected.clone(),
                actual,
            });
        }
        self.blocking(move || file.sync_all()).await?;
        Ok((upload.path.clone(), size))
    }

    /// Drops what is remembered of an upload; its file is the caller's.
    pub fn forget(&self, id: &str) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.remove(id);
    }

    /// Throws an upload away.
    pub async fn cancel(&self, id: &str) -> Result<(), ContentError> {
        self.forget(id);
        let path = self.directory.join(id);
        self.blocking(move || crate::blobs::found(fs::remove_file(path)))
            .await?;
        Ok(())
    }

    /// Throws away what has stood still for longer than `idle`, by the file's own time; returns how many.
    pub async fn expire(&self, idle: Duration) -> Result<usize, ContentError> {
        let now_millis = self.clock.now().0;
        let directory = self.directory.clone();
        let old = self
            .blocking(move || {
                let mut old = Vec::new();
                for entry in fs::read_dir(directory)? {
                    let entry = entry?;
                    let modified = entry.metadata()?.modified()?;
                    let modified_millis = modified
                        .duration_since(std::time::UNIX_EPOCH)
                        .map_or(0, |since| since.as_millis() as i64);
                    if now_millis.saturating_sub(modified_millis) > idle.as_millis() as i64 {
                        old.push(entry.file_name().to_string_lossy().into_owned());
                    }
                }
                Ok(old)
            })
            .await?;
        for id in &old {
            self.cancel(id).await?;
        }
        Ok(old.len())
    }

    async fn write(&self, upload: &mut Upload, chunks: Vec<Bytes>) -> Result<u64, ContentError> {
        let mut live = self.live(upload).await?;
        let added: u64 = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        if live.offset + added > LAYER_MAX_BYTES {
            upload.live = Some(live);
            return Err(ContentError::TooLarge);
        }
        let live = self
            .blocking(move || {
                for chunk in &chunks {
                    live.file.write_all_at(chunk, live.offset)?;
                    live.hasher.update(chunk);
                    live.offset += chunk.len() as u64;
                }
                Ok(live)
            })
            .await?;
        let offset = live.offset;
        upload.live = Some(live);
        Ok(offset)
    }

    /// Takes the upload's state out, or reads it again from the file.
    async fn live(&self, upload: &mut Upload) -> Result<Live, ContentError> {
        if let Some(live) = upload.live.take() {
            return Ok(live);
        }
        let path = upload.path.clone();
        let read = self.blocking(move || read_back(&path)).await;
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(ContentError::UploadUnknown)
            }
            other => Ok(other?),
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        self.clock
            .spawn_blocking(work)
            .await
            .map_err(io::Error::other)?
    }
}

fn read_back(path: &std::path::Path) -> io::Result<Live> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut hasher = Hasher::new();
    let mut chunk = vec![0; BLOB_CHUNK_BYTES];
    let mut offset = 0;
    loop {
        let length = file.read(&mut chunk)?;
        if length == 0 {
            break;
        }
        hasher.update(&chunk[..length]);
        offset += length as u64;
    }
    Ok(Live {
        file: Arc::new(file),
        hasher,
        offset,
    })
}

fn owner_mark(owner: &str) -> String {
    Digest::of(owner.as_bytes()).hex()[..16].to_owned()
}
