//! The vault over a store in memory: what opens, what does not, and rotation.

use std::path::Path;
use std::sync::Arc;

use clock::Clock;
use proptest::prelude::*;
use state::{MemoryEngine, Schema, Store};
use vault::{DataKeyRecord, Purpose, ROOT_KEY_FILE, Vault, VaultError, check_root_key_file};

const PURPOSE: Purpose<'static> = Purpose {
    table: "secrets",
    key: "123456789012/us-east-1/db",
    label: "v1",
};

async fn open_store(engine: &Arc<MemoryEngine>) -> Store {
    let schema = Vault::schema(Schema::new());
    Store::open(engine.clone(), schema, Clock::system())
        .await
        .expect("opens")
}

async fn open(engine: &Arc<MemoryEngine>, directory: &Path) -> Result<Arc<Vault>, VaultError> {
    Vault::open(open_store(engine).await, Clock::system(), directory).await
}

fn engine() -> Arc<MemoryEngine> {
    Arc::new(MemoryEngine::default())
}

#[tokio::test]
async fn what_was_sealed_opens_after_a_restart_and_nowhere_else() {
    let (engine, directory) = (engine(), tempfile::tempdir().expect("a directory"));
    let vault = open(&engine, directory.path()).await.expect("opens");
    let sealed = vault.seal(PURPOSE, b"hunter2").await.expect("seals");
    assert!(!format!("{sealed:?}").contains("hunter2"));
    drop(vault);
    let vault = open(&engine, directory.path()).await.expect("opens again");
    let opened = vault.open_sealed(PURPOSE, &sealed).expect("opens");
    assert_eq!(&*opened, b"hunter2");
    assert_eq!(format!("{opened:?}"), "Plaintext(***)");
    for elsewhere in [
        Purpose {
            table: "other",
            ..PURPOSE
        },
        Purpose {
            key: "123456789012/us-east-1/db2",
            ..PURPOSE
        },
        Purpose {
            label: "v2",
            ..PURPOSE
        },
    ] {
        let refused = vault.open_sealed(elsewhere, &sealed).expect_err("refused");
        assert!(matches!(refused, VaultError::NotAuthentic), "{refused}");
    }
}

#[tokio::test]
async fn a_rotation_wraps_anew_and_keeps_what_was_sealed() {
    let (engine, directory) = (engine(), tempfile::tempdir().expect("a directory"));
    let store = open_store(&engine).await;
    let vault = Vault::open(store.clone(), Clock::system(), directory.path())
        .await
        .expect("opens");
    let before = vault.seal(PURPOSE, b"old").await.expect("seals");
    let file = directory.path().join(ROOT_KEY_FILE);
    let old_file = std::fs::read(&file).expect("reads");
    let old_id = vault.root_key_id();
    let rotated = vault.rotate().await.expect("rotates");
    assert_ne!(rotated.root_key_id, old_id);
    assert_eq!(rotated.data_keys, 2);
    assert_eq!(
        check_root_key_file(&file).expect("a key file"),
        [rotated.root_key_id.clone()]
    );
    let after = vault.seal(PURPOSE, b"new").await.expect("seals");
    assert_ne!(before.data_key_id(), after.data_key_id());
    store
        .read(|head| {
            let mut keys = head.scan::<DataKeyRecord>("");
            assert!(keys.all(|key| key.root_key_id == rotated.root_key_id));
        })
        .head();
    drop((vault, store));
    let vault = open(&engine, directory.path()).await.expect("opens");
    assert_eq!(
        &*vault.open_sealed(PURPOSE, &before).expect("opens"),
        b"old"
    );
    assert_eq!(&*vault.open_sealed(PURPOSE, &after).expect("opens"), b"new");
    // The key of before opens nothing any more.
    std::fs::write(&file, old_file).expect("writes");
    let refused = open(&engine, directory.path()).await.expect_err("refused");
    assert!(
        matches!(refused, VaultError::RootKeyMissing { .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn a_rotation_that_was_cut_off_is_ended_at_the_next_start() {
    let (engine, directory) = (engine(), tempfile::tempdir().expect("a directory"));
    let vault = open(&engine, directory.path()).await.expect("opens");
    let sealed = vault.seal(PURPOSE, b"kept").await.expect("seals");
    drop(vault);
    // As a crash leaves it between the two writes of the file: a new key before the old one, data keys not wrapped yet.
    let file = directory.path().join(ROOT_KEY_FILE);
    let old: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).expect("reads")).expect("JSON");
    let other = tempfile::tempdir().expect("a directory");
    drop(open(&self::engine(), other.path()).await.expect("opens"));
    let new = std::fs::read(other.path().join(ROOT_KEY_FILE)).expect("reads");
    let mut both: serde_json::Value = serde_json::from_slice(&new).expect("JSON");
    let old_key = old["keys"][0].clone();
    both["keys"].as_array_mut().expect("a list").push(old_key);
    std::fs::write(&file, both.to_string()).expect("writes");
    let vault = open(&engine, directory.path()).await.expect("opens");
    assert_eq!(check_root_key_file(&file).expect("a key file").len(), 1);
    assert_eq!(
        &*vault.open_sealed(PURPOSE, &sealed).expect("opens"),
        b"kept"
    );
}

#[tokio::test]
async fn without_its_root_key_a_state_with_secrets_does_not_open() {
    use std::os::unix::fs::PermissionsExt;
    let (engine, directory) = (engine(), tempfile::tempdir().expect("a directory"));
    let vault = open(&engine, directory.path()).await.expect("opens");
    let file = directory.path().join(ROOT_KEY_FILE);
    let mode = std::fs::metadata(&file)
        .expect("is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::remove_file(&file).expect("removes");
    drop(vault);
    let vault = open(&engine, directory.path())
        .await
        .expect("nothing was sealed: a new key does");
    let _ = vault.seal(PURPOSE, b"x").await.expect("seals");
    drop(vault);
    std::fs::remove_file(&file).expect("removes");
    let refused = open(&engine, directory.path()).await.expect_err("refused");
    assert!(
        refused.to_string().contains("copy the file there"),
        "{refused}"
    );
    assert!(!file.exists(), "no new key is made");
    std::fs::write(&file, "{}").expect("writes");
    let refused = open(&engine, directory.path()).await.expect_err("refused");
    assert!(matches!(refused, VaultError::Malformed { .. }), "{refused}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_come_back_and_no_touched_ones_do(plaintext in proptest::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (engine, directory) = (engine(), tempfile::tempdir().expect("a directory"));
            let vault = open(&engine, directory.path()).await.expect("opens");
            let sealed = vault.seal(PURPOSE, &plaintext).await.expect("seals");
            let opened = vault.open_sealed(PURPOSE, &sealed).expect("opens");
            prop_assert_eq!(&*opened, &plaintext[..]);
            let mut json = serde_json::to_value(&sealed).expect("serializes");
            let bytes = json["bytes"].as_array_mut().expect("a list of numbers in JSON");
            let place = at.index(bytes.len());
            let byte = bytes[place].as_u64().expect("a byte") as u8 ^ (1 << bit);
            bytes[place] = byte.into();
            let touched = serde_json::from_value(json).expect("reads");
            prop_assert!(vault.open_sealed(PURPOSE, &touched).is_err());
            Ok(())
        })?;
    }
}
