//! Pulling.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use runtime::{
    CollectedImages, ContainerSpec, ImageCleanup, PullError, PullProgress, RegistryEndpoint,
    Runtime, no_progress,
};

use crate::fixture::{Fixture, open, pull_request, registry};
use crate::registry::Registry;

#[tokio::test]
async fn an_image_is_pulled_once_and_says_how_to_run_it() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let image = fixture.runtime.image(&fixture.image).unwrap();
    assert_eq!(image.config.environment, ["FROM_IMAGE=yes"]);
    assert_eq!(image.config.command, ["sh"]);
    assert_eq!(image.config.working_directory.as_deref(), Some("/data"));
    assert_eq!(image.config.stop_signal.as_deref(), Some("SIGINT"));
    assert_eq!(image.config.exposed_ports, ["80/tcp"]);
    assert!(image.digest.starts_with("sha256:"));
    assert_eq!(fixture.runtime.image("another"), None);

    let heard = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&heard);
    let progress = Arc::new(move |step| sink.lock().unwrap().push(step));
    assert_eq!(
        fixture
            .runtime
            .pull(pull_request(&fixture.image), progress)
            .await
            .unwrap(),
        image
    );
    let digest = image.digest.clone();
    assert_eq!(
        *heard.lock().unwrap(),
        [PullProgress::Resolved {
            digest,
            layers: 2,
            present: 2
        }]
    );
    fixture.finish().await;
}

#[tokio::test]
async fn a_name_can_be_served_elsewhere() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let reference = "123456789012.dkr.ecr.us-east-1.amazonaws.com/test/busybox:latest";
    let mut request = pull_request(reference);
    request.endpoint = Some(RegistryEndpoint {
        path_prefix: String::new(),
        host: registry().address.clone(),
        plain_http: true,
    });
    assert_eq!(
        fixture
            .runtime
            .pull(request, no_progress())
            .await
            .unwrap()
            .reference,
        reference
    );
    let spec = ContainerSpec {
        image: reference.to_owned(),
        ..fixture.shell("c", "cat /data/seen")
    };
    assert_eq!(fixture.run(spec).await.1, "new\n");
    fixture.finish().await;
}

#[tokio::test]
async fn what_cannot_be_pulled_says_why() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let pull = async |reference: String| {
        fixture
            .runtime
            .pull(pull_request(&reference), no_progress())
            .await
            .expect_err("it is not there")
    };
    let at = |path: &str| format!("{}/{path}", registry().address);
    assert!(matches!(
        pull(at("test/none:1")).await,
        PullError::NotFound { .. }
    ));
    assert!(matches!(
        pull(at("private/thing:1")).await,
        PullError::Unauthorized { .. }
    ));
    assert!(matches!(
        pull("127.0.0.1:1/x/y".to_owned()).await,
        PullError::Unreachable { .. }
    ));
    assert!(matches!(
        pull("UPPER CASE".to_owned()).await,
        PullError::InvalidReference { .. }
    ));
    let message = pull(at("test/none:1")).await.to_string();
    assert_eq!(
        message,
        format!(
            "failed to resolve ref {0}: {0}: not found",
            at("test/none:1")
        )
    );
    fixture.finish().await;
}

#[tokio::test]
async fn bytes_that_are_not_what_was_promised_are_refused() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let registry = Registry::start();
    registry.tamper(|content| {
        let largest = content
            .iter_mut()
            .filter(|(path, _)| path.contains("/blobs/"))
            .max_by_key(|(_, blob)| blob.len());
        let (_, blob) = largest.unwrap();
        let other = [&blob[..], &b"more"[..]].concat();
        *blob = other;
    });
    let data = tempfile::tempdir().unwrap();
    let runtime = open(data.path(), "gantry-test-unused");
    let error = runtime
        .pull(pull_request(&registry.image()), no_progress())
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        PullError::DigestMismatch { .. } | PullError::Unpack { .. } | PullError::Unreachable { .. }
    ));
    assert_eq!(runtime.image(&registry.image()), None);
    let unpacking = data.path().join("images/unpacking");
    assert_eq!(
        std::fs::read_dir(unpacking).unwrap().count(),
        0,
        "half a layer is left"
    );
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let registry = Registry::start();
    registry.cuts.store(3, std::sync::atomic::Ordering::SeqCst);
    let data = tempfile::tempdir().unwrap();
    let runtime = open(data.path(), "gantry-test-unused");
    runtime
        .pull(pull_request(&registry.image()), no_progress())
        .await
        .unwrap();
    let resumed_at = registry.resumed_at.lock().unwrap().clone();
    assert_eq!(resumed_at.len(), 3, "{resumed_at:?}");
    assert!(
        resumed_at.is_sorted_by(|a, b| a < b),
        "each went on behind the last: {resumed_at:?}"
    );
}

#[tokio::test]
async fn images_that_nothing_uses_go() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let other = Registry::start();
    let runtime = &fixture.runtime;
    runtime
        .pull(pull_request(&other.image()), no_progress())
        .await
        .unwrap();
    let at_once = ImageCleanup {
        minimum_age: Duration::ZERO,
        at_most: 10,
        pressure_percent: 100,
        pressure_minimum_age: Duration::ZERO,
    };
    let nothing = runtime
        .collect_images(vec![], ImageCleanup::default())
        .await
        .unwrap();
    assert_eq!(nothing, CollectedImages::default(), "they are too young");
    let wanted = vec![other.image(), fixture.image.clone()];
    let nothing = runtime.collect_images(wanted, at_once).await.unwrap();
    assert_eq!(nothing, CollectedImages::default(), "they are wanted");

    runtime
        .create(fixture.shell("c", "cat /data/seen"))
        .await
        .unwrap();
    // Nothing is collected while the pull is still being written to the disk behind its answer.
    let mut one = CollectedImages::default();
    for _ in 0..600 {
        one = runtime.collect_images(vec![], at_once).await.unwrap();
        if one != CollectedImages::default() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let expected = CollectedImages {
        references: vec![other.image()],
        layers: 0,
    };
    assert_eq!(one, expected, "a container uses the other, and all layers");
    runtime.start("c").await.unwrap();
    assert_eq!(fixture.wait("c").await.code, 0);
    runtime.remove("c").await.unwrap();

    let pressed = ImageCleanup {
        minimum_age: Duration::from_secs(3600),
        pressure_percent: 0,
        ..at_once
    };
    let last = runtime.collect_images(vec![], pressed).await.unwrap();
    let expected = CollectedImages {
        references: vec![fixture.image.clone()],
        layers: 2,
    };
    assert_eq!(last, expected, "the disk counts as full");
    assert_eq!(runtime.image(&fixture.image), None);
    runtime
        .pull(pull_request(&fixture.image), no_progress())
        .await
        .unwrap();
    assert_eq!(
        fixture
            .run(fixture.shell("again", "cat /data/seen"))
            .await
            .1,
        "new\n"
    );
    fixture.finish().await;
}

#[tokio::test]
async fn a_full_disk_is_said_in_so_many_words() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let registry = Registry::start();
    for (options, missing) in [("size=1m", "space"), ("nr_inodes=14", "inodes")] {
        let data = tempfile::tempdir().unwrap();
        let flags = MsFlags::empty();
        mount(
            Some("tmpfs"),
            data.path(),
            Some("tmpfs"),
            flags,
            Some(options),
        )
        .unwrap();
        let runtime = open(data.path(), "gantry-test-unused");
        let pulled = runtime
            .pull(pull_request(&registry.image()), no_progress())
            .await;
        let left = std::fs::read_dir(data.path().join("images/unpacking"))
            .unwrap()
            .count();
        drop(runtime);
        umount2(data.path(), MntFlags::MNT_DETACH).unwrap();
        let error = pulled.unwrap_err();
        assert!(
            matches!(&error, PullError::NoSpace { what, .. } if *what == missing),
            "{error:?}"
        );
        assert!(error.to_string().contains("no space left on device"));
        assert_eq!(left, 0, "half a layer is left");
    }
}

#[tokio::test]
async fn pulls_at_once_fetch_a_layer_once() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let registry = Registry::start();
    let data = tempfile::tempdir().unwrap();
    let runtime = open(data.path(), "gantry-test-unused");
    let pulls = (0..8).map(|_| runtime.pull(pull_request(&registry.image()), no_progress()));
    for pulled in futures_util::future::join_all(pulls).await {
        pulled.unwrap();
    }
    let requests = registry.requests.lock().unwrap();
    let mut blobs: Vec<&String> = requests
        .iter()
        .filter(|path| path.contains("/blobs/"))
        .collect();
    blobs.sort();
    blobs.dedup();
    let layers = |path: &&&String| requests.iter().filter(|request| request == *path).count() == 1;
    assert_eq!(blobs.len(), 3);
    assert!(blobs.iter().filter(layers).count() >= 2, "{requests:?}");
}
