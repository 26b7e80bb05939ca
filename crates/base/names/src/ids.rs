//! New ids, in AWS's shapes.

use clock::Clock;

/// 32 hexadecimal digits.
pub fn task_id(clock: &Clock) -> String {
    clock.random_hex(16)
}

/// 32 hexadecimal digits.
pub fn container_instance_id(clock: &Clock) -> String {
    clock.random_hex(16)
}

/// A UUID.
pub fn container_id(clock: &Clock) -> String {
    clock.uuid()
}

/// A UUID.
pub fn attachment_id(clock: &Clock) -> String {
    clock.uuid()
}

/// A deployment of a service, as in `DescribeServices`: `ecs-svc/` and 19 digits.
pub fn deployment_id(clock: &Clock) -> String {
    format!("ecs-svc/{}", nineteen_digits(clock))
}

/// A service revision: 19 digits.
pub fn service_revision_id(clock: &Clock) -> String {
    nineteen_digits(clock)
}

/// A service deployment: 21 characters of URL-safe Base64's alphabet.
pub fn service_deployment_id(clock: &Clock) -> String {
    characters::<21>(clock)
}

/// A pause hook of a service deployment: `ecs-pause-` and 43 characters of URL-safe Base64's alphabet.
pub fn pause_hook_id(clock: &Clock) -> String {
    format!("ecs-pause-{}", characters::<43>(clock))
}

fn characters<const COUNT: usize>(clock: &Clock) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = [0; COUNT];
    clock.fill_random(&mut bytes);
    bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 64)]))
        .collect()
}

/// An elastic network interface: `eni-` and 17 hexadecimal digits.
pub fn eni_id(clock: &Clock) -> String {
    let mut id = format!("eni-{}", clock.random_hex(9));
    id.truncate("eni-".len() + 17);
    id
}

/// AWS's ids of this kind are positive 64-bit integers, all of 19 digits.
fn nineteen_digits(clock: &Clock) -> String {
    const LEAST: u64 = 1_000_000_000_000_000_000;
    (LEAST + clock.random_u64() % (i64::MAX as u64 - LEAST)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::is_task_id;

    #[tokio::test]
    async fn ids_have_their_shapes() {
        let clock = Clock::simulated(clock::UnixMillis::EPOCH, 1);
        for _ in 0..100 {
            assert!(is_task_id(&task_id(&clock)));
            let deployment = deployment_id(&clock);
            let digits = deployment.strip_prefix("ecs-svc/").expect("has its prefix");
            assert!(
                digits.len() == 19 && digits.parse::<i64>().is_ok(),
                "{deployment}"
            );
            assert_eq!(service_deployment_id(&clock).len(), 21);
            assert_eq!(eni_id(&clock).len(), 21);
        }
    }
}
