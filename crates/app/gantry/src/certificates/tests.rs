use std::{os::unix::fs::PermissionsExt, sync::Arc};

use clock::UnixMillis;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore, crypto,
        pki_types::{CertificateDer, UnixTime, pem::PemObject},
        time_provider::TimeProvider,
    },
};

use super::*;

const START: UnixMillis = UnixMillis(1_800_000_000_000);

#[test]
fn the_authority_and_the_keys_stay() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let names: BTreeSet<String> = ["localhost".into(), "10.0.0.1".into()].into();
    let first = own(directory.path(), &names, &clock).unwrap();
    let authority = fs::read(directory.path().join("ca.pem")).unwrap();
    let second = own(directory.path(), &names, &clock).unwrap();
    assert_eq!(first.1, second.1, "the key");
    assert_ne!(first.0, second.0, "the certificate is a new one");
    assert_eq!(
        fs::read(directory.path().join("ca.pem")).unwrap(),
        authority
    );
    assert!(second.0.ends_with(&authority));
    for file in ["ca.key", "server.key"] {
        let mode = fs::metadata(directory.path().join(file)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600, "{file}");
    }
    Tls::new(&second.0, &second.1).unwrap();
}

#[test]
fn hosts_of_urls() {
    assert_eq!(
        host_of("https://gantry.example:4580"),
        Some("gantry.example".into())
    );
    assert_eq!(host_of("https://[::1]:4580"), Some("::1".into()));
    assert_eq!(host_of("x y"), None);
}

/// A client that trusts the authority, and whose clock is the simulated one.
struct Client {
    config: Arc<ClientConfig>,
}

#[derive(Debug)]
struct Simulated(Clock);

impl TimeProvider for Simulated {
    fn current_time(&self) -> Option<UnixTime> {
        let millis = u64::try_from(self.0.now().0).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(millis)))
    }
}

impl Client {
    fn new(clock: &Clock, authority: &Path) -> Self {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(authority).unwrap();
        roots.add(authority).unwrap();
        let config = ClientConfig::builder_with_details(
            Arc::new(crypto::aws_lc_rs::default_provider()),
            Arc::new(Simulated(clock.clone())),
        );
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        Self {
            config: Arc::new(config),
        }
    }

    /// The certificate of a new connection, verified.
    async fn served(&self, tls: &Tls) -> Vec<u8> {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let name = "localhost".try_into().unwrap();
        let acceptor = tls.acceptor();
        let (client, server) = tokio::join!(connector.connect(name, ours), acceptor.accept(theirs));
        server.unwrap();
        let client = client.unwrap();
        client.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    }
}

#[tokio::test(start_paused = true)]
async fn an_own_certificate_is_made_anew_every_day_and_never_ends() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::simulated(START, 1);
    let certificates = Certificates {
        source: Source::Own {
            directory: directory.path().to_owned(),
            names: ["localhost".to_owned()].into(),
        },
        clock: clock.clone(),
    };
    let tls = certificates.load().unwrap();
    let client = Client::new(&clock, &directory.path().join("ca.pem"));
    let first = client.served(&tls).await;
    let (stop, stopping) = watch::channel(false);
    let renewing = clock.spawn("renewing", certificates.renew_until(tls.clone(), stopping));
    clock.sleep(RENEW_EVERY - Duration::from_secs(1)).await;
    assert_eq!(client.served(&tls).await, first);
    clock.sleep(Duration::from_secs(2)).await;
    let second = client.served(&tls).await;
    assert_ne!(second, first);
    // Long past the end of the first.
    clock.sleep(2 * SERVER_DAYS as u32 * RENEW_EVERY).await;
    assert_ne!(client.served(&tls).await, second);
    stop.send(true).unwrap();
    renewing.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn given_files_are_read_again_and_bad_ones_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::simulated(START, 1);
    let names = ["localhost".to_owned()].into();
    let give = |pair: &(Vec<u8>, Vec<u8>)| {
        fs::write(directory.path().join("chain.pem"), &pair.0).unwrap();
        fs::write(directory.path().join("key.pem"), &pair.1).unwrap();
    };
    let old = own(directory.path(), &names, &clock).unwrap();
    give(&old);
    let certificates = Certificates {
        source: Source::Given {
            chain: directory.path().join("chain.pem"),
            key: directory.path().join("key.pem"),
        },
        clock: clock.clone(),
    };
    let tls = certificates.load().unwrap();
    let client = Client::new(&clock, &directory.path().join("ca.pem"));
    let first = client.served(&tls).await;
    let (stop, stopping) = watch::channel(false);
    let renewing = clock.spawn("renewing", certificates.renew_until(tls.clone(), stopping));

    give(&(b"half a fi".to_vec(), old.1.clone()));
    clock.sleep(2 * LOOK_EVERY).await;
    assert_eq!(
        client.served(&tls).await,
        first,
        "a file that is no certificate"
    );

    // Another key: the chain came, its key has not yet.
    fs::remove_file(directory.path().join("server.key")).unwrap();
    let new = own(directory.path(), &names, &clock).unwrap();
    give(&(new.0.clone(), old.1));
    clock.sleep(2 * LOOK_EVERY).await;
    assert_eq!(
        client.served(&tls).await,
        first,
        "a key of another certificate"
    );

    give(&new);
    clock.sleep(LOOK_EVERY + Duration::from_secs(1)).await;
    assert_ne!(client.served(&tls).await, first);
    stop.send(true).unwrap();
    renewing.await.unwrap();
}
