//! `gantry backup` and `gantry restore`. The file's format: docs/backup-format.md.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{BufWriter, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use api_gantry::operations::{CreateBackup, ReadBackup};
use api_gantry::types::{CreateBackupRequest, ReadBackupRequest};
use clock::Clock;
use engine_log::LogEngine;
use state::{BackupHeader, Engine, Schema, Store, read_backup, write_backup};
use vault::{Vault, VaultError};

use crate::{
    arguments::{Backup, Global, Restore},
    connect,
    paths::{DataDirectory, ROOT_CREDENTIALS},
    server,
};

/// A big state takes a while to write down.
const CREATE: Duration = Duration::from_secs(600);

pub async fn run(global: &Global, backup: Backup) -> anyhow::Result<ExitCode> {
    let file = &backup.file;
    ensure!(!file.exists(), "{} exists already", file.display());
    let unfinished = with_suffix(file, ".unfinished");
    let data = DataDirectory::new(global.data_dir.clone());
    // A server of this data directory has the state locked; and an endpoint that was named is meant.
    let is_served = global.endpoint.is_some() || server::running_pid(&data).is_some();
    let written = match is_served {
        true => from_server(global, &unfinished).await,
        false => from_directory(&data, &unfinished).await,
    };
    let (rows, revision) = written.inspect_err(|_| drop(fs::remove_file(&unfinished)))?;
    fs::rename(&unfinished, file)?;
    println!("{}: {rows} rows at revision {revision}", file.display());
    eprintln!(
        "It holds access keys and the root credentials: whoever reads it is root. Keep it as you keep those. Secrets are \
         encrypted in it, and the key is not in it: keep a copy of the server's {} elsewhere.",
        vault::ROOT_KEY_FILE
    );
    Ok(ExitCode::SUCCESS)
}

pub async fn restore(global: &Global, restore: Restore) -> anyhow::Result<ExitCode> {
    let data = DataDirectory::new(global.data_dir.clone());
    let directory = data.path();
    let is_empty = match directory.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(error).with_context(|| directory.display().to_string()),
    };
    ensure!(
        is_empty,
        "{} is not empty: restore into another data directory (--data-dir), or move this one away",
        directory.display()
    );
    let input = File::open(&restore.file);
    let input = input.with_context(|| format!("cannot read {}", restore.file.display()))?;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let unfinished = with_suffix(&data.state(), ".unfinished");
    let restored = fill(input, &unfinished, &data, restore.root_key.as_deref()).await;
    let (header, rows) = restored.inspect_err(|_| {
        drop(fs::remove_dir_all(&unfinished));
        drop(fs::remove_file(data.root_key()));
    })?;
    println!(
        "{}: {rows} rows, the state of revision {}",
        directory.display(),
        header.revision
    );
    Ok(ExitCode::SUCCESS)
}

async fn fill(
    input: File,
    unfinished: &Path,
    data: &DataDirectory,
    root_key: Option<&Path>,
) -> anyhow::Result<(BackupHeader, u64)> {
    let engine = LogEngine::open(unfinished)?;
    let (header, rows) = read_backup(input, &engine).await?;
    unlock(engine, data, root_key).await?;
    for name in header.files.keys() {
        ensure!(
            name == ROOT_CREDENTIALS,
            "the backup holds a file {name} that this binary does not know"
        );
    }
    if let Some(content) = header.files.get(ROOT_CREDENTIALS) {
        let mut file = create_secret(&data.root_credentials())?;
        file.write_all(content)?;
        file.sync_all()?;
    }
    fs::rename(unfinished, data.state())?;
    File::open(data.path())?.sync_all()?;
    Ok((header, rows))
}

/// Puts the root key in its place, and makes sure that it is the one that the secrets of the state need.
async fn unlock(
    engine: LogEngine,
    data: &DataDirectory,
    root_key: Option<&Path>,
) -> anyhow::Result<()> {
    if let Some(given) = root_key {
        vault::check_root_key_file(given)?;
        let mut file = create_secret(&data.root_key())?;
        file.write_all(&fs::read(given)?)?;
        file.sync_all()?;
    }
    let clock = Clock::system();
    let schema = Vault::schema(Schema::new());
    let store = Store::open(Arc::new(engine), schema, clock.clone()).await?;
    let opened = Vault::open(store.clone(), clock, data.path()).await;
    store.close().await?;
    match opened {
        Ok(_) => Ok(()),
        Err(VaultError::RootKeyMissing { root_key_id, .. }) => bail!(
            "the backup holds secrets under root key {root_key_id}: name the {} of the server that was backed up with \
             --root-key FILE",
            vault::ROOT_KEY_FILE
        ),
        Err(error) => Err(error.into()),
    }
}

async fn from_directory(data: &DataDirectory, out: &Path) -> anyhow::Result<(u64, u64)> {
    if !data.state().exists() {
        bail!("there is no state in {}", data.path().display());
    }
    let engine = LogEngine::open(data.state())?;
    let loaded = engine.load().await?;
    let revision = loaded.revision;
    let credentials = fs::read(data.root_credentials())?;
    let header = BackupHeader {
        revision,
        created_at_milliseconds: Clock::system().now().0,
        files: BTreeMap::from([(ROOT_CREDENTIALS.to_owned(), credentials)]),
    };
    let mut file = BufWriter::new(create_secret(out)?);
    let rows = write_backup(&header, loaded, &mut file).await?;
    file.flush()?;
    file.get_ref().sync_all()?;
    Ok((rows, revision))
}

async fn from_server(global: &Global, out: &Path) -> anyhow::Result<(u64, u64)> {
    let client = connect::client(global)?.with_call_timeout(CREATE);
    let made = client.call::<CreateBackup>(CreateBackupRequest::default());
    let made = made.await?;
    let total = made.bytes.unwrap_or_default();
    let mut file = create_secret(out)?;
    let mut offset = 0;
    while offset < total {
        let request = ReadBackupRequest {
            backup_id: made.backup_id.clone(),
            offset: Some(offset),
        };
        let part = client.call::<ReadBackup>(request).await?;
        let data = part.data.unwrap_or_default();
        ensure!(
            !data.is_empty(),
            "the server's backup is shorter than it said"
        );
        file.write_all(&data)?;
        offset += data.len() as i64;
    }
    file.sync_all()?;
    let count = |number: Option<i64>| number.unwrap_or_default() as u64;
    Ok((count(made.rows), count(made.revision)))
}

/// Access keys are in it.
fn create_secret(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600);
    file.open(path)
        .with_context(|| format!("cannot write {}", path.display()))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
