//! Which addresses of a subnet tasks may have. AWS keeps the first four and the last for itself
//! (<https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html>).

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

const RESERVED_AT_START: u32 = 4;
const RESERVED_AT_END: u32 = 1;

/// How many addresses the subnet has for tasks.
pub fn address_count(cidr: &str) -> u32 {
    usable(cidr).map_or(0, |(first, last)| last - first + 1)
}

/// An address that nobody holds. The search begins at a drawn place, so that an address just freed is not at once
/// another task's.
pub fn free_address(
    cidr: &str,
    draw: u64,
    is_taken: impl Fn(Ipv4Addr) -> bool,
) -> Option<Ipv4Addr> {
    let (first, last) = usable(cidr)?;
    let count = u64::from(last - first) + 1;
    let start = draw % count;
    (0..count)
        .filter_map(|step| u32::try_from((start + step) % count).ok())
        .map(|offset| Ipv4Addr::from(first + offset))
        .find(|address| !is_taken(*address))
}

/// The subnet's first address, with the subnet's prefix length.
pub fn gateway(cidr: &str) -> Option<String> {
    let network: Ipv4Net = cidr.parse().ok()?;
    let first = network.hosts().next()?;
    Some(format!("{first}/{}", network.prefix_len()))
}

fn usable(cidr: &str) -> Option<(u32, u32)> {
    let network: Ipv4Net = cidr.parse().ok()?;
    let first = u32::from(network.network()).checked_add(RESERVED_AT_START)?;
    let last = u32::from(network.broadcast()).checked_sub(RESERVED_AT_END)?;
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn five_addresses_are_not_for_tasks() {
        assert_eq!(address_count("172.31.0.0/20"), 4091);
        assert_eq!(address_count("10.0.0.0/28"), 11);
        assert_eq!(address_count("10.0.0.0/30"), 0);
        assert_eq!(address_count("nonsense"), 0);
        assert_eq!(gateway("172.31.0.0/20").as_deref(), Some("172.31.0.1/20"));
    }

    proptest! {
        #[test]
        fn every_address_is_found_once_and_none_beyond(draws in proptest::collection::vec(any::<u64>(), 12)) {
            let mut taken = std::collections::BTreeSet::new();
            for draw in &draws[..11] {
                let found = free_address("10.0.0.0/28", *draw, |address| taken.contains(&address));
                prop_assert!(taken.insert(found.unwrap()));
            }
            prop_assert_eq!(taken.first().unwrap().to_string(), "10.0.0.4");
            prop_assert_eq!(taken.last().unwrap().to_string(), "10.0.0.14");
            prop_assert_eq!(free_address("10.0.0.0/28", draws[11], |address| taken.contains(&address)), None);
        }
    }
}
