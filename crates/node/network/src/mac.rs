//! Ethernet addresses, as ECS writes them: `0a:58:ac:1f:00:02`.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// An Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MacAddress(pub [u8; 6]);

/// The text is not six hexadecimal bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid MAC address {0:?}")]
pub struct InvalidMacAddress(pub String);

impl MacAddress {
    /// The host's end of a task's link: locally administered, and told from the task's by its first byte.
    pub(crate) fn of_host_end(ipv4: Ipv4Addr) -> Self {
        let [a, b, c, d] = ipv4.octets();
        Self([0x06, 0x58, a, b, c, d])
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(formatter, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

impl FromStr for MacAddress {
    type Err = InvalidMacAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidMacAddress(text.to_owned());
        let mut parts = text.split(':');
        let mut bytes = [0; 6];
        for byte in &mut bytes {
            let part = parts
                .next()
                .filter(|part| part.len() == 2)
                .ok_or_else(invalid)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| invalid())?;
        }
        if parts.next().is_some() {
            Err(invalid())
        } else {
            Ok(Self(bytes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        let mac: MacAddress = "0a:58:ac:1f:00:02".parse().unwrap();
        assert_eq!(mac, MacAddress([0x0a, 0x58, 0xac, 0x1f, 0, 2]));
        assert_eq!(mac.to_string(), "0a:58:ac:1f:00:02");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "0a:58:ac:1f:00",
            "0a:58:ac:1f:00:02:03",
            "0a:58:ac:1f:00:zz",
            "a:58:ac:1f:00:02",
        ] {
            assert!(text.parse::<MacAddress>().is_err(), "{text}");
        }
    }
}
