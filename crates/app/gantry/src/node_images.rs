//! What the command line says about a node's images, as the agent takes it.

use std::{path::Path, time::Duration};

use agent::{PullBehavior, Registries};
use anyhow::{Context, anyhow, bail};

use crate::arguments::{ImageOptions, PullBehavior as Behavior};

const MINIMUM_CLEANUP_INTERVAL: Duration = Duration::from_secs(10 * 60);
const MINIMUM_CLEANUP_AGE: Duration = Duration::from_secs(60);
const AUTH_TYPE: &str = "ECS_ENGINE_AUTH_TYPE";
const AUTH_DATA: &str = "ECS_ENGINE_AUTH_DATA";

pub fn options(given: &ImageOptions) -> anyhow::Result<agent::ImageOptions> {
    let mut options = agent::ImageOptions {
        registries: registries(given)?,
        pull_behavior: match given.image_pull_behavior {
            Behavior::Default => PullBehavior::Default,
            Behavior::Always => PullBehavior::Always,
            Behavior::Once | Behavior::PreferCached => PullBehavior::PreferCached,
        },
        cleanup_interval: at_least(
            MINIMUM_CLEANUP_INTERVAL,
            "--image-cleanup-interval",
            &given.image_cleanup_interval,
        )?,
        ..agent::ImageOptions::default()
    };
    options.cleanup.minimum_age = at_least(
        MINIMUM_CLEANUP_AGE,
        "--image-minimum-cleanup-age",
        &given.image_minimum_cleanup_age,
    )?;
    options.cleanup.at_most = if given.disable_image_cleanup {
        0
    } else {
        given.num_images_delete_per_cycle as usize
    };
    Ok(options)
}

/// Certificates in PEM.
pub fn authority(path: &Path) -> anyhow::Result<Vec<u8>> {
    let pem = std::fs::read(path).with_context(|| format!("--registry-ca {}", path.display()))?;
    if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
        bail!("--registry-ca {}: no certificate in PEM", path.display());
    }
    Ok(pem)
}

fn registries(given: &ImageOptions) -> anyhow::Result<Registries> {
    let mut registries = Registries::default();
    if let Some(path) = &given.registry_auth {
        let path = std::path::absolute(path).context("--registry-auth")?;
        registries = registries
            .with_logins_file(path)
            .context("--registry-auth")?;
    }
    let variable = |name| {
        std::env::var(name)
            .ok()
            .filter(|value: &String| !value.is_empty())
    };
    if let Some(data) = variable(AUTH_DATA) {
        match variable(AUTH_TYPE).as_deref() {
            Some("docker" | "dockercfg") => {}
            other => bail!(
                "{AUTH_TYPE} is docker or dockercfg, not {:?}",
                other.unwrap_or_default()
            ),
        }
        registries = registries.with_engine_auth_data(&data).context(AUTH_DATA)?;
    }
    for mirror in &given.registry_mirrors {
        registries = registries
            .with_mirror(mirror)
            .context("--registry-mirror")?;
    }
    for registry in &given.insecure_registries {
        registries = registries.with_plain_http(registry);
    }
    Ok(registries)
}

fn at_least(minimum: Duration, option: &str, text: &str) -> anyhow::Result<Duration> {
    let given = duration(text)
        .ok_or_else(|| anyhow!("{option} is a time like 45m or 1h30m, not {text:?}"))?;
    if given < minimum {
        bail!("{option} is {} at least, not {text}", minutes(minimum));
    }
    Ok(given)
}

fn minutes(duration: Duration) -> String {
    format!("{}m", duration.as_secs() / 60)
}

/// As Amazon's agent reads them: `1h30m`, `90s`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let (unit, seconds) = [("h", 3600), ("m", 60), ("s", 1)]
            .into_iter()
            .find(|(unit, _)| rest.starts_with(unit))?;
        rest = &rest[unit.len()..];
        total = total.checked_add(Duration::from_secs(number.checked_mul(seconds)?))?;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_amazons() {
        assert_eq!(duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(duration("90s"), Some(Duration::from_secs(90)));
        for wrong in ["", "5", "h", "1d", "-1m", "1 h", "99999999999999999999h"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
        let error = at_least(MINIMUM_CLEANUP_INTERVAL, "--x", "5m").unwrap_err();
        assert_eq!(error.to_string(), "--x is 10m at least, not 5m");
    }
}
