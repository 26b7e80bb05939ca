//! The server's certificates: given ones, or those of an own certificate authority.
//!
//! The authority is made at the first start that needs it and stays in the data directory (`tls/ca.pem`, `tls/ca.key`).
//! The server's own certificate is made anew at each start and then once a day, of a key that stays, so it never expires
//! in use and always names the addresses that the server has now. Its key is RSA: Amazon's agent knows no other in TLS 1.2.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use clock::Clock;
use gateway::Tls;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, RsaKeySize, SanType, SerialNumber,
};
use time::OffsetDateTime;
use tokio::sync::watch;

use crate::{arguments::ServerOptions, paths::DataDirectory, signals};

const DAY_SECONDS: i64 = 24 * 60 * 60;
const AUTHORITY_DAYS: i64 = 3_650;
/// Clients (Apple's first) take no certificate that is good for longer than 398 days.
const SERVER_DAYS: i64 = 90;
/// Clocks of other machines may be behind ours.
const BACKDATED_SECONDS: i64 = 60 * 60;
const RENEW_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// How often files that were given are looked at for a newer certificate.
const LOOK_EVERY: Duration = Duration::from_secs(60);
const AUTHORITY_NAME: &str = "Gantry certificate authority";

/// Where the server's certificate comes from.
pub struct Certificates {
    source: Source,
    clock: Clock,
}

enum Source {
    Given {
        chain: PathBuf,
        key: PathBuf,
    },
    Own {
        directory: PathBuf,
        names: BTreeSet<String>,
    },
}

impl Certificates {
    /// `None` where no listener needs them.
    pub fn new(options: &ServerOptions, data: &DataDirectory, clock: &Clock) -> Option<Self> {
        let source = match (&options.tls_certificate, &options.tls_key) {
            (Some(chain), Some(key)) => Source::Given {
                chain: chain.clone(),
                key: key.clone(),
            },
            _ if options
                .listen
                .iter()
                .any(|address| options.needs_tls(*address)) =>
            {
                Source::Own {
                    directory: data.tls(),
                    names: names(options),
                }
            }
            _ => return None,
        };
        Some(Self {
            source,
            clock: clock.clone(),
        })
    }

    pub fn load(&self) -> anyhow::Result<Tls> {
        let (chain, key) = self.chain_and_key()?;
        Ok(Tls::new(&chain, &key)?)
    }

    /// Keeps the certificate fresh: the own one is made anew, given files are read again when they have changed.
    pub async fn renew_until(self, tls: Tls, stopping: watch::Receiver<bool>) {
        let mut current = None;
        let every = match self.source {
            Source::Given { .. } => LOOK_EVERY,
            Source::Own { .. } => RENEW_EVERY,
        };
        let renewing = async {
            loop {
                self.clock.sleep(every).await;
                let renewed = self.chain_and_key().and_then(|pair| {
                    if current.as_ref() != Some(&pair) {
                        tls.replace(&pair.0, &pair.1)?;
                        current = Some(pair);
                    }
                    Ok(())
                });
                if let Err(error) = renewed {
                    tracing::error!(
                        "the certificate cannot be renewed, the last one stays: {error:#}"
                    );
                }
            }
        };
        tokio::select! {
            () = renewing => {}
            () = signals::stopped(stopping) => {}
        }
    }

    fn chain_and_key(&self) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
        match &self.source {
            Source::Given { chain, key } => Ok((read(chain)?, read(key)?)),
            Source::Own { directory, names } => own(directory, names, &self.clock),
        }
    }
}

impl ServerOptions {
    pub fn needs_tls(&self, address: SocketAddr) -> bool {
        self.tls || !(address.ip().is_loopback() || self.allow_plain_http)
    }
}

/// A certificate of our authority for these names, and its key, in PEM.
fn own(
    directory: &Path,
    names: &BTreeSet<String>,
    clock: &Clock,
) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let authority_key = key_at(&directory.join("ca.key"), || {
        KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)
    })?;
    let path = directory.join("ca.pem");
    if !path.exists() {
        let mut params = authority_params();
        set_dates(&mut params, AUTHORITY_DAYS, clock);
        params.serial_number = Some(serial_number(clock));
        let certificate = params.self_signed(&authority_key)?;
        write(&path, certificate.pem().as_bytes())?;
        tracing::info!(
            "made a certificate authority; clients have to trust {}",
            path.display()
        );
    }
    let authority = read(&path)?;
    let key = key_at(&directory.join("server.key"), || {
        KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048)
    })?;
    let mut params = CertificateParams::default();
    params.subject_alt_names = names
        .iter()
        .map(|name| alternative_name(name))
        .collect::<anyhow::Result<_>>()?;
    params.distinguished_name.push(DnType::CommonName, "Gantry");
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
    ];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.serial_number = Some(serial_number(clock));
    set_dates(&mut params, SERVER_DAYS, clock);
    // What an issuer is to a certificate (name and key) does not change, so the file needs no parsing.
    let certificate = params.signed_by(&key, &Issuer::new(authority_params(), authority_key))?;
    let mut chain = certificate.pem().into_bytes();
    chain.extend(authority);
    Ok((chain, key.serialize_pem().into_bytes()))
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params
        .distinguished_name
        .push(DnType::CommonName, AUTHORITY_NAME);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// Every name and address that a client may call this server by.
fn names(options: &ServerOptions) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = ["localhost", "*.localhost", "127.0.0.1", "::1"]
        .map(str::to_owned)
        .into();
    names.extend(options.tls_names.iter().cloned());
    if let Some(host) = options.advertise_url.as_deref().and_then(host_of) {
        names.insert(host);
    }
    if let Ok(host_name) = nix::unistd::gethostname() {
        names.insert(host_name.to_string_lossy().into_owned());
    }
    for address in &options.listen {
        if address.ip().is_unspecified() {
            names.extend(addresses_of_this_machine().iter().map(IpAddr::to_string));
        } else {
            names.insert(address.ip().to_string());
        }
    }
    names
}

fn host_of(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    Some(uri.host()?.trim_matches(['[', ']']).to_owned())
}

/// The address to tell others of a listener: of one on all addresses, this machine's first that is not loopback.
pub fn reachable(listener: SocketAddr) -> SocketAddr {
    if !listener.ip().is_unspecified() {
        return listener;
    }
    let found = addresses_of_this_machine()
        .into_iter()
        .find(|address| address.is_ipv4() && !address.is_loopback());
    let address = found.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    SocketAddr::new(address, listener.port())
}

fn addresses_of_this_machine() -> Vec<IpAddr> {
    let found = match nix::ifaddrs::getifaddrs() {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(%error, "cannot list this machine's addresses; --tls-name names them");
            return Vec::new();
        }
    };
    found
        .filter_map(|interface| {
            let address = interface.address?;
            let four = address
                .as_sockaddr_in()
                .map(|address| IpAddr::V4(address.ip()));
            let six = || {
                address
                    .as_sockaddr_in6()
                    .map(|address| IpAddr::V6(address.ip()))
            };
            four.or_else(six)
        })
        .collect()
}

fn alternative_name(name: &str) -> anyhow::Result<SanType> {
    match name.parse::<IpAddr>() {
        Ok(address) => Ok(SanType::IpAddress(address)),
        Err(_) => {
            let name = name
                .try_into()
                .with_context(|| format!("`{name}` cannot be a name in a certificate"))?;
            Ok(SanType::DnsName(name))
        }
    }
}

fn set_dates(params: &mut CertificateParams, days: i64, clock: &Clock) {
    let now = clock.now().as_seconds();
    let moment = |seconds: i64| {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    };
    params.not_before = moment(now - BACKDATED_SECONDS);
    params.not_after = moment(now + days * DAY_SECONDS);
}

/// Positive, as RFC 5280 asks.
fn serial_number(clock: &Clock) -> SerialNumber {
    let mut bytes = [0u8; 16];
    clock.fill_random(&mut bytes);
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}

/// The key in this file, made if there is none.
fn key_at(
    path: &Path,
    make: impl FnOnce() -> Result<KeyPair, rcgen::Error>,
) -> anyhow::Result<KeyPair> {
    if path.exists() {
        let pem = String::from_utf8(read(path)?)?;
        return KeyPair::from_pem(&pem)
            .with_context(|| format!("{} holds no private key", path.display()));
    }
    let key = make()?;
    write(path, key.serialize_pem().as_bytes())?;
    Ok(key)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let content = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    if content.is_empty() {
        bail!("{} is empty", path.display());
    }
    Ok(content)
}

/// Whole or not at all, for our own eyes only.
fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let scratch = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&scratch)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&scratch, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests;
