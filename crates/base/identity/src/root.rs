//! The root credentials of an installation: made once, kept in a file that only its owner reads.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use clock::Clock;
use serde::{Deserialize, Serialize};

use crate::{Credentials, IdentityError};

/// In the data directory.
pub const ROOT_CREDENTIALS_FILE: &str = "root-credentials.json";
const OWNER_ONLY: u32 = 0o600;

#[derive(Serialize, Deserialize)]
struct CredentialsFile {
    access_key_id: String,
    secret_access_key: String,
}

/// Reads the root credentials of `data_dir`, or makes them if there are none.
pub fn root_credentials(data_dir: &Path, clock: &Clock) -> Result<Credentials, IdentityError> {
    let path = data_dir.join(ROOT_CREDENTIALS_FILE);
    match std::fs::read(&path) {
        Ok(bytes) => read(&path, &bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => create(data_dir, &path, clock),
        Err(error) => Err(failed("read", &path)(error)),
    }
}

fn read(path: &Path, bytes: &[u8]) -> Result<Credentials, IdentityError> {
    let malformed = |reason: String| IdentityError::Malformed {
        path: path.to_owned(),
        reason,
    };
    let file: CredentialsFile =
        serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    if file.access_key_id.is_empty() || file.secret_access_key.is_empty() {
        return Err(malformed("a field is empty".into()));
    }
    // A copy or a restore may have widened it.
    std::fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY))
        .map_err(failed("protect", path))?;
    Ok(Credentials::new(file.access_key_id, file.secret_access_key))
}

/// Whole or not at all, and never over a file that another process made meanwhile.
fn create(data_dir: &Path, path: &Path, clock: &Clock) -> Result<Credentials, IdentityError> {
    let credentials = Credentials::generate(clock);
    let text = serde_json::to_vec_pretty(&CredentialsFile {
        access_key_id: credentials.access_key_id.clone(),
        secret_access_key: credentials.secret_access_key.clone(),
    })
    .expect("two strings are always JSON");
    std::fs::create_dir_all(data_dir).map_err(failed("create", data_dir))?;
    let temporary = data_dir.join(format!("{ROOT_CREDENTIALS_FILE}.{}", clock.random_hex(8)));
    let written = write_owner_only(&temporary, &text)
        .and_then(|()| std::fs::hard_link(&temporary, path))
        .and_then(|()| File::open(data_dir)?.sync_all());
    let removed = std::fs::remove_file(&temporary);
    match written {
        Ok(()) => {
            removed.map_err(failed("remove", &temporary))?;
            Ok(credentials)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let bytes = std::fs::read(path).map_err(failed("read", path))?;
            read(path, &bytes)
        }
        Err(error) => Err(failed("write", path)(error)),
    }
}

fn write_owner_only(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(OWNER_ONLY)
        .open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> IdentityError {
    let path: PathBuf = path.to_owned();
    move |source| IdentityError::File {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_and_kept_from_others() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let data_dir = directory.path().join("data");
        let clock = Clock::system();
        let made = root_credentials(&data_dir, &clock).expect("made");
        let path = data_dir.join(ROOT_CREDENTIALS_FILE);
        let mode = || {
            std::fs::metadata(&path)
                .expect("exists")
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!(mode(), 0o600);

        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("chmod");
        assert_eq!(root_credentials(&data_dir, &clock).expect("read"), made);
        assert_eq!(mode(), 0o600);
        let files = std::fs::read_dir(&data_dir).expect("readable").count();
        assert_eq!(files, 1, "no temporary file stays");
    }

    #[test]
    fn two_that_start_at_once_agree() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let made: Vec<Credentials> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| root_credentials(directory.path(), &Clock::system())))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("no panic").expect("credentials"))
                .collect()
        });
        assert!(made.iter().all(|credentials| *credentials == made[0]));
    }

    #[test]
    fn a_broken_file_is_told_and_not_replaced() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join(ROOT_CREDENTIALS_FILE);
        std::fs::write(&path, "{").expect("written");
        let error = root_credentials(directory.path(), &Clock::system()).expect_err("refused");
        assert!(matches!(error, IdentityError::Malformed { .. }), "{error}");
        assert_eq!(std::fs::read(&path).expect("still there"), b"{");
    }
}
